"""What Scaleway sells: instance types, images and zones; capacity faults show in `availability`."""

from __future__ import annotations

import uuid

from lab.cloud.data import table
from lab.cloud.faults import Faults
from lab.cloud.wire import JsonObject

NAME = "scaleway"
_TABLE = table(NAME)
_NAMESPACE = uuid.UUID("00000000-0000-4000-8000-00000000a11d")
_CREATED = "2026-08-14T08:00:00.000000+00:00"
_VENDOR = "51b656e3-4865-41e8-adbc-0c45bdd780db"
_IMAGE_SIZE = 10_000_000_000

ZONES: tuple[str, ...] = tuple(_TABLE["zones"])
REGIONS: tuple[str, ...] = tuple(dict.fromkeys(zone.rpartition("-")[0] for zone in ZONES))
SERVER_TYPES: dict[str, JsonObject] = _TABLE["server_types"]


def stable_id(*parts: str) -> str:
    """A UUID that follows from its parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def region_of(zone: str) -> str:
    """fr-par-1 -> fr-par."""
    return zone.rpartition("-")[0]


def product(name: str, zone: str, faults: Faults) -> JsonObject:
    """One entry of GET products/servers."""
    row = SERVER_TYPES[name]
    local: JsonObject = {"min_size": 0, "max_size": row["local"]}
    return {
        "alt_names": [],
        "arch": row["arch"],
        "ncpus": row["ncpus"],
        "ram": row["ram"],
        "gpu": 0,
        "gpu_info": None,
        "baremetal": False,
        "hourly_price": float(row["hourly"]),
        "monthly_price": float(row["monthly"]),
        "volumes_constraint": local,
        "per_volume_constraint": {"l_ssd": local},
        "scratch_storage_max_size": 0,
        "scratch_storage_max_volumes_count": 0,
        "end_of_service": faults.shown(NAME, "retired-type", name, zone),
        "capabilities": {"boot_types": ["local", "rescue"], "placement_groups": True, "block_storage": True,
                         "private_network": 8, "max_file_systems": 0},
        "network": {"sum_internal_bandwidth": 400000000, "sum_internet_bandwidth": 400000000, "ipv6_support": True,
                    "interfaces": [{"internal_bandwidth": 400000000, "internet_bandwidth": 400000000}]},
        "block_bandwidth": 104857600,
    }  # fmt: skip


def availability(name: str, zone: str, faults: Faults) -> JsonObject:
    """One entry of GET products/servers/availability."""
    short = any(faults.shown(NAME, kind, name, zone) for kind in ("capacity", "retired-type"))
    return {"availability": "shortage" if short else "available"}


def local_images(zone: str) -> list[JsonObject]:
    """The marketplace's images of a zone."""
    return [
        {
            "id": stable_id(zone, image["label"], arch, kind),
            "label": image["label"],
            "zone": zone,
            "arch": arch,
            "type": kind,
            "compatible_commercial_types": [
                name
                for name, row in SERVER_TYPES.items()
                if row["arch"] == arch and (kind == "instance_sbs" or row["local"])
            ],
        }
        for image in _TABLE["images"]
        for arch in ("x86_64", "arm64")
        for kind in ("instance_sbs", "instance_local")
    ]


def find_image(zone: str, id_or_label: object, server_type: str) -> JsonObject | None:
    """Give the local image of this id, or the one with this label that fits the type, or None."""
    images = local_images(zone)
    by_id = next((image for image in images if image["id"] == id_or_label), None)
    if by_id:
        return by_id
    wanted = "instance_local" if SERVER_TYPES[server_type]["local"] else "instance_sbs"
    return next(
        (
            image
            for image in images
            if image["label"] == id_or_label
            and image["type"] == wanted
            and server_type in image["compatible_commercial_types"]
        ),
        None,
    )


def image_view(local: JsonObject) -> JsonObject:
    """An image as Instances shows it."""
    name = next(image["name"] for image in _TABLE["images"] if image["label"] == local["label"])
    return {
        "id": local["id"],
        "name": name,
        "organization": _VENDOR,
        "project": _VENDOR,
        "root_volume": {
            "id": stable_id(local["id"], "root"),
            "name": name,
            "size": _IMAGE_SIZE,
            "volume_type": "sbs_snapshot" if local["type"] == "instance_sbs" else "unified",
        },
        "extra_volumes": {},
        "public": True,
        "arch": local["arch"],
        "creation_date": _CREATED,
        "modification_date": _CREATED,
        "default_bootscript": None,
        "from_server": None,
        "state": "available",
        "tags": [],
        "zone": local["zone"],
    }


def marketplace_images() -> list[JsonObject]:
    """The images of GET /marketplace/v2/images."""
    return [
        {
            "id": stable_id("image", image["label"]),
            "label": image["label"],
            "name": image["name"],
            "description": image["name"],
            "logo": "",
            "categories": ["distribution"],
            "created_at": _CREATED,
            "updated_at": _CREATED,
            "valid_until": None,
        }
        for image in _TABLE["images"]
    ]
