# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security group rules of STACKIT: from a firewall as a person wrote it to rules, and from rules to what differs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..model import Firewall, Opening
from .stackit_wire import Item, mapping

ANY_SOURCE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}

Rule = tuple[str, str, str, str, str]
"""Direction, ethertype, protocol, ports as ``first-last``, range; empty for any."""


def wanted_rules(firewall: Firewall, private_range: str) -> frozenset[Rule]:
    """All rules that the security group of a pool has: what may come in, the private network, and everything out."""
    rules = {("egress", ethertype, "", "", "") for ethertype in ANY_SOURCE}
    if private_range:
        rules.add(("ingress", "IPv4", "", "", private_range))
    return frozenset(rules | {rule for opening in firewall.openings for rule in _opening_rules(opening)})


def _opening_rules(opening: Opening) -> Iterator[Rule]:
    for source in opening.sources:
        ethertype = f"IPv{ipaddress.ip_network(source, strict=False).version}"
        protocol = "ipv6-icmp" if (opening.protocol, ethertype) == ("icmp", "IPv6") else opening.protocol
        first, _dash, last = opening.ports.partition("-")
        ports = f"{first}-{last or first}" if first else ""
        yield "ingress", ethertype, protocol, ports, "" if source == ANY_SOURCE[ethertype] else source


def read_rule(item: Mapping[str, Any]) -> Rule:
    """A rule as the API shows it. One that points to another group is like none of ours."""
    ethertype = str(item.get("ethertype") or "IPv4")
    ports = mapping(item.get("portRange"))
    place = str(item.get("ipRange") or "")
    if item.get("remoteSecurityGroupId"):
        place = f"group {item['remoteSecurityGroupId']}"
    return (
        str(item.get("direction")),
        ethertype,
        str(mapping(item.get("protocol")).get("name") or mapping(item.get("protocol")).get("number") or ""),
        f"{ports.get('min')}-{ports.get('max')}" if ports else "",
        "" if place == ANY_SOURCE.get(ethertype) else place,
    )


def rule_body(rule: Rule) -> Item:
    """What makes a rule; here the protocol is a mere name, while the API shows it as an object."""
    direction, ethertype, protocol, ports, place = rule
    body: Item = {"direction": direction, "ethertype": ethertype}
    if protocol:
        body["protocol"] = protocol
    if ports:
        first, _dash, last = ports.partition("-")
        body["portRange"] = {"min": int(first), "max": int(last)}
    if place:
        body["ipRange"] = place
    return body


def difference(there: Sequence[Item], wanted: frozenset[Rule]) -> tuple[list[Rule], list[Item]]:
    """Rules that are missing, and those that are too many: not wanted, or there a second time."""
    seen: set[Rule] = set()
    surplus = []
    for item in there:
        rule = read_rule(item)
        if rule not in wanted or rule in seen:
            surplus.append(item)
        seen.add(rule)
    return sorted(wanted - seen), surplus


def in_words(missing: Sequence[Rule], surplus: Sequence[Item]) -> tuple[str, ...]:
    """What setting a group right comes to, a few words for each rule."""
    return (*(f"adds {_told(rule)}" for rule in missing), *(f"removes {_told(read_rule(item))}" for item in surplus))


def _told(rule: Rule) -> str:
    direction, ethertype, protocol, ports, place = rule
    first, _dash, last = ports.partition("-")
    what = (protocol or "everything") + (f"/{first if first == last else ports}" if ports else "")
    return f"{what} {'from' if direction == 'ingress' else 'to'} {place or ANY_SOURCE[ethertype]}"
