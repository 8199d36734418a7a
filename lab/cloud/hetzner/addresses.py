"""Addresses that can outlive a server: primary and floating IPs."""

from __future__ import annotations

from lab.cloud.hetzner import catalog
from lab.cloud.hetzner.answers import invalid
from lab.cloud.hetzner.orders import primary_ip
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject


def made_primary(store: Store, body: JsonObject) -> JsonObject:
    """The fields of a primary IP that somebody ordered by itself."""
    place = catalog.find(catalog.LOCATIONS, body.get("location"))
    if place is None or body.get("type") not in ("ipv4", "ipv6"):
        raise invalid("location", "location and type are required")
    address = _address("203.0.113", "2001:db8:ffff", body["type"], len(store.rows("primary_ip")))
    made = primary_ip(0, body["type"], address, place["name"], body.get("assignee_id"))
    return {
        **{key: made[key] for key in ("ip", "type", "location", "assignee_id", "assignee_type")},
        "auto_delete": bool(body.get("auto_delete")),
    }


def made_floating(store: Store, body: JsonObject) -> JsonObject:
    """The fields of a floating IP; its home is that of the server unless it is named."""
    server = store.get("server", body["server"]) if body.get("server") else None
    home = catalog.find(catalog.LOCATIONS, server["location"] if server else body.get("home_location"))
    if home is None or body.get("type") not in ("ipv4", "ipv6"):
        raise invalid("home_location", "type, and home_location or server, are required")
    return {
        "description": body.get("description"),
        "ip": _address("198.51.100", "2001:db8:fffe", body["type"], len(store.rows("floating_ip"))),
        "type": body["type"],
        "home_location": home["name"],
        "server": server["id"] if server else None,
    }


def _address(four: str, six: str, family: str, taken: int) -> str:
    host = 1 + taken % 250
    return f"{four}.{host}" if family == "ipv4" else f"{six}:{host:x}::/64"
