"""Prices of an order catalogue, and what is said where there is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import prices as table
from tests.unit.plugins.module_utils.providers.openstack_project import Parts, Project, Said, connect

ENDPOINT = "https://prices.example.net"


def _plan(code: str, price: Any, capacities: tuple[str, ...] = ("consumption",)) -> dict[str, Any]:
    return {"planCode": code, "pricings": [{"capacities": list(capacities), "price": price}]}


def _catalogue(*plans: dict[str, Any], currency: str = "EUR") -> dict[str, Any]:
    return {"locale": {"currencyCode": currency}, "addons": [{"planCode": "odd", "pricings": None}, *plans]}


def _parts(time: Any, said: Any) -> Parts:
    project = Project(regions=("r1", "wide"))
    flavors = [{"id": "f1", "name": "small", "vcpus": 1, "ram": 2048, "disk": 20}]
    project.on("GET", "compute", "/flavors/detail", {"flavors": flavors})
    project.on("GET", "plans", "/", said)
    return connect(project, time, price_endpoint=ENDPOINT)


def _small(parts: Parts, region: str = "r1") -> Flavor:
    (flavor,) = parts.driver.catalog(parts.driver.caps.locations[region])
    return flavor


def test_a_price_is_read_exactly_and_only_once(time: Any) -> None:
    parts = _parts(time, _catalogue(_plan("small.hour", 21), currency="SEK"))

    for _time in range(3):
        flavor = _small(parts)

    assert (flavor.price_hour, flavor.currency, flavor.priced) == (Decimal("0.021"), "SEK", "")
    assert len(parts.project.requests("GET", "plans")) == 1
    assert "X-Auth-Token" not in parts.project.requests("GET", "plans")[0].headers


def test_a_region_can_have_prices_of_its_own(time: Any) -> None:
    parts = _parts(time, _catalogue(_plan("small.hour", 21), _plan("small.hour.3AZ", 25)))

    assert (_small(parts).price_hour, _small(parts, "wide").price_hour) == (Decimal("0.021"), Decimal("0.025"))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(_catalogue(_plan("other.hour", 21)), id="a type that it does not have"),
        pytest.param(_catalogue(_plan("small.hour", 0.021)), id="a float"),
        pytest.param(_catalogue(_plan("small.hour", "21")), id="text"),
        pytest.param(_catalogue(_plan("small.hour", True)), id="a truth value"),
        pytest.param(_catalogue(_plan("small.hour", 0)), id="nothing"),
        pytest.param(_catalogue(_plan("small.hour", 21, ("installation",))), id="a price for something else"),
        pytest.param({"addons": "none"}, id="no list"),
        pytest.param(Said(503, None), id="a source that is down"),
        pytest.param(Said(404, None), id="a source that has moved"),
    ],
)
def test_where_no_price_can_be_read_the_table_speaks_with_its_day(
    time: Any, monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    assert _small(_parts(time, said)).price_hour is None
    listed = table.Listed(Decimal("0.02"), Decimal("14.60"), Decimal("1"), Decimal("2"), "2026-08-14")
    monkeypatch.setattr(
        table, "listed", lambda provider, kind: listed if (provider, kind) == ("north", "small") else None
    )

    flavor = _small(_parts(time, said))

    assert (flavor.price_hour, flavor.server_month, flavor.priced) == (Decimal("0.02"), Decimal("14.60"), "2026-08-14")
    assert flavor.month == Decimal("17.60")


def test_a_price_source_that_is_down_holds_nobody_up_for_long(time: Any) -> None:
    parts = _parts(time, Said(503, None))

    _small(parts)
    _small(parts)

    assert time.now <= 10
    assert len(parts.project.requests("GET", "plans")) <= 6


def test_a_cloud_without_a_price_source_is_not_asked(time: Any) -> None:
    project = Project()
    parts = _parts(time, _catalogue())
    parts = connect(project, time)  # no price_endpoint
    project.on("GET", "compute", "/flavors/detail", {"flavors": [{"id": "f", "name": "small", "disk": 1}]})

    assert _small(parts).price_hour is None
    assert project.requests("GET", "plans") == []
