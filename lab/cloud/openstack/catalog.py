"""What is for sale: regions, flavors and images by region, and the public price list."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from lab.cloud.data import table
from lab.cloud.faults import Faults
from lab.cloud.wire import JsonObject

NAME = "ovhcloud"
_BRANDS = table(NAME)["brands"]
_NAMESPACE = uuid.UUID("00000000-0000-4000-8000-00000000a405")
_HUNDRED_MILLION = 100_000_000


def stable_id(*parts: str) -> str:
    """A UUID that follows from its parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


@dataclass(frozen=True)
class Flavor:
    """One size of server in one region. `ram` is in MB as the vendor counts them, `disk` in GB."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int

    @property
    def memory_gib(self) -> int:
        """The memory in whole GiB: 4000 and 4096 MB are both 4."""
        return max(1, round(self.ram / 1024))


@dataclass(frozen=True)
class Region:
    """One region. `images` are rows of Glance by id, `flavors` are by id too."""

    name: str
    brand: str
    zones: tuple[str, ...]
    public_network: str
    volume_types: tuple[str, ...]
    flavors: Mapping[str, Flavor]
    images: Mapping[str, JsonObject]


def _flavors(region: str, rows: Mapping[str, JsonObject]) -> dict[str, Flavor]:
    made = [
        Flavor(stable_id(region, "flavor", name), name, row["vcpus"], row["ram"], row["disk"])
        for name, row in rows.items()
    ]
    return {flavor.id: flavor for flavor in made}


def _image(region: str, row: JsonObject) -> JsonObject:
    number = stable_id(region, "image", row["name"])
    return {
        "id": number,
        "name": row["name"],
        "status": "active",
        "visibility": "public",
        "container_format": "bare",
        "disk_format": "raw",
        "size": 2_361_393_152,
        "virtual_size": None,
        "min_disk": 0,
        "min_ram": 0,
        "checksum": uuid.UUID(number).hex,
        "protected": False,
        "os_hidden": False,
        "os_distro": row["os_distro"],
        "os_version": row["os_version"],
        "architecture": "x86_64",
        "owner": uuid.UUID(stable_id("images")).hex,
        "tags": [],
        "created_at": "2026-08-14T08:00:00Z",
        "updated_at": "2026-08-14T08:00:00Z",
        "self": f"/v2/images/{number}",
        "file": f"/v2/images/{number}/file",
        "schema": "/v2/schemas/image",
    }


def _regions() -> dict[str, Region]:
    regions = {}
    for brand, row in _BRANDS.items():
        for name, zones in row["regions"].items():
            images = [_image(name, image) for image in row["images"]]
            regions[name] = Region(
                name=name,
                brand=brand,
                zones=tuple(zones),
                public_network=row["public_network"],
                volume_types=tuple(row["volume_types"]),
                flavors=_flavors(name, row["flavors"]),
                images={image["id"]: image for image in images},
            )
    return regions


REGIONS: Mapping[str, Region] = _regions()
"""All regions in the order of the table."""


def on_sale(region: str, faults: Faults) -> dict[str, Flavor]:
    """Give the flavors of a region that are not retired, by id."""
    return {
        number: flavor
        for number, flavor in REGIONS[region].flavors.items()
        if not faults.shown(NAME, "retired-type", flavor.name, region)
    }


def price_list(subsidiary: str) -> JsonObject:
    """The vendor's public order catalogue: prices are in hundred millionths of the currency, for an hour."""
    flavors: Mapping[str, JsonObject] = _BRANDS[NAME]["flavors"]
    codes = [f"{name}.consumption" for name in flavors]
    return {
        "catalogId": 5,
        "locale": {"currencyCode": "EUR", "subsidiary": subsidiary, "taxRate": 19},
        "plans": [
            {
                "planCode": "project",
                "product": "publiccloud",
                "invoiceName": "Public Cloud Project",
                "addonFamilies": [{"name": "instance", "exclusive": False, "mandatory": False, "addons": codes}],
                "pricings": [],
            }
        ],
        "products": [{"name": "publiccloud-instance", "description": "Public Cloud instance"}],
        "addons": [_addon(name, Decimal(row["hour"])) for name, row in flavors.items()],
        "planFamilies": [],
    }


def _addon(flavor: str, hour: Decimal) -> JsonObject:
    return {
        "planCode": f"{flavor}.consumption",
        "invoiceName": flavor,
        "product": "publiccloud-instance",
        "pricingType": "consumption",
        "addonFamilies": [],
        "pricings": [
            {
                "phase": 1,
                "capacities": ["consumption"],
                "commitment": 0,
                "description": "hourly consumption",
                "formattedPrice": f"{hour} €",
                "interval": 0,
                "intervalUnit": "none",
                "mode": "default",
                "mustBeCompleted": False,
                "price": int(hour * _HUNDRED_MILLION),
                "quantity": {"min": 1, "max": None},
                "repeat": {"min": 1, "max": None},
                "strategy": "tiered",
                "tax": 0,
                "type": "consumption",
            }
        ],
        "blobs": {"commercial": {"name": flavor}},
    }
