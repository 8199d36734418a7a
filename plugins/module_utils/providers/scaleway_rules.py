# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: rules of security groups. What no rule lets in is dropped; what goes out, goes."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Mapping
from typing import Any

from ..model import Firewall
from .scaleway_wire import Item

POLICY = {"inbound_default_policy": "drop", "outbound_default_policy": "accept", "stateful": True}


def of_spec(firewall: Firewall, network: str) -> list[Item]:
    """The rules for the openings of a pool, and for all traffic within its private network if it has one."""
    rules = [
        _rule(opening.protocol.upper(), opening.ports, source)
        for opening in firewall.openings
        for source in opening.sources
    ]
    rules += [_rule("ANY", "", network)] if network else []
    return [{**rule, "position": place} for place, rule in enumerate(rules, 1)]


def _rule(protocol: str, ports: str, source: str) -> Item:
    first, _dash, last = ports.partition("-")
    return {
        "action": "accept",
        "direction": "inbound",
        "protocol": protocol,
        "ip_range": normal(source),
        "dest_port_from": int(first) if first else None,
        "dest_port_to": int(last) if last and last != first else None,
        # Without it the rule is passed over.
        "editable": True,
    }


def fixed(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is the vendor's own (against sending mail) and cannot be changed."""
    return rule.get("editable") is False


def rule_key(rule: Mapping[str, Any]) -> Hashable:
    """What makes two rules the same; their order does not matter."""
    return (*_head(rule), normal(str(rule.get("ip_range") or "")))


def difference(group: Mapping[str, Any], there: list[Item], wanted: list[Item]) -> str:
    """How one list of rules becomes the other, and what changes about the group itself, in words."""
    before = {rule_key(rule): rule for rule in there}
    after = {rule_key(rule): rule for rule in wanted}
    adds = _words([rule for key, rule in after.items() if key not in before])
    removes = _words([rule for key, rule in before.items() if key not in after])
    parts = [f"{verb} {'; '.join(rules)}" for verb, rules in (("adds", adds), ("removes", removes)) if rules]
    if group and group.get("inbound_default_policy") != POLICY["inbound_default_policy"]:
        parts.append("drops what is not let in")
    if group and group.get("outbound_default_policy") != POLICY["outbound_default_policy"]:
        parts.append("lets everything out")
    return ", ".join(parts)


def _words(rules: list[Item]) -> list[str]:
    """Rules that differ in their range only share their words."""
    reach: dict[tuple[str, str, str, str], list[str]] = {}
    for rule in rules:
        reach.setdefault(_head(rule), []).append(normal(str(rule.get("ip_range") or "")))
    said = []
    for (direction, action, protocol, ports), ranges in reach.items():
        what = "everything" if protocol == "any" else f"{protocol}{f'/{ports}' if ports else ''}"
        drop = "dropping of " if action == "drop" else ""
        said.append(f"{drop}{what} {'from' if direction == 'inbound' else 'to'} {', '.join(ranges)}")
    return said


def _head(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    first, last = rule.get("dest_port_from"), rule.get("dest_port_to")
    ports = "" if first is None else str(first) if last in (None, first) else f"{first}-{last}"
    return str(rule.get("direction")), str(rule.get("action")), str(rule.get("protocol")).lower(), ports


def normal(text: str) -> str:
    """A range as it is always written, so that two can be compared; what is none stays as it is."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text
