# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nodes
short_description: Every server of every configured provider as one inventory
version_added: "0.1.0"
author:
  - Sovereign Fleet Maintainers (@sovereign-fleet)
description:
  - Asks all configured providers at once for their servers and makes one inventory of them, with the same variables
    and groups whatever the provider. Servers that nobody made with this collection are listed too.
  - Groups of its own are C(nodes) with C(provider_NAME) inside, C(cluster_NAME) with C(pool_NAME) inside, and
    C(country_CODE) with C(location_NAME) inside. Characters that a group name cannot have become underscores.
  - A provider that does not answer never goes unnoticed. Its last known hosts stay in the inventory with the variable
    C(stale=true), in the groups C(stale) and C(unreachable_provider), and a warning says why. If nothing is known of
    them, the command ends with an error and exit code 4, see O(accept_missing).
  - The hosts of the group C(clusters) are control planes. A server of the same name gets another inventory name.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [sovereign.fleet.nodes]
  providers_file:
    description:
      - A YAML file with a key C(providers), such as C(group_vars/clusters/providers.yml), so that credentials stand
        once.
      - A relative path starts at the folder of the inventory file. The file may be encrypted with Ansible Vault.
      - Its values may be templates over the other keys of the file, extra variables and lookups.
    type: str
  providers:
    description:
      - Endpoints and credentials of the providers, by the name of the provider, as modules take them.
      - Added to those of O(providers_file); a provider that is in both is taken from here.
      - What is left out comes from the environment variables that the vendor's own tools use, such as E(HCLOUD_TOKEN)
        or E(SCW_SECRET_KEY). A provider without credentials in any of these places is not asked.
    type: dict
    default: {}
  fleet:
    description: List only servers that are owned by the fleet of this id. By default all servers are listed.
    type: str
  filters:
    description:
      - List only servers that pass every filter. A filter with several values accepts each of them.
      - Locations that no wanted server can be in are not asked at all.
    type: dict
    default: {}
    suboptions:
      provider:
        description: Names of providers.
        type: list
        elements: str
      location:
        description: Names of locations, such as V(fsn1) or V(fr-par-1).
        type: list
        elements: str
      cluster:
        description: Names of clusters.
        type: list
        elements: str
      pool:
        description: Names of pools.
        type: list
        elements: str
      labels:
        description: Labels which a server must have, with their values.
        type: dict
  connect_with:
    description:
      - Which address becomes C(ansible_host).
      - V(public) is the public IPv4 address, else the private one, else the public IPv6 address.
      - V(private) is the private IPv4 address, else the public one.
      - V(public_ipv6) is the public IPv6 address only.
      - V(name) is the name of the server, for those who have DNS.
    type: str
    choices: [public, private, public_ipv6, name]
    default: public
  hostvars_prefix:
    description: Put before the name of every variable of a host, C(ansible_host) excepted.
    type: str
    default: ""
  timeout:
    description: Seconds that a provider has for its whole answer, tries again included.
    type: float
    default: 30
  strict_providers:
    description: End with an error when a provider does not answer, even if its last known hosts could be served.
    type: bool
    default: false
  accept_missing:
    description:
      - Names of providers whose hosts may be missing when the provider does not answer and nothing is known of them.
      - Meant for the day a provider is down and this machine has never seen it, as C(-e fleet_accept_missing=hetzner).
    type: list
    elements: str
    default: []
    vars:
      - name: fleet_accept_missing
    env:
      - name: FLEET_ACCEPT_MISSING
extends_documentation_fragment:
  - constructed
  - inventory_cache
notes:
  - The file name must end in C(.fleet.yml), C(.fleet.yaml) or C(nodes.yml).
  - The last known hosts are kept in C($XDG_CACHE_HOME/sovereign.fleet/inventory), whether or not O(cache) is on. The
    files hold host variables and no credentials; to delete them is safe.
  - The server's name is the variable C(node_name), because C(name) is a word that Ansible keeps for itself.
seealso:
  - module: sovereign.fleet.node_pool
  - module: sovereign.fleet.node_pool_info
"""

EXAMPLES = r"""
# inventories/lab/nodes.fleet.yml: the credentials stand in the group variables, once.
plugin: sovereign.fleet.nodes
providers_file: group_vars/clusters/providers.yml

---
# Credentials from the environment (HCLOUD_TOKEN, SCW_ACCESS_KEY, SCW_SECRET_KEY, ...). One fleet, one cluster.
plugin: sovereign.fleet.nodes
fleet: acme
filters:
  cluster: production

---
# A token from elsewhere, private addresses, groups and variables of one's own.
plugin: sovereign.fleet.nodes
providers:
  hetzner:
    token: "{{ lookup('ansible.builtin.file', '/run/secrets/hcloud-token') }}"
connect_with: private
compose:
  monthly_price: (price_hour | default('0', true) | float) * 730
