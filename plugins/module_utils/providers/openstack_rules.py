# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a security group: from a firewall as a person wrote it to Neutron's rules, and what differs from them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..model import Firewall, Opening
from .openstack_wire import Item

ANYWHERE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
_ICMP6 = ("icmp", "icmpv6", "ipv6-icmp", "58")

Rule = tuple[str, str, str, str, str]
"""Direction, ethertype, protocol, ports as ``first-last``, and the other side; empty for any."""


def wanted_rules(firewall: Firewall, network: str) -> frozenset[Rule]:
    """All rules that a pool's group has: what may come in, the private network, and everything out."""
    rules = {("egress", ethertype, "", "", "") for ethertype in ANYWHERE}
    if network:
        rules.add(("ingress", "IPv4", "", "", network))
    return frozenset(rules | {rule for opening in firewall.openings for rule in _rules(opening)})


def _rules(opening: Opening) -> Iterator[Rule]:
    first, _dash, last = opening.ports.partition("-")
    ports = f"{first}-{last or first}" if first else ""
    for source in opening.sources:
        network = ipaddress.ip_network(source, strict=False)
        ethertype = f"IPv{network.version}"
        protocol = "ipv6-icmp" if (opening.protocol, network.version) == ("icmp", 6) else opening.protocol
        yield "ingress", ethertype, protocol, ports, "" if str(network) == ANYWHERE[ethertype] else str(network)


def read_rule(item: Mapping[str, Any]) -> Rule:
    """A rule as Neutron shows it. One that points to a group of servers or of addresses is like none of ours."""
    ethertype = str(item.get("ethertype") or "IPv4")
    protocol = str(item.get("protocol") or "")
    if ethertype == "IPv6" and protocol in _ICMP6:
        protocol = "ipv6-icmp"
    low, high = item.get("port_range_min"), item.get("port_range_max")
    group = item.get("remote_group_id") or item.get("remote_address_group_id")
    there = f"group {group}" if group else str(item.get("remote_ip_prefix") or "")
    return (
        str(item.get("direction")),
        ethertype,
        "" if protocol == "any" else protocol,
        f"{low}-{high}" if low is not None else "",
        "" if there == ANYWHERE.get(ethertype) else there,
    )


def rule_body(rule: Rule, group: str) -> Item:
    """What makes a rule of a security group."""
    direction, ethertype, protocol, ports, there = rule
    body: Item = {"security_group_id": group, "direction": direction, "ethertype": ethertype}
    if protocol:
        body["protocol"] = protocol
    if ports:
        first, _dash, last = ports.partition("-")
        body.update({"port_range_min": int(first), "port_range_max": int(last)})
    if there:
        body["remote_ip_prefix"] = there
    return {"security_group_rule": body}


def difference(there: Sequence[Item], wanted: frozenset[Rule]) -> tuple[list[Rule], list[Item]]:
    """Rules that are missing, and those that are too many."""
    missing = sorted(wanted - {read_rule(item) for item in there})
    return missing, [item for item in there if read_rule(item) not in wanted]


def in_words(missing: Sequence[Rule], surplus: Sequence[Item]) -> str:
    """What setting a group right comes to; empty when there is nothing to do."""
    adds, removes = [_told(rule) for rule in missing], [_told(read_rule(item)) for item in surplus]
    parts = [f"adds {', '.join(adds)}" if adds else "", f"removes {', '.join(removes)}" if removes else ""]
    return "; ".join(filter(None, parts))


def _told(rule: Rule) -> str:
    direction, ethertype, protocol, ports, there = rule
    first, _dash, last = ports.partition("-")
    what = (protocol or "everything") + (f"/{first if first == last else ports}" if ports else "")
    return f"{what} {'from' if direction == 'ingress' else 'to'} {there or ANYWHERE[ethertype]}"
