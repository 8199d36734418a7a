"""Orders of servers: what a body of POST /servers must hold, and the rows that follow from it."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass

from lab.cloud.faults import Faults
from lab.cloud.openstack import catalog
from lab.cloud.openstack.answers import compute, invalid
from lab.cloud.openstack.networks import Networks, NoAddress, default_group_id, moment
from lab.cloud.openstack.volumes import attached, new_volume
from lab.cloud.ports import Machines
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store
from lab.cloud.wire import ApiFailure, JsonObject

_MAX_USER_DATA = 65535
_MAX_METADATA = 128
_KEY = re.compile(r"[a-zA-Z0-9-_:. ]{1,255}")
_FIELDS = {
    1: "name imageRef flavorRef key_name networks security_groups metadata user_data availability_zone config_drive "
    "block_device_mapping block_device_mapping_v2 min_count max_count adminPass accessIPv4 accessIPv6 "
    "OS-DCF:diskConfig return_reservation_id",
    19: "description",
    52: "tags",
    63: "trusted_image_certificates",
    90: "hostname",
}


def check_metadata(metadata: object) -> dict[str, str]:
    """Give metadata that Nova takes; raise its refusals."""
    if not isinstance(metadata, dict):
        raise invalid("metadata", metadata, f"{metadata!r} is not of type 'object'")
    for key, value in metadata.items():
        if not _KEY.fullmatch(key):
            why = f"{key!r} does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{{1,255}}$'"
            raise invalid("metadata", metadata, f"Additional properties are not allowed ({why})")
        if not isinstance(value, str):
            raise invalid(f"metadata/{key}", value, f"{value!r} is not of type 'string'")
        if len(value) > 255:
            raise invalid(f"metadata/{key}", value, f"{value!r} is too long")
    if len(metadata) > _MAX_METADATA:
        raise compute(403, f"Maximum number of metadata items exceeds {_MAX_METADATA}")
    return dict(metadata)


def check_name(name: object) -> str:
    """Give a name that Nova takes; raise its refusals."""
    if not isinstance(name, str):
        raise invalid("name", name, f"{name!r} is not of type 'string'")
    if not name or len(name) > 255:
        raise invalid("name", name, f"{name!r} is too {'long' if name else 'short'}")
    if name != name.strip():
        raise invalid("name", name, f"{name!r} does not match any of the regexes for names")
    return name


def server_row(region: str, number: str, name: str, flavor: str, *, zone: str, groups: list[str]) -> JsonObject:
    """A server that is about to be built, as bare as it can be."""
    now = moment()
    return {
        "id": number,
        "name": name,
        "region": region,
        "status": "BUILD",
        "metadata": {},
        "key_name": None,
        "created": now,
        "updated": now,
        "_task": "scheduling",
        "_launched": "",
        "_homeless": False,
        "_fault": None,
        "_locked": False,
        "_locked_reason": None,
        "_flavor": flavor,
        "_image": "",
        "_zone": zone,
        "_pinned_zone": None,
        "_groups": groups,
        "_server_groups": [],
        "_description": None,
        "_tags": [],
        "_volumes": [],
        "_ports": [],
        "_addresses": {},
        "_address": "",
    }


@dataclass(frozen=True)
class Order:
    """The row of a new server, its user data as text, and what must be written together with them."""

    row: JsonObject
    user_data: str
    puts: list[Put]


class Orders:
    """Checks orders and turns them into rows; nothing is written here."""

    def __init__(
        self, store: Store, machines: Machines, faults: Faults, settings: CloudSettings, networks: Networks
    ) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._project = settings.ovhcloud_project_id
        self._networks = networks

    def order(self, region: str, body: JsonObject, hints: JsonObject, minor: int) -> Order:
        """Turn the body of POST /servers into rows; raise what Nova refuses."""
        self._check_fields(body, minor)
        name = check_name(body["name"])
        metadata = check_metadata(body.get("metadata") or {})
        user_data = _user_data(body.get("user_data"))
        flavor = self._flavor(region, str(body["flavorRef"]))
        wanted = body.get("block_device_mapping_v2") or []
        image = self._image(region, body.get("imageRef"), bool(wanted))
        self._check_key(region, body.get("key_name"))
        zone = self._zone(region, body.get("availability_zone"))
        groups = self._groups(region, body.get("security_groups"))
        server_groups = self._server_groups(region, hints.get("group"))
        if self._faults.on_server(catalog.NAME, "quota", flavor.name, region):
            message = "Quota exceeded for instances: Requested 1, but already used 20 of 20 instances"
            raise compute(403, message)
        homeless = self._faults.on_server(catalog.NAME, "capacity", flavor.name, region) is not None
        number = str(uuid.uuid4())
        disks = [] if homeless else self._volumes(region, number, zone, wanted)
        ports = [] if homeless else self._ports(region, number, zone, groups, body.get("networks"), minor)
        row = {
            **server_row(region, number, name, flavor.id, zone=zone, groups=groups),
            "metadata": metadata,
            "key_name": body.get("key_name"),
            "_homeless": homeless,
            "_image": image,
            "_pinned_zone": body.get("availability_zone"),
            "_server_groups": server_groups,
            "_description": body.get("description"),
            "_tags": list(body.get("tags") or []),
            "_volumes": [
                {"id": volume["id"], "delete_on_termination": bool(disk.get("delete_on_termination"))}
                for volume, disk in disks
            ],
            "_ports": [port["id"] for port in ports],
            "_addresses": self._networks.addresses(ports),
            "_address": self._networks.public_address(ports) or self._machines.reserve(catalog.NAME, number),
        }
        puts: list[Put] = [("port", port["id"], port) for port in ports]
        puts += [("volume", volume["id"], volume) for volume, _disk in disks]
        return Order(row, user_data, puts)

    # ---- checks

    @staticmethod
    def _check_fields(body: JsonObject, minor: int) -> None:
        for wanted in ("name", "flavorRef", *(["networks"] if minor >= 37 else [])):
            if wanted not in body:
                raise invalid("server", body, f"'{wanted}' is a required property")
        known = {field for since, names in _FIELDS.items() if minor >= since for field in names.split()}
        for field in body:
            if field not in known:
                raise invalid("server", body, f"Additional properties are not allowed ('{field}' was unexpected)")
        for field in ("min_count", "max_count"):
            if str(body.get(field, 1)) != "1":
                raise compute(403, "Quota exceeded for instances: this project may order one at a time")

    def _flavor(self, region: str, reference: str) -> catalog.Flavor:
        number = reference.rpartition("/")[2]
        flavor = catalog.REGIONS[region].flavors.get(number)
        if flavor is None or self._faults.on_server(catalog.NAME, "retired-type", flavor.name, region):
            raise compute(400, f"Flavor {number} could not be found.")
        return flavor

    @staticmethod
    def _image(region: str, reference: object, has_disks: bool) -> str:
        if not reference and has_disks:
            return ""
        number = str(reference or "").rpartition("/")[2]
        try:
            uuid.UUID(number)
        except ValueError:
            raise compute(400, "Invalid imageRef provided.") from None
        if number not in catalog.REGIONS[region].images:
            raise compute(400, "Can not find requested image")
        return number

    def _check_key(self, region: str, name: object) -> None:
        if name is not None and self._store.get("keypair", f"{region}/{name}") is None:
            raise compute(400, "Invalid key_name provided.")

    @staticmethod
    def _zone(region: str, wanted: object) -> str:
        zones = catalog.REGIONS[region].zones
        if wanted and str(wanted) not in zones:
            raise compute(400, "The requested availability zone is not available")
        return str(wanted or zones[0])

    def _groups(self, region: str, wanted: object) -> list[str]:
        names = [str(group.get("name")) for group in wanted] if isinstance(wanted, list) else []
        rows = [row for row in self._store.rows("security_group").values() if row["region"] == region]
        numbers = []
        for name in names:
            found = [row["id"] for row in rows if name == row["id"]]
            found = found or [row["id"] for row in rows if name == row["name"]]
            if not found:
                raise compute(400, f"Security group {name} not found for project {self._project}.")
            if len(found) > 1:
                why = f"Multiple security groups found matching '{name}'. Use an ID to be more specific."
                raise compute(409, why)
            numbers += found
        return list(dict.fromkeys(numbers)) or [default_group_id(region)]

    def _server_groups(self, region: str, group: object) -> list[str]:
        if not group:
            return []
        row = self._store.get("server_group", group)
        if row is None or row["region"] != region:
            raise compute(400, f"Instance group {group} could not be found.")
        return [row["id"]]

    # ---- networks

    def _ports(
        self, region: str, server: str, zone: str, groups: list[str], wanted: object, minor: int
    ) -> list[JsonObject]:
        if wanted == "none" and minor >= 37:
            return []
        if isinstance(wanted, list) and wanted:
            entries = [dict(entry) for entry in wanted]
        elif wanted in (None, []) or (wanted == "auto" and minor >= 37):
            entries = [{"uuid": row["id"]} for row in self._networks.usable(region)]
            if len(entries) > 1:
                raise compute(409, "Multiple possible networks found, use a Network ID to be more specific.")
        else:
            raise invalid("networks", wanted, f"{wanted!r} is not of type 'array'")
        ports: list[JsonObject] = []
        try:
            for entry in entries:
                ports.append(self._port(region, server, zone, groups, entry, not ports))
        except ApiFailure:
            for number in (server, *[port["id"] for port in ports if port["_nova"]]):
                self._machines.release(number)
            raise
        return ports

    def _port(
        self, region: str, server: str, zone: str, groups: list[str], entry: JsonObject, first: bool
    ) -> JsonObject:
        if entry.get("port"):
            return self._given_port(region, server, zone, str(entry["port"]))
        number = entry.get("uuid")
        network = self._store.get("network", number)
        if network is None or network["region"] != region:
            raise compute(400, f"Network {number} could not be found.")
        public = network["router:external"] and first
        fixed = [{"ip_address": entry["fixed_ip"]}] if entry.get("fixed_ip") else None
        try:
            return self._networks.port_row(
                network,
                str(uuid.uuid4()),
                groups=groups,
                address=self._machines.reserve(catalog.NAME, server) if public else "",
                device=server,
                zone=zone,
                fixed=fixed,
            )
        except NoAddress:
            if fixed:
                raise compute(400, f"Fixed IP address {entry['fixed_ip']} is not valid for network {number}") from None
            raise compute(400, f"No fixed IP addresses available for network: {number}") from None

    def _given_port(self, region: str, server: str, zone: str, number: str) -> JsonObject:
        port = self._store.get("port", number)
        if port is None or port["region"] != region:
            raise compute(404, f"Port id {number} could not be found.")
        if port["device_id"]:
            raise compute(409, f"Port {number} is still in use.")
        return {**port, "device_id": server, "device_owner": f"compute:{zone}"}

    # ---- disks

    def _volumes(
        self, region: str, server: str, zone: str, disks: list[JsonObject]
    ) -> list[tuple[JsonObject, JsonObject]]:
        """Give the volumes of an order, each with the entry that asks for it."""
        made = []
        for place, disk in enumerate(disks):
            if disk.get("destination_type", "volume") == "local":
                continue
            device = f"/dev/sd{'abcdefghijklmnopqrstuvwxyz'[place % 26]}"
            made.append(({**self._volume(region, disk, zone), **attached(server, device)}, disk))
        return made

    def _volume(self, region: str, disk: JsonObject, zone: str) -> JsonObject:
        source, number = disk.get("source_type"), disk.get("uuid")
        if source == "volume":
            kept = self._store.get("volume", number)
            if kept is None or kept["region"] != region:
                raise compute(400, f"Block Device Mapping is Invalid: failed to get volume {number}.")
            if kept["attachments"]:
                raise compute(400, f"Invalid volume: volume {number} is already attached")
            return kept
        if source not in ("image", "blank"):
            raise invalid("block_device_mapping_v2/0/source_type", source, f"{source!r} is not one of the source types")
        if source == "image" and number not in catalog.REGIONS[region].images:
            raise compute(400, f"Block Device Mapping is Invalid: failed to get image {number}.")
        if not str(disk.get("volume_size") or "").isdigit():
            why = "Images with destination_type 'volume' need to have a non-zero size specified"
            raise compute(400, f"Block Device Mapping is Invalid: {why}")
        wanted = {"size": int(str(disk["volume_size"])), "volume_type": disk.get("volume_type")}
        if source == "image":
            wanted["imageRef"] = number
        return new_volume(region, self._project, {**wanted, "availability_zone": zone})


def _user_data(given: object) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise invalid("user_data", given, f"{given!r} is not of type 'string'")
    if len(given) > _MAX_USER_DATA:
        raise invalid("user_data", given, f"{given!r} is too long")
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("user_data", given, f"{given!r} is not a 'base64'") from None
