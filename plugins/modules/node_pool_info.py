#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_pool_info
short_description: List the nodes of a fleet, a cluster or a pool
version_added: "0.1.0"
description:
  - Lists the servers that carry the labels of a fleet, at all providers with an account, at the same time.
  - A provider that does not answer makes the module fail; what the others told is returned with the failure.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  fleet:
    description:
      - Id of the fleet.
    type: str
    required: true
  cluster:
    description:
      - Only nodes of this cluster.
    type: str
  pool:
    description:
      - Only nodes of this pool. Needs O(cluster).
    type: str
  timeout:
    description:
      - Seconds after which the run ends.
    type: int
    default: 120
extends_documentation_fragment:
  - sovereign.fleet.providers
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Reads only.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: N/A
    details:
      - Changes nothing.
requirements:
  - hcloud >= 2.23, for nodes at Hetzner
  - scaleway >= 2.12, for nodes at Scaleway
  - keystoneauth1 >= 5.18, for nodes at OVHcloud and Infomaniak
  - stackit-core >= 0.4, for nodes at STACKIT
seealso:
  - module: sovereign.fleet.node_pool
  - plugin: sovereign.fleet.nodes
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: List the nodes of a cluster
  sovereign.fleet.node_pool_info:
    fleet: acme
    cluster: production
  register: there

- name: Show their addresses
  ansible.builtin.debug:
    msg: "{{ there.nodes | items2dict(key_name='name', value_name='public_ipv4') }}"
"""

RETURN = r"""
nodes:
  description: The nodes, sorted by pool and number.
  returned: always
  type: list
  elements: dict
  sample:
    - provider: hetzner
      id: "4711"
      name: production-hetzner-workers-1
      location: nbg1
      zone: nbg1
      region: eu-central
      country: DE
      pool: hetzner-workers
      cluster: production
      type: cx33
      state: running
      public_ipv4: 192.0.2.11
      public_ipv6: "2001:db8:1::1"
      private_ipv4: ""
      labels: {fleet.id: acme, fleet.cluster: production, fleet.pool: hetzner-workers}
      price_hour: 0.0136
      protected: false
      provider_id: "hcloud://4711"
      created: "2026-09-01T08:00:00+00:00"
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry, options, settings
from ..module_utils.errors import Auth, Permanent, PlatformError
from ..module_utils.model import LABEL_CLUSTER, LABEL_FLEET, LABEL_POOL
from ..module_utils.observing import observe
from ..module_utils.providers import registry
from ..module_utils.providers.base import Clock, NodeDriver, Setting, Sleep
from ..module_utils.reporting import as_results, failure

SPEC = options.merge(
    {
        "fleet": {"type": "str", "required": True},
        "cluster": {"type": "str"},
        "pool": {"type": "str"},
        "timeout": {"type": "int", "default": 120},
    },
    settings.PROVIDER_OPTIONS,
)


def run(
    params: Mapping[str, Any],
    check_mode: bool = False,
    diff: bool = False,
    *,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with ``failed``."""
    try:
        labels = wanted(params)
        drivers, unopened = _drivers(params, clock, sleep, clock() + (params.get("timeout") or 120))
    except PlatformError as error:
        return {"changed": False, "nodes": [], **failure([error])}
    observed = observe(drivers, labels, {}, unopened)
    return {"changed": False, "nodes": as_results(observed.nodes), **failure(list(observed.failed.values()))}


def wanted(params: Mapping[str, Any]) -> dict[str, str]:
    """The labels that the listed nodes carry."""
    labels = {LABEL_FLEET: options.parse_name("fleet", params.get("fleet"))}
    for option, label in (("cluster", LABEL_CLUSTER), ("pool", LABEL_POOL)):
        if params.get(option) is not None:
            labels[label] = options.parse_name(option, params[option])
    if LABEL_POOL in labels and LABEL_CLUSTER not in labels:
        raise Permanent("pool is given without cluster; a pool belongs to a cluster.", code="invalid_option")
    return labels


def _drivers(
    params: Mapping[str, Any], clock: Clock, sleep: Sleep, deadline: float
) -> tuple[dict[str, NodeDriver], dict[str, PlatformError]]:
    """A driver for every account, and the accounts that are complete but cannot be used."""
    accounts = settings.resolve(params)
    complete = [name for name in registry.known() if not settings.missing(name, accounts[name])]
    if not complete:
        needed = "; ".join(
            f"{name}: {', '.join(_where(name, setting) for setting in settings.missing(name, accounts[name]))}"
            for name in registry.known()
        )
        raise Auth(
            f"No provider has an account; set one of these, or the option providers: {needed}.", code="no_credentials"
        )
    drivers: dict[str, NodeDriver] = {}
    unopened: dict[str, PlatformError] = {}
    for name in complete:
        try:
            drivers[name] = registry.driver(name, accounts[name], clock=clock, sleep=sleep, deadline=deadline)
        except PlatformError as error:
            unopened[name] = error
    return drivers, unopened


def _where(provider: str, setting: Setting) -> str:
    return setting.env or f"providers.{provider}.{setting.name}"


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
