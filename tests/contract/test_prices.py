"""Prices are the vendor's own, or else those of a dated list that says so."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor
from tests.contract.case import Case


def _flavor(case: Case) -> Flavor:
    location, kind = case.profile.first
    driver = case.driver()
    return next(flavor for flavor in driver.catalog(driver.caps.locations[location]) if flavor.name == kind)


def test_a_month_is_told_to_the_cent_without_floats(case: Case) -> None:
    if not case.profile.priced:
        pytest.skip(f"{case.name} tells no prices")
    flavor = _flavor(case)

    assert flavor.currency == "EUR"
    assert isinstance(flavor.month, Decimal)
    assert flavor.month > 0
    for amount in (flavor.price_hour, flavor.ipv4_month, flavor.disk_month):
        assert isinstance(amount, Decimal)
        assert len(str(amount)) < 14, f"{amount} looks like arithmetic with floats"


@pytest.mark.parametrize("kind", ["5xx", "html-200", "cut-json", "429", "reset-before"])
def test_without_the_price_list_the_table_speaks_and_says_how_old_it_is(case: Case, kind: str) -> None:
    if not case.profile.prices:
        pytest.skip(f"{case.name} has no price list apart from its types")
    assert _flavor(case).priced == ""
    case.break_(kind, path=case.profile.prices)

    flavor = _flavor(case)

    assert re.fullmatch(r"20\d\d-\d\d-\d\d", flavor.priced)
    assert flavor.available
    assert flavor.month is not None


def test_prices_that_cannot_be_had_are_no_reason_not_to_buy(case: Case) -> None:
    if not case.profile.prices:
        pytest.skip(f"{case.name} has no price list apart from its types")
    case.break_("5xx", path=case.profile.prices)

    result = case.run(1)

    assert (result.get("msg"), result["created"]) == (None, case.wished(1))
    case.assert_exactly(1)
