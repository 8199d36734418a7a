"""What a plan costs: money to the cent, of every provider, before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.costing import Bill, as_result, bill, places_to_price
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Node, Offer, Owner, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import (
    Adopt,
    Create,
    Delete,
    Plan,
    Quote,
    Repair,
    Replace,
    Resume,
)
from tests.unit.plugins.fake_cloud import a_node

TODAY = date(2026, 11, 21)
CX33 = Offer("hetzner", "nbg1", "cx33")
CX43 = Offer("hetzner", "nbg1", "cx43")
DEV1 = Offer("scaleway", "fr-par-1", "DEV1-L")
D2 = Offer("ovhcloud", "GRA11", "d2-8")
C1 = Offer("stackit", "eu01-1", "c1.1")
ODD = Offer("north", "n1", "odd")

Sold = Mapping[Offer, "Flavor | PlatformError"]


def _flavor(name: str, hour: str, month: str | None, ipv4: str = "0", disk: str = "0", **more: Any) -> Flavor:
    server = None if month is None else Decimal(month)
    return Flavor(name, 4, Decimal(8), Decimal(hour), "EUR", True, server, Decimal(ipv4), Decimal(disk), **more)


SOLD: Sold = {
    CX33: _flavor("cx33", "0.0136", "8.49", "0.50"),
    CX43: _flavor("cx43", "0.0256", "15.99", "0.50"),
    DEV1: _flavor("DEV1-L", "0.04284", None, "2.92"),
    D2: _flavor("d2-8", "0.0372", "27.16"),
    C1: _flavor("c1.1", "0.01827", "13.1544", "2.92", "1.30699872"),
}


def _node(number: int, offer: Offer = CX33, **changes: Any) -> Node:
    place = {"provider": offer.provider, "location": offer.location, "type": offer.type, "price_hour": None}
    return a_node(f"dev-web-{number}", **{**place, **changes})


def _pool(offer: Offer = CX33, count: int = 1) -> Pool:
    return Pool("web", count, (offer,))


def _quote(offer: Offer = CX33) -> Quote:
    sold = SOLD[offer]
    assert isinstance(sold, Flavor)
    return Quote(offer, sold)


def _bill(plan: Plan, quotes: Mapping[str, Quote] | None = None, sold: Sold | None = None) -> Bill:
    def catalog(offer: Offer) -> Sequence[Flavor] | PlatformError:
        assert offer in places_to_price(plan), f"{offer} is looked up although nobody was told that it would be"
        found = (SOLD if sold is None else sold).get(offer)
        return found if isinstance(found, PlatformError) else [found] if found else []

    return bill(plan, quotes or {}, catalog, TODAY)


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {provider: str(amount) for provider, amount in amounts.items()}


def test_nothing_costs_nothing() -> None:
    assert as_result(_bill(Plan())) == {
        "before": {},
        "after": {},
        "change": {},
        "total_before": "0.00",
        "total_after": "0.00",
        "total_change": "0.00",
        "unknown": [],
        "prices": {},
    }


def test_a_new_node_costs_server_address_and_disk() -> None:
    plan = Plan(creates=(Create(_pool(), "dev-web-2"),), keeps=(_node(1),))
    found = _bill(plan, {"dev-web-2": _quote()})
    assert (_texts(found.before), _texts(found.after)) == ({"hetzner": "8.99"}, {"hetzner": "17.98"})
    assert (_texts(found.change), found.total_change) == ({"hetzner": "8.99"}, Decimal("8.99"))
    assert found.sources == {"hetzner": "live"}


@pytest.mark.parametrize(
    ("offer", "running", "stopped"),
    [
        pytest.param(CX33, "8.99", "8.99", id="in full at Hetzner"),
        pytest.param(D2, "27.16", "27.16", id="in full at OVHcloud"),
        pytest.param(C1, "17.38", "17.38", id="in full at STACKIT"),
        pytest.param(DEV1, "34.19", "2.92", id="not its compute at Scaleway"),
    ],
)
def test_a_server_that_is_off_costs(offer: Offer, running: str, stopped: str) -> None:
    node = _node(1, offer, state="stopped")
    started = _bill(Plan(keeps=(node,), resumes=(Resume(_pool(offer), node),)))
    left_off = _bill(Plan(keeps=(node,)))
    name = offer.provider
    assert (_texts(started.before), _texts(started.after)) == ({name: stopped}, {name: running})
    assert (_texts(left_off.before), _texts(left_off.after)) == ({name: stopped}, {name: stopped})


def test_a_server_without_a_public_address_pays_for_none() -> None:
    found = _bill(Plan(keeps=(_node(1, public_ipv4=""), _node(2, public_ipv4="", state="creating"))))
    assert _texts(found.before) == {"hetzner": "17.48"}


def test_what_goes_saves_and_what_is_being_deleted_already_is_on_neither_side() -> None:
    plan = Plan(keeps=(_node(1),), deletes=(Delete(_node(2), "too many"),), leaving=(_node(3, DEV1, state="deleting"),))
    found = _bill(plan)
    assert as_result(found)["change"] == {"hetzner": "-8.99"}
    assert as_result(found)["total_after"] == "8.99"
    assert "scaleway" not in found.before


def test_a_replaced_node_is_paid_for_once_by_its_successor() -> None:
    plan = Plan(replaces=(Replace(_pool(CX43), _node(1), "another type", "dev-web-2"),))
    found = _bill(plan, {"dev-web-2": _quote(CX43)})
    assert (_texts(found.before), _texts(found.after)) == ({"hetzner": "8.99"}, {"hetzner": "16.49"})


def test_a_node_that_nothing_can_be_bought_in_place_of_stays() -> None:
    plan = Plan(replaces=(Replace(_pool(CX43), _node(1), "another type", "dev-web-2"),))
    assert _texts(_bill(plan).after) == {"hetzner": "8.99"}


def test_a_repaired_node_may_come_back_at_another_provider() -> None:
    plan = Plan(repairs=(Repair(_pool(D2), _node(1), "NotReady", "dev-web-1"),))
    found = _bill(plan, {"dev-web-1": _quote(D2)})
    assert _texts(found.change) == {"hetzner": "-8.99", "ovhcloud": "27.16"}
    assert _texts(found.before) == {"hetzner": "8.99", "ovhcloud": "0.00"}


def test_an_adopted_server_costs_what_it_did() -> None:
    node = replace(_node(1), owner=None)
    found = _bill(Plan(adopts=(Adopt(_pool(), node, Owner.of("lab", "dev", "web", node.name)),)))
    assert as_result(found)["change"] == {"hetzner": "0.00"}


def test_sums_are_rounded_once_and_what_is_shown_adds_up() -> None:
    # 3 x 17.38139872 is 52.14419616; three rounded nodes would make 52.14, three rounded parts 52.17.
    plan = Plan(keeps=tuple(_node(number, C1) for number in (1, 2)), creates=(Create(_pool(C1), "dev-web-3"),))
    found = _bill(plan, {"dev-web-3": _quote(C1)})
    assert (_texts(found.before), _texts(found.after)) == ({"stackit": "34.76"}, {"stackit": "52.14"})
    for provider, change in found.change.items():
        assert found.before[provider] + change == found.after[provider]
    assert found.total_before + found.total_change == found.total_after


def test_half_a_cent_is_rounded_up() -> None:
    sold = {ODD: _flavor("odd", "0.01", "1.005")}
    assert _texts(_bill(Plan(keeps=(_node(1, ODD),)), sold=sold).before) == {"north": "1.01"}


def test_the_result_holds_text_and_no_floats() -> None:
    plan = Plan(creates=(Create(_pool(), "dev-web-2"),), keeps=(_node(1), _node(3, DEV1)))
    result = as_result(_bill(plan, {"dev-web-2": _quote()}))
    amounts = [*result["before"].values(), *result["after"].values(), *result["change"].values()]
    assert {type(amount) for amount in amounts} == {str}
    assert result["total_after"] == "52.17"
    json.dumps(result, allow_nan=False)


# ---- where prices come from


def test_a_price_from_the_list_says_its_day_and_age() -> None:
    sold = {D2: _flavor("d2-8", "0.0372", "27.16", priced="2026-08-14"), CX33: SOLD[CX33]}
    plan = Plan(keeps=(_node(1, D2), _node(2)), creates=(Create(_pool(D2), "dev-web-3"),))
    found = _bill(plan, {"dev-web-3": Quote(D2, replace(sold[D2], priced=""))}, sold)
    assert found.sources == {"hetzner": "live", "ovhcloud": "list of 2026-08-14, 99 days old"}


@pytest.mark.parametrize(
    "sold", [{}, {CX33: Transient("Hetzner is down.", provider="hetzner")}], ids=["retired", "not readable"]
)
def test_a_node_whose_type_the_catalogue_does_not_show_is_priced_by_the_list(sold: Sold) -> None:
    found = _bill(Plan(keeps=(_node(1),)), sold=sold)
    assert (_texts(found.before), found.unknown) == ({"hetzner": "8.99"}, ())
    assert found.sources == {"hetzner": "list of 2026-09-04, 78 days old"}


def test_the_price_that_a_server_brings_along_is_its_own() -> None:
    """Prices of new servers have moved; the old one is still billed as it was."""
    node = _node(1, price_hour=Decimal("0.01"))
    assert _texts(_bill(Plan(keeps=(node,))).before) == {"hetzner": "6.74"}  # 624 hours and the address
    assert _texts(_bill(Plan(keeps=(node,)), sold={}).before) == {"hetzner": "6.74"}


def test_address_and_disk_are_added_to_a_price_that_a_server_brings_along() -> None:
    node = _node(1, Offer("stackit", "eu01-1", "c1.2"), price_hour=Decimal("0.03654"))
    assert _texts(_bill(Plan(keeps=(node,)), sold={}).before) == {"stackit": "30.54"}


def test_a_price_that_a_driver_took_from_the_list_does_not_count_against_the_catalogue() -> None:
    dearer = {DEV1: _flavor("DEV1-L", "0.05", None, "2.92")}
    node = _node(1, DEV1, price_hour=Decimal("0.04284"))
    assert _texts(_bill(Plan(keeps=(node,)), sold=dearer).before) == {"scaleway": "39.42"}


def test_a_node_without_any_price_is_named_and_left_out() -> None:
    plan = Plan(keeps=(_node(1), _node(2, ODD)), creates=(Create(_pool(ODD), "dev-web-3"),))
    unpriced = Flavor("odd", 1, Decimal(1), None, "EUR", True)
    found = _bill(plan, {"dev-web-3": Quote(ODD, unpriced)}, {**SOLD, ODD: unpriced})
    assert found.unknown == ("dev-web-2", "dev-web-3")
    assert _texts(found.after) == {"hetzner": "8.99"}


def test_money_of_another_currency_is_not_added_up() -> None:
    sold = {ODD: replace(_flavor("odd", "0.01", "7.30"), currency="CHF")}
    found = _bill(Plan(keeps=(_node(1, ODD),)), sold=sold)
    assert (found.before, found.unknown) == ({}, ("dev-web-1",))


def test_a_silent_provider_is_not_asked_for_its_prices_either() -> None:
    down = Transient("Scaleway is down.", provider="scaleway")
    plan = Plan(keeps=(_node(1), _node(2, DEV1)), blocked={"web": down})
    assert places_to_price(plan) == (CX33,)
    assert _bill(plan).sources == {"hetzner": "live", "scaleway": "list of 2026-08-14, 99 days old"}


def test_each_place_and_type_is_asked_for_once() -> None:
    plan = Plan(
        keeps=tuple(_node(number) for number in range(1, 9)),
        deletes=(Delete(_node(9, DEV1), "too many"),),
        creates=(Create(_pool(D2), "dev-web-10"),),
    )
    assert places_to_price(plan) == (CX33, DEV1)
