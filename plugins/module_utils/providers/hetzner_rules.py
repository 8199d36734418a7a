# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: rules of firewalls. What is not let in stays out; without rules for it, everything goes out."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Mapping
from typing import Any

from ..model import Firewall
from .hetzner_wire import Item

INSIDE = ("tcp", "udp", "icmp")


def of_spec(firewall: Firewall, network: str) -> list[Item]:
    """The rules for the openings of a pool, and for all traffic within its private network if it has one."""
    rules = [_rule(opening.protocol, opening.ports, opening.sources) for opening in firewall.openings]
    if network:
        rules += [_rule(protocol, "" if protocol == "icmp" else "any", (network,)) for protocol in INSIDE]
    return rules


def _rule(protocol: str, ports: str, sources: tuple[str, ...]) -> Item:
    rule: Item = {"direction": "in", "protocol": protocol, "source_ips": list(sources)}
    return {**rule, "port": ports} if ports else rule


def rule_key(rule: Mapping[str, Any]) -> Hashable:
    """What makes two rules the same; their order, the order of ranges and descriptions do not matter."""
    first, _dash, last = str(rule.get("port") or "").partition("-")
    port = first if last in ("", first) else f"{first}-{last}"
    return (str(rule.get("direction")), str(rule.get("protocol")), port, _ranges(rule))


def difference(there: list[Item], wanted: list[Item]) -> str:
    """How one list of rules becomes the other, in words."""
    before = {rule_key(rule): rule for rule in there}
    after = {rule_key(rule): rule for rule in wanted}
    adds = [_words(rule) for key, rule in after.items() if key not in before]
    removes = [_words(rule) for key, rule in before.items() if key not in after]
    parts = [f"{verb} {'; '.join(rules)}" for verb, rules in (("adds", adds), ("removes", removes)) if rules]
    return ", ".join(parts)


def _words(rule: Mapping[str, Any]) -> str:
    port = str(rule.get("port") or "")
    inward = rule.get("direction") == "in"
    reach = ", ".join(sorted(_ranges(rule)))
    return f"{rule.get('protocol')}{f'/{port}' if port else ''} {'from' if inward else 'to'} {reach}"


def _ranges(rule: Mapping[str, Any]) -> frozenset[str]:
    given = rule.get("source_ips" if rule.get("direction") == "in" else "destination_ips") or []
    return frozenset(normal(str(text)) for text in given)


def normal(text: str) -> str:
    """A range as it is always written, so that two can be compared; what is none stays as it is."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text
