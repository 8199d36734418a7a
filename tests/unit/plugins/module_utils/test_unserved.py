"""A provider that does not answer blocks its own pools alone, and need not fail the run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Capacity,
    Permanent,
    PlatformError,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer
from tests.unit.plugins.fake_cloud import a_pool
from tests.unit.plugins.world import World


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def test_an_outage_need_not_fail_a_run_that_serves_the_others_first(world: World) -> None:
    world.have("dev-web-1")
    world.north.listing_error = Transient("North is down.", provider="north", code="unreachable")

    result = world.run(a_pool(2), a_pool(1, "sun", Offer("south", "n1", "small")), fail_on_unserved=False)

    assert (result.get("failed"), result["created"]) == (None, ["dev-sun-1"])
    said = "North is down. Pool web stays as it is."
    assert result["unserved"] == [{"pool": "web", "provider": "north", "code": "unreachable", "msg": said}]
    assert said in result["warnings"]


def test_everything_else_still_fails_such_a_run(world: World) -> None:
    world.north.listing_error = Transient("North is down.", provider="north", code="unreachable")
    world.south.create_errors = [Permanent("South refuses this one.", provider="south", code="invalid")]

    result = world.run(a_pool(2), a_pool(1, "sun", Offer("south", "n1", "small")), fail_on_unserved=False)

    assert (result["failed"], result["msg"], result["code"]) == (True, "South refuses this one.", "invalid")
    assert [entry["pool"] for entry in result["unserved"]] == ["web"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Auth("North refused the token.", provider="north", code="unauthorized"), id="a revoked token"),
        pytest.param(Transient("North is down.", provider="north", code="unreachable"), id="silence"),
    ],
)
def test_a_provider_that_is_lost_while_it_sells_leaves_a_pool_unserved(world: World, error: PlatformError) -> None:
    world.north.create_errors = [error]

    result = world.run(a_pool(1), a_pool(1, "sun", Offer("south", "n1", "small")), fail_on_unserved=False)

    assert (result.get("failed"), result["created"]) == (None, ["dev-sun-1"])
    assert [(entry["pool"], entry["code"]) for entry in result["unserved"]] == [("web", error.code)]


def test_a_server_that_comes_up_late_is_no_outage_but_one_that_nobody_can_look_at_is(world: World) -> None:
    world.north.looks_until_done = 1000
    late = world.run(a_pool(1), timeout=30, fail_on_unserved=False)
    assert (late["failed"], late["unserved"]) == (True, [])

    world.north.nodes.clear()
    world.north.poll_errors = [Transient("North is down.", provider="north", code="unreachable")] * 1000
    dark = world.run(a_pool(1), timeout=30, fail_on_unserved=False)
    assert dark.get("failed") is None
    assert dark["unserved"][0]["msg"].endswith("The last look at it failed: North is down.")


def test_an_account_that_cannot_be_opened_blocks_its_own_pools_alone(world: World) -> None:
    world.unopened = {"north": Auth("The account at north lacks a token.", provider="north", code="no_credentials")}
    mixed = a_pool(1, "mixed", Offer("south", "n1", "small"), Offer("north", "n1", "small"))

    result = world.run(a_pool(2), a_pool(1, "sun", Offer("south", "n1", "small")), mixed)

    assert result["created"] == ["dev-sun-1"]
    assert result["msg"] == (
        "The account at north lacks a token. Pools web, mixed stay as they are. Nodes of pool mixed may be at north "
        "under the very names that would be bought, so none is bought at south either."
    )
    assert [entry["pool"] for entry in result["unserved"]] == ["web", "mixed"]
    assert world.north.asked == []


def test_an_offer_whose_catalogue_cannot_be_read_is_passed_over_and_told_when_none_is_left(world: World) -> None:
    def fail(verb: str) -> None:
        if verb == "catalog":
            raise Transient("North's catalogue is down.", provider="north", code="503")

    world.north.on_request = fail
    both = a_pool(1, "web", Offer("north", "n1", "small"), Offer("south", "n1", "small"))

    served = world.run(both)
    assert served.get("msg") is None
    assert served["choices"] == [
        {
            "name": "dev-web-1",
            "offer": "south/n1/small",
            "refused": ["north/n1/small: North's catalogue is down."],
        }
    ]

    unserved = world.run(a_pool(1, "new"), both, fail_on_unserved=False)
    assert unserved.get("failed") is None
    assert [(entry["pool"], entry["provider"]) for entry in unserved["unserved"]] == [("new", "north")]


def test_the_result_says_which_offer_was_taken_and_why_others_were_not(world: World) -> None:
    world.north.create_errors = [Capacity("Sold out.", provider="north")]

    result = world.run(a_pool(1, "web", Offer("north", "n1", "small"), Offer("north", "n2", "small")))

    assert result["choices"] == [
        {"name": "dev-web-1", "offer": "north/n2/small", "refused": ["north/n1/small: Sold out."]}
    ]


def test_when_something_has_no_offer_nothing_goes_elsewhere(world: World) -> None:
    world.have("dev-old-1", "dev-old-2", pool="old")

    result = world.run(a_pool(1, "web", Offer("north", "n1", "huge")), a_pool(1, "old"))

    assert (result["failed"], result["deleted"], world.diary) == (True, [], [])
