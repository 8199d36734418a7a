# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: what is fixed about it, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import Auth, Capacity, Conflict, NotFound, PlatformError, Quota, RateLimited, Transient
from ..model import HOURS_PER_MONTH, Flavor, Node, Owner, Scope, ServerSpec
from . import prices
from .base import Capabilities, Setting
from .transport import Refusal

Item = dict[str, Any]

NAME = "scaleway"
TITLE = "Scaleway"
CURRENCY = "EUR"

SETTINGS: tuple[Setting, ...] = (
    Setting("endpoint", "SCW_API_URL", "base URL of the API", required=False, default="https://api.scaleway.com"),
    Setting("access_key", "SCW_ACCESS_KEY", "access key of an API key"),
    Setting("secret_key", "SCW_SECRET_KEY", "secret key of an API key", secret=True),
    Setting("project_id", "SCW_DEFAULT_PROJECT_ID", "id of the project"),
)

_ZONES = {
    "fr-par": ("FR", 3),
    "nl-ams": ("NL", 3),
    "pl-waw": ("PL", 3),
    "it-mil": ("IT", 1),
}
_LOCATIONS = {
    f"{region}-{number}": Scope(NAME, f"{region}-{number}", region, country)
    for region, (country, zones) in _ZONES.items()
    for number in range(1, zones + 1)
}
CAPS = Capabilities(
    title=TITLE,
    locations=_LOCATIONS,
    default_image="ubuntu_noble",
    provider_id_prefix="scaleway://instance/",
    max_user_data=128 * 1024,
    unique_names=False,
    leaves_parts=True,
)

_STATES = {
    "running": "running",
    "starting": "creating",
    "stopped": "stopped",
    "stopped in place": "stopped",
    "stopped_in_place": "stopped",
    "locked": "error",
}
_KINDS: dict[str, type[PlatformError]] = {
    "denied_authentication": Auth,
    "permissions_denied": Auth,
    "quotas_exceeded": Quota,
    "out_of_stock": Capacity,
    "too_many_requests": RateLimited,
    "unknown_resource": NotFound,
    "not_found": NotFound,
    "resource_expired": NotFound,
    # Nothing was done because something else is being done to the server.
    "transient_state": Transient,
    # Something is in use, or protected.
    "precondition_failed": Conflict,
}
BLOCK = "sbs_volume"
"""Disks of this kind live apart from servers, at another service."""
LOCAL = "l_ssd"
BLOCK_ROOT_GB = 10
"""Size of the root volume of a type without local disk: that of the image."""


# ---- refusals


def read(status: int, body: Any) -> Refusal:
    """What an answer with an error status says, with the fields that it finds wrong."""
    if not isinstance(body, dict):
        return Refusal(status, "", "")
    message = str(body.get("message") or "")
    if body.get("help_message"):
        message += f"; {body['help_message']}"
    fields = body.get("fields") or body.get("details")
    if isinstance(fields, dict):
        message += "".join(
            f"; {name}: {why[0] if isinstance(why, list) and why else why}" for name, why in fields.items()
        )
    elif isinstance(fields, list):
        message += "".join(
            f"; {' '.join(str(value) for value in entry.values())}" for entry in fields if isinstance(entry, dict)
        )
    return Refusal(status, str(body.get("type") or ""), message, body)


def classify(refusal: Refusal) -> type[PlatformError] | None:
    """The class of a refusal, None where its HTTP status says enough."""
    if refusal.status == 403 and "quota" in refusal.message.lower():
        return Quota
    return _KINDS.get(refusal.code)


def gone_from_sale(error: PlatformError, spec: ServerSpec) -> NotFound | None:
    """A type or image that is not sold (any more) is a reason to take the next offer, a wrong value is not."""
    said = str(error).lower()
    if not any(word in said for word in ("commercial", "server type", "image", "end of service")):
        return None
    return NotFound(
        f"{error} The offer was {spec.offer}{f' with image {spec.offer.image}' if spec.offer.image else ''}.",
        provider=NAME,
        code=error.code,
        request_id=error.request_id,
    )


