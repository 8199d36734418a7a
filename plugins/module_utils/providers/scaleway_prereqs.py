# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: what servers need beside themselves, made once and kept as wished.

Names are not unique there. So whoever makes a thing lists it again: of several with our tags all runs take the oldest,
and each deletes the younger one that it made itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from ..errors import Permanent
from ..model import LABEL_POOL, Firewall, Owner, Refs, ServerSpec, node_ordinal
from .needs import Key, Look, Need, Needs
from .scaleway_api import Project
from .scaleway_rules import POLICY, difference, fixed, normal, of_spec, rule_key
from .scaleway_things import KeyRing, Things, cluster_marks
from .scaleway_wire import CAPS, NAME, TITLE, Item, mapping, networks_path, region_of, zone_path

GROUP_LIMIT = 20
"""How many servers a placement group takes."""
_NETWORKS = "private_networks"


class Prerequisites:
    """What the servers of one run need."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._keys = KeyRing(project)
        self._needs = Needs()

    def changes(self, spec: ServerSpec) -> list[str]:
        """What ``ensure`` would do, a line for each; reads only."""
        return self._needs.changes(self._looks(spec))

    def ensure(self, spec: ServerSpec) -> Refs:
        """Find or make everything."""
        return self._needs.refs(spec.offer.image or CAPS.default_image, self._looks(spec))

    def network(self, spec: ServerSpec) -> str:
        """The id of the private network that the server is to join."""
        return self.ensure(replace(spec, ssh_keys=(), firewall=None, spread=False)).network

    def _looks(self, spec: ServerSpec) -> Iterator[tuple[Key, Look]]:
        owner, zone = spec.owner, spec.offer.location
        cluster = (owner.fleet, owner.cluster)
        for entry in spec.ssh_keys:
            yield ("ssh_key", (*cluster, entry)), partial(self._keys.look, owner, entry)
        if spec.network:
            region = region_of(zone)
            yield ("network", (*cluster, spec.network, region)), partial(self._network, owner, spec.network, region)
        if spec.firewall is not None:
            key = (*cluster, owner.pool, spec.firewall, spec.network, zone)
            yield ("firewall", key), partial(self._firewall, owner, spec.firewall, spec.network, zone)
        if spec.spread:
            name = group_name(spec)
            yield ("spread", (name, zone)), partial(self._group, owner, name, zone)

    # ---- network

    def _network(self, owner: Owner, wanted: str, region: str) -> Need:
        name, marks = f"{owner.fleet}-{owner.cluster}", cluster_marks(owner)
        path, query = networks_path(region), {"name": name, "project_id": self._project.id}
        things = Things(
            self._project, "private network", name, marks, path, partial(self._project.newer, path, _NETWORKS, query)
        )
        item = things.oldest()
        if item is None:
            body = {"subnets": [wanted], "default_route_propagation_enabled": False}
            change = f"network {name} ({wanted}) at {NAME}/{region}"
            return Need(change=change, make=partial(things.make, {**body, "project_id": self._project.id}))
        ranges = [str(mapping(part).get("subnet")) for part in item.get("subnets") or []]
        if normal(wanted) not in map(normal, ranges):
            four = [text for text in ranges if ":" not in text]
            raise Permanent(
                f"The private network {name} at {TITLE} in {region} has the range {', '.join(four) or 'of nothing'}, "
                f"wanted is {wanted}, and a range cannot be changed; correct network of the pool, or delete the "
                "network there.",
                provider=NAME,
                code="other_range",
            )
        return Need(str(item["id"]))

    # ---- firewall

    def _firewall(self, owner: Owner, firewall: Firewall, network: str, zone: str) -> Need:
        name, marks = _pool_name(owner), pool_marks(owner)
        things = self._things(zone, "security_groups", name, marks)
        item, wanted = things.oldest(), of_spec(firewall, network)
        there = [] if item is None else self._rules(zone, str(item["id"]))
        words = difference(item or {}, there, wanted)
        change = f"firewall {name} at {NAME}/{zone}{f': {words}' if words else ''}"
        if item is None:
            body = {"description": f"Pool {owner.pool} of {owner.cluster}", "stateful": True, **POLICY}
            return Need(change=change, make=partial(self._make_firewall, zone, things, body, wanted))
        same = {rule_key(rule) for rule in there} == {rule_key(rule) for rule in wanted}
        if same and all(item.get(field) == value for field, value in POLICY.items()):
            return Need(str(item["id"]))
        return Need(str(item["id"]), change, partial(self._set_rules, zone, item, wanted))

    def _rules(self, zone: str, group: str) -> list[Item]:
        found = self._project.zonal(zone, f"security_groups/{group}/rules", {}, key="rules")
        return [rule for rule in found if not fixed(rule)]

    def _make_firewall(self, zone: str, things: Things, body: Item, rules: list[Item]) -> str:
        group = things.make({**body, "project": self._project.id})
        return self._set_rules(zone, {**POLICY, "id": group}, rules)

    def _set_rules(self, zone: str, group: Mapping[str, object], rules: list[Item]) -> str:
        path = f"{zone_path(zone)}/security_groups/{group['id']}"
        self._project.write("PUT", f"{path}/rules", json={"rules": rules})
        if any(group.get(field) != value for field, value in POLICY.items()):
            self._project.write("PATCH", path, json=POLICY)
        return str(group["id"])

    # ---- placement group

    def _group(self, owner: Owner, name: str, zone: str) -> Need:
        things = self._things(zone, "placement_groups", name, pool_marks(owner))
        item = things.oldest()
        if item is not None:
            return Need(str(item["id"]))
        body = {"policy_mode": "enforced", "policy_type": "max_availability", "project": self._project.id}
        return Need(change=f"placement group {name} at {NAME}/{zone}", make=partial(things.make, body))

    def _things(self, zone: str, kind: str, name: str, marks: Mapping[str, str]) -> Things:
        read = partial(self._project.zonal, zone, kind, {"name": name})
        title = kind.removesuffix("s").replace("_", " ")
        return Things(self._project, title, name, marks, f"{zone_path(zone)}/{kind}", read)


def pool_marks(owner: Owner) -> dict[str, str]:
    """The labels of what belongs to one pool."""
    return {**cluster_marks(owner), LABEL_POOL: owner.pool}


def group_name(spec: ServerSpec) -> str:
    """The placement group of a server: the first twenty of a pool share one, the next twenty the second."""
    owner = spec.owner
    ordinal = node_ordinal(owner.cluster, owner.pool, spec.name) or 1
    number = (ordinal - 1) // GROUP_LIMIT + 1
    return _pool_name(owner) if number == 1 else f"{_pool_name(owner)}.{number}"


def _pool_name(owner: Owner) -> str:
    return f"{owner.fleet}-{owner.cluster}-{owner.pool}"
