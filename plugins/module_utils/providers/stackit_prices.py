# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What STACKIT's servers cost: the vendor's public price list, or the table of a day when that cannot be read.

The list needs no token, so it gets none. Its months have 720 hours.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from ..budget import Budget, fan_out
from ..errors import Permanent, PlatformError
from ..model import Flavor, Scope
from . import prices
from .base import Clock, Sleep
from .stackit_api import new_session
from .stackit_wire import NAME, TITLE, Item, classify, mapping, read
from .transport import Peer, Transport

CURRENCY = "EUR"
HOURS = 720
"""Hours of a month on STACKIT's bills."""
DISK_GB = 20
"""Size of the root disk that a server of ours gets, unless its image needs a larger one."""
DISK_CLASS = "storage_premium_perf1"
"""What a disk is when nothing is said, as the vendor's own tools have it."""
PATIENCE = 10.0
"""Seconds after which the table has to do."""
PAGE_SIZE = 100
MOST_PAGES = 50

_SERVERS = ("Server", "GPU Server")
_DISKS = "Block Storage"
_ADDRESSES = "Public IP Address"
_DIGITS = Decimal("0.00000001")
_MB_PER_GIB = 1024


@dataclass(frozen=True)
class Price:
    """What a server type costs by the hour and the month. ``as_of`` is empty for a live price."""

    hour: Decimal
    month: Decimal
    as_of: str = ""


@dataclass(frozen=True)
class Extras:
    """What a server has beside itself, by the month."""

    address: Decimal
    disk: Decimal


class Prices:
    """The price list, each part of it read once. Safe to use from several threads."""

    def __init__(self, endpoint: str, *, clock: Clock, sleep: Sleep, deadline: float | None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._clock = clock
        self._sleep = sleep
        self._deadline = deadline
        self._session = new_session()
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Any] = {}

    def hour(self, region: str, zone: str, machine_type: str) -> Decimal | None:
        """The price of a type by the hour as far as it is known without a request, None if nobody tells it."""
        with self._lock:
            table = self._known.get((region, "servers"))
        live: Price | None = (table or {}).get((is_metro(zone), machine_type))
        price = live or _listed(machine_type)
        return price.hour if price else None

    def flavor(self, scope: Scope, machine_type: Mapping[str, Any]) -> Flavor:
        """A machine type as it is sold in a zone. Types that are retired are not told at all; room shows only later."""
        name = str(machine_type.get("name"))
        flavor = Flavor(
            name=name,
            cpus=int(machine_type.get("vcpus") or 0),
            memory_gib=(Decimal(str(machine_type.get("ram") or 0)) / _MB_PER_GIB).normalize(),
            price_hour=None,
            currency=CURRENCY,
            available=True,
        )
        price = self._price(scope.region, scope.name, name)
        if price is None:
            return flavor
        flavor = replace(flavor, price_hour=price.hour, server_month=price.month, priced=price.as_of)
        extras = None if price.as_of else self._extras(scope.region, scope.name)
        if extras is not None:
            return replace(flavor, ipv4_month=extras.address, disk_month=extras.disk)
        listed = prices.listed(NAME, name)
        if listed is None:
            return flavor
        return replace(flavor, ipv4_month=listed.ipv4_month, disk_month=listed.disk_month, priced=listed.as_of)

    def _price(self, region: str, zone: str, machine_type: str) -> Price | None:
        table = self._once(region, "servers", lambda: self._read_servers(region))
        live: Price | None = (table or {}).get((is_metro(zone), machine_type))
        if live is not None:
            return live
        return _listed(machine_type)

    def _extras(self, region: str, zone: str) -> Extras | None:
        table = self._once(region, "extras", lambda: self._read_extras(region))
        found: Extras | None = (table or {}).get(is_metro(zone))
        return found

    def _once(self, region: str, part: str, read_part: Callable[[], Any]) -> Any:
        """A part of the list, None if it cannot be had: a price is welcome, nothing may depend on it."""
        with self._lock:
            if (region, part) not in self._known:
                try:
                    self._known[region, part] = read_part()
                except (PlatformError, InvalidOperation, TypeError, ValueError):
                    self._known[region, part] = None
            return self._known[region, part]

    # ---- reading

    def _read_servers(self, region: str) -> dict[tuple[bool, str], Price]:
        return server_prices(self._skus(region, *_SERVERS))

    def _read_extras(self, region: str) -> dict[bool, Extras]:
        return extra_prices(self._skus(region, _DISKS, _ADDRESSES))

    def _skus(self, region: str, *products: str) -> list[Item]:
        transport = self._transport()
        found = []
        for outcome in fan_out([self._reader(transport, region, product) for product in products]):
            if isinstance(outcome, PlatformError):
                raise outcome
            found += outcome
        return found

    def _reader(self, transport: Transport, region: str, product: str) -> Callable[[], list[Item]]:
        return lambda: _all_pages(transport, {"region": region, "productName": product})

    def _transport(self) -> Transport:
        """A new one for each part: its patience begins when the part is wanted."""
        ends = self._clock() + PATIENCE
        deadline = ends if self._deadline is None else min(ends, self._deadline)
        peer = Peer(NAME, f"{TITLE}'s price list", self._endpoint, "no credential", "providers.stackit.price_endpoint")
        budget = Budget(per_second=20.0, burst=100.0, clock=self._clock, sleep=self._sleep, deadline=deadline)
        return Transport(peer, self._perform, read, classify, budget)

    def _perform(self, method: str, path: str, **options: Any) -> Any:
        return self._session.request(method, f"{self._endpoint}{path}", **options)


