"""What Hetzner sells: server types, locations, images, prices; capacity faults show in `locations[].available`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from lab.cloud.data import table
from lab.cloud.faults import Faults
from lab.cloud.wire import JsonObject

NAME = "hetzner"
_TABLE = table(NAME)
_VAT = Decimal(_TABLE["prices"]["vat_rate"]) / 100
_HOURS = 624
_CREATED = "2024-04-25T13:26:27+00:00"


def _money(net: Decimal) -> JsonObject:
    return {"net": f"{net:.10f}", "gross": f"{net * (1 + _VAT):.16f}"}


def _hourly(month: Decimal) -> Decimal:
    return (month / _HOURS).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _deprecation(row: JsonObject) -> JsonObject | None:
    if "announced" not in row:
        return None
    return {"announced": row["announced"], "unavailable_after": row["unavailable_after"]}


def _prices(row: JsonObject) -> list[JsonObject]:
    month = Decimal(row["month"])
    return [
        {
            "location": location,
            "price_hourly": _money(_hourly(month)),
            "price_monthly": _money(month),
            **_traffic(),
        }
        for location in row["in"]
    ]


def _traffic() -> JsonObject:
    return {
        "included_traffic": _TABLE["included_traffic"],
        "price_per_tb_traffic": _money(Decimal(_TABLE["prices"]["traffic_tb"])),
    }


def _server_type(row: JsonObject) -> JsonObject:
    gone = _deprecation(row)
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["name"].upper(),
        "category": row["category"],
        "cores": row["cores"],
        "memory": float(row["memory"]),
        "disk": row["disk"],
        "deprecated": gone is not None,
        "deprecation": gone,
        "prices": _prices(row),
        "storage_type": "local",
        "cpu_type": row.get("cpu_type", "shared"),
        "architecture": row.get("architecture", "x86"),
        "locations": [
            {
                "id": LOCATIONS[name]["id"],
                "name": name,
                "deprecation": gone,
                "available": gone is None,
                "recommended": gone is None,
            }
            for name in row["in"]
        ],
    }


def _image(row: JsonObject) -> JsonObject:
    return {
        **row,
        "type": "system",
        "status": "available",
        "image_size": None,
        "disk_size": 5,
        "created": _CREATED,
        "created_from": None,
        "bound_to": None,
        "rapid_deploy": True,
        "protection": {"delete": False},
        "deprecated": None,
        "deprecation": None,
        "deleted": None,
        "labels": {},
    }


def _everywhere(net: str) -> list[JsonObject]:
    month = Decimal(net)
    return [
        {"location": name, "price_hourly": _money(_hourly(month)), "price_monthly": _money(month)} for name in LOCATIONS
    ]


def _only_month(price: JsonObject) -> JsonObject:
    return {key: price[key] for key in ("location", "price_monthly")}


def _load_balancer_type(number: int, name: str, month: str) -> JsonObject:
    return {
        "id": number,
        "name": name,
        "description": name.upper(),
        "max_connections": 10000,
        "max_services": 5,
        "max_targets": 25,
        "max_assigned_certificates": 10,
        "deprecated": None,
        "prices": [{**price, **_traffic()} for price in _everywhere(month)],
    }


LOCATIONS: dict[str, JsonObject] = {row["name"]: row for row in _TABLE["locations"]}
SERVER_TYPES: dict[str, JsonObject] = {row["name"]: _server_type(row) for row in _TABLE["server_types"]}
IMAGES: dict[int, JsonObject] = {row["id"]: _image(row) for row in _TABLE["images"]}

LOAD_BALANCER_TYPES: dict[str, JsonObject] = {
    name: _load_balancer_type(place, name, month)
    for place, (name, month) in enumerate(_TABLE["prices"]["load_balancer_month"].items(), 1)
}


def find(rows: dict[str, JsonObject], name_or_id: object) -> JsonObject | None:
    """Give the entry with this name or id (number or text), or None."""
    text = str(name_or_id)
    return rows.get(text) or next((row for row in rows.values() if str(row["id"]) == text), None)


def image_for(name_or_id: object, architecture: str) -> JsonObject | None:
    """Give the image of this id, or of this name for the architecture, or None."""
    by_id = IMAGES.get(int(str(name_or_id))) if str(name_or_id).isdigit() else None
    if by_id:
        return by_id
    return next(
        (row for row in IMAGES.values() if (row["name"], row["architecture"]) == (name_or_id, architecture)), None
    )


def shown(server_type: JsonObject, faults: Faults) -> JsonObject:
    """Give a server type as the catalogue shows it now."""
    name = server_type["name"]
    locations = [_shown_location(name, location, faults) for location in server_type["locations"]]
    if locations == server_type["locations"]:
        return server_type
    gone = next((location["deprecation"] for location in locations if location["deprecation"]), None)
    everywhere = all(location["deprecation"] for location in locations)
    return {
        **server_type,
        "locations": locations,
        "deprecated": everywhere,
        "deprecation": gone if everywhere else None,
    }


def _shown_location(server_type: str, location: JsonObject, faults: Faults) -> JsonObject:
    if faults.shown(NAME, "retired-type", server_type, location["name"]):
        past = datetime(datetime.now(UTC).year - 1, 1, 1, tzinfo=UTC).isoformat()
        gone = {"announced": past, "unavailable_after": past}
        return {**location, "deprecation": gone, "available": False, "recommended": False}
    if faults.shown(NAME, "capacity", server_type, location["name"]):
        return {**location, "available": False}
    return location


def pricing() -> JsonObject:
    """Give the body of GET /pricing."""
    prices = _TABLE["prices"]
    floating = {family: _everywhere(month) for family, month in prices["floating_ip_month"].items()}
    return {
        "currency": "EUR",
        "vat_rate": f"{Decimal(prices['vat_rate']):.6f}",
        "image": {"price_per_gb_month": _money(Decimal(prices["image_gb_month"]))},
        "volume": {"price_per_gb_month": _money(Decimal(prices["volume_gb_month"]))},
        "server_backup": {"percentage": prices["backup_percentage"]},
        "floating_ip": {"price_monthly": floating["ipv4"][0]["price_monthly"]},
        "floating_ips": [
            {"type": family, "prices": [_only_month(price) for price in places]} for family, places in floating.items()
        ],
        "primary_ips": [
            {"type": family, "prices": _everywhere(month)} for family, month in prices["primary_ip_month"].items()
        ],
        "server_types": [
            {"id": row["id"], "name": row["name"], "prices": row["prices"]} for row in SERVER_TYPES.values()
        ],
        "load_balancer_types": [
            {key: row[key] for key in ("id", "name", "prices")} for row in LOAD_BALANCER_TYPES.values()
        ],
    }