def foreign(what: str, name: str, marks: Mapping[str, str]) -> Conflict:
    """Something of the name that we would use belongs to somebody else."""
    wanted = ", ".join(sorted(to_tags(marks)))
    return Conflict(
        f"{TITLE} already has a {what} {name} without our labels, the tags {wanted}, so it is left alone; rename it "
        "there, or give it these tags if it is meant to be used.",
        provider=NAME,
        code="foreign",
    )


# ---- answers


def to_node(
    server: Mapping[str, Any],
    zone: str,
    hours: Mapping[str, Decimal] | None = None,
    addresses: Mapping[str, str] | None = None,
) -> Node:
    """A server as the API shows it. ``hours`` are prices by type, ``addresses`` private ones by network card."""
    place = str(server.get("zone") or zone)
    scope = CAPS.locations.get(place) or Scope(NAME, place, region_of(place), "")
    labels = to_labels(server.get("tags") or [])
    kind = str(server.get("commercial_type") or "")
    private = [
        address for nic in server.get("private_nics") or [] if (address := (addresses or {}).get(str(nic.get("id"))))
    ]
    return Node(
        provider=NAME,
        id=str(server.get("id")),
        name=str(server.get("name") or ""),
        location=place,
        zone=place,
        region=scope.region,
        country=scope.country,
        type=kind,
        state=_STATES.get(str(server.get("state")), "unknown"),
        public_ipv4=_address(server, "inet"),
        public_ipv6=_address(server, "inet6"),
        private_ipv4=private[0] if private else "",
        labels=labels,
        owner=Owner.from_labels(labels),
        price_hour=(hours or {}).get(kind),
        protected=bool(server.get("protected")),
        provider_id=f"{CAPS.provider_id_prefix}{place}/{server.get('id')}",
        created=str(server.get("creation_date") or ""),
        disks=tuple(
            str(disk.get("id"))
            for slot, disk in mapping(server.get("volumes")).items()
            if str(slot) != "0" and mapping(disk).get("volume_type") == BLOCK
        ),
    )


@dataclass(frozen=True)
class Extras:
    """What a zone charges a month beside servers, disks per GB; None for what its catalogue does not tell."""

    ipv4: Decimal | None = None
    local_gb: Decimal | None = None
    block_gb: Decimal | None = None


def to_flavor(name: str, item: Mapping[str, Any], stock: Mapping[str, Any], extras: Extras = Extras()) -> Flavor:
    """A server type as it is sold in a zone. A price that is not told is taken from the dated list."""
    hour, month = amount(item.get("hourly_price")), amount(item.get("monthly_price"))
    disk = _root_disk(item, extras)
    dated, table = prices.LISTS[NAME], prices.listed(NAME, name)
    old = extras.ipv4 is None or disk is None or (hour is None and table is not None)
    if table is not None:
        hour, month = (table.hour, table.month) if hour is None else (hour, month)
        disk = table.disk_month if disk is None else disk
    return Flavor(
        name=name,
        cpus=int(item.get("ncpus") or 0),
        memory_gib=(Decimal(str(item.get("ram") or 0)) / 2**30).normalize(),
        price_hour=hour,
        currency=CURRENCY,
        available=stock.get("availability") != "shortage" and not item.get("end_of_service"),
        server_month=month,
        ipv4_month=Decimal(dated.ipv4_month) if extras.ipv4 is None else extras.ipv4,
        disk_month=disk or Decimal(0),
        priced=dated.as_of if old else "",
    )


def _root_disk(item: Mapping[str, Any], extras: Extras) -> Decimal | None:
    """The price of the root disk a month: all the local disk of a type that has some, else a block volume."""
    most = amount(mapping(item.get("volumes_constraint")).get("max_size")) or Decimal(0)
    rate, size = (extras.local_gb, most / 10**9) if most else (extras.block_gb, Decimal(BLOCK_ROOT_GB))
    return None if rate is None else _short(rate * size)


