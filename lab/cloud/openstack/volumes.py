"""Volumes: rows, and what Cinder allows to be done with them."""

from __future__ import annotations

import uuid

from lab.cloud.openstack.answers import compute
from lab.cloud.openstack.catalog import REGIONS
from lab.cloud.openstack.networks import moment
from lab.cloud.openstack.views import public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

VOLUME_ZONE = "nova"


def new_volume(region: str, project: str, body: JsonObject) -> JsonObject:
    """A new volume from the body of POST /volumes; raise what Cinder refuses. The caller writes it."""
    known = REGIONS[region]
    size, kind = body.get("size"), body.get("volume_type") or known.volume_types[0]
    if not str(size or "").isdigit() or int(str(size)) < 1:
        what = f"Invalid volume size provided for create request: {size}"
        why = "size argument must be an integer (or string representation) and greater than zero"
        raise compute(400, f"Invalid input received: {what} ({why}).")
    if kind not in known.volume_types:
        raise compute(404, f"Volume type with name {kind} could not be found.")
    image = known.images.get(str(body.get("imageRef")))
    if body.get("imageRef") and image is None:
        raise compute(400, "Invalid image identifier or unable to access requested image.")
    metadata = body.get("metadata") or {}
    _check_metadata(metadata)
    now = moment()
    row: JsonObject = {
        "id": str(uuid.uuid4()),
        "name": body.get("name") or "",
        "description": body.get("description"),
        "region": region,
        "size": int(str(size)),
        "status": "available",
        "volume_type": kind,
        "availability_zone": VOLUME_ZONE,
        "attachments": [],
        "metadata": dict(metadata),
        "bootable": "true" if image else "false",
        "encrypted": False,
        "multiattach": False,
        "snapshot_id": None,
        "source_volid": None,
        "consistencygroup_id": None,
        "replication_status": None,
        "created_at": now,
        "updated_at": now,
        "os-vol-tenant-attr:tenant_id": project,
    }
    if image:
        row["volume_image_metadata"] = {"image_id": image["id"], "image_name": image["name"]}
    return row


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise compute(400, f"Invalid input for field/attribute metadata. Value: {metadata}. It is not text by text")
    for key, value in metadata.items():
        if not 1 <= len(key) <= 255 or len(value) > 255:
            raise compute(400, f"Invalid input for field/attribute metadata. Value: {metadata}. '{key}' is too long")


def attached(server: str, device: str) -> JsonObject:
    """What of a volume's row changes when a server has it."""
    attachment = {
        "attachment_id": str(uuid.uuid4()),
        "server_id": server,
        "device": device,
        "attached_at": moment(),
        "host_name": None,
    }
    return {"status": "in-use", "attachments": [attachment]}


class Volumes:
    """The volumes of the project."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project

    def get(self, region: str, number: str) -> JsonObject:
        """Give a volume's row, or raise itemNotFound."""
        row = self._store.get("volume", number)
        if row is None or row["region"] != region:
            raise compute(404, f"Volume {number} could not be found.")
        return row

    def of_region(self, region: str) -> list[JsonObject]:
        """Give all volumes of a region, the newest first."""
        return [row for row in self._store.rows("volume").values() if row["region"] == region][::-1]

    def create(self, region: str, body: JsonObject) -> JsonObject:
        """Create a volume."""
        row = new_volume(region, self._project, body)
        self._store.write([("volume", row["id"], row)])
        return row

    def change(self, region: str, number: str, **changes: object) -> JsonObject:
        """Change fields of a volume."""
        row = {**self.get(region, number), **changes, "updated_at": moment()}
        if "metadata" in changes:
            _check_metadata(changes["metadata"])
        self._store.write([("volume", number, row)])
        return row

    def delete(self, region: str, number: str) -> None:
        """Delete a volume that no server has."""
        row = self.get(region, number)
        if row["attachments"]:
            why = "Volume status must be available or error or error_restoring or error_extending or error_managing"
            message = f"Invalid volume: {why} and must not be migrating, attached, belong to a group or have snapshots."
            raise compute(400, message)
        self._store.write((), [("volume", number)])

    @staticmethod
    def view(row: JsonObject) -> JsonObject:
        """Show a volume."""
        attachments = [{**entry, "id": row["id"], "volume_id": row["id"]} for entry in row["attachments"]]
        return {**public(row), "attachments": attachments, "links": []}
