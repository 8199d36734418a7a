"""Orders of servers: what a body of POST servers must hold, and the rows that follow from it."""

from __future__ import annotations

import binascii
import re
import uuid
from base64 import b64decode
from dataclasses import dataclass

from lab.cloud.faults import Faults
from lab.cloud.ports import Machines
from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import conflict, failure, invalid, not_found, now
from lab.cloud.stackit.groups import default_security_group
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.nics import new_nic
from lab.cloud.stackit.rows import find
from lab.cloud.stackit.volumes import new_volume
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject

_DNS = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_NAME = re.compile(rf"(?:{_DNS}\.)*{_DNS}")
_LONGEST_NAME = 63
_MAX_USER_DATA = 65535


@dataclass(frozen=True)
class Wiring:
    """The interfaces of a new server, and the address of its machine, which is that of the first one."""

    nics: list[JsonObject]
    address: str


def new_server(number: str, zone: str, body: JsonObject, volume: JsonObject | None, wiring: Wiring) -> JsonObject:
    """A new server from the checked body of an order; the caller writes it."""
    return {
        "id": number,
        "name": body["name"],
        "status": "CREATING",
        "powerStatus": None,
        "errorMessage": None,
        "machineType": body["machineType"],
        "availabilityZone": zone,
        "imageId": None if volume else body["imageId"],
        "bootVolume": volume and {"id": volume["id"], "deleteOnTermination": volume["_ends_with_server"]},
        "volumes": [volume["id"]] if volume else [],
        "keypairName": body.get("keypairName"),
        "affinityGroup": body.get("affinityGroup"),
        "labels": dict(body.get("labels") or {}),
        "metadata": dict(body.get("metadata") or {}),
        "configDrive": bool(body.get("configDrive")),
        "createdAt": now(),
        "updatedAt": now(),
        "launchedAt": None,
        "_region": catalog.region_of(zone),
        "_nics": [nic["id"] for nic in wiring.nics],
        "_address": wiring.address,
        "_lacking": False,
    }


class Orders:
    """Checks orders and turns them into rows; nothing is written here."""

    def __init__(self, store: Store, machines: Machines, faults: Faults) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults

    def rows(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        """Give the row of the new server and what must be written together with it; raise what the vendor refuses."""
        server_name(body.get("name"))
        zone = body.get("availabilityZone") or catalog.REGIONS[region][0]
        machine_type = body.get("machineType")
        if machine_type not in catalog.MACHINE_TYPES:
            raise failure(400, f"machine type {machine_type} not found")
        if zone not in catalog.REGIONS[region]:
            raise failure(400, f"availability zone {zone} not found")
        labels, user_data = merged({}, body.get("labels")), _text_of(body.get("userData"))
        if body.get("keypairName") and self._store.get("keypair", body["keypairName"]) is None:
            raise not_found("keypair", body["keypairName"])
        if body.get("affinityGroup"):
            find(self._store, "affinity_group", region, body["affinityGroup"])
        number = str(uuid.uuid4())
        volume = self._boot_volume(region, zone, body)
        groups = self._groups(region, body.get("securityGroups") or [])
        self._check_networking(region, body.get("networking"))
        lacking = self._faulted(machine_type, zone)
        wiring = self._wired(region, number, body["networking"], groups)
        row = {**new_server(number, zone, body, volume, wiring), "labels": labels, "_lacking": lacking}
        puts: list[Put] = [("nic", nic["id"], nic) for nic in wiring.nics]
        if volume:
            puts.append(("volume", volume["id"], {**volume, "serverId": number}))
        if user_data:
            puts.append(("user_data", number, {"text": user_data, "encoded": body["userData"]}))
        return row, puts

    def _boot_volume(self, region: str, zone: str, body: JsonObject) -> JsonObject | None:
        given, image = body.get("bootVolume"), body.get("imageId")
        if bool(given) == bool(image):
            raise failure(400, "either imageId or bootVolume must be given")
        if not given:
            if catalog.find_image(region, image) is None:
                raise not_found("image", image)
            return None
        source = given.get("source")
        if not isinstance(source, dict) or source.get("type") not in ("image", "volume"):
            raise invalid("bootVolume/source/type", "value is not one of the allowed values image, volume")
        ends = bool(given.get("deleteOnTermination"))
        if source["type"] == "image":
            made = new_volume(region, zone, given.get("size"), given.get("performanceClass"), source)
            return {**made, "status": "CREATING", "_ends_with_server": ends}
        kept = find(self._store, "volume", region, source.get("id"))
        if kept["serverId"]:
            raise conflict(f"volume {kept['id']} is in use by server {kept['serverId']}")
        if kept["availabilityZone"] != zone:
            raise failure(400, f"volume {kept['id']} is not in availability zone {zone}")
        return {**kept, "status": "ATTACHING", "_ends_with_server": ends}

    def _groups(self, region: str, wanted: list[str]) -> list[str]:
        """Give the ids of security groups that are named by id or by name."""
        known = [row for row in self._store.rows("security_group").values() if row["_region"] == region]
        found = []
        for given in wanted:
            number = next((row["id"] for row in known if given in (row["id"], row["name"])), None)
            if number is None:
                raise not_found("security group", given)
            found.append(number)
        return found or [default_security_group(region)]

    def _check_networking(self, region: str, networking: object) -> None:
        if not isinstance(networking, dict) or len(networking.keys() & {"networkId", "nicIds"}) != 1:
            raise invalid("networking", "input must match exactly one of the oneOf schemas networkId, nicIds")
        if "networkId" in networking:
            find(self._store, "network", region, networking["networkId"])
            return
        for number in networking["nicIds"]:
            nic = find(self._store, "nic", region, number)
            if nic["device"]:
                raise conflict(f"network interface {number} is in use by server {nic['device']}")

    def _wired(self, region: str, server: str, networking: JsonObject, groups: list[str]) -> Wiring:
        joined = {"device": server, "type": "server", "status": "DOWN"}
        if networking.get("nicIds"):
            rows = self._store.rows("nic")
            nics = [{**rows[number], **joined} for number in networking["nicIds"]]
            return Wiring(nics, nics[0]["ipv4"])
        address = self._machines.reserve(catalog.NAME, server)
        if "networkId" not in networking:
            return Wiring([], address)
        return Wiring([{**new_nic(region, networking["networkId"], address, groups, True), **joined}], address)

    def _faulted(self, machine_type: str, zone: str) -> bool:
        """Raise what is refused at once; give whether there is no room, which shows only later."""
        if catalog.fault_on(self._faults, "retired-type", machine_type, zone):
            raise failure(400, f"machine type {machine_type} not found")
        if catalog.fault_on(self._faults, "quota", machine_type, zone):
            cores = catalog.MACHINE_TYPES[machine_type]["vcpus"]
            why = f"Requested {cores}, but already used 0 of 0 cores"
            raise failure(403, f"Quota exceeded for cores: {why}")
        return catalog.fault_on(self._faults, "capacity", machine_type, zone) is not None


def server_name(name: object) -> str:
    """Give the name of a server; raise 400 if it is not one."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise invalid("name", "string doesn't match the regular expression of server names")
    return name


def _text_of(user_data: object) -> str:
    """Give the text of user data, which travels as base64."""
    if user_data is None:
        return ""
    try:
        text = b64decode(str(user_data), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid("userData", "value must be base64 encoded") from None
    if len(str(user_data)) > _MAX_USER_DATA:
        raise invalid("userData", f"maximum string length is {_MAX_USER_DATA}")
    return text
