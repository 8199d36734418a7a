# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers need beside themselves: SSH key, private network, security group, server group."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from ..errors import NotFound, Permanent
from ..model import Refs, ServerSpec
from .base import Sleep
from .once import Once
from .openstack_api import Api
from .openstack_keys import find_key, upload_key
from .openstack_login import COMPUTE, NETWORK
from .openstack_making import NETWORKS, SECURITY_GROUPS, SERVER_GROUPS, Maker
from .openstack_marks import POLICY, cluster_marks, group_name, pool_marks, to_tags
from .openstack_rules import Rule, difference, in_words, read_rule, rule_body, wanted_rules
from .openstack_wire import Item, mapping, problem

GROUP_SIZE = 10
"""Servers that a group takes where the cloud does not tell its limit."""
MAX_GROUPS = 1000
"""One more than a pool can have groups; their numbers have up to three digits."""


@dataclass(frozen=True)
class Part:
    """A thing that a server needs: its id, and a line about what had to be made or changed."""

    ref: str
    made: tuple[str, ...] = ()


class Prerequisites:
    """Finds and makes. Safe to use from several threads: each thing is looked at once."""

    def __init__(self, api: Api, sleep: Sleep) -> None:
        self._api = api
        self._maker = Maker(api, sleep)
        self._once = Once()
        self._seats = _Seats()

    def changes(self, spec: ServerSpec) -> list[str]:
        """What ``ensure`` would make or change; reads only."""
        return [line for part in self._parts(spec, write=False).values() for line in part.made]

    def ensure(self, spec: ServerSpec, image: str) -> Refs:
        """All that the server needs."""
        parts = self._parts(spec, write=True)
        ref = {kind: part.ref for kind, part in parts.items()}
        return Refs(
            image=image,
            ssh_keys=(ref["key"],) if "key" in ref else (),
            network=ref.get("network", ""),
            firewall=ref.get("firewall", ""),
            placement_group=ref.get("group", ""),
            made=tuple(line for part in parts.values() for line in part.made),
        )

    def _parts(self, spec: ServerSpec, *, write: bool) -> dict[str, Part]:
        owner, region = spec.owner, spec.offer.location
        cluster = (write, region, owner.fleet, owner.cluster)
        wanted: dict[str, tuple[Hashable, Callable[[], Part]]] = {}
        if len(spec.ssh_keys) > 1:
            said = f"A server at {self._api.preset.title} takes one SSH key, not {len(spec.ssh_keys)}; put further ones"
            raise problem(self._api.preset, Permanent, "too_many_ssh_keys", f"{said} into the user data.")
        if spec.ssh_keys:
            key = spec.ssh_keys[0]
            wanted["key"] = ((*cluster, key), lambda: self._key(spec, key, write))
        if spec.network:
            wanted["network"] = ((*cluster, spec.network), lambda: self._network(spec, write))
        if spec.firewall is not None:
            rules = wanted_rules(spec.firewall, spec.network)
            wanted["firewall"] = ((*cluster, owner.pool, rules), lambda: self._firewall(spec, rules, write))
        if spec.spread:
            wanted["group"] = ((*cluster, owner.pool), lambda: self._group(spec, write))
        return {name: self._once.get((name, key), look) for name, (key, look) in wanted.items()}

    def _at(self, region: str) -> str:
        return f"{self._api.preset.name}/{region}"

    def _key(self, spec: ServerSpec, key: str, write: bool) -> Part:
        name, there = find_key(self._api, spec, key)
        if write and not there:
            upload_key(self._api, self._maker, spec, key)
        return Part(name, () if there else (f"SSH key {name} at {self._at(spec.offer.location)}",))

    # ---- networks

    def _network(self, spec: ServerSpec, write: bool) -> Part:
        region, marks = spec.offer.location, cluster_marks(spec.owner)
        name = f"{spec.owner.fleet}-{spec.owner.cluster}"
        line = f"network {name} ({spec.network}) at {self._at(region)}"
        found = self._maker.find(NETWORKS, region, name, marks)
        if found is None and not write:
            return Part("", (line,))
        network = found or self._maker.make(NETWORKS, region, name, marks, {"admin_state_up": True})
        query = {"network_id": str(network["id"])}
        ranges = [str(subnet.get("cidr")) for subnet in self._api.all(NETWORK, region, "/subnets", "subnets", query)]
        if ranges and spec.network not in ranges:
            raise problem(
                self._api.preset,
                Permanent,
                "other_range",
                f"The network {name} in {region} at {self._api.preset.title} has the range {', '.join(ranges)}, not "
                f"{spec.network}; write that range into the pool, or remove the network when nothing uses it any more.",
            )
        if write:
            self._maker.tag(NETWORKS, region, network, marks)
            if not ranges:
                self._make_subnet(spec, network)
        return Part(str(network["id"]), () if found and ranges else (line,))

    def _make_subnet(self, spec: ServerSpec, network: Item) -> None:
        """Without a gateway: the way out is by the public network."""
        body: Item = {
            "network_id": network["id"],
            "name": network.get("name"),
            "description": " ".join(to_tags(cluster_marks(spec.owner))),
            "ip_version": 4,
            "cidr": spec.network,
            "gateway_ip": None,
            "enable_dhcp": True,
        }
        region, query = spec.offer.location, {"network_id": str(network["id"]), "cidr": spec.network}
        self._maker.insist(
            lambda: self._api.call(NETWORK, region, "POST", "/subnets", json={"subnet": body}),
            lambda: bool(self._api.all(NETWORK, region, "/subnets", "subnets", query)),
        )

    # ---- security groups

    def _firewall(self, spec: ServerSpec, rules: frozenset[Rule], write: bool) -> Part:
        region, marks = spec.offer.location, pool_marks(spec.owner)
        name = f"{spec.owner.fleet}-{spec.owner.cluster}-{spec.owner.pool}"
        line = f"firewall {name} at {self._at(region)}"
        found = self._maker.find(SECURITY_GROUPS, region, name, marks)
        opened = in_words(sorted(rule for rule in rules if rule[0] == "ingress"), []) or "lets nothing in"
        if found is None and not write:
            return Part("", (f"{line}: {opened}",))
        group = found or self._maker.make(SECURITY_GROUPS, region, name, marks, {})
        missing, surplus = difference(group.get("security_group_rules") or [], rules)
        words = opened if found is None else in_words(missing, surplus)
        if write:
            self._maker.tag(SECURITY_GROUPS, region, group, marks)
            self._set_right(region, group, missing, surplus)
        return Part(str(group["id"]), (f"{line}: {words}",) if words else ())

    def _set_right(self, region: str, group: Item, missing: list[Rule], surplus: list[Item]) -> None:
        """New rules first, so that nothing that may come in is kept out in between."""
        for rule in missing:
            self._add_rule(region, rule, str(group["id"]))
        for item in surplus:
            with contextlib.suppress(NotFound):
                self._api.call(NETWORK, region, "DELETE", f"/security-group-rules/{item.get('id')}")

    def _add_rule(self, region: str, rule: Rule, group: str) -> None:
        body, query = rule_body(rule, group), {"security_group_id": group}
        path, key = "/security-group-rules", "security_group_rules"
        self._maker.insist(
            lambda: self._api.call(NETWORK, region, "POST", path, json=body),
            lambda: rule in map(read_rule, self._api.all(NETWORK, region, path, key, query)),
        )

    # ---- server groups

    def _group(self, spec: ServerSpec, write: bool) -> Part:
        """The first group of a pool; whether it has room is only asked when a server is ordered."""
        region, name, marks = spec.offer.location, group_name(spec.owner), pool_marks(spec.owner)
        line = f"placement group {name} at {self._at(region)}"
        found = self._maker.find(SERVER_GROUPS, region, name, marks)
        if found is None and not write:
            return Part("", (line,))
        group = found or self._maker.make(SERVER_GROUPS, region, name, marks, {"policies": [POLICY]})
        return Part(str(group["id"]), () if found else (line,))

    def seat(self, spec: ServerSpec, first: str) -> str:
        """A group with room for one more server. Groups are small, so a pool may need more than its ``first``."""
        region, owner = spec.offer.location, spec.owner
        pool = (region, owner.fleet, owner.cluster, owner.pool)
        limit = self._once.get(("limit", region), lambda: self._group_size(region))
        there = self._once.get(("groups", pool), lambda: self._groups_of(spec))
        number = self._seats.take(pool, spec.name, limit, there)
        if number == 1:
            return first
        return self._once.get(("group", pool, number), lambda: self._further_group(spec, number, there.get(number)))

    def _further_group(self, spec: ServerSpec, number: int, there: Item | None) -> str:
        name, marks = group_name(spec.owner, number), pool_marks(spec.owner)
        group = there or self._maker.make(SERVER_GROUPS, spec.offer.location, name, marks, {"policies": [POLICY]})
        return str(group["id"])

    def _groups_of(self, spec: ServerSpec) -> dict[int, Item]:
        """The groups of a pool by their number, the first ones of a name."""
        kind = SERVER_GROUPS
        listed = self._api.all(kind.service, spec.offer.location, kind.path, kind.many, microversion=kind.microversion)
        numbers = {group_name(spec.owner, number): number for number in range(1, MAX_GROUPS)}
        found: dict[int, Item] = {}
        for item in sorted(listed, key=lambda item: str(item.get("id"))):
            if item.get("name") in numbers:
                found.setdefault(numbers[str(item["name"])], item)
        return found

    def _group_size(self, region: str) -> int:
        limits = mapping(self._api.get(COMPUTE, region, "/limits").get("limits"))
        told = mapping(limits.get("absolute")).get("maxServerGroupMembers")
        if not isinstance(told, int) or told == 0:
            return GROUP_SIZE
        return told if told > 0 else 1_000_000


class _Seats:
    """Which server of a run sits in which group."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[Hashable, dict[str, int]] = {}

    def take(self, pool: Hashable, name: str, limit: int, there: Mapping[int, Item]) -> int:
        """The number of the first group that has room; the same server always gets the same one."""
        with self._lock:
            taken = self._taken.setdefault(pool, {})
            number = 0
            while name not in taken:
                number += 1
                members = len(mapping(there.get(number)).get("members") or ())
                if members + sum(1 for seat in taken.values() if seat == number) < limit:
                    taken[name] = number
            return taken[name]
