"""Nodes on their way out, side by side: locks, budgets, stutters and deadlines hold up nobody but themselves."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.kube_drain import Hold
from tests.unit.plugins.fake_cloud import FakeKube, a_kube_node, a_pool
from tests.unit.plugins.world import World

LOCK = Hold(lock="fleet/upgrade-lock=night-shift")
BUDGET = Hold(pods={"default/db-0": "is held: The disruption budget db needs 1."}, held=("default/db-0",))
AWAY = Transient("The API server restarts.", provider="kubernetes", code="Unreachable")


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def _pool_of(world: World, count: int) -> FakeKube:
    names = [f"dev-web-{ordinal}" for ordinal in range(1, count + 1)]
    world.have(*names)
    return world.with_kube(*names)


@pytest.mark.parametrize(
    ("hold", "waits", "said"),
    [
        pytest.param(
            LOCK,
            "dev-web-3 waits for the label fleet/upgrade-lock=night-shift to be removed from its Kubernetes Node",
            "Node dev-web-3 carries the label fleet/upgrade-lock=night-shift: somebody else is working on it, and the "
            "time ran out. It was not drained, and its server was not deleted. Run again later, or remove the label if "
            "its owner is gone.",
            id="a lock",
        ),
        pytest.param(
            BUDGET,
            "dev-web-3 waits for pod default/db-0, which is held: The disruption budget db needs 1",
            "Node dev-web-3 could not be drained in time: pod default/db-0 is held: The disruption budget db needs 1. "
            "The node stays cordoned and was not deleted. Give these pods room elsewhere (replicas, budget, capacity), "
            "then run again.",
            id="a budget",
        ),
    ],
)
def test_one_that_is_held_does_not_hold_up_the_others_and_is_told(
    world: World, hold: Hold, waits: str, said: str
) -> None:
    kube = _pool_of(world, 5)
    kube.holds["dev-web-3"] = (10_000, hold)

    result = world.run(a_pool(1), timeout=60)

    assert result["deleted"] == ["dev-web-5", "dev-web-4", "dev-web-2"]
    assert (result["failed"], result["msg"]) == (True, said)
    assert world.told.count(waits) == 1
    assert world.names() == ["dev-web-1", "dev-web-3"]
    assert world.time.now <= 65

    del kube.holds["dev-web-3"]
    assert world.run(a_pool(1))["deleted"] == ["dev-web-3"]


@pytest.mark.parametrize(
    ("wish", "pools"),
    [pytest.param({}, [a_pool(1)], id="scaling in"), pytest.param({"prune": True}, [], id="prune")],
)
def test_a_lock_that_is_lifted_lets_the_drain_go_on(world: World, wish: dict[str, Any], pools: list[Any]) -> None:
    kube = _pool_of(world, 2)
    kube.holds["dev-web-2"] = (4, LOCK)
    confirm = world.run(*pools, check=True, **wish)["plan_hash"]

    result = world.run(*pools, confirm=confirm, **wish)

    assert result.get("msg") is None
    assert "dev-web-2" in result["deleted"]
    assert world.time.now < 20


def test_a_locked_node_is_not_even_cordoned(world: World) -> None:
    kube = _pool_of(world, 2)
    kube.there[1] = a_kube_node("dev-web-2", labels={**kube.there[1].labels, "fleet/upgrade-lock": "me"})
    kube.holds["dev-web-2"] = (10_000, LOCK)

    world.run(a_pool(1), timeout=10)

    assert world.diary == []


def test_an_api_server_that_stutters_is_waited_for(world: World) -> None:
    _pool_of(world, 2).evict_errors["dev-web-2"] = [AWAY, AWAY]

    assert world.run(a_pool(1))["deleted"] == ["dev-web-2"]


def test_an_api_server_that_stays_away_is_told_at_the_deadline_and_nothing_is_lost(world: World) -> None:
    _pool_of(world, 2).evict_errors["dev-web-2"] = [AWAY] * 1000

    result = world.run(a_pool(1), timeout=30)

    assert (result["msg"], result["provider"]) == ("The API server restarts.", "kubernetes")
    assert world.wrote("delete") == []


def test_a_refused_credential_is_told_at_once(world: World) -> None:
    _pool_of(world, 2).evict_errors["dev-web-2"] = [Auth("You may not evict.", provider="kubernetes")]

    assert world.run(a_pool(1))["msg"] == "You may not evict."
    assert world.time.now == 0


def test_a_provider_that_does_not_look_any_more_is_told_with_its_last_error(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")
    world.north.looks_until_done = 1000
    world.north.poll_errors = [Transient("503.", provider="north", code="503")] * 1000

    result = world.run(a_pool(1), timeout=30)

    assert (
        "The server dev-web-2 (id id-dev-web-2) was not gone from north in time; its deletion is ordered."
        in (result["msg"])
    )
    assert result["msg"].endswith("The last look at it failed: 503.")
    assert result["unserved"] == [{"pool": "web", "provider": "north", "code": "503", "msg": result["msg"]}]


def test_many_held_nodes_do_not_keep_the_last_one_from_its_turn(world: World) -> None:
    """There are more of them than workers."""
    kube = _pool_of(world, 40)
    kube.holds = {f"dev-web-{ordinal}": (10_000, BUDGET) for ordinal in range(3, 41)}

    result = world.run(a_pool(1), timeout=30, max_deletions=100)

    assert result["deleted"] == ["dev-web-2"]
