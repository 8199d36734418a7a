"""Load balancers, as far as somebody has to find and delete them. They carry no traffic."""

from __future__ import annotations

from lab.cloud.hetzner import catalog
from lab.cloud.hetzner.answers import invalid, missing
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

_ROUND_ROBIN: JsonObject = {"type": "round_robin"}


def made(store: Store, body: JsonObject) -> JsonObject:
    """The fields of a load balancer from the body of a POST."""
    kind = catalog.find(catalog.LOAD_BALANCER_TYPES, body.get("load_balancer_type"))
    if kind is None:
        raise invalid("load_balancer_type", "load balancer type not found")
    place = catalog.find(catalog.LOCATIONS, body.get("location"))
    if place is None:
        zone = body.get("network_zone")
        place = next((row for row in catalog.LOCATIONS.values() if row["network_zone"] == zone), None)
    if place is None:
        raise invalid("location", "location or network_zone is required")
    if body.get("network") is not None and store.get("network", body["network"]) is None:
        raise missing("network", body["network"])
    host = 1 + len(store.rows("load_balancer")) % 250
    return {
        "load_balancer_type": kind["name"],
        "location": place["name"],
        "algorithm": body.get("algorithm") or _ROUND_ROBIN,
        "services": list(body.get("services") or []),
        "targets": list(body.get("targets") or []),
        "public": body.get("public_interface", True) is not False,
        "address": f"192.0.2.{host}",
        "network": body.get("network"),
    }


def shown(row: JsonObject) -> JsonObject:
    """A load balancer as the API shows it."""
    pointer = f"static.{'.'.join(reversed(row['address'].split('.')))}.clients.your-server.de"
    return {
        **{
            key: row[key]
            for key in ("id", "name", "labels", "created", "protection", "algorithm", "services", "targets")
        },
        "load_balancer_type": catalog.LOAD_BALANCER_TYPES[row["load_balancer_type"]],
        "location": catalog.LOCATIONS[row["location"]],
        "public_net": {
            "enabled": row["public"],
            "ipv4": {"ip": row["address"], "dns_ptr": pointer},
            "ipv6": {"ip": f"2001:db8:fffd::{row['id']:x}", "dns_ptr": None},
        },
        "private_net": [] if row["network"] is None else [{"network": row["network"], "ip": "10.0.0.254"}],
        "included_traffic": 21990232555520,
        "ingoing_traffic": None,
        "outgoing_traffic": None,
    }
