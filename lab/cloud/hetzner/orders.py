"""Orders of servers: what a body of POST /servers must hold, and the rows that follow from it."""

from __future__ import annotations

import re

from lab.cloud.faults import Faults
from lab.cloud.hetzner import catalog, labels
from lab.cloud.hetzner.answers import failure, invalid, missing
from lab.cloud.hetzner.networks import attachment
from lab.cloud.hetzner.views import ipv6_network
from lab.cloud.ports import Machines
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject, timestamp

_HOSTNAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_USER_DATA_LIMIT = 32 * 1024
_GROUP_LIMIT = 10


class Orders:
    """Checks orders and turns them into rows; nothing is written here."""

    def __init__(self, store: Store, machines: Machines, faults: Faults) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults

    def rows(self, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        """Give the row of the new server and what must be written together with it; raise what the vendor refuses."""
        server_type, location, image = self._offer(body)
        name = self.free_name(body.get("name"))
        given = labels.checked(body.get("labels"))
        user_data = body.get("user_data") or ""
        if not isinstance(user_data, str) or len(user_data.encode()) > _USER_DATA_LIMIT:
            raise invalid("user_data", "must be text of at most 32 KiB")
        references = self._references(body, location["name"])
        self._refuse_by_fault(server_type["name"], location["name"])
        number = self._store.allocate()
        row: JsonObject = {
            "id": number,
            "name": name,
            "status": "initializing",
            "created": timestamp(),
            "server_type": server_type["name"],
            "location": location["name"],
            "image": image["id"],
            "labels": given,
            "address": self._machines.reserve(catalog.NAME, str(number)),
            "protection": {"delete": False, "rebuild": False},
            "primary_disk_size": server_type["disk"],
            "start": body.get("start_after_create", True) is not False,
            "doing": [],
            **references,
        }
        puts = [*self._addresses(row, body.get("public_net") or {}), *self._claim_volumes(row)]
        if user_data:
            puts.append(("user_data", str(number), {"text": user_data}))
        return row, puts

    def _offer(self, body: JsonObject) -> tuple[JsonObject, JsonObject, JsonObject]:
        for field in ("name", "server_type", "image"):
            if not body.get(field):
                raise invalid(field, "Missing data for required field.")
        server_type = catalog.find(catalog.SERVER_TYPES, body["server_type"])
        if server_type is None:
            raise failure("invalid_input", f"server type {body['server_type']} not found")
        wanted = body.get("location") or server_type["locations"][0]["name"]
        location = catalog.find(catalog.LOCATIONS, wanted)
        if location is None:
            raise failure("invalid_input", f"location {wanted} not found")
        sold = next((place for place in server_type["locations"] if place["name"] == location["name"]), None)
        if sold is None:
            raise failure("invalid_input", "unsupported location for server type")
        if sold["deprecation"]:
            raise failure("invalid_input", "server type is deprecated")
        image = catalog.image_for(body["image"], server_type["architecture"])
        if image is None:
            raise failure("invalid_input", f"image {body['image']} not found")
        if image["architecture"] != server_type["architecture"]:
            raise failure("invalid_input", "image is not compatible with the architecture of the server type")
        return server_type, location, image

    def free_name(self, name: object, itself: int = 0) -> str:
        """Give a name that no other server has, or raise."""
        if not isinstance(name, str) or not _HOSTNAME.fullmatch(name) or len(name) > 253:
            raise invalid("name", "must be a valid hostname as per RFC 1123")
        if any(row["name"] == name and row["id"] != itself for row in self._store.rows("server").values()):
            raise failure("uniqueness_error", "server name is already used", {"fields": [{"name": "name"}]})
        return name

    def _references(self, body: JsonObject, location: str) -> JsonObject:
        for key in body.get("ssh_keys") or []:
            if not any(str(key) in (row["name"], str(row["id"])) for row in self._store.rows("ssh_key").values()):
                raise failure("invalid_input", f"SSH key {key} not found")
        firewalls = [entry.get("firewall") for entry in body.get("firewalls") or []]
        for kind, wanted in (("firewall", firewalls), ("volume", body.get("volumes") or [])):
            for number in wanted:
                if self._store.get(kind, number) is None:
                    raise missing(kind, number)
        for number in body.get("volumes") or []:
            volume = self._store.get("volume", number)
            if volume and (volume["location"] != location or volume["server"] is not None):
                raise failure("invalid_input", "volume is attached already or in another location")
        private: list[JsonObject] = []
        for number in body.get("networks") or []:
            private.append(attachment(self._store, number, None, location))
        group = body.get("placement_group")
        if group is not None:
            self.check_group(group)
        return {
            "firewalls": firewalls,
            "volumes": list(body.get("volumes") or []),
            "private_net": private,
            "placement_group": group,
        }

    def check_group(self, number: int) -> None:
        """Raise unless one more server fits into the placement group."""
        if self._store.get("placement_group", number) is None:
            raise missing("placement group", number)
        members = sum(1 for row in self._store.rows("server").values() if row["placement_group"] == number)
        if members >= _GROUP_LIMIT:
            said = f"placement group with ID {number} contains already {_GROUP_LIMIT} servers"
            raise failure("placement_group_member_limit_reached", said)

    def _refuse_by_fault(self, server_type: str, location: str) -> None:
        if self._faults.on_server(catalog.NAME, "quota", server_type, location):
            raise failure("resource_limit_exceeded", "server limit reached", {"limits": [{"name": "server_limit"}]})
        if self._faults.on_server(catalog.NAME, "retired-type", server_type, location):
            raise failure("invalid_input", "server type is deprecated")
        if self._faults.on_server(catalog.NAME, "capacity", server_type, location):
            raise failure("resource_unavailable", "error during placement")

    def _addresses(self, row: JsonObject, wanted: JsonObject) -> list[Put]:
        puts: list[Put] = []
        for family, address in (("ipv4", row["address"]), ("ipv6", ipv6_network(row["id"]))):
            row[family] = None
            if wanted.get(f"enable_{family}", True) is False:
                continue
            chosen = wanted.get(family)
            if chosen is not None:
                kept = self._store.get("primary_ip", chosen)
                if kept is None:
                    raise missing("primary ip", chosen)
                ip = {**kept, "assignee_id": row["id"]}
            else:
                ip = primary_ip(self._store.allocate(), family, address, row["location"], row["id"])
            row[family] = {"id": ip["id"], "ip": ip["ip"]}
            puts.append(("primary_ip", str(ip["id"]), ip))
        return puts

    def _claim_volumes(self, row: JsonObject) -> list[Put]:
        claimed = [self._store.get("volume", number) for number in row["volumes"]]
        return [("volume", str(volume["id"]), {**volume, "server": row["id"]}) for volume in claimed if volume]


def primary_ip(number: int, family: str, address: str, location: str, server: int | None) -> JsonObject:
    """A primary IP that lives and dies with its server."""
    return {
        "id": number,
        "name": f"primary_ip-{number}",
        "ip": address,
        "type": family,
        "location": location,
        "assignee_id": server,
        "assignee_type": "server",
        "auto_delete": True,
        "created": timestamp(),
        "labels": {},
        "protection": {"delete": False},
    }
