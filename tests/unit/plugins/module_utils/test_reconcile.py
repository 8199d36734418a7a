"""The engine over a provider and a cluster in memory: order of things, guards, and what it says when they go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Conflict,
    Permanent,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Leftover, Offer
from tests.unit.plugins.fake_cloud import a_node, a_pool
from tests.unit.plugins.world import World


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
        "dev-web-1  north/n1/small  running  7.30 EUR a month",
        "dev-web-2  north/n1/small  running  7.30 EUR a month",
        "dev-web-10  north/n1/small  running  7.30 EUR a month",
        "north  21.90 EUR a month",
        "south  0.00 EUR a month",
        "total  21.90 EUR a month without VAT",
    ]
    assert diff["after"].splitlines() == [
        "dev-new-1  south/n1/small  running  7.30 EUR a month",
        "dev-web-1  north/n1/small  running  7.30 EUR a month",
        "dev-web-2  north/n1/small  running  7.30 EUR a month",
        "north  21.90 -> 14.60 EUR a month (-7.30)",
        "south  0.00 -> 7.30 EUR a month (+7.30)",
        "total  21.90 EUR a month without VAT",
    ]


def test_shrinking_goes_from_the_highest_number_and_forgets_a_node_only_when_its_server_is_gone(world: World) -> None:
    names = ["dev-web-1", "dev-web-2", "dev-web-3"]
    world.have(*names)
    world.with_kube(*names)

    result = world.run(a_pool(1))

    assert (result.get("msg"), result["deleted"]) == (None, ["dev-web-3", "dev-web-2"])
    assert sorted(world.diary[:2]) == ["cordon dev-web-2", "cordon dev-web-3"]
    for name in ("dev-web-3", "dev-web-2"):
        mine = [line for line in world.diary if line.endswith(name)]
        assert mine == [f"{verb} {name}" for verb in ("cordon", "drain", "delete", "gone", "forget")]
    assert len(world.diary) == 10


def test_a_node_that_cannot_be_drained_keeps_its_server(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")
    kube = world.with_kube("dev-web-1", "dev-web-2")
    kube.evict_errors["dev-web-2"] = [Conflict("A budget keeps pod x on dev-web-2.", provider="kubernetes")]

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


# ---- requests and turns


def test_a_run_without_a_change_asks_each_provider_and_the_cluster_once(world: World) -> None:
    kube = world.with_joining()
    world.run(a_pool(1), wait_joined=True, user_data={"*": "x"})
    world.north.asked.clear()
    world.south.asked.clear()
    kube.readings = 0

    assert world.run(a_pool(1), wait_joined=True, user_data={"*": "x"})["changed"] is False
    assert (world.north.asked, world.south.asked, kube.readings) == (["list"], ["list"], 1)


class Turn:
    """A turn that a test can look at."""

    def __init__(self, diary: list[str], warning: str = "") -> None:
        self.warning = warning
        self._diary = diary

    def __enter__(self) -> Turn:
        self._diary.append("turn begins")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._diary.append("turn ends")

    def insist(self) -> None:
        """It is ours."""


def test_only_a_run_that_has_something_to_do_takes_a_turn_and_decides_anew_in_it(world: World) -> None:
    world.turn = Turn(world.diary)
    world.north.on_request = world.diary.append

    world.run(a_pool(1), check=True)
    assert "turn begins" not in world.diary

    world.diary.clear()
    world.run(a_pool(0))
    assert world.diary == ["list"]

    world.diary.clear()
    world.run(a_pool(1))
    begun = world.diary.index("turn begins")
    assert [world.diary[0], world.diary[begun + 1], world.diary[-1]] == ["list", "list", "turn ends"]
    assert "create" not in world.diary[:begun]


def test_what_is_to_be_known_about_a_turn_is_a_warning(world: World) -> None:
    world.turn = Turn([], "Nothing keeps two runs apart.")

    assert world.run(a_pool(1))["warnings"] == ["Nothing keeps two runs apart."]


def test_a_turn_that_never_comes_is_told_and_nothing_is_done(world: World) -> None:
    class Taken(Turn):
        def __enter__(self) -> Turn:
            raise Conflict("ops@host has been working on cluster dev.", provider="kubernetes", code="locked")

    world.turn = Taken([])

    result = world.run(a_pool(1))

    assert (result["failed"], result["code"], result["changed"]) == (True, "locked", False)
    assert (world.diary, result["nodes"]) == ([], [])
    assert "create" not in world.north.asked
