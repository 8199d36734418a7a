"""The list prices that stand in for a price source that does not answer."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import prices
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.prices import LISTS, PriceList

TYPES = [(provider, name) for provider, prices_of in LISTS.items() for name in prices_of.servers]


@pytest.mark.parametrize(
    ("provider", "name", "hour", "month", "ipv4", "disk", "as_of"),
    [
        ("hetzner", "cx33", "0.0136", "8.49", "0.50", "0", "2026-09-04"),
        ("hetzner", "ccx13", "0.0689", "42.99", "0.50", "0", "2026-09-04"),
        ("scaleway", "DEV1-L", "0.04284", "31.27", "2.92", "0", "2026-08-14"),
        ("scaleway", "PRO2-XXS", "0.0561", "40.95", "2.92", "0.80", "2026-08-14"),
        ("ovhcloud", "d2-4", "0.0206", "15.04", "0", "0", "2026-08-14"),
        ("stackit", "g1.1", "0.03791", "27.30", "2.92", "1.30699872", "2026-06-09"),
    ],
)
def test_prices_are_what_the_lists_said(
    provider: str, name: str, hour: str, month: str, ipv4: str, disk: str, as_of: str
) -> None:
    listed = prices.listed(provider, name)
    assert listed is not None
    assert (listed.hour, listed.month, listed.as_of) == (Decimal(hour), Decimal(month), as_of)
    assert (listed.ipv4_month, listed.disk_month) == (Decimal(ipv4), Decimal(disk))


@pytest.mark.parametrize(("provider", "name"), [("hetzner", "cx99"), ("infomaniak", "a2-ram4-disk20-perf1")])
def test_what_no_list_has_is_not_guessed(provider: str, name: str) -> None:
    assert prices.listed(provider, name) is None


@pytest.mark.parametrize(("provider", "name"), TYPES)
def test_hour_and_month_of_a_type_fit_each_other(provider: str, name: str) -> None:
    listed = prices.listed(provider, name)
    assert listed is not None
    assert listed.month is not None
    reckoned = listed.hour * prices.month_hours(provider)
    assert abs(reckoned - listed.month) < listed.month / 100


@pytest.mark.parametrize("price_list", LISTS.values(), ids=LISTS)
def test_every_list_has_a_day_and_says_where_it_was_read(price_list: PriceList) -> None:
    assert date.fromisoformat(price_list.as_of) < date(2026, 11, 22)
    assert price_list.source
    assert set(price_list.disks) <= set(price_list.servers)


def test_a_list_has_an_age() -> None:
    assert prices.age_days("2026-09-04", date(2026, 11, 21)) == 78
    assert prices.age_days("2026-09-04", date(2026, 9, 4)) == 0


def test_only_scaleway_takes_nothing_for_a_server_that_is_off() -> None:
    names = ("hetzner", "scaleway", "ovhcloud", "stackit", "infomaniak")
    assert [name for name in names if prices.off_is_free(name)] == ["scaleway"]
