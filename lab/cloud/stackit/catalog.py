"""What STACKIT sells: regions, machine types, images and classes of disks."""

from __future__ import annotations

import uuid
from functools import cache

from lab.cloud.data import table
from lab.cloud.faults import Fault, Faults
from lab.cloud.wire import JsonObject

NAME = "stackit"
TABLE = table(NAME)
_NAMESPACE = uuid.UUID("00000000-0000-4000-8000-0000005cac17")
_CREATED = "2026-06-09T08:00:00Z"
_IMAGE_BYTES = 2_500_000_000

REGIONS: dict[str, list[str]] = TABLE["regions"]
MACHINE_TYPES: dict[str, JsonObject] = TABLE["machine_types"]
PERFORMANCE_CLASSES: dict[str, JsonObject] = TABLE["performance_classes"]
DEFAULT_CLASS = "storage_premium_perf1"


def stable_id(*parts: str) -> str:
    """A UUID that follows from its parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def region_of(zone: str) -> str:
    """eu01-1 -> eu01."""
    return zone.partition("-")[0]


def fault_on(faults: Faults, kind: str, machine_type: str, zone: str) -> Fault | None:
    """Give the fault that hits a server of this type, counted as used; its place may be the zone or the region."""
    region = region_of(zone)
    wide = any(fault.location == region for fault in faults.active(NAME, kind))
    return faults.on_server(NAME, kind, machine_type, region if wide else zone)


def machine_type(name: str) -> JsonObject:
    """One entry of GET machine-types; ram in MB, disk in GB (all boot from volumes)."""
    row = MACHINE_TYPES[name]
    return {
        "name": name,
        "description": f"{row['vcpus']} vCPU, {row['ram'] // 1024} GB RAM",
        "vcpus": row["vcpus"],
        "ram": row["ram"],
        "disk": 0,
        "extraSpecs": {"cpu": row["cpu"], "environment": "general", "overcommit": row["overcommit"]},
    }


def machine_types(region: str, faults: Faults) -> list[JsonObject]:
    """The types that are still sold in a region; one that a zone of it has lost is not told apart."""
    places = (region, *REGIONS[region])
    return [
        machine_type(name)
        for name in MACHINE_TYPES
        if not any(faults.shown(NAME, "retired-type", name, place) for place in places)
    ]


@cache
def images(region: str) -> list[JsonObject]:
    """The public images of a region; the ids of the same image differ from region to region.

    Callers must not change them.
    """
    return [
        {
            "id": stable_id(region, image["name"]),
            "name": image["name"],
            "status": "AVAILABLE",
            "scope": "public",
            "owner": stable_id("vendor"),
            "protected": True,
            "diskFormat": "qcow2",
            "minDiskSize": 10,
            "minRam": 1024,
            "size": _IMAGE_BYTES,
            "importProgress": 100,
            "labels": {},
            "config": {
                "architecture": image["architecture"],
                "operatingSystem": "linux",
                "operatingSystemDistro": image["distro"],
                "operatingSystemVersion": image["version"],
                "uefi": True,
                "secureBoot": False,
            },
            "createdAt": _CREATED,
            "updatedAt": _CREATED,
        }
        for image in TABLE["images"]
    ]


def find_image(region: str, number: object) -> JsonObject | None:
    """Give one image of a region, or None."""
    return next((image for image in images(region) if image["id"] == number), None)


def performance_class(name: str) -> JsonObject:
    """One entry of GET volume-performance-classes."""
    row = PERFORMANCE_CLASSES[name]
    return {"name": name, "iops": row["iops"], "throughput": row["throughput"], "labels": {}}
