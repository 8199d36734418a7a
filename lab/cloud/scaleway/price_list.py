"""The public price catalogue: one product per type, address and kind of disk, in each zone."""

from __future__ import annotations

from collections.abc import Mapping

from lab.cloud.data import table
from lab.cloud.scaleway import catalog
from lab.cloud.wire import JsonObject

_TABLE = table(catalog.NAME)


def products() -> list[JsonObject]:
    """All products."""
    return [product for zone in catalog.ZONES for product in _zone(zone)]


def chosen(rows: list[JsonObject], query: Mapping[str, str], types: list[str]) -> list[JsonObject]:
    """The products of the zone or region, and of the product types, that a query names."""
    for field in ("zone", "region"):
        if query.get(field):
            rows = [row for row in rows if row["locality"].get(field) == query[field]]
    if types:
        rows = [row for row in rows if any(kind in row["properties"] for kind in types)]
    return rows


def _zone(zone: str) -> list[JsonObject]:
    servers = [_server(name, row, zone) for name, row in catalog.SERVER_TYPES.items()]
    return [*servers, _address(zone), _local_disk(zone), _block_disk(zone), _block_snapshot(zone)]


def _product(
    zone: str, sku: str, category: tuple[str, str], product: str, price: str, unit: str, properties: JsonObject
) -> JsonObject:
    units, _point, rest = price.partition(".")
    return {
        "sku": f"{sku}_{zone}",
        "service_category": category[0],
        "product_category": category[1],
        "product": product,
        "variant": f"{product} - {zone}",
        "description": product,
        "locality": {"zone": zone},
        "price": {"retail_price": {"currency_code": "EUR", "units": int(units), "nanos": int(rest.ljust(9, "0"))}},
        "properties": properties,
        "environmental_impact_estimation": None,
        "unit_of_measure": {"unit": unit, "size": 1},
        "status": "general_availability",
        "badges": [],
        "end_of_life_at": None,
    }


def _server(name: str, row: JsonObject, zone: str) -> JsonObject:
    properties: JsonObject = {
        "hardware": {"cpu": {"virtual": {"count": row["ncpus"]}}, "ram": {"size": row["ram"]}},
        "instance": {"offer_id": name, "range": name.partition("-")[0], "recommended_replacement_offer_ids": []},
    }
    sku = f"/compute/{name.lower().replace('-', '_')}/run"
    return _product(zone, sku, ("Compute", "Instances"), name, row["hourly"], "hour", properties)


def _address(zone: str) -> JsonObject:
    return _product(zone, "/ip/flexible_ipv4", ("Network", "Flexible IP"), "Public IPv4", _TABLE["ipv4"], "ip", {})


def _local_disk(zone: str) -> JsonObject:
    sku, kind = "/storage/local/ssd/storage", ("Storage", "Local Storage")
    return _product(
        zone, sku, kind, "Local Storage", _TABLE["local_gb"], "gigabyte", {"instance_local_ssd_storage": {}}
    )


def _block_disk(zone: str) -> JsonObject:
    limits = {"min_size": 1_000_000_000, "max_size": 10_000_000_000_000}
    sku, kind = "/storage/sbs/volume_5k", ("Storage", "Block Storage")
    properties: JsonObject = {"block_storage": {"volume": limits}}
    return _product(zone, sku, kind, "Block Storage 5K", _TABLE["block_gb"], "gigabyte", properties)


def _block_snapshot(zone: str) -> JsonObject:
    sku, kind = "/storage/sbs/snapshot_5k", ("Storage", "Block Storage")
    properties: JsonObject = {"block_storage": {"snapshot": {}}}
    return _product(zone, sku, kind, "Block Storage 5K snapshot", "0.000040000", "gigabyte", properties)
