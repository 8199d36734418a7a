"""The engine over a provider and a cluster in memory: order of things, guards, and what it says when they go wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Auth,
    Capacity,
    Conflict,
    Permanent,
    PlatformError,
    Quota,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Leftover, Offer, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.reconcile import Wish, reconcile
from ansible_collections.sovereign.fleet.plugins.module_utils.running import Run
from tests.unit.plugins.fake_cloud import CLUSTER, FLEET, FakeDriver, FakeKube, a_kube_node, a_node, a_pool

LOST = Ambiguous("The answer was lost.", provider="north")


class World:
    """A provider, perhaps a second one, perhaps a cluster, and one diary of what was done to them."""

    def __init__(self, time: Any) -> None:
        self.time = time
        self.diary: list[str] = []
        self.told: list[str] = []
        self.north = FakeDriver(self.diary)
        self.south = FakeDriver(self.diary, "south")
        self.kube: FakeKube | None = None

    def with_kube(self, *names: str) -> FakeKube:
        self.kube = FakeKube(self.diary, [a_kube_node(name) for name in names])
        return self.kube

    def have(self, *names: str, **changes: Any) -> None:
        self.north.nodes += [a_node(name, **changes) for name in names]

    def run(self, *pools: Pool, check: bool = False, timeout: float = 300, **wish: Any) -> dict[str, Any]:
        drivers = {"north": self.north, "south": self.south}
        run = Run(
            FLEET, CLUSTER, drivers, self.time.clock, self.time.sleep, self.time.clock() + timeout, self.told.append
        )
        return reconcile(Wish(pools, **wish), run, self.kube, check=check, diff=True)


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def test_check_mode_foresees_a_run_does_it_and_a_second_run_has_nothing_to_do(world: World) -> None:
    foreseen = world.run(a_pool(2), check=True)
    assert (foreseen["changed"], world.diary) == (True, [])
    assert [item["name"] for item in foreseen["pending"]["create"]] == ["dev-web-1", "dev-web-2"]

    done = world.run(a_pool(2))
    assert (done["changed"], done["created"]) == (True, ["dev-web-1", "dev-web-2"])
    assert [node["state"] for node in done["nodes"]] == ["running", "running"]
    assert done["diff"] == foreseen["diff"]

    diary = list(world.diary)
    again = world.run(a_pool(2))
    assert (again["changed"], again.get("msg"), world.diary) == (False, None, diary)
    assert again["diff"]["before"] == again["diff"]["after"]


def test_the_diff_lists_nodes_prices_and_the_bill(world: World) -> None:
    world.have("dev-web-1", "dev-web-2", "dev-web-10")

    diff = world.run(a_pool(2), a_pool(1, "new", Offer("south", "n1", "small")), check=True)["diff"]

    assert diff["before"].splitlines() == [
        "dev-web-1  north/n1/small  running  0.01 EUR/h",
        "dev-web-2  north/n1/small  running  0.01 EUR/h",
        "dev-web-10  north/n1/small  running  0.01 EUR/h",
    ]
    assert diff["after"].splitlines() == [
        "dev-new-1  south/n1/small  running  0.01 EUR/h",
        "dev-web-1  north/n1/small  running  0.01 EUR/h",
        "dev-web-2  north/n1/small  running  0.01 EUR/h",
        "per month: north -7.30 EUR without VAT",
        "per month: south +7.30 EUR without VAT",
    ]


def test_shrinking_goes_from_the_highest_number_and_forgets_a_node_only_when_its_server_is_gone(world: World) -> None:
    names = ["dev-web-1", "dev-web-2", "dev-web-3"]
    world.have(*names)
    world.with_kube(*names)

    result = world.run(a_pool(1))

    assert (result.get("msg"), result["deleted"]) == (None, ["dev-web-3", "dev-web-2"])
    assert world.diary == [
        "cordon dev-web-3",
        "cordon dev-web-2",
        "drain dev-web-3",
        "delete dev-web-3",
        "drain dev-web-2",
        "delete dev-web-2",
        "gone dev-web-3",
        "gone dev-web-2",
        "forget dev-web-3",
        "forget dev-web-2",
    ]


def test_a_node_that_cannot_be_drained_keeps_its_server(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")
    kube = world.with_kube("dev-web-1", "dev-web-2")
    kube.drain_errors["dev-web-2"] = Conflict("A budget keeps pod x on dev-web-2.", provider="kubernetes")

    result = world.run(a_pool(1))

    assert result["failed"]
    assert "A budget keeps pod x" in result["msg"]
    assert not any(line.startswith(("delete", "forget")) for line in world.diary)
    assert len(result["nodes"]) == 2


def test_a_server_that_may_not_be_deleted_is_told_and_the_others_go(world: World) -> None:
    world.have("dev-web-1", "dev-web-2", "dev-web-3")
    world.north.delete_errors["dev-web-3"] = Conflict("The server dev-web-3 is protected.", provider="north")

    result = world.run(a_pool(1))

    assert (result["failed"], result["msg"]) == (True, "The server dev-web-3 is protected.")
    assert result["deleted"] == ["dev-web-2"]


def test_a_double_goes_without_touching_the_node_of_its_twin(world: World) -> None:
    world.have("dev-web-1")
    twin = a_node("dev-web-1", id="twin", provider_id="north://twin", created="2026-05")
    world.north.nodes.append(twin)
    world.with_kube("dev-web-1")

    result = world.run(a_pool(1))

    assert (result.get("msg"), result["deleted"]) == (None, ["dev-web-1"])
    assert [node.id for node in world.north.nodes] == ["id-dev-web-1"]
    assert world.diary == ["delete dev-web-1", "gone dev-web-1"]


def test_nothing_goes_when_something_that_should_come_did_not(world: World) -> None:
    world.have("dev-old-1", "dev-old-2", pool="old")
    world.north.create_errors = [Permanent("North refuses.", provider="north")]

    result = world.run(a_pool(1), a_pool(1, "old"))

    assert result["failed"]
    assert (result["deleted"], result["changed"]) == ([], False)
    assert "delete dev-old-2" not in world.diary
    assert any("nothing is deleted" in line for line in world.told)


# ---- buying


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


# ---- guards


def test_a_plan_that_needs_to_be_confirmed_does_nothing_until_it_is(world: World) -> None:
    world.have("dev-web-1")

    refused = world.run(a_pool(0))
    assert (refused["failed"], refused["changed"], world.diary) == (True, False, [])
    assert f"run with confirm: {refused['plan_hash']}" in refused["msg"]
    assert refused["needs_confirmation"] == ["it deletes the last node of pool web"]

    world.have("dev-web-2")
    stale = world.run(a_pool(0), confirm=refused["plan_hash"])
    assert "belongs to another plan" in stale["msg"]
    assert world.diary == []

    assert world.run(a_pool(0), confirm=stale["plan_hash"])["deleted"] == ["dev-web-2", "dev-web-1"]


def test_a_silent_provider_fails_the_run_but_not_the_pools_of_others(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")
    world.north.listing_error = Transient("North at http://north failed at GET /servers (503); run again later.")

    result = world.run(a_pool(5), a_pool(1, "sun", Offer("south", "n1", "small")))

    assert result["failed"]
    assert result["msg"].endswith("(503); run again later. Pool web stays as it is.")
    assert result["created"] == ["dev-sun-1"]
    assert world.diary == ["order dev-sun-1 at south/n1/small"]


def test_a_silent_provider_without_a_pool_only_matters_to_prune(world: World) -> None:
    world.south.listing_error = Transient("South is down.")

    assert world.run(a_pool(1)).get("msg") is None
    assert "Whether nodes of other pools are left there is not known." in world.run(a_pool(1), prune=True)["msg"]


def test_disks_that_an_interrupted_run_left_behind_are_swept(world: World) -> None:
    world.north.loose = [Leftover("north", "l_ssd", "d1", "root", "n1")]

    foreseen = world.run(a_pool(0), check=True)
    assert foreseen["pending"]["remove_disks"] == ["d1"]

    assert world.run(a_pool(0))["changed"]
    assert world.diary == ["sweep d1"]
    assert not world.run(a_pool(0))["changed"]


# ---- Kubernetes


def test_a_run_waits_until_every_node_is_ready(world: World) -> None:
    kube = world.with_kube()
    kube.joins = {3: [a_kube_node("dev-web-1", ready=False)], 5: [a_kube_node("dev-web-1")]}

    result = world.run(a_pool(1), wait_joined=True)

    assert (result.get("msg"), kube.readings) == (None, 5)


def test_a_node_that_does_not_join_is_named_with_what_is_seen_of_it(world: World) -> None:
    kube = world.with_kube()
    kube.joins = {2: [a_kube_node("dev-web-2", ready=False)]}

    result = world.run(a_pool(2), wait_joined=True, timeout=120)

    assert result["failed"]
    assert "dev-web-1: the server is running at north/n1 but has not registered" in result["msg"]
    assert "dev-web-2: registered but not Ready" in result["msg"]
    assert result["created"] == ["dev-web-1", "dev-web-2"]
    assert world.time.now <= 125


def test_without_wait_joined_nobody_waits(world: World) -> None:
    kube = world.with_kube()

    assert world.run(a_pool(1)).get("msg") is None
    assert kube.readings == 1


def test_a_settled_cluster_costs_one_reading(world: World) -> None:
    world.have("dev-web-1")
    kube = world.with_kube("dev-web-1")

    assert world.run(a_pool(1), wait_joined=True)["changed"] is False
    assert (kube.readings, world.time.slept) == (1, [])


def test_an_unreachable_cluster_is_told_before_anything_is_bought(world: World) -> None:
    world.with_kube().read_errors = [Transient("The API server does not answer.", provider="kubernetes")] * 6

    result = world.run(a_pool(1))

    assert (result["failed"], result["provider"], world.diary) == (True, "kubernetes", [])


def test_a_cluster_that_stutters_is_asked_again(world: World) -> None:
    world.with_kube().read_errors = [Transient("The API server restarts.", provider="kubernetes")] * 3

    assert world.run(a_pool(1)).get("msg") is None


def test_in_check_mode_an_unreachable_cluster_is_a_warning(world: World) -> None:
    world.with_kube().read_errors = [Transient("The API server does not answer.", provider="kubernetes")] * 6

    result = world.run(a_pool(1), check=True)

    assert result.get("msg") is None
    assert "The API server does not answer." in result["warnings"][0]


def test_the_node_of_a_server_that_is_gone_is_forgotten_once_it_is_silent(world: World) -> None:
    kube = world.with_kube("dev-web-1")
    kube.joins = {4: [a_kube_node("dev-web-1", ready=False)]}

    result = world.run(a_pool(0))

    assert (result.get("msg"), result["changed"], kube.there) == (None, True, [])
    assert world.diary == ["forget dev-web-1"]


def test_a_node_that_lives_on_a_server_we_cannot_see_stops_the_pool(world: World) -> None:
    world.with_kube("dev-web-1")

    result = world.run(a_pool(1))

    assert result["failed"]
    assert "Node dev-web-1 is Ready in Kubernetes, but north does not list its server" in result["msg"]
    assert world.diary == []


def test_nodes_of_others_are_no_ghosts(world: World) -> None:
    kube = world.with_kube()
    kube.there = [
        a_kube_node("dev-web-1", provider="west"),
        a_kube_node("stranger"),
        replace(a_kube_node("dev-web-1"), labels={}),
    ]

    assert world.run(a_pool(0))["changed"] is False
    assert world.diary == []


def test_nodes_of_a_silent_provider_are_no_ghosts(world: World) -> None:
    world.with_kube("dev-web-1")
    world.north.listing_error = Transient("North is down.")

    world.run(a_pool(1))

    assert world.diary == []


def test_a_server_that_is_leaving_is_seen_off_with_its_node(world: World) -> None:
    world.have("dev-web-1")
    world.have("dev-web-2", state="deleting")
    world.with_kube("dev-web-1", "dev-web-2")

    result = world.run(a_pool(1))

    assert result.get("msg") is None
    assert world.diary == ["delete dev-web-2", "gone dev-web-2", "forget dev-web-2"]
