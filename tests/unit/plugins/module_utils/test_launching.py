"""Buying: once, at the first offer that can be had, whatever happens to the answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Auth,
    Capacity,
    Permanent,
    PlatformError,
    Quota,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Offer
from tests.unit.plugins.fake_cloud import a_pool
from tests.unit.plugins.world import World

LOST = Ambiguous("The answer was lost.", provider="north")


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


@pytest.mark.parametrize("error", [Capacity("Sold out.", provider="north"), Quota("Too many.", provider="north")])
def test_the_next_offer_is_taken_and_an_offer_that_failed_is_not_asked_again(
    world: World, error: PlatformError
) -> None:
    world.north.create_errors = [error]

    result = world.run(a_pool(1, "web", Offer("north", "n1", "small"), Offer("north", "n2", "small")))

    assert result.get("msg") is None
    assert world.diary[:2] == ["order dev-web-1 at north/n1/small", "order dev-web-1 at north/n2/small"]
    assert result["nodes"][0]["location"] == "n2"


def test_when_no_offer_is_left_every_reason_is_told(world: World) -> None:
    world.north.create_errors = [Capacity("Sold out.", provider="north"), Quota("Too many.", provider="north")]

    result = world.run(a_pool(1, "web", Offer("north", "n1", "small"), Offer("north", "n2", "small")))

    assert result["msg"] == (
        "No offer of pool web can be bought for node dev-web-1: north/n1/small: Sold out; north/n2/small: Too many. "
        "Add an offer, or run again later."
    )


def test_an_offer_above_the_highest_price_is_skipped_without_a_request(world: World) -> None:
    world.north.flavors = (Flavor("small", 2, Decimal(4), Decimal("0.5"), "EUR", True),)

    offers = Offer("north", "n1", "small"), Offer("south", "n1", "small")
    result = world.run(a_pool(1, "web", *offers, max_price_hour=Decimal("0.1")))

    assert (result.get("msg"), result["nodes"][0]["provider"]) == (None, "south")
    assert world.diary == ["order dev-web-1 at south/n1/small"]


def test_an_order_whose_answer_was_lost_is_found_by_its_token(world: World) -> None:
    world.north.create_errors, world.north.answers_lost = [LOST], 1

    result = world.run(a_pool(1))

    assert (result.get("msg"), result["created"]) == (None, ["dev-web-1"])
    assert world.diary == ["order dev-web-1 at north/n1/small", "adopt dev-web-1"]


def test_an_order_that_was_not_taken_is_repeated_after_two_looks(world: World) -> None:
    world.north.create_errors = [LOST]

    result = world.run(a_pool(1))

    assert result.get("msg") is None
    assert world.diary == ["order dev-web-1 at north/n1/small"] * 2
    assert world.time.slept[:2] == [1.0, 4.0]


def test_after_six_lost_orders_it_gives_up(world: World) -> None:
    world.north.create_errors = [LOST] * 9

    result = world.run(a_pool(1))

    assert len(world.diary) == 6
    assert (
        "The server dev-web-1 could not be ordered: The answer was lost. It is not there after 6 tries" in result["msg"]
    )


def test_one_server_that_fails_does_not_hold_up_the_others(world: World) -> None:
    world.north.create_errors = [Permanent("North refuses this one.", provider="north", code="invalid")]

    result = world.run(a_pool(3))

    assert (result["failed"], result["msg"], result["code"]) == (True, "North refuses this one.", "invalid")
    assert len(result["created"]) == 2
    assert result["changed"]


def test_a_server_that_fails_to_come_up_is_cleared_away_before_the_next_offer(world: World) -> None:
    world.north.coming_error = Permanent("It does not boot.", provider="north")

    result = world.run(a_pool(1, "web", Offer("north", "n1", "small"), Offer("south", "n1", "small")))

    assert result.get("msg") is None
    assert world.diary == [
        "order dev-web-1 at north/n1/small",
        "delete dev-web-1",
        "gone dev-web-1",
        "order dev-web-1 at south/n1/small",
    ]


def test_looks_that_fail_in_passing_are_repeated_and_a_revoked_token_ends_the_wait(world: World) -> None:
    world.north.poll_errors = [Transient("503.", provider="north"), Transient("503.", provider="north")]
    assert world.run(a_pool(1)).get("msg") is None

    world.north.poll_errors = [Auth("North refused the token.", provider="north")]
    result = world.run(a_pool(2))
    assert (result["failed"], result["msg"]) == (True, "North refused the token.")


def test_a_half_made_server_that_vanishes_is_bought_again(world: World) -> None:
    world.have("dev-web-1", state="stopped")
    adopt = world.north.adopt

    def adopt_and_lose(node: Any, spec: Any) -> Any:
        world.north.nodes.clear()
        return adopt(node, spec)

    world.north.adopt = adopt_and_lose  # type: ignore[method-assign]

    result = world.run(a_pool(1))

    assert (result.get("msg"), result["created"], result["started"]) == (None, ["dev-web-1"], [])


def test_the_deadline_is_kept_and_names_the_server(world: World) -> None:
    world.north.looks_until_done = 1000

    result = world.run(a_pool(1), timeout=60)

    assert (
        "The server dev-web-1 (id id-dev-web-1) was not running in time; its last state was creating." in result["msg"]
    )
    assert world.time.now == pytest.approx(60, abs=1)


def test_user_data_reaches_the_right_server(world: World) -> None:
    world.run(a_pool(1), a_pool(1, "db"), user_data={"web/north/n1": "for web", "*": "for all"})

    assert {spec.name: spec.user_data for spec in world.north.specs} == {"dev-web-1": "for web", "dev-db-1": "for all"}
