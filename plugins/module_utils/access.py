# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches the nodes of a pool, as people write it: a private network, a firewall, hosts of their own."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .checking import check_keys, refused, sequence, truth
from .errors import Permanent
from .model import Firewall, Opening

ANYWHERE = ("0.0.0.0/0", "::/0")
"""Every address there is."""
PROTOCOLS = ("tcp", "udp", "icmp")
"""What a firewall can tell apart."""

ACCESS_SPEC: dict[str, Any] = {
    "network": {"type": "str"},
    "firewall": {
        "type": "dict",
        "options": {
            "ssh_from": {"type": "list", "elements": "str"},
            "ssh_from_anywhere": {"type": "bool"},
            "inbound": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "protocol": {"type": "str", "required": True, "choices": list(PROTOCOLS)},
                    "ports": {"type": "str"},
                    "sources": {"type": "list", "elements": "str", "required": True},
                },
            },
        },
    },
    "spread": {"type": "bool"},
}
"""The argument spec of these keys of a pool."""

_FIREWALL_KEYS = tuple(ACCESS_SPEC["firewall"]["options"])
_OPENING_KEYS = tuple(ACCESS_SPEC["firewall"]["options"]["inbound"]["options"])

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def parse_network(path: str, value: Any) -> str:
    """The range of a private network, empty for none."""
    if value is None:
        return ""
    allowed = "the IPv4 range of a private network, /8 to /28, for example 10.64.0.0/16"
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise refused(path, value, allowed) from None
    if not network.is_private or not 8 <= network.prefixlen <= 28:
        raise refused(path, value, allowed)
    return str(network)


def parse_firewall(path: str, item: Any) -> Firewall | None:
    """The firewall, None for none. SSH that is open to the world must be asked for by its own word."""
    if item is None:
        return None
    check_keys(path, item, _FIREWALL_KEYS, ())
    anywhere = truth(f"{path}.ssh_from_anywhere", item.get("ssh_from_anywhere"))
    ssh = _sources(f"{path}.ssh_from", item.get("ssh_from"))
    if anywhere and ssh:
        raise Permanent(
            f"{path}.ssh_from and {path}.ssh_from_anywhere contradict each other; leave one out.", code="invalid_option"
        )
    openings = [
        _opening(f"{path}.inbound[{index}]", entry)
        for index, entry in enumerate(sequence(f"{path}.inbound", item.get("inbound")))
    ]
    ssh = ANYWHERE if anywhere else ssh
    if ssh:
        openings.insert(0, Opening("tcp", "22", ssh))
    for opening in openings:
        if not anywhere and _lets_in(opening, 22) and any(map(_worldwide, opening.sources)):
            raise Permanent(
                f"{path} opens SSH to the world ({opening}); name the addresses that need it, or say "
                "ssh_from_anywhere: true if that is meant.",
                code="invalid_option",
            )
    return Firewall(tuple(openings))


def _lets_in(opening: Opening, port: int) -> bool:
    first, _dash, last = opening.ports.partition("-")
    return opening.protocol == "tcp" and int(first) <= port <= int(last or first)


def _worldwide(source: str) -> bool:
    """Whether a range is the world or a good part of it: one made of two halves is no better than the whole."""
    network = ipaddress.ip_network(source)
    return (network.is_global and network.prefixlen < (8 if network.version == 4 else 16)) or network.prefixlen == 0


def _opening(path: str, item: Any) -> Opening:
    check_keys(path, item, _OPENING_KEYS, ("protocol", "sources"))
    if item["protocol"] not in PROTOCOLS:
        raise refused(f"{path}.protocol", item["protocol"], ", ".join(PROTOCOLS))
    ports = str(item.get("ports") or "")
    if item["protocol"] == "icmp":
        if ports:
            raise refused(f"{path}.ports", ports, "nothing, icmp has no ports")
    elif not _ports_fit(ports):
        raise refused(f"{path}.ports", item.get("ports"), "a port, or the first and the last one as in 30000-32767")
    sources = _sources(f"{path}.sources", item["sources"])
    if not sources:
        raise refused(f"{path}.sources", item["sources"], "at least one address range, as in 203.0.113.0/24")
    return Opening(item["protocol"], ports, sources)


def _ports_fit(ports: str) -> bool:
    match = _PORTS.fullmatch(ports)
    if match is None:
        return False
    first, last = int(match[1]), int(match[2] or match[1])
    return 1 <= first <= last <= 65535


def _sources(path: str, value: Any) -> tuple[str, ...]:
    sources = []
    for index, source in enumerate(sequence(path, value)):
        try:
            sources.append(str(ipaddress.ip_network(source)))
        except ValueError:
            raise refused(f"{path}[{index}]", source, "an address range, as in 203.0.113.0/24") from None
    return tuple(sources)
