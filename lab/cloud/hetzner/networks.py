"""Private networks: subnets and the addresses of servers in them."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence

from lab.cloud.hetzner import catalog
from lab.cloud.hetzner.answers import failure, invalid, missing
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject


def subnet(network_range: str, body: JsonObject, others: Sequence[JsonObject]) -> JsonObject:
    """Check a subnet of a request body and give it with its gateway; without ip_range it is the first free /24."""
    outer = ipaddress.IPv4Network(network_range)
    taken = [ipaddress.IPv4Network(part["ip_range"]) for part in others]
    free = (part for part in outer.subnets(new_prefix=max(24, outer.prefixlen)) if not _meets(part, taken))
    text = body.get("ip_range") or str(next(free, outer))
    inner = parsed_range("ip_range", text)
    if body.get("type") not in ("cloud", "server", "vswitch") or not body.get("network_zone"):
        raise invalid("subnets", "type and network_zone are required")
    if not inner.subnet_of(outer):
        raise failure("invalid_input", "ip_range of the subnet is not in the ip_range of the network")
    if _meets(inner, taken):
        raise failure("invalid_input", "ip_range of the subnet overlaps with another subnet of the network")
    return {
        "type": body["type"],
        "ip_range": str(inner),
        "network_zone": body["network_zone"],
        "gateway": str(outer.network_address + 1),
        "vswitch_id": None,
    }


def _meets(part: ipaddress.IPv4Network, others: Sequence[ipaddress.IPv4Network]) -> bool:
    return any(part.overlaps(other) for other in others)


def parsed_range(field: str, text: object) -> ipaddress.IPv4Network:
    """Read an IPv4 range, or raise invalid_input."""
    try:
        return ipaddress.IPv4Network(str(text))
    except ValueError:
        raise invalid(field, "must be an IPv4 range in CIDR notation") from None


def attachment(store: Store, number: object, wanted: object, location: str) -> JsonObject:
    """Give the `private_net` entry of a server that joins a network, with the wanted or the next free address.

    The address lies in a subnet of the network zone of the server's location.
    """
    network = store.get("network", number)
    if network is None:
        raise missing("network", number)
    zone = catalog.LOCATIONS[location]["network_zone"]
    subnets = [part for part in network["subnets"] if part["network_zone"] == zone]
    if not subnets:
        raise failure("invalid_input", f"network has no subnet in the network zone {zone}")
    used = {
        net["ip"]
        for row in store.rows("server").values()
        for net in row["private_net"]
        if net["network"] == network["id"]
    } | {part["gateway"] for part in network["subnets"]}
    free = (str(ip) for part in subnets for ip in ipaddress.ip_network(part["ip_range"]).hosts())
    ip = str(wanted) if wanted else next((address for address in free if address not in used), "")
    if not ip or ip in used:
        raise failure("resource_limit_exceeded" if not ip else "conflict", "IP not available", status=409 if ip else 0)
    mac = "86:00:00:" + secrets.token_bytes(3).hex(":")
    return {"network": network["id"], "ip": ip, "alias_ips": [], "mac_address": mac}