def _all_pages(transport: Transport, query: Mapping[str, str]) -> list[Item]:
    """Follow the cursor until a page is empty: one that is not full may still have a next one."""
    found: list[Item] = []
    cursor = ""
    for _page in range(MOST_PAGES):
        more = {"cursor": cursor} if cursor else {}
        body = transport.call("GET", "/skus", params={**query, "pageSize": str(PAGE_SIZE), **more}).body
        items = mapping(body).get("data")
        if not isinstance(items, list):
            break
        found += [item for item in items if isinstance(item, dict)]
        following = mapping(mapping(body).get("meta")).get("nextCursor")
        if not items or not following or following == cursor:
            return found
        cursor = str(following)
    raise Permanent(f"{TITLE}'s price list is not what it used to be.", provider=NAME, code="unexpected")


def _listed(machine_type: str) -> Price | None:
    """The price in the table of list prices."""
    listed = prices.listed(NAME, machine_type)
    if listed is None:
        return None
    return Price(listed.hour, listed.hour * HOURS if listed.month is None else listed.month, listed.as_of)


def server_prices(skus: Iterable[Item]) -> dict[tuple[bool, str], Price]:
    """Prices by whether they are those of a metro zone, and machine type."""
    found: dict[tuple[bool, str], Price] = {}
    for sku in skus:
        attributes = mapping(sku.get("productSpecificAttributes"))
        name = attributes.get("flavor")
        price = _price_of(sku)
        if name and price and sku.get("productName") in _SERVERS and not attributes.get("os"):
            found[_truth(attributes.get("metro")), str(name)] = price
    return found


def extra_prices(skus: Iterable[Item]) -> dict[bool, Extras]:
    """What address and disk cost, by whether the zone is a metro one; only where all of it is told."""
    address: Decimal | None = None
    capacity: dict[bool, Decimal] = {}
    speed: dict[bool, Decimal] = {}
    for sku in skus:
        attributes = mapping(sku.get("productSpecificAttributes"))
        metro, kind, price = _truth(attributes.get("metro")), attributes.get("type"), _price_of(sku)
        if price is None:
            continue
        if sku.get("productName") == _ADDRESSES and str(sku.get("name")).startswith(_ADDRESSES):
            address = price.month
        elif sku.get("productName") != _DISKS or attributes.get("storage") != "volume":
            continue
        elif kind == "capacity":
            capacity[metro] = price.month
        elif kind == "performance" and attributes.get("class") == DISK_CLASS:
            speed[metro] = price.month
    if address is None:
        return {}
    return {
        metro: Extras(address.quantize(_DIGITS), (DISK_GB * capacity[metro] + speed[metro]).quantize(_DIGITS))
        for metro in capacity.keys() & speed.keys()
    }


def _price_of(sku: Item) -> Price | None:
    """The price in euro; hour or month may be left out."""
    entries = sku.get("prices")
    for entry in map(mapping, entries if isinstance(entries, list) else []):
        if entry.get("currencyCode") != CURRENCY or str(sku.get("deprecated")).lower() == "yes":
            continue
        hour, month = (_amount(entry.get(key)) for key in ("value", "monthlyPrice"))
        if hour is not None:
            return Price(hour, hour * HOURS if month is None else month)
        if month is not None:
            return Price((month / HOURS).quantize(_DIGITS), month)
    return None


def _amount(value: Any) -> Decimal | None:
    return None if value is None or value == "" else Decimal(str(value))


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"


def is_metro(zone: str) -> bool:
    """Whether a zone spans all others of its region, which costs more."""
    return zone.endswith("-m")
