"""Servers that a person made, and servers that belong to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Permanent,
)
from tests.unit.plugins.fake_cloud import a_claim, a_node, a_pool
from tests.unit.plugins.world import World


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def test_a_claimed_server_is_adopted_and_nothing_else_is_done_to_it(world: World) -> None:
    world.add(a_claim("by-hand", state="stopped", type="large"))
    world.have("dev-web-1")

    foreseen = world.run(a_pool(3), check=True)
    assert foreseen["pending"]["adopt"] == [
        {"name": "by-hand", "provider": "north", "id": "id-by-hand", "pool": "web"},
    ]
    assert (foreseen["changed"], world.diary) == (True, [])
    assert "by-hand" in foreseen["diff"]["before"]
    assert foreseen["plan_hash"] != world.run(a_pool(2), check=True)["plan_hash"]

    result = world.run(a_pool(3))
    assert (result.get("msg"), result["adopted"], result["created"]) == (None, ["by-hand"], ["dev-web-2"])
    assert world.diary == ["mark by-hand", "order dev-web-2 at north/n1/small"]
    assert {node["name"]: node["pool"] for node in result["nodes"]}["by-hand"] == "web"

    again = world.run(a_pool(3))
    assert (again["started"], again["replaced"]) == (["by-hand"], []), "from now on it is a node like any other"
    assert "it was not made here, so it stays" in again["warnings"][0]


def test_too_many_after_an_adoption_shows_in_the_next_plan(world: World) -> None:
    world.add(a_claim("by-hand"))
    world.have("dev-web-1")

    assert world.run(a_pool(1))["adopted"] == ["by-hand"]
    assert [item["name"] for item in world.run(a_pool(1), check=True)["pending"]["delete"]] == ["by-hand"]


def test_a_claim_that_cannot_be_written_costs_nothing(world: World) -> None:
    world.add(a_claim("by-hand"))
    world.have("dev-web-1", "dev-web-2")
    world.have("dev-db-1", "dev-db-2", pool="db")
    world.north.mark_error = Permanent("North refuses labels.", provider="north")

    result = world.run(a_pool(3), a_pool(1, "db"))

    assert (result["msg"], result["adopted"], result["created"]) == ("North refuses labels.", [], [])
    assert world.diary == ["delete dev-db-2", "gone dev-db-2"]


def test_orphans_are_told_and_never_touched(world: World) -> None:
    damaged = {**a_node("dev-web-9").labels, "fleet.token": "0" * 16}
    world.add(a_node("dev-web-9", owner=None, labels=damaged), a_claim("other", "no-pool"), a_node("dev-old-1", "old"))

    result = world.run(a_pool(0))

    assert (result["changed"], world.diary) == (False, [])
    assert {orphan["name"]: orphan["reason"] for orphan in result["orphans"]} == {
        "dev-web-9": "its label fleet.token does not fit the others",
        "other": "pool no-pool is not listed",
        "dev-old-1": "pool old is not listed",
    }
    for orphan in result["orphans"]:
        assert any(orphan["name"] in warning for warning in result["warnings"])

    pruned = world.run(a_pool(0), prune=True)
    pruned = world.run(a_pool(0), prune=True, confirm=pruned["plan_hash"])
    assert pruned["deleted"] == ["dev-old-1"], "prune takes what is fully ours alone"
    assert {orphan["name"] for orphan in pruned["orphans"]} == {"dev-web-9", "other"}
