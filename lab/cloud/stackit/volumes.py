"""Volumes, those that servers boot from and others, and how they are attached."""

from __future__ import annotations

import uuid

from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import conflict, failure, invalid, now
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.rows import find, named
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject


def new_volume(
    region: str, zone: str, size: object, performance_class: object, source: JsonObject | None
) -> JsonObject:
    """A new volume of `size` GB; the caller writes it."""
    if not isinstance(size, int) or size < 1:
        raise invalid("size", "number must be at least 1")
    if performance_class is not None and performance_class not in catalog.PERFORMANCE_CLASSES:
        raise failure(404, f"volume performance class {performance_class} not found")
    if source and source["type"] == "image":
        image = catalog.find_image(region, source.get("id"))
        if image is None:
            raise failure(404, f"image {source.get('id')} not found")
        if size < image["minDiskSize"]:
            raise failure(400, f"Volume size {size}GB is smaller than the image minDisk size {image['minDiskSize']}GB.")
    return {
        "id": str(uuid.uuid4()),
        "name": None,
        "description": None,
        "status": "AVAILABLE",
        "size": size,
        "performanceClass": performance_class or catalog.DEFAULT_CLASS,
        "availabilityZone": zone,
        "bootable": source is not None,
        "encrypted": False,
        "source": source,
        "serverId": None,
        "labels": {},
        "createdAt": now(),
        "updatedAt": now(),
        "_region": region,
        "_ends_with_server": False,
    }


def attachment(row: JsonObject) -> JsonObject:
    """Show how a volume is attached."""
    return {"serverId": row["serverId"], "volumeId": row["id"], "deleteOnTermination": row["_ends_with_server"]}


class Volumes:
    """Create, change, attach and delete."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, region: str, body: JsonObject) -> JsonObject:
        """Create a volume that no server uses."""
        zone = body.get("availabilityZone")
        if zone not in catalog.REGIONS[region]:
            raise invalid("availabilityZone", f"availability zone {zone} not found")
        row = new_volume(region, str(zone), body.get("size"), body.get("performanceClass"), body.get("source"))
        row |= {
            "name": named(body) if body.get("name") else None,
            "description": body.get("description"),
            "labels": merged({}, body.get("labels")),
            "bootable": body.get("bootable", row["bootable"]),
        }
        self._store.write([("volume", row["id"], row)])
        return row

    def update(self, region: str, number: str, body: JsonObject) -> JsonObject:
        """Change name, description, labels, or whether the volume is bootable."""
        row = find(self._store, "volume", region, number)
        changed = {**row, "labels": merged(row["labels"], body.get("labels")), "updatedAt": now()}
        changed |= {field: body[field] for field in ("name", "description", "bootable") if field in body}
        self._store.write([("volume", number, changed)])
        return changed

    def resize(self, region: str, number: str, body: JsonObject) -> None:
        """Make a volume larger."""
        row = find(self._store, "volume", region, number)
        size = body.get("size")
        if not isinstance(size, int) or size <= row["size"]:
            raise failure(400, f"New size for extend must be greater than current size ({row['size']}).")
        self._store.write([("volume", number, {**row, "size": size, "updatedAt": now()})])

    def delete(self, region: str, number: str) -> None:
        """Delete a volume that no server uses."""
        row = find(self._store, "volume", region, number)
        if row["serverId"]:
            raise conflict(f"volume {number} is in use by server {row['serverId']}")
        self._store.write((), [("volume", number)])

    def attached(self, region: str, server: JsonObject, number: str) -> JsonObject:
        """Give a volume of a server."""
        row = find(self._store, "volume", region, number)
        if row["serverId"] != server["id"]:
            raise failure(404, f"volume {number} is not attached to server {server['id']}")
        return row

    def attach(self, region: str, server: JsonObject, number: str, body: JsonObject) -> JsonObject:
        """Attach a free volume of the same zone to a server."""
        row = find(self._store, "volume", region, number)
        if row["serverId"]:
            raise conflict(f"volume {number} is in use by server {row['serverId']}")
        if row["availabilityZone"] != server["availabilityZone"]:
            raise failure(400, f"volume {number} and server {server['id']} are not in the same availability zone")
        changed = {
            **row,
            "serverId": server["id"],
            "status": "ATTACHED",
            "updatedAt": now(),
            "_ends_with_server": bool(body.get("deleteOnTermination")),
        }
        held = {**server, "volumes": [*server["volumes"], number]}
        self._store.write([("volume", number, changed), ("server", server["id"], held)])
        return attachment(changed)

    def update_attachment(self, region: str, server: JsonObject, number: str, body: JsonObject) -> JsonObject:
        """Change whether a volume goes with its server."""
        row = self.attached(region, server, number)
        ends = bool(body.get("deleteOnTermination", row["_ends_with_server"]))
        changed = {**row, "_ends_with_server": ends}
        puts: list[Put] = [("volume", number, changed)]
        if server["bootVolume"] and server["bootVolume"]["id"] == number:
            puts.append(("server", server["id"], {**server, "bootVolume": {"id": number, "deleteOnTermination": ends}}))
        self._store.write(puts)
        return attachment(changed)

    def detach(self, region: str, server: JsonObject, number: str) -> None:
        """Take a volume from a server that does not run from it."""
        row = self.attached(region, server, number)
        boot = server["bootVolume"]
        if boot and boot["id"] == number:
            raise failure(400, "Cannot detach a root device volume")
        held = {**server, "volumes": [one for one in server["volumes"] if one != number]}
        self._store.write([("volume", number, freed(row)), ("server", server["id"], held)])


def freed(row: JsonObject) -> JsonObject:
    """A volume whose server lets go of it."""
    return {**row, "serverId": None, "status": "AVAILABLE", "updatedAt": now(), "_ends_with_server": False}
