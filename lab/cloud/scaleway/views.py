"""From stored rows to what the API shows."""

from __future__ import annotations

from lab.cloud.scaleway import catalog
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, encode

_EMBEDDED = ("volume", "ip", "private_nic", "placement_group", "security_group")
ALLOWED = {
    "running": ["poweroff", "terminate", "reboot", "stop_in_place", "backup"],
    "stopped": ["poweron", "backup"],
    "stopped in place": ["poweron", "poweroff", "terminate", "backup"],
}


def public(row: JsonObject) -> JsonObject:
    """A row without its inner fields."""
    return {key: value for key, value in row.items() if not key.startswith("_")}


class Views:
    """Shows servers. A server's JSON is kept until its row, or one of the kinds that it embeds, changes."""

    def __init__(self, store: Store, settings: CloudSettings) -> None:
        self._store = store
        self._owner = {"organization": settings.scaleway_organization_id, "project": settings.scaleway_project_id}
        self._kept: dict[str, tuple[JsonObject, int, bytes]] = {}

    def server_bytes(self, row: JsonObject) -> bytes:
        """Encode one server, from the cache where that is right."""
        around = max(self._store.version_of(kind) for kind in _EMBEDDED)
        kept = self._kept.get(row["id"])
        if kept is None or kept[0] is not row or kept[1] != around:
            kept = (row, around, encode(self.server(row)))
            self._kept[row["id"]] = kept
        return kept[2]

    def forget(self, server_id: str) -> None:
        """Drop the kept JSON of a server that is gone."""
        self._kept.pop(server_id, None)

    def server(self, row: JsonObject) -> JsonObject:
        """Show one server."""
        addresses = self._public_ips(row)
        image = row["_image"]
        return {
            **public(row),
            **self._owner,
            "hostname": row["name"],
            "allowed_actions": ALLOWED.get(row["state"], []),
            "public_ip": addresses[0] if addresses else None,
            "public_ips": addresses,
            "private_ip": None,
            "mac_address": f"de:00:00:{row['id'][:2]}:{row['id'][2:4]}:{row['id'][4:6]}",
            "routed_ip_enabled": True,
            "enable_ipv6": False,
            "ipv6": None,
            "extra_networks": [],
            "bootscript": None,
            "boot_type": "local",
            "image": image and catalog.image_view(image),
            "volumes": {place: self._volume(row, number) for place, number in row["volumes"].items()},
            "security_group": self._security_group(row),
            "placement_group": self._placement_group(row["placement_group"]),
            "private_nics": [public(nic) for nic in self._nics(row["id"])],
            "location": self._location(row),
            "maintenances": [],
            "filesystems": [],
            "end_of_service": False,
            "dns": f"{row['id']}.pub.instances.scw.cloud",
            "admin_password_encryption_ssh_key_id": None,
            "admin_password_encrypted_value": None,
        }

    def _public_ips(self, row: JsonObject) -> list[JsonObject]:
        chosen = [self._store.get("ip", number) for number in row["_ips"]]
        shown = [self._server_ip(ip["id"], ip["address"], False) for ip in chosen if ip]
        if shown or not row["dynamic_ip_required"] or row["state"] == "stopped":
            return shown
        return [self._server_ip(catalog.stable_id(row["id"], "ip"), row["_address"], True)]

    def _server_ip(self, number: str, address: str, dynamic: bool) -> JsonObject:
        return {
            "id": number,
            "address": address,
            "gateway": "62.210.0.1",
            "netmask": "32",
            "family": "inet",
            "dynamic": dynamic,
            "provisioning_mode": "dhcp",
            "tags": [],
            "ipam_id": catalog.stable_id(number, "ipam"),
            "state": "attached",
        }

    def _volume(self, server: JsonObject, number: str) -> JsonObject:
        row = self._store.get("volume", number) or {}
        if row.get("volume_type") == "sbs_volume":
            return {
                "boot": False,
                "id": number,
                "state": "available",
                "volume_type": "sbs_volume",
                "zone": server["zone"],
            }
        return {**public(row), "boot": False, "server": {"id": server["id"], "name": server["name"]}}

    def volume(self, row: JsonObject) -> JsonObject:
        """Show a local volume in GET volumes."""
        server = self._store.get("server", row["_server"]) if row["_server"] else None
        return {**public(row), "server": server and {"id": server["id"], "name": server["name"]}}

    def block_volume(self, row: JsonObject) -> JsonObject:
        """Show a block volume in GET /block/v1/.../volumes."""
        references = []
        if row["_server"]:
            references.append(
                {
                    "id": catalog.stable_id(row["id"], "reference"),
                    "product_resource_type": "instance_server",
                    "product_resource_id": row["_server"],
                    "created_at": row["creation_date"],
                    "type": "exclusive",
                    "status": "attached",
                }
            )
        return {
            "id": row["id"],
            "name": row["name"],
            "type": "sbs_5k",
            "size": row["size"],
            "project_id": row["project"],
            "created_at": row["creation_date"],
            "updated_at": row["modification_date"],
            "references": references,
            "parent_snapshot_id": None,
            "status": "in_use" if references else "available",
            "tags": row["tags"],
            "zone": row["zone"],
            "specs": {"perf_iops": 5000, "class": "sbs"},
            "last_detached_at": None,
        }

    def ip(self, row: JsonObject) -> JsonObject:
        """Show a flexible IP."""
        server = self._store.get("server", row["_server"]) if row["_server"] else None
        return {
            **public(row),
            "server": server and {"id": server["id"], "name": server["name"]},
            "state": "attached" if server else "detached",
        }

    def security_group(self, row: JsonObject) -> JsonObject:
        """Show a security group with its servers."""
        members = [s for s in self._store.rows("server").values() if s["security_group"] == row["id"]]
        return {**public(row), "servers": [{"id": server["id"], "name": server["name"]} for server in members]}

    def _security_group(self, row: JsonObject) -> JsonObject:
        group = self._store.get("security_group", row["security_group"])
        return {"id": row["security_group"], "name": group["name"] if group else "Default security group"}

    def _placement_group(self, number: str | None) -> JsonObject | None:
        row = self._store.get("placement_group", number) if number else None
        return public(row) if row else None

    def _nics(self, server_id: str) -> list[JsonObject]:
        return [nic for nic in self._store.rows("private_nic").values() if nic["server_id"] == server_id]

    def _location(self, row: JsonObject) -> JsonObject | None:
        if row["state"] == "stopped":
            return None
        region, _dash, place = row["zone"].rpartition("-")
        zone_id = f"{region.rpartition('-')[2]}{place}"
        return {"zone_id": zone_id, "platform_id": "14", "cluster_id": "1", "hypervisor_id": "101", "node_id": "1"}
