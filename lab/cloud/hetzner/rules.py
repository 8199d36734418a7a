"""Rules of firewalls."""

from __future__ import annotations

import ipaddress
import re

from lab.cloud.hetzner.answers import invalid
from lab.cloud.wire import JsonObject

_PORTS = re.compile(r"any|\d{1,5}(?:-\d{1,5})?")
_MOST_RANGES = 100


def rule(body: JsonObject) -> JsonObject:
    """Check a rule of a request body and give it as it is stored."""
    if body.get("direction") not in ("in", "out") or body.get("protocol") not in ("tcp", "udp", "icmp", "esp", "gre"):
        raise invalid("rules", "direction or protocol is wrong")
    port = body.get("port")
    if body["protocol"] in ("tcp", "udp") and not (isinstance(port, str) and _PORTS.fullmatch(port)):
        raise invalid("rules", "port is required for tcp and udp, as a number, a range or any")
    if body["protocol"] not in ("tcp", "udp") and port:
        raise invalid("rules", "port is only allowed for tcp and udp")
    needed = "source_ips" if body["direction"] == "in" else "destination_ips"
    if not body.get(needed):
        raise invalid("rules", f"{needed} must not be empty")
    return {
        "direction": body["direction"],
        "protocol": body["protocol"],
        "port": port,
        "source_ips": _ranges(body.get("source_ips")),
        "destination_ips": _ranges(body.get("destination_ips")),
        "description": body.get("description"),
    }


def _ranges(given: object) -> list[str]:
    ranges = list(given) if isinstance(given, list) else []
    if len(ranges) > _MOST_RANGES:
        raise invalid("rules", f"at most {_MOST_RANGES} ranges are allowed in a rule")
    for text in ranges:
        try:
            ipaddress.ip_network(str(text))
        except ValueError:
            raise invalid("rules", f"{text} is not a network in CIDR notation") from None
        if "/" not in str(text):
            raise invalid("rules", f"{text} is not a network in CIDR notation")
    return ranges
