"""Which offers may be bought, and the reason why others may not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Offer
from ansible_collections.sovereign.fleet.plugins.module_utils.offering import Refusal, no_offer_left, quotes
from tests.unit.plugins.fake_cloud import a_pool

DOWN = Transient("North is down.", provider="north")


def _flavor(name: str, price: str | None, available: bool = True) -> Flavor:
    return Flavor(name, 2, Decimal(4), None if price is None else Decimal(price), "EUR", available)


CATALOGUE = {
    "n1": [_flavor("small", "0.01"), _flavor("large", "0.09"), _flavor("gone", "0.01", False), _flavor("secret", None)],
    "n2": DOWN,
}


@pytest.mark.parametrize(
    ("offer", "price", "reason"),
    [
        pytest.param("n1/small", "0.01", "", id="exactly at the price"),
        pytest.param("n1/large", None, "", id="any price"),
        pytest.param("n1/secret", None, "", id="a price nobody asked for"),
        pytest.param("n1/large", "0.05", "0.09 EUR an hour is above max_price_hour 0.05", id="too dear"),
        pytest.param("n1/secret", "0.05", "its price is not known", id="an unknown price"),
        pytest.param("n1/gone", None, "cannot be ordered there now", id="not to be had"),
        pytest.param("n1/none", None, "is not sold there (sold are large, secret, small)", id="never sold"),
        pytest.param("n2/small", None, "North is down.", id="no catalogue"),
    ],
)
def test_an_offer_is_good_or_refused_for_a_reason(offer: str, price: str | None, reason: str) -> None:
    location, kind = offer.split("/")
    pool = a_pool(1, "web", Offer("north", location, kind), max_price_hour=Decimal(price) if price else None)

    good, refused = quotes(pool, lambda wanted: CATALOGUE[wanted.location])  # type: ignore[return-value]

    assert bool(good) != bool(reason)
    assert [reason in str(said) for said in refused] == ([True] if reason else [])


def test_a_refusal_keeps_the_error_of_the_provider() -> None:
    _good, refused = quotes(a_pool(1, "web", Offer("north", "n2", "small")), lambda _offer: DOWN)

    assert [refusal.error for refusal in refused] == [DOWN]


def test_when_no_offer_is_left_every_reason_is_told() -> None:
    tried = [Refusal(Offer("north", "n1", "small"), "Sold out."), Refusal(Offer("south", "n1", "small"), "too dear")]

    assert str(no_offer_left(a_pool(1), "dev-web-1", tried)) == (
        "No offer of pool web can be bought for node dev-web-1: north/n1/small: Sold out; south/n1/small: too dear. "
        "Add an offer, or run again later."
    )
