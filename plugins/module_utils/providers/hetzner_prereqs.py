# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: what servers need beside themselves, made once and kept as wished.

Names are unique there among things of a kind, so two runs that make the same thing at once end with one: the later one
is refused and looks again.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator, Mapping
from functools import partial

from ..errors import Ambiguous, Conflict, Permanent
from ..model import LABEL_CLUSTER, LABEL_FLEET, LABEL_POOL, Owner, Refs, ServerSpec
from .hetzner_api import Project
from .hetzner_groups import SpreadGroups
from .hetzner_rules import difference, normal, of_spec, rule_key
from .hetzner_wire import CAPS, NAME, TITLE, Item, foreign, mapping
from .needs import Key, Look, Need, Needs, PublicKey, public_key

ZONE_SHARE = 2
"""Bits by which the part of a network that one network zone gets is smaller than the network: there are four zones."""
SMALLEST_PART = 29


class Prerequisites:
    """What the servers of one run need."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._keys = KeyRing(project)
        self._needs = Needs()
        self.groups = SpreadGroups(project)

    def changes(self, spec: ServerSpec) -> list[str]:
        """What ``ensure`` would do, a line for each; reads only."""
        return self._needs.changes(self._looks(spec))

    def ensure(self, spec: ServerSpec) -> Refs:
        """Find or make everything."""
        return self._needs.refs(spec.offer.image or CAPS.default_image, self._looks(spec))

    def _looks(self, spec: ServerSpec) -> Iterator[tuple[Key, Look]]:
        owner = spec.owner
        cluster = (owner.fleet, owner.cluster)
        for entry in spec.ssh_keys:
            yield ("ssh_key", (*cluster, entry)), partial(self._keys.look, owner, entry)
        if spec.network:
            zone = CAPS.locations[spec.offer.location].region
            yield ("network", (*cluster, spec.network, zone)), partial(self._network, owner, spec.network, zone)
        if spec.firewall is not None:
            rules = of_spec(spec.firewall, spec.network)
            key = (*cluster, owner.pool, spec.firewall, spec.network)
            yield ("firewall", key), partial(self._firewall, owner, rules)
        if spec.spread:
            yield ("spread", (*cluster, owner.pool)), partial(self.groups.look, owner)

    # ---- network

    def _network(self, owner: Owner, wanted: str, zone: str) -> Need:
        name, marks = f"{owner.fleet}-{owner.cluster}", cluster_marks(owner)
        title = f"network {name} ({wanted}) at {NAME}"
        item = self._named("networks", "network", name, marks)
        if item is None:
            body = {"name": name, "ip_range": wanted, "labels": marks, "subnets": [_subnet(wanted, zone, [])]}
            return Need(change=title, make=partial(self._make, "networks", "network", body))
        if normal(str(item.get("ip_range"))) != normal(wanted):
            raise Permanent(
                f"The network {name} at {TITLE} has the range {item.get('ip_range')}, wanted is {wanted}, and a range "
                "cannot be changed; correct network of the pool, or delete the network there.",
                provider=NAME,
                code="other_range",
            )
        parts = [mapping(part) for part in item.get("subnets") or []]
        if any(part.get("network_zone") == zone for part in parts):
            return Need(str(item["id"]))
        part = _subnet(wanted, zone, [str(known.get("ip_range")) for known in parts])
        change = f"{title}: adds subnet {part['ip_range']} in {zone}"
        return Need(str(item["id"]), change, partial(self._add_subnet, str(item["id"]), part))

    def _add_subnet(self, network: str, part: Mapping[str, str]) -> str:
        try:
            self._project.write("POST", f"/networks/{network}/actions/add_subnet", part)
        except Permanent as error:
            if "overlap" not in str(error):
                raise
            raise Conflict(str(error), provider=NAME, code="taken") from None
        return network

    # ---- firewall

    def _firewall(self, owner: Owner, wanted: list[Item]) -> Need:
        name, marks = f"{owner.fleet}-{owner.cluster}-{owner.pool}", {**cluster_marks(owner), LABEL_POOL: owner.pool}
        item = self._named("firewalls", "firewall", name, marks)
        there = [] if item is None else [dict(mapping(rule)) for rule in item.get("rules") or []]
        words = difference(there, wanted)
        change = f"firewall {name} at {NAME}{f': {words}' if words else ''}"
        if item is None:
            body = {"name": name, "labels": marks, "rules": wanted}
            return Need(change=change, make=partial(self._make, "firewalls", "firewall", body))
        if {rule_key(rule) for rule in there} == {rule_key(rule) for rule in wanted}:
            return Need(str(item["id"]))
        return Need(str(item["id"]), change, partial(self._set_rules, str(item["id"]), wanted))

    def _set_rules(self, firewall: str, rules: list[Item]) -> str:
        self._project.write("POST", f"/firewalls/{firewall}/actions/set_rules", {"rules": rules})
        return firewall

    # ---- all of them

    def _named(self, kind: str, one: str, name: str, marks: Mapping[str, str]) -> Item | None:
        item = next((item for item in self._project.all(kind, {"name": name}) if item.get("name") == name), None)
        if item is not None and not marks.items() <= mapping(item.get("labels")).items():
            raise foreign(one, name, marks)
        return item

    def _make(self, kind: str, one: str, body: Item) -> str:
        return str(self._project.one(self._project.write("POST", f"/{kind}", body), one)["id"])


class KeyRing:
    """The SSH keys of the project, read once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._known: list[Item] | None = None

    def look(self, owner: Owner, entry: str) -> Need:
        """The key that an entry names, or is."""
        key, known = public_key(entry), self._all()
        if key is None:
            named = next((item for item in known if entry in (item.get("name"), str(item.get("id")))), None)
            if named is None:
                raise Permanent(
                    f"{TITLE} has no SSH key {entry!r}; upload it there under this name, or write the whole public "
                    "key into ssh_keys.",
                    provider=NAME,
                    code="unknown_ssh_key",
                )
            return Need(str(named["id"]))
        same = next((item for item in known if str(item.get("public_key")).split()[:2] == key.text.split()), None)
        if same is not None:
            return Need(str(same["id"]))
        name, marks = f"{owner.fleet}-{owner.cluster}-{key.digest}", cluster_marks(owner)
        if any(item.get("name") == name for item in known):
            raise foreign("SSH key", name, marks)
        return Need(change=f"SSH key {name} at {NAME}", make=partial(self._upload, name, marks, key))

    def _all(self) -> list[Item]:
        with self._lock:
            if self._known is None:
                self._known = self._project.all("ssh_keys", {})
            return self._known

    def _upload(self, name: str, marks: Mapping[str, str], key: PublicKey) -> str:
        body = {"name": name, "public_key": key.text, "labels": marks}
        try:
            answer = self._project.write("POST", "/ssh_keys", body)
        except (Ambiguous, Conflict):
            with self._lock:
                self._known = None  # somebody else's, or ours without an answer: the next look shows it
            raise
        return str(self._project.one(answer, "ssh_key")["id"])


def cluster_marks(owner: Owner) -> dict[str, str]:
    """The labels of what all pools of a cluster share."""
    return {LABEL_FLEET: owner.fleet, LABEL_CLUSTER: owner.cluster}


def _subnet(network: str, zone: str, taken: list[str]) -> dict[str, str]:
    """The first free part of a network, for one network zone."""
    outer = ipaddress.IPv4Network(network)
    others = [ipaddress.IPv4Network(part) for part in taken]
    bits = max(outer.prefixlen, min(outer.prefixlen + ZONE_SHARE, SMALLEST_PART))
    for part in outer.subnets(new_prefix=bits):
        if not any(part.overlaps(other) for other in others):
            return {"type": "cloud", "network_zone": zone, "ip_range": str(part)}
    raise Permanent(
        f"The network {network} at {TITLE} has no room for a subnet in {zone}; its other subnets are "
        f"{', '.join(taken)}. Take a larger range, or offers of one network zone.",
        provider=NAME,
        code="no_room",
    )
