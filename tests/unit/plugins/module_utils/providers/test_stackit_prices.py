"""STACKIT's price list, read and not to be had."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import prices, stackit_prices
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.stackit_wire import CAPS
from tests.contract.clock import HurriedClock
from tests.unit.plugins.module_utils.providers.stackit_loopback import Loopback

TYPE = {"name": "g1.2", "vcpus": 2, "ram": 8192}


def _sku(product: str, name: str, attributes: dict[str, Any] | None = None, **price: Any) -> dict[str, Any]:
    return {
        "name": name,
        "productName": product,
        "region": "eu01",
        "prices": [{"currencyCode": "EUR", **price}],
        "productSpecificAttributes": attributes or {},
    }


def _disk(kind: str, month: str, **more: Any) -> dict[str, Any]:
    return _sku("Block Storage", f"disk {kind}", {"storage": "volume", "type": kind, **more}, monthlyPrice=month)


SKUS = [
    _sku("Server", "g1.2", {"flavor": "g1.2", "metro": False}, value="0.07582000000", monthlyPrice="54.59040000000"),
    _sku("Server", "g1.2 metro", {"flavor": "g1.2", "metro": True}, value="0.10000000000"),
    _sku("Server", "g1.2 windows", {"flavor": "g1.2", "metro": False, "os": "windows"}, value="9.9"),
    _sku("Managed Database", "g1.2", {"flavor": "g1.2"}, value="8.8"),
    _sku("GPU Server", "n1", {"flavor": "n1.28d.g2"}, monthlyPrice="4000"),
    _sku("Public IP Address", "Router-IP-EU01", value="9", monthlyPrice="99"),
    _sku("Public IP Address", "Public IP Address (IPv4)-EU01", monthlyPrice="2.92000000320"),
    _disk("capacity", "0.065349936", metro=False),
    _disk("performance", "7.32000000240", metro=False, **{"class": "storage_premium_perf1"}),
    _disk("performance", "0", metro=False, **{"class": "storage_premium_perf0"}),
    _disk("capacity", "0.1", metro=True),
]


def _page(request: Any) -> Any:
    """Two entries a page; the last full one is followed by an empty one, as the vendor may do it."""
    query = request.query
    found = [sku for sku in SKUS if sku["productName"] == query["productName"][0]]
    start = int(query.get("cursor", ["0"])[0])
    part = found[start : start + 2]
    return 200, {"data": part, "meta": {"nextCursor": str(start + len(part))} if part else {}}


def _prices(endpoint: str) -> stackit_prices.Prices:
    time = HurriedClock()
    return stackit_prices.Prices(endpoint, clock=time.clock, sleep=time.sleep, deadline=None)


def test_a_type_has_its_price_of_the_zone_with_address_and_disk() -> None:
    with Loopback(_page) as server:
        found = _prices(server.url)
        flavor = found.flavor(CAPS.locations["eu01-1"], TYPE)
        again = found.flavor(CAPS.locations["eu01-2"], TYPE)
        asked = [(request.path, request.headers.get("Authorization")) for request in server.requests]

    assert (flavor.price_hour, flavor.server_month) == (Decimal("0.07582000000"), Decimal("54.59040000000"))
    assert (flavor.ipv4_month, flavor.disk_month) == (Decimal("2.92"), Decimal("8.62699872"))
    assert (flavor.cpus, flavor.memory_gib, flavor.currency, flavor.priced) == (2, Decimal(8), "EUR", "")
    assert again == flavor
    assert {path for path, _authorization in asked} == {"/skus"}
    assert {authorization for _path, authorization in asked} == {None}, "the list is public: no token may go there"
    assert len(asked) == len({str(request.query) for request in server.requests}), "every page is read once"


def test_a_month_that_is_not_told_has_720_hours() -> None:
    with Loopback(_page) as server:
        metro = _prices(server.url).flavor(CAPS.locations["eu01-m"], TYPE)

    assert (metro.price_hour, metro.server_month) == (Decimal("0.1"), Decimal("72"))
    assert metro.priced == prices.LISTS["stackit"].as_of, "disks of metro zones are not told in full, so the table is"


def test_an_hour_that_is_not_told_is_reckoned_from_the_month() -> None:
    with Loopback(_page) as server:
        hour = _prices(server.url).flavor(CAPS.locations["eu01-1"], {"name": "n1.28d.g2"}).price_hour

    assert hour == Decimal("5.55555556")


def test_a_listing_of_servers_asks_for_no_price() -> None:
    with Loopback(_page) as server:
        found = _prices(server.url)
        before = found.hour("eu01", "eu01-1", "n1.28d.g2")
        asked = len(server.requests)
        found.flavor(CAPS.locations["eu01-1"], TYPE)
        after = found.hour("eu01", "eu01-1", "n1.28d.g2")

    assert (before, asked, after) == (None, 0, Decimal("5.55555556"))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((500, {"message": "no"}), id="an error"),
        pytest.param((404, {}), id="not there"),
        pytest.param((200, {"services": []}), id="the shape of another version"),
        pytest.param((200, "<html>"), id="a page of HTML"),
        pytest.param((200, {"data": [_sku("Server", "x", {"flavor": "x"}, value="much")]}), id="a price in words"),
        pytest.param(
            (200, {"data": [_sku("Server", "x")], "meta": {"nextCursor": "never ends"}}), id="an endless list"
        ),
    ],
)
def test_without_a_readable_list_the_table_speaks_with_its_date(answer: Any) -> None:
    listed = prices.listed("stackit", "g1.2")
    assert listed is not None

    with Loopback(lambda request: answer) as server:
        found = _prices(server.url)
        flavor = found.flavor(CAPS.locations["eu01-1"], TYPE)
        asked = len(server.requests)
        unknown = found.flavor(CAPS.locations["eu01-1"], {"name": "z9.9", "vcpus": 1, "ram": 1536})
        assert len(server.requests) == asked, "a list that could not be read is not asked for again"

    assert (flavor.price_hour, flavor.server_month) == (listed.hour, listed.month)
    assert (flavor.ipv4_month, flavor.disk_month, flavor.priced) == (listed.ipv4_month, listed.disk_month, listed.as_of)
    assert (unknown.price_hour, unknown.month, unknown.memory_gib, unknown.available) == (
        None,
        None,
        Decimal("1.5"),
        True,
    )


def test_a_list_that_cannot_be_reached_does_not_hold_up_a_run_for_long() -> None:
    time, listed = HurriedClock(), prices.listed("stackit", "g1.2")
    found = stackit_prices.Prices("http://127.0.0.1:9", clock=time.clock, sleep=time.sleep, deadline=3600.0)
    assert listed is not None

    assert found.hour("eu01", "eu01-1", "g1.2") == listed.hour
    assert time.clock() <= stackit_prices.PATIENCE + 1
