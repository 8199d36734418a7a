"""The public price list (product information, PIM), which needs no token.

The shape of a page and the fields of a SKU are those of the vendor's OpenAPI document of PIM v2. Inferred are: the
naming of SKUs, read from what public clients look for; and the end of the paging: the document does not say whether
the last page has a `nextCursor`, so here every page that holds something has one, and an empty page ends the list.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from aiohttp import web

from lab.cloud.stackit import catalog
from lab.cloud.wire import ApiFailure, JsonObject, answer

PREFIX = "/pim/"
_HOURS = 720
_MOST = 100
_DIGITS = Decimal("0.00000000001")
_CENT = Decimal("0.01")
_LINES = {"c": "Compute Optimized Server", "g": "General Purpose Server"}


def routes() -> list[web.RouteDef]:
    """Give the paths of both versions."""
    return [web.get(f"{PREFIX}v2/skus", _page), web.get(f"{PREFIX}v1/skus", _whole)]


@cache
def skus() -> list[JsonObject]:
    """All SKUs in the shape of PIM v2: machine types, disks by capacity and class, and public IPs."""
    numbers = (f"ST-{place:07}" for place in range(100, 10_000))
    return [{"id": number, **sku} for number, sku in zip(numbers, _all(), strict=False)]


def _all() -> Iterator[JsonObject]:
    for region in catalog.REGIONS:
        for metro in (False, True):
            yield from _servers(region, metro)
            yield from _disks(region, metro)
        yield _sku(region, "Public IP Address (IPv4)", "Public IP Address", "Network",
                   catalog.TABLE["public_ip_hourly"], {"discriminator": "Network"})  # fmt: skip


def _servers(region: str, metro: bool) -> Iterator[JsonObject]:
    for name, row in catalog.MACHINE_TYPES.items():
        attributes = {
            "discriminator": "ComputeEngine",
            "flavor": name,
            "hardware": "Intel",
            "metro": metro,
            "os": None,
            "ram": row["ram"] // 1024,
            "vCPU": row["vcpus"],
        }
        yield _sku(region, f"{_LINES[name[0]]}-{name}", "Server", "Compute Engine", row["hourly"], attributes)


def _disks(region: str, metro: bool) -> Iterator[JsonObject]:
    title = "Block Storage for disk volumes Premium"
    whole: JsonObject = {"discriminator": "Storage", "storage": "volume", "type": "capacity", "metro": metro}
    hourly = catalog.TABLE["disk_gb_hourly"]
    yield _sku(region, f"{title}-Capacity", "Block Storage", "Storage", hourly, whole, "GB")
    for name, row in catalog.PERFORMANCE_CLASSES.items():
        attributes = {
            **whole,
            "type": "performance",
            "class": name,
            "maxIOPerSec": row["iops"],
            "maxTroughInMB": row["throughput"],
        }
        label = f"{title}-Performance {name[-1]}"
        yield _sku(region, label, "Block Storage", "Storage", row["hourly"], attributes)


def _sku(
    region: str, title: str, product: str, category: str, hourly: str, attributes: JsonObject, unit: str = "Hours"
) -> JsonObject:
    metro = bool(attributes.get("metro"))
    return {
        "name": f"{title}-{region.upper()}{'-m' if metro else ''}",
        "title": title,
        "region": region,
        "categoryName": category,
        "categoryId": catalog.stable_id(category).replace("-", "")[:24],
        "productName": product,
        "productId": catalog.stable_id(product).replace("-", "")[:24],
        "generalProductGroup": product,
        "deprecated": "no",
        "documentation": None,
        "maturityModelState": "ga",
        "priceListVisibility": "yes",
        "language": "en",
        "version": "1",
        "validStart": catalog.TABLE["as_of"] + "T00:00:00Z",
        "unit": unit,
        "unitBilling": "per GB and hour" if unit == "GB" else "per hour",
        "prices": [_price(_local(hourly, region, metro))],
        "finOpsFocus": {"serviceCategory": category, "serviceSubCategory": product},
        "productSpecificAttributes": attributes,
    }


def _local(hourly: str, region: str, metro: bool) -> Decimal:
    dearer = catalog.TABLE["dearer"]
    price = Decimal(hourly) * Decimal(dearer.get(region, "1"))
    return (price * Decimal(dearer["metro"]) if metro else price).quantize(_DIGITS)


def _price(hourly: Decimal) -> JsonObject:
    """A price per hour; decimals travel as text, with eleven digits."""
    monthly = (hourly * _HOURS).quantize(_DIGITS)
    return {
        "currencyCode": "EUR",
        "currencySymbol": "€",
        "value": f"{hourly:f}",
        "valueAsInt": int(hourly * 10**11),
        "roundedValue": f"{hourly.quantize(_CENT):f}",
        "monthlyPrice": f"{monthly:f}",
        "roundedMonthlyPrice": f"{monthly.quantize(_CENT):f}",
        "validFrom": catalog.TABLE["as_of"] + "T00:00:00Z",
    }


def _chosen(request: web.Request) -> list[JsonObject]:
    query, found = request.query, skus()
    if regions := query.getall("region", []):
        found = [sku for sku in found if sku["region"] in regions]
    for name, field in (("productName", "productName"), ("categoryName", "categoryName"), ("skuName", "name")):
        if name in query:
            found = [sku for sku in found if sku[field] == query[name]]
    return found


async def _page(request: web.Request) -> web.Response:
    found, size = _chosen(request), request.query.get("pageSize", "10")
    if not size.isdigit() or not 1 <= int(size) <= _MOST:
        raise ApiFailure(400, {"code": 400, "message": f"pageSize must be 1 to {_MOST}"})
    start = _start(request.query.get("cursor", ""))
    page = found[start : start + int(size)]
    meta: JsonObject = {"pageSize": int(size)}
    if page:
        meta["nextCursor"] = base64.b64encode(str(start + len(page)).encode()).decode()
    return answer({"data": page, "meta": meta})


def _start(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True)) if cursor else 0
    except (binascii.Error, ValueError):
        raise ApiFailure(400, {"code": 400, "message": "the cursor is not one of this list"}) from None


async def _whole(request: web.Request) -> web.Response:
    """The older list: everything at once, one price per SKU, attributes under their short name."""
    services = [
        {
            **{name: sku[name] for name in ("id", "title", "name", "region", "unit", "unitBilling", "deprecated",
                                            "maturityModelState", "generalProductGroup")},
            "sku": sku["id"],
            "category": sku["categoryName"],
            "product": sku["productName"],
            "currency": "EUR",
            "price": sku["prices"][0]["value"],
            "monthlyPrice": sku["prices"][0]["monthlyPrice"],
            "attributes": sku["productSpecificAttributes"],
        }
        for sku in _chosen(request)
    ]  # fmt: skip
    return answer({"lastUpdatedAt": catalog.TABLE["as_of"] + "T00:00:00Z", "services": services})