groups:
  expensive: (price_hour | default('0', true) | float) > 0.10
keyed_groups:
  - key: type
    prefix: type
"""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils.errors import Permanent, PlatformError
from ..plugin_utils import accounts, constructing, expressions, fetching, fleet_map, garbage, gathering, last_known

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.inventory.host import Host
    from ansible.parsing.dataloader import DataLoader

PLAIN_NAME = "nodes.yml"
FILE_NAMES = (".fleet.yml", ".fleet.yaml", PLAIN_NAME)
PARSER_ERROR = 4  # what ansible-inventory and ansible-playbook exit with when an inventory cannot be read
CONTROL_PLANES = "clusters"
Record = dict[str, Any]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads options and writes hosts, on the main thread; everything in between is in plugin_utils."""

    NAME = "sovereign.fleet.nodes"

    def verify_file(self, path: str) -> bool:
        """Whether the file is ours by its name."""
        return bool(super().verify_file(path)) and path.endswith(FILE_NAMES)

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Read the options, get the servers, write hosts and groups."""
        super().parse(inventory, loader, path, cache)
        try:
            config = self._read_config_data(path)
        except AnsibleError as error:
            if not self._is_meant_for_us(path):
                raise
            self._end(f"{path}: {error}")
        with garbage.collector_paused():
            self._read_fleet(config, path, cache)

    def _is_meant_for_us(self, path: str) -> bool:
        """Whether a file that cannot be used is one of ours, and not a plain inventory that is called nodes.yml."""
        try:
            content = self.loader.load_from_file(path, cache="none")
        except AnsibleError:
            return not path.endswith(PLAIN_NAME)
        return isinstance(content, Mapping) and content.get("plugin") == self.NAME

    def _read_fleet(self, config: Mapping[str, Any], path: str, cache: bool) -> None:
        try:
            self._refuse_unknown_options(config)
            filters = fleet_map.parse_filters(self._templated("filters"))
            gathered = self._gathered(path, cache, filters)
            self._judge(gathered)
        except PlatformError as error:
            self._end(f"{path}: {error}")
        records = [record for record in gathered.records if filters.accept(record)]
        records.sort(key=lambda record: tuple(str(record[key]) for key in ("provider", "region", "name", "id")))
        hosts = self._add_hosts(records, silent=gathered.silent)
        try:
            self._construct(hosts)
        except AnsibleError as error:
            self._end(f"{path}: {error}")

    def _refuse_unknown_options(self, config: Mapping[str, Any]) -> None:
        unknown = sorted(set(config) - set(self.option_definitions))
        if unknown:
            allowed = ", ".join(sorted(self.option_definitions))
            raise Permanent(f"{unknown[0]}: there is no such option. Allowed: {allowed}.")

    # The servers

    def _gathered(self, path: str, cache: bool, filters: fleet_map.Filters) -> gathering.Gathered:
        """Servers as plain records, from Ansible's inventory cache if the user has it on, else from the providers."""
        found = self._accounts(path, filters)
        use_cache = self.get_option("cache")
        asked = [account.key for account in found] + [last_known.fingerprint({"locations": sorted(filters.location)})]
        cache_key = "_".join([self.get_cache_key(path), *asked])
        if use_cache and cache and cache_key in self._cache:
            return gathering.Gathered(list(self._cache[cache_key]))
        gathered = self._gather(found, filters)
        if use_cache and not gathered.silent:
            self._cache[cache_key] = gathered.records
        return gathered

    def _accounts(self, path: str, filters: fleet_map.Filters) -> list[fetching.Account]:
        providers = self._providers_of_file(path)
        inline = self._templated("providers")
        if not isinstance(inline, Mapping):
            raise Permanent(f"providers: {type(inline).__name__} given, a mapping of provider to settings is allowed.")
        providers.update(inline)
        return accounts.configured(providers, os.environ, fleet=self.get_option("fleet") or "", only=filters.provider)

    def _providers_of_file(self, path: str) -> dict[str, Any]:
        name = self._templated("providers_file")
        if not name:
            return {}
        file = os.path.join(os.path.dirname(os.path.abspath(path)), os.path.expanduser(name))
        if not os.path.isfile(file):
            raise Permanent(f"providers_file: there is no file {file}.")
        try:
            content = self.loader.load_from_file(file, cache="none", trusted_as_template=True)
        except AnsibleError as error:
            raise Permanent(f"providers_file: {file} cannot be read: {error}") from None
        if not isinstance(content, Mapping) or not isinstance(content.get("providers"), Mapping):
            raise Permanent(f"providers_file: {file} has no mapping `providers`.")
        return dict(self._template(content["providers"], f"{file}: providers", {**content, **self._vars}))

    def _templated(self, option: str) -> Any:
        return self._template(self.get_option(option), option, self._vars)

    def _template(self, value: Any, what: str, variables: Mapping[str, Any]) -> Any:
        self.templar.available_variables = variables
        try:
            return self.templar.template(value)
        except AnsibleUndefinedVariable as error:
            raise Permanent(
                f"{what}: {error} An inventory sees only extra variables, lookups and the keys of the same file."
            ) from None
        except AnsibleError as error:
            raise Permanent(f"{what}: {error}") from None

    def _gather(self, found: list[fetching.Account], filters: fleet_map.Filters) -> gathering.Gathered:
        timeout = float(self.get_option("timeout"))
        ask = accounts.request(
            self.get_option("fleet") or "", filters.location, [account.provider for account in found]
        )
        gathered = gathering.gather(
            found,
            lambda wanted: fetching.fetch(wanted, ask, timeout),
            last_known.LastKnown(last_known.default_folder(os.environ)),
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        for warning in gathered.warnings:
            self.display.warning(warning)
        return gathered

    def _judge(self, gathered: gathering.Gathered) -> None:
        """Warn of every provider that did not answer; refuse where the user would not see that hosts are missing."""
        accepted = set(self.get_option("accept_missing"))
        fatal = []
        for provider, sentence in gathered.silent.items():
            if provider in accepted:
                self.display.warning(sentence)
            elif self.get_option("strict_providers"):
                fatal.append(f"{sentence} strict_providers is on.")
            elif provider in gathered.missing:
                fatal.append(f"{sentence} To go on without these hosts: -e fleet_accept_missing={provider}")
            else:
                self.display.warning(sentence)
        if fatal:
            raise Permanent(" ".join(fatal))

    def _end(self, message: str) -> NoReturn:
        # Ansible makes a warning of every exception of an inventory source and goes on with the hosts that are left,
        # exit code 0. A playbook must not run as if a cloud that cannot be seen had no servers.
        self.display.error(message)
        raise SystemExit(PARSER_ERROR)

    # The inventory

    def _add_hosts(self, records: list[Record], silent: Collection[str]) -> list[Host]:
        """Write hosts with their variables, and the groups of our own."""
        prefix = self.get_option("hostvars_prefix")
        connect_with = self.get_option("connect_with")
        inventory = self.inventory
        hosts = []
        for name, record in zip(fleet_map.hostnames(records, self._taken_names()), records, strict=True):
            inventory.add_host(name)
            host = inventory.hosts[name]
            # Straight into the variables: `set_variable` looks each of them over and costs thirteen times as much.
            host.vars.update(fleet_map.variables(record, prefix))
            address = fleet_map.address(record, connect_with)
            if address:
                host.vars["ansible_host"] = address
            hosts.append(host)
        groups = fleet_map.arrange(records, silent)
        for name in groups.names:
            inventory.add_group(name)
        for parent, children in groups.children.items():
            for child in children:
                inventory.add_child(parent, child)
        members: dict[str, list[Host]] = {}
        for host, names in zip(hosts, groups.members, strict=True):
            for name in names:
                members.setdefault(name, []).append(host)
        for name, inside in members.items():
            constructing.fill(inventory, name, inside)
        return hosts

    def _taken_names(self) -> set[str]:
        clusters = self.inventory.groups.get(CONTROL_PLANES)
        return {host.name for host in clusters.get_hosts()} if clusters else set()

    # The user's expressions

    def _construct(self, hosts: list[Host]) -> None:
        compose, groups, keyed_groups = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed_groups):
            return
        strict = self.get_option("strict")
        expressions.compile_once(self.templar)
        simple = constructing.Construction(
            self.inventory, self._sanitize_group_name, leading_separator=self.get_option("leading_separator")
        )
        use_extra_vars = self.get_option("use_extra_vars")  # an extra variable comes before a host's own
        for host in hosts:
            hard = compose if use_extra_vars else simple.compose(host, compose)
            if hard:
                self._set_composite_vars(hard, host.get_vars(), host.name, strict=strict)
            hard_groups = groups if use_extra_vars else simple.groups(host, groups)
            hard_keyed = keyed_groups if use_extra_vars else simple.keyed_groups(host, keyed_groups)
            if hard_groups or hard_keyed:
                # Read once for all groups, and given to both: each would otherwise merge all variables again.
                variables = host.get_vars()
                self._add_host_to_composed_groups(
                    hard_groups, variables, host.name, strict=strict, fetch_hostvars=False
                )
                self._add_host_to_keyed_groups(hard_keyed, variables, host.name, strict=strict, fetch_hostvars=False)
        simple.finish()

    def _compose(self, template: Any, variables: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Value of one expression; a plain path is read without Jinja, with the result Jinja would give."""
        if not self.get_option("use_extra_vars"):
            try:
                return expressions.read_plain_path(template, variables)
            except expressions.Missing as missing:
                if not self.get_option("strict"):
                    raise AnsibleUndefinedVariable(f"{missing} is undefined") from None
            except expressions.NotPlain:
                pass
        return super()._compose(template, variables, *args, **kwargs)
