"""Orders of servers: what a body of POST servers must hold, and the rows that follow from it."""

from __future__ import annotations

import uuid

from lab.cloud.faults import Faults
from lab.cloud.ports import Machines
from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import denied, invalid, refused, unknown
from lab.cloud.scaleway.groups import GROUP_LIMIT, default_security_group
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store
from lab.cloud.wire import ApiFailure, JsonObject, timestamp

_ROOT_SIZE = 10_000_000_000


class Orders:
    """Checks orders and turns them into rows; nothing is written here."""

    def __init__(self, store: Store, machines: Machines, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._settings = settings

    def rows(self, zone: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        """Give the row of the new server and what must be written together with it; raise what the vendor refuses."""
        server_type = body.get("commercial_type")
        if server_type not in catalog.SERVER_TYPES:
            raise invalid("commercial_type", f"{server_type} is not a valid commercial type in this zone")
        if body.get("project", self._settings.scaleway_project_id) != self._settings.scaleway_project_id:
            raise denied("write", "instance")
        if not isinstance(body.get("tags") or [], list) or not all(
            isinstance(tag, str) for tag in body.get("tags") or []
        ):
            raise invalid("tags", "must be a list of strings")
        image = self._image(zone, body.get("image"), server_type)
        self._refuse_by_fault(server_type, zone)
        number = str(uuid.uuid4())
        name = body.get("name") or f"srv-{number[:8]}"
        volumes = self._volumes(zone, number, name, server_type, image, body.get("volumes") or {})
        addresses = self._flexible(number, zone, body)
        group = body.get("security_group")
        now = timestamp()
        row: JsonObject = {
            "id": number,
            "name": name,
            "tags": list(body.get("tags") or []),
            "commercial_type": server_type,
            "arch": catalog.SERVER_TYPES[server_type]["arch"],
            "zone": zone,
            "state": "stopped",
            "state_detail": "",
            "creation_date": now,
            "modification_date": now,
            "protected": bool(body.get("protected")),
            "dynamic_ip_required": body.get("dynamic_ip_required", True) is not False,
            "volumes": {place: volume["id"] for place, volume in volumes.items()},
            "security_group": group or default_security_group(zone),
            "placement_group": body.get("placement_group"),
            "_image": image,
            "_ips": [ip["id"] for ip in addresses],
            "_address": addresses[0]["address"] if addresses else self._machines.reserve(catalog.NAME, number),
            "_task": "",
            "_terminating": False,
        }
        self._check_groups(group, row["placement_group"])
        puts: list[Put] = [("volume", volume["id"], volume) for volume in volumes.values()]
        puts += [("ip", ip["id"], ip) for ip in addresses]
        return row, puts

    def _image(self, zone: str, wanted: object, server_type: str) -> JsonObject | None:
        if not wanted:
            return None
        image = catalog.find_image(zone, wanted, server_type)
        if image is None:
            raise invalid("image", f"image {wanted} not found")
        if server_type not in image["compatible_commercial_types"]:
            raise invalid("image", f"image {wanted} is not compatible with {server_type}")
        return image

    def _refuse_by_fault(self, server_type: str, zone: str) -> None:
        if self._faults.on_server(catalog.NAME, "quota", server_type, zone):
            resource = f"compute_instances_type_{server_type.lower().replace('-', '_')}_available"
            raise refused("Quota exceeded for this resource.", 403, resource=resource)
        if self._faults.on_server(catalog.NAME, "retired-type", server_type, zone):
            raise invalid("commercial_type", f"{server_type} is not available anymore")
        if self._faults.on_server(catalog.NAME, "capacity", server_type, zone):
            body = {"type": "out_of_stock", "message": "resource is out of stock", "resource": "commercial_type"}
            raise ApiFailure(503, body)

    def _volumes(
        self, zone: str, server: str, name: str, server_type: str, image: JsonObject | None, wanted: JsonObject
    ) -> dict[str, JsonObject]:
        local = catalog.SERVER_TYPES[server_type]["local"]
        if not wanted and image:
            kind = "l_ssd" if image["type"] == "instance_local" else "sbs_volume"
            wanted = {"0": {"volume_type": kind, "size": local if kind == "l_ssd" else _ROOT_SIZE}}
        volumes: dict[str, JsonObject] = {}
        for place, given in wanted.items():
            if given.get("id"):
                kept = self._store.get("volume", given["id"])
                if kept is None or kept["zone"] != zone:
                    raise unknown(given["id"], "Volume")
                if kept["_server"]:
                    raise refused("volume is already attached to a server")
                volumes[place] = {**kept, "_server": server}
                continue
            kind = given.get("volume_type") or ("l_ssd" if local else "sbs_volume")
            volumes[place] = self.volume(zone, given.get("name") or f"{name}-{place}", given.get("size"), kind, server)
        used = sum(volume["size"] for volume in volumes.values() if volume["volume_type"] == "l_ssd")
        if used > local:
            raise invalid("volumes", f"the total size of local volumes must be at most {local} bytes")
        return volumes

    def volume(self, zone: str, name: str, size: object, kind: str, server: str = "") -> JsonObject:
        """A new volume; the caller writes it."""
        if kind not in ("l_ssd", "sbs_volume", "b_ssd", "scratch"):
            raise invalid("volume_type", f"{kind} is not a valid volume type")
        now = timestamp()
        return {
            "id": str(uuid.uuid4()),
            "name": name,
            "size": int(str(size or _ROOT_SIZE)),
            "volume_type": kind,
            "organization": self._settings.scaleway_organization_id,
            "project": self._settings.scaleway_project_id,
            "export_uri": None,
            "creation_date": now,
            "modification_date": now,
            "state": "available",
            "tags": [],
            "zone": zone,
            "_server": server,
        }

    def _flexible(self, server: str, zone: str, body: JsonObject) -> list[JsonObject]:
        wanted = list(body.get("public_ips") or ([body["public_ip"]] if body.get("public_ip") else []))
        rows: list[JsonObject] = []
        for number in wanted:
            ip = self._store.get("ip", number)
            if ip is None or ip["zone"] != zone:
                raise unknown(number, "IP")
            if ip["_server"]:
                raise refused("ip is already attached to a server")
            rows.append({**ip, "_server": server})
        return rows

    def _check_groups(self, security: str | None, placement: str | None) -> None:
        if security and self._store.get("security_group", security) is None:
            raise unknown(security, "Security group")
        if placement and self._store.get("placement_group", placement) is None:
            raise unknown(placement, "Placement group")
        members = [row for row in self._store.rows("server").values() if row["placement_group"] == placement]
        if placement and len(members) >= GROUP_LIMIT:
            raise refused(f"placement group {placement} has its maximum of {GROUP_LIMIT} servers")
