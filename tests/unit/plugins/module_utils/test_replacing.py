"""Nodes that are outdated give way to others, one at a time, and nothing is lost wherever it goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Capacity,
    Conflict,
    Permanent,
    PlatformError,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.kube_drain import Hold
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Offer, Taint
from tests.unit.plugins.fake_cloud import a_kube_node, a_node, a_pool
from tests.unit.plugins.world import LARGE, World, ago

TAINT = Taint("team", "web", "NoSchedule")


@pytest.fixture
def world(time: Any) -> World:
    world = World(time)
    world.north.flavors += (Flavor("large", 4, world.north.flavors[0].memory_gib, None, "EUR", True),)
    return world


def _outdated_pair(world: World) -> Any:
    """Two small nodes, of a pool that wants large ones."""
    world.have("dev-web-1", "dev-web-2")
    world.with_joining("dev-web-1", "dev-web-2")
    return a_pool(2, "web", LARGE, taints=(TAINT,))


def test_the_new_one_is_ready_and_placed_before_the_old_one_is_drained(world: World) -> None:
    world.have("dev-web-1")
    kube = world.with_joining("dev-web-1")

    result = world.run(a_pool(1, "web", LARGE, labels={"tier": "web"}, taints=(TAINT,)))

    assert result.get("msg") is None
    assert world.diary == [
        "order dev-web-2 at north/n1/large",
        "place dev-web-2",
        "cordon dev-web-1",
        "drain dev-web-1",
        "delete dev-web-1",
        "gone dev-web-1",
        "forget dev-web-1",
    ]
    assert (result["created"], result["deleted"]) == (["dev-web-2"], ["dev-web-1"])
    assert result["replaced"] == [{"name": "dev-web-1", "by": "dev-web-2"}]
    assert [node["name"] for node in result["nodes"]] == ["dev-web-2"]
    placed = kube.node("dev-web-2")
    assert (placed.labels["tier"], placed.labels["fleet/pool"], placed.taints) == ("web", "web", (TAINT,))


def test_one_at_a_time_over_the_whole_cluster(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")
    world.have("dev-db-1", pool="db")
    world.with_joining("dev-web-1", "dev-web-2", "dev-db-1")

    result = world.run(a_pool(2, "web", LARGE), a_pool(1, "db", LARGE))

    assert result.get("msg") is None
    assert world.wrote("order", "gone") == [
        "order dev-web-3 at north/n1/large",
        "gone dev-web-2",
        "order dev-web-2 at north/n1/large",
        "gone dev-web-1",
        "order dev-db-2 at north/n1/large",
        "gone dev-db-1",
    ]
    assert world.names() == ["dev-db-2", "dev-web-2", "dev-web-3"]
    assert world.run(a_pool(2, "web", LARGE), a_pool(1, "db", LARGE))["changed"] is False


def test_check_mode_foresees_replacements_in_words_hash_and_diff(world: World) -> None:
    pool = _outdated_pair(world)

    foreseen = world.run(pool, check=True)

    assert world.diary == []
    assert [
        {key: item[key] for key in ("name", "by", "reason", "provider", "location", "type")}
        for item in foreseen["pending"]["replace"]
    ] == [
        {
            "name": old,
            "by": new,
            "reason": "north/n1/small is in no offer of pool web any more",
            "provider": "north",
            "location": "n1",
            "type": "large",
        }
        for old, new in (("dev-web-2", "dev-web-3"), ("dev-web-1", "dev-web-2"))
    ]
    assert (foreseen["changed"], foreseen["pending"]["delete"], foreseen["pending"]["create"]) == (True, [], [])
    assert "north/n1/small" in foreseen["diff"]["before"]
    assert "north/n1/small  running" not in foreseen["diff"]["after"]
    assert foreseen["plan_hash"] not in ("", world.run(a_pool(2), check=True)["plan_hash"])
    assert [choice["offer"] for choice in foreseen["choices"]] == ["north/n1/large"] * 2


def test_other_user_data_replaces_nodes_and_the_same_does_not(world: World) -> None:
    assert world.run(a_pool(1), user_data={"*": "one"})["created"] == ["dev-web-1"]
    assert world.run(a_pool(1), user_data={"*": "one"})["changed"] is False
    assert world.run(a_pool(1))["changed"] is False, "a call that does not know the user data replaces nothing"

    result = world.run(a_pool(1), user_data={"*": "two"})

    assert result["replaced"] == [{"name": "dev-web-1", "by": "dev-web-2"}]
    assert world.run(a_pool(1), user_data={"*": "two"})["changed"] is False


def test_user_data_that_rotates_replaces_nothing_while_its_revision_stays(world: World) -> None:
    world.run(a_pool(1), user_data={"*": "token 1"}, revisions={"*": "v1"})

    assert world.run(a_pool(1), user_data={"*": "token 2"}, revisions={"*": "v1"})["changed"] is False
    assert world.run(a_pool(1), user_data={"*": "token 2"}, revisions={"*": "v2"})["replaced"] != []


def test_another_image_replaces_a_node(world: World) -> None:
    world.run(a_pool(1), user_data={"*": ""})

    result = world.run(a_pool(1, "web", Offer("north", "n1", "small", "debian-13")), user_data={"*": ""})

    assert result["replaced"] == [{"name": "dev-web-1", "by": "dev-web-2"}]


def test_replacements_count_as_deletions_and_are_confirmed_by_hash(world: World) -> None:
    pool = _outdated_pair(world)

    refused = world.run(pool, max_deletions=1)

    assert (refused["failed"], refused["code"], world.diary) == (True, "needs_confirmation", [])
    assert refused["needs_confirmation"] == ["it deletes 2 nodes, more than max_deletions (1)"]
    assert world.run(pool, max_deletions=1, confirm=refused["plan_hash"]).get("msg") is None


def test_without_a_cluster_the_new_server_only_has_to_run(world: World) -> None:
    world.have("dev-web-1")

    assert world.run(a_pool(1, "web", LARGE)).get("msg") is None
    assert world.diary == ["order dev-web-2 at north/n1/large", "delete dev-web-1", "gone dev-web-1"]


# ---- failures


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(Capacity("Sold out.", provider="north"), "No offer of pool web can be bought", id="sold out"),
        pytest.param(Auth("Token revoked.", provider="north"), "Token revoked.", id="a token that is revoked"),
        pytest.param(Permanent("North refuses.", provider="north"), "North refuses.", id="a refusal"),
    ],
)
def test_when_nothing_can_be_bought_nothing_goes_and_the_others_wait(
    world: World, error: PlatformError, said: str
) -> None:
    pool = _outdated_pair(world)
    world.north.create_errors = [error]

    result = world.run(pool)

    assert said in result["msg"]
    assert result["msg"].endswith("dev-web-1 stays as before until the next run.")
    assert (world.names(), result["changed"]) == (["dev-web-1", "dev-web-2"], False)
    assert world.run(pool).get("msg") is None


def test_a_new_node_that_does_not_join_costs_no_old_one_and_the_next_run_goes_on_with_it(world: World) -> None:
    pool = _outdated_pair(world)
    assert world.kube is not None
    world.kube.deaf.add("id-dev-web-3")

    result = world.run(pool)

    assert "dev-web-3: the server is running at north/n1 but has not registered" in result["msg"]
    assert "dev-web-1 stays as before until the next run." in result["msg"]
    assert world.wrote("cordon", "delete") == []
    assert result["created"] == ["dev-web-3"]

    world.kube.deaf.clear()
    world.diary.clear()
    finished = world.run(pool)
    assert finished.get("msg") is None
    assert world.diary[:4] == ["place dev-web-3", "cordon dev-web-2", "drain dev-web-2", "delete dev-web-2"]
    assert world.names() == ["dev-web-2", "dev-web-3"]
    assert world.wrote("order") == ["order dev-web-2 at north/n1/large"], "only what had not come yet is bought"


def test_an_interrupted_replacement_waits_for_the_new_node_even_if_nobody_asks_for_it(world: World) -> None:
    world.add(a_node("dev-web-1"), a_node("dev-web-2", type="large", created=ago(5)))
    kube = world.with_kube("dev-web-1")
    kube.joins = {3: [a_kube_node("dev-web-2", annotations={})]}

    result = world.run(a_pool(1, "web", LARGE), wait_joined=False)

    assert result.get("msg") is None
    assert (kube.readings, world.diary[:2]) == (3, ["place dev-web-2", "cordon dev-web-1"])


def test_a_node_that_cannot_be_drained_stops_the_rest_and_is_finished_by_the_next_run(world: World) -> None:
    pool = _outdated_pair(world)
    assert world.kube is not None
    held = Hold(pods={"default/db-0": "is held: The disruption budget db needs 1."}, held=("default/db-0",))
    world.kube.holds["dev-web-2"] = (1000, held)

    result = world.run(pool, timeout=60)

    assert (
        "Node dev-web-2 could not be drained in time: pod default/db-0 is held: The disruption budget db"
        in (result["msg"])
    )
    assert result["msg"].endswith("dev-web-1 stays as before until the next run.")
    assert world.names() == ["dev-web-1", "dev-web-2", "dev-web-3"]
    assert "dev-web-2 waits for pod default/db-0, which is held: The disruption budget db needs 1" in world.told

    del world.kube.holds["dev-web-2"]
    world.diary.clear()
    assert world.run(pool).get("msg") is None
    assert world.wrote("order") == ["order dev-web-2 at north/n1/large"]
    assert world.names() == ["dev-web-2", "dev-web-3"]


def test_a_lock_makes_the_replacement_wait_and_says_whom_to_ask_in_the_end(world: World) -> None:
    world.have("dev-web-1")
    world.with_joining("dev-web-1").holds["dev-web-1"] = (5, Hold(lock="fleet/upgrade-lock=night-shift"))

    assert world.run(a_pool(1, "web", LARGE)).get("msg") is None
    waits = "dev-web-1 waits for the label fleet/upgrade-lock=night-shift to be removed from its Kubernetes Node"
    assert world.told.count(waits) == 1


def test_a_provider_that_shows_another_type_than_it_sold_is_no_reason_to_buy_for_ever(world: World) -> None:
    pool = _outdated_pair(world)
    world.north.shown_type = "LARGE"

    result = world.run(pool)

    assert "was ordered by an offer of pool web, but north shows it as n1/LARGE, which is none" in result["msg"]
    assert world.wrote("order", "delete") == ["order dev-web-3 at north/n1/large"]


def test_an_offer_that_is_not_sold_is_told_before_anything_is_bought(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")

    result = world.run(a_pool(2, "web", Offer("north", "n1", "huge")))

    assert "the type is not sold there" in result["msg"]
    assert (world.diary, result["changed"]) == ([], False)


def test_a_failed_purchase_does_not_hold_up_what_shrinks_elsewhere(world: World) -> None:
    world.have("dev-web-1")
    world.have("dev-db-1", "dev-db-2", pool="db")
    world.north.create_errors = [Transient("North stumbles.", provider="north")]

    result = world.run(a_pool(1, "web", LARGE), a_pool(1, "db"))

    assert (result["deleted"], result["failed"]) == (["dev-db-2"], True)


def test_an_outdated_node_that_does_not_work_is_not_waited_for(world: World) -> None:
    """Its pods never end. But it has a successor, so it must not keep the whole replacement from coming to its end."""
    world.have("dev-web-1", "dev-web-2", created="2026-01-01T00:00:00Z")
    kube = world.with_joining()
    kube.there = [
        a_kube_node(name, ready=False, ready_changed="2026-01-01T12:00:00Z") for name in ("dev-web-1", "dev-web-2")
    ]
    kube.holds = {name: (10_000, Hold(pods={"default/x": "is shutting down"})) for name in ("dev-web-1", "dev-web-2")}

    result = world.run(a_pool(2, "web", LARGE), timeout=600)

    assert result.get("msg") is None
    assert world.names() == ["dev-web-2", "dev-web-3"]
    assert world.told.count("dev-web-2 does not work, so nobody waits for its pods any longer") == 1
    assert world.time.now < 120


def test_after_the_turn_is_lost_nothing_more_is_written(world: World) -> None:
    pool = _outdated_pair(world)
    lost = Conflict("This run has lost its turn.", provider="kubernetes", code="lock_lost")

    class Turn:
        warning = ""

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_exception: object) -> None:
            world.told.append("turn ended")

        def insist(self) -> None:
            if "order dev-web-3 at north/n1/large" in world.diary:
                raise lost

    world.turn = Turn()

    result = world.run(pool)

    assert result["code"] == "lock_lost"
    assert world.diary == ["order dev-web-3 at north/n1/large"]
    assert world.told[-1] == "turn ended"
