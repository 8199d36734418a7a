"""From stored rows to what the API shows."""

from __future__ import annotations

import ipaddress

from lab.cloud.hetzner import balancers, catalog, labels
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, encode

_TRAFFIC = 21990232555520


def public(row: JsonObject) -> JsonObject:
    """A row without its inner fields."""
    return {key: value for key, value in row.items() if not key.startswith("_")}


def reverse_name(address: str) -> str:
    """The vendor's default PTR of an address."""
    return f"static.{'.'.join(reversed(address.split('.')))}.clients.your-server.de"


def ipv6_network(server_id: int) -> str:
    """A documentation /64 of one server."""
    base = int(ipaddress.IPv6Address("2001:db8::")) + (server_id << 64)
    return f"{ipaddress.IPv6Address(base)}/64"


class Views:
    """Shows servers and what hangs on them. A server's JSON is kept until its row, a firewall or an IP changes."""

    def __init__(self, store: Store, settings: CloudSettings) -> None:
        self._store = store
        self._settings = settings
        self._kept: dict[str, tuple[JsonObject, int, bytes]] = {}

    def server_bytes(self, row: JsonObject) -> bytes:
        """Encode one server, from the cache where that is right."""
        if row["placement_group"] is not None:
            return encode(self.server(row))
        key = str(row["id"])
        around = max(self._store.version_of("firewall"), self._store.version_of("floating_ip"))
        kept = self._kept.get(key)
        if kept is None or kept[0] is not row or kept[1] != around:
            kept = (row, around, encode(self.server(row)))
            self._kept[key] = kept
        return kept[2]

    def forget(self, server_id: str) -> None:
        """Drop the kept JSON of a server that is gone."""
        self._kept.pop(server_id, None)

    def server(self, row: JsonObject) -> JsonObject:
        """Show one server."""
        location = catalog.LOCATIONS[row["location"]]
        shown = {
            "id": row["id"],
            "name": row["name"],
            "status": row["status"],
            "created": row["created"],
            "public_net": self._public_net(row),
            "private_net": row["private_net"],
            "server_type": catalog.SERVER_TYPES[row["server_type"]],
            "location": location,
            "image": catalog.IMAGES[row["image"]],
            "iso": None,
            "rescue_enabled": False,
            "locked": bool(row["doing"]),
            "backup_window": None,
            "outgoing_traffic": 0,
            "ingoing_traffic": 0,
            "included_traffic": _TRAFFIC,
            "protection": row["protection"],
            "labels": row["labels"],
            "volumes": row["volumes"],
            "load_balancers": [],
            "primary_disk_size": row["primary_disk_size"],
            "placement_group": self._placement_group(row["placement_group"]),
        }
        if self._settings.hetzner_datacenters:
            shown["datacenter"] = datacenter(location)
        return shown

    def _public_net(self, row: JsonObject) -> JsonObject:
        four, six = row["ipv4"], row["ipv6"]
        applied = [*row["firewalls"], *self._selected_by(row)]
        return {
            "ipv4": four and {**four, "blocked": False, "dns_ptr": reverse_name(four["ip"])},
            "ipv6": six and {**six, "blocked": False, "dns_ptr": []},
            "floating_ips": [ip["id"] for ip in self._store.rows("floating_ip").values() if ip["server"] == row["id"]],
            "firewalls": [{"id": number, "status": "applied"} for number in applied],
        }

    def _selected_by(self, server: JsonObject) -> list[int]:
        return [
            firewall["id"]
            for firewall in self._store.rows("firewall").values()
            if firewall["id"] not in server["firewalls"]
            and any(labels.selector(text)(server["labels"]) for text in firewall["_selectors"])
        ]

    def _placement_group(self, number: int | None) -> JsonObject | None:
        row = self._store.get("placement_group", number) if number is not None else None
        return self.placement_group(row) if row else None

    def placement_group(self, row: JsonObject) -> JsonObject:
        """Show a placement group with its servers."""
        members = [server["id"] for server in self._servers() if server["placement_group"] == row["id"]]
        return {**public(row), "servers": members}

    def network(self, row: JsonObject) -> JsonObject:
        """Show a network with its servers."""
        members = [s["id"] for s in self._servers() if any(net["network"] == row["id"] for net in s["private_net"])]
        joined = [lb["id"] for lb in self._store.rows("load_balancer").values() if lb["network"] == row["id"]]
        return {**public(row), "servers": members, "load_balancers": joined}

    def firewall(self, row: JsonObject) -> JsonObject:
        """Show a firewall with the servers and selectors that it is applied to."""
        direct = [server["id"] for server in self._servers() if row["id"] in server["firewalls"]]
        applied: list[JsonObject] = [{"type": "server", "server": {"id": number}} for number in direct]
        for text in row["_selectors"]:
            test = labels.selector(text)
            found = [server["id"] for server in self._servers() if test(server["labels"])]
            applied.append(
                {
                    "type": "label_selector",
                    "label_selector": {"selector": text},
                    "applied_to_resources": [{"type": "server", "server": {"id": number}} for number in found],
                }
            )
        return {**public(row), "applied_to": applied}

    def volume(self, row: JsonObject) -> JsonObject:
        """Show a volume."""
        return {**public(row), "location": catalog.LOCATIONS[row["location"]]}

    def primary_ip(self, row: JsonObject) -> JsonObject:
        """Show a primary IP."""
        pointer = [{"ip": row["ip"], "dns_ptr": reverse_name(row["ip"])}] if row["type"] == "ipv4" else []
        shown = {**public(row), "location": catalog.LOCATIONS[row["location"]], "blocked": False, "dns_ptr": pointer}
        if self._settings.hetzner_datacenters:
            shown["datacenter"] = datacenter(shown["location"])
        return shown

    def floating_ip(self, row: JsonObject) -> JsonObject:
        """Show a floating IP."""
        pointer = [{"ip": row["ip"], "dns_ptr": reverse_name(row["ip"])}] if row["type"] == "ipv4" else []
        home = catalog.LOCATIONS[row["home_location"]]
        return {**public(row), "home_location": home, "blocked": False, "dns_ptr": pointer}

    def load_balancer(self, row: JsonObject) -> JsonObject:
        """Show a load balancer."""
        return balancers.shown(row)

    def _servers(self) -> list[JsonObject]:
        return list(self._store.rows("server").values())


def datacenter(location: JsonObject) -> JsonObject:
    """The datacenter that the vendor's API had until 2026."""
    numbers = [
        row["id"]
        for row in catalog.SERVER_TYPES.values()
        if any(p["name"] == location["name"] for p in row["locations"])
    ]
    return {
        "id": location["id"] + 1,
        "name": f"{location['name']}-dc1",
        "description": f"{location['city']} 1 virtual DC 1",
        "location": location,
        "server_types": {"supported": numbers, "available": numbers, "available_for_migration": numbers},
    }
