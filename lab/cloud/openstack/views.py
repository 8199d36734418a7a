"""From stored rows to what Nova shows, which depends on the microversion that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.cloud.openstack.catalog import REGIONS, Flavor, stable_id
from lab.cloud.openstack.identity import user_id
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, encode

_VM_STATES = {"BUILD": "building", "ACTIVE": "active", "SHUTOFF": "stopped", "ERROR": "error", "REBOOT": "active"}
_POWER_STATES = {"ACTIVE": 1, "REBOOT": 1, "SHUTOFF": 4}


@dataclass(frozen=True)
class Shape:
    """What a client wants to see: `minor` is the 2.x of the microversion, `base` the address it reaches us at."""

    minor: int
    base: str


def public(row: JsonObject) -> JsonObject:
    """A row without its inner fields."""
    return {key: value for key, value in row.items() if not key.startswith("_") and key != "region"}


def vm_state(row: JsonObject) -> str:
    """Give Nova's inner state of a server, which its messages use."""
    return _VM_STATES[row["status"]]


def flavor_view(region: str, flavor: Flavor, shape: Shape) -> JsonObject:
    """Show a flavor in full."""
    view: JsonObject = {
        "id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "swap": 0 if shape.minor >= 75 else "",
        "rxtx_factor": 1.0,
        "OS-FLV-DISABLED:disabled": False,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "os-flavor-access:is_public": True,
        "links": links(shape, region, "flavors", flavor.id),
    }
    if shape.minor >= 55:
        view["description"] = None
    if shape.minor >= 61:
        view["extra_specs"] = {}
    return view


def links(shape: Shape, region: str, collection: str, number: str) -> list[JsonObject]:
    """The links of every object of Nova."""
    root = f"{shape.base}/compute/{region}"
    return [
        {"rel": "self", "href": f"{root}/v2.1/{collection}/{number}"},
        {"rel": "bookmark", "href": f"{root}/{collection}/{number}"},
    ]


def bookmark(shape: Shape, region: str, collection: str, number: str) -> JsonObject:
    """How a server names its image and its flavor."""
    return {"id": number, "links": links(shape, region, collection, number)[1:]}


class Views:
    """Shows servers. A server's JSON is kept, for each shape, until its row or a security group changes."""

    def __init__(self, store: Store, settings: CloudSettings) -> None:
        self._store = store
        self._project = settings.ovhcloud_project_id
        self._user = user_id(settings)
        self._kept: dict[str, tuple[JsonObject, int, dict[Shape, bytes]]] = {}

    def server_bytes(self, row: JsonObject, shape: Shape) -> bytes:
        """Encode one server, from the cache where that is right."""
        groups = self._store.version_of("security_group")
        kept = self._kept.get(row["id"])
        if kept is None or kept[0] is not row or kept[1] != groups:
            kept = (row, groups, {})
            self._kept[row["id"]] = kept
        if shape not in kept[2]:
            kept[2][shape] = encode(self.server(row, shape))
        return kept[2][shape]

    def forget(self, server_id: str) -> None:
        """Drop the kept JSON of a server that is gone."""
        self._kept.pop(server_id, None)

    def brief(self, row: JsonObject, shape: Shape) -> JsonObject:
        """Show one server as in a list without details."""
        return {"id": row["id"], "name": row["name"], "links": links(shape, row["region"], "servers", row["id"])}

    def server(self, row: JsonObject, shape: Shape) -> JsonObject:
        """Show one server."""
        region, minor = row["region"], shape.minor
        view: JsonObject = {
            **self.brief(row, shape),
            "status": row["status"],
            "tenant_id": self._project,
            "user_id": self._user,
            "metadata": row["metadata"],
            "hostId": stable_id(region, "host").replace("-", "") if row["_launched"] else "",
            "image": bookmark(shape, region, "images", row["_image"]) if row["_image"] else "",
            "flavor": self._flavor(row, shape),
            "created": row["created"],
            "updated": row["updated"],
            "addresses": row["_addresses"] if row["_launched"] else {},
            "accessIPv4": "",
            "accessIPv6": "",
            "OS-DCF:diskConfig": "MANUAL",
            "OS-EXT-AZ:availability_zone": row["_zone"],
            "config_drive": "",
            "key_name": row["key_name"],
            "OS-SRV-USG:launched_at": row["_launched"] or None,
            "OS-SRV-USG:terminated_at": None,
            "OS-EXT-STS:task_state": row["_task"] or None,
            "OS-EXT-STS:vm_state": vm_state(row),
            "OS-EXT-STS:power_state": _POWER_STATES.get(row["status"], 0),
            "os-extended-volumes:volumes_attached": [self._attached(volume, minor) for volume in row["_volumes"]],
        }
        if row["status"] in ("ACTIVE", "BUILD"):
            view["progress"] = 0
        if row["_launched"] or row["status"] == "BUILD":
            view["security_groups"] = [{"name": name} for name in self.group_names(row)]
        if row["_fault"]:
            view["fault"] = row["_fault"]
        return {**view, **self._newer(row, minor)}

    def group_names(self, row: JsonObject) -> list[str]:
        """Give the names of a server's security groups."""
        groups = [self._store.get("security_group", number) for number in row["_groups"]]
        return [group["name"] for group in groups if group]

    def _flavor(self, row: JsonObject, shape: Shape) -> JsonObject:
        flavor = REGIONS[row["region"]].flavors[row["_flavor"]]
        if shape.minor < 47:
            return bookmark(shape, row["region"], "flavors", flavor.id)
        return {
            "vcpus": flavor.vcpus,
            "ram": flavor.ram,
            "disk": flavor.disk,
            "ephemeral": 0,
            "swap": 0,
            "original_name": flavor.name,
            "extra_specs": {},
        }

    @staticmethod
    def _attached(volume: Mapping[str, object], minor: int) -> JsonObject:
        if minor < 3:
            return {"id": volume["id"]}
        return {"id": volume["id"], "delete_on_termination": volume["delete_on_termination"]}

    @staticmethod
    def _newer(row: JsonObject, minor: int) -> JsonObject:
        """What came with microversions."""
        fields = [
            (9, "locked", row["_locked"]),
            (19, "description", row["_description"]),
            (26, "tags", row["_tags"]),
            (63, "trusted_image_certificates", None),
            (71, "server_groups", row["_server_groups"]),
            (73, "locked_reason", row["_locked_reason"]),
            (90, "OS-EXT-SRV-ATTR:hostname", row["name"].lower()),
            (96, "pinned_availability_zone", row["_pinned_zone"]),
        ]
        return {name: value for since, name, value in fields if minor >= since}