def to_extras(products: Sequence[Item]) -> Extras:
    """The prices of addresses and disks among the products of a zone."""
    found: dict[str, Decimal] = {}
    for product in products:
        kind, month = _product_kind(product), _product_month(product)
        if kind and month is not None:
            found.setdefault(kind, month)
    ipv4 = found.get("ipv4")
    return Extras(None if ipv4 is None else _short(ipv4), found.get("local"), found.get("block"))


def _product_kind(product: Item) -> str:
    """What a product is to us, empty for one that no server of ours has."""
    properties = mapping(product.get("properties"))
    words = " ".join(str(product.get(key)) for key in ("sku", "product", "variant")).lower()
    if mapping(product.get("unit_of_measure")).get("unit") == "ip":
        return "ipv4" if "ipv4" in words and not mapping(properties.get("load_balancer")) else ""
    if properties.get("instance_local_ssd_storage") is not None:
        return "local"
    # Root volumes are of the class with 5,000 operations a second.
    block = mapping(properties.get("block_storage")).get("volume") is not None
    return "block" if block and "5k" in words and "15k" not in words else ""


def _product_month(product: Item) -> Decimal | None:
    """The price of one unit a month; the catalogue has it an hour."""
    price = mapping(mapping(product.get("price")).get("retail_price"))
    units, nanos = amount(price.get("units") or 0), amount(price.get("nanos") or 0)
    size = amount(mapping(product.get("unit_of_measure")).get("size")) or Decimal(1)
    if not price or units is None or nanos is None:
        return None
    return (units + nanos.scaleb(-9)) / size * HOURS_PER_MONTH


def amount(value: Any) -> Decimal | None:
    """A number as it stands in an answer, None when it is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _short(number: Decimal) -> Decimal:
    """Four places are enough for a month."""
    text = f"{number.quantize(Decimal('0.0001')):f}"
    return Decimal(text.rstrip("0").rstrip("."))


def _address(server: Mapping[str, Any], family: str) -> str:
    for entry in server.get("public_ips") or []:
        if entry.get("family", "inet") == family:
            return str(entry.get("address") or "")
    legacy = mapping(server.get("public_ip" if family == "inet" else "ipv6"))
    return str(legacy.get("address") or "")


def to_labels(tags: Sequence[Any]) -> dict[str, str]:
    """Tags as labels; one without an equals sign has an empty value."""
    parts = [str(tag).partition("=") for tag in tags]
    return {key: value for key, _equals, value in parts}


def to_tags(labels: Mapping[str, str]) -> set[str]:
    """Labels as tags."""
    return {f"{key}={value}" for key, value in labels.items()}


def tag_query(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The part of a query that asks for these labels."""
    return {"tags": ",".join(sorted(to_tags(labels)))} if labels else {}


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one: many parts of an answer may be null."""
    return value if isinstance(value, Mapping) else {}


def total_count(headers: Mapping[str, str], body: Any, fallback: int) -> int:
    """How many items a list has in all: the older services tell in a header, the newer in the body."""
    told = headers.get("X-Total-Count") or mapping(body).get("total_count")
    return int(told) if told is not None and str(told).isdigit() else fallback


def zone_path(zone: str) -> str:
    """Where the Instances service of a zone lives."""
    return f"/instance/v1/zones/{zone}"


def networks_path(region: str) -> str:
    """Where the private networks of a region live."""
    return f"/vpc/v2/regions/{region}/private-networks"


def region_of(zone: str) -> str:
    """The region of a zone."""
    return zone.rpartition("-")[0]


def disk_path(zone: str, kind: str, disk: str) -> str:
    """Where a disk lives, by its kind."""
    return f"/block/v1/zones/{zone}/volumes/{disk}" if kind == BLOCK else f"{zone_path(zone)}/volumes/{disk}"


def own_disks(server: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Kind and id of the disks that came with the server: its first and all local ones. Others were attached."""
    disks = [(str(slot), mapping(disk)) for slot, disk in mapping(server.get("volumes")).items()]
    kinds = [(slot, str(disk.get("volume_type") or LOCAL), str(disk.get("id"))) for slot, disk in disks]
    return [(kind, disk) for slot, kind, disk in kinds if slot == "0" or kind != BLOCK]
