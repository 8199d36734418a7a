"""Nodes that do not work are bought anew, unless that might make things worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.ailing import Limits
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Capacity, Conflict, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.kube_drain import Hold
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor
from tests.unit.plugins.fake_cloud import FakeKube, a_kube_node, a_pool
from tests.unit.plugins.world import LARGE, World, ago

STUCK = (10_000, Hold(pods={"default/x": "is shutting down"}))


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def _silent(world: World, *names: str, of: int, minutes: float = 20) -> FakeKube:
    """A pool of so many nodes, of which some have been NotReady for a while."""
    everyone = [f"dev-web-{ordinal}" for ordinal in range(1, of + 1)]
    world.have(*everyone, created=ago(1000))
    kube = world.with_joining(*everyone)
    kube.there = [
        replace(node, ready=False, ready_changed=ago(minutes)) if node.name in names else node for node in kube.there
    ]
    kube.holds = dict.fromkeys(names, STUCK)
    return kube


def test_a_node_that_has_been_silent_for_too_long_is_bought_anew_under_its_name(world: World) -> None:
    _silent(world, "dev-web-2", of=3)

    foreseen = world.run(a_pool(3), check=True)
    assert [(item["name"], item["reason"]) for item in foreseen["pending"]["repair"]] == [
        ("dev-web-2", "has been NotReady for 20 min")
    ]
    assert (foreseen["changed"], world.diary) == (True, [])
    assert "in place of the old one: has been NotReady for 20 min" in foreseen["diff"]["after"]
    assert foreseen["plan_hash"] != ""

    result = world.run(a_pool(3), wait_joined=True)

    assert result.get("msg") is None
    assert world.diary == [
        "cordon dev-web-2",
        "delete dev-web-2",
        "gone dev-web-2",
        "forget dev-web-2",
        "order dev-web-2 at north/n1/small",
        "place dev-web-2",
    ]
    assert world.time.now < 60, "its pods never end, so nobody waits for long"
    assert result["repaired"] == [{"name": "dev-web-2", "by": "dev-web-2"}]
    assert (result["created"], result["deleted"]) == (["dev-web-2"], ["dev-web-2"])
    assert world.run(a_pool(3), wait_joined=True)["changed"] is False


def test_silent_nodes_are_repaired_one_at_a_time(world: World) -> None:
    _silent(world, "dev-web-1", "dev-web-2", of=4)

    assert world.run(a_pool(4)).get("msg") is None
    assert world.wrote("gone", "order", "place") == [
        "gone dev-web-1",
        "order dev-web-1 at north/n1/small",
        "place dev-web-1",
        "gone dev-web-2",
        "order dev-web-2 at north/n1/small",
        "place dev-web-2",
    ]


def test_the_limits_of_the_wish_are_used(world: World) -> None:
    _silent(world, "dev-web-2", of=3, minutes=20)

    assert world.run(a_pool(3), check=True, limits=Limits(unready=3600))["pending"]["repair"] == []
    assert world.run(a_pool(3), check=True, limits=Limits(unready=60))["pending"]["repair"] != []


def test_a_node_that_comes_back_meanwhile_stays(world: World) -> None:
    kube = _silent(world, "dev-web-2", of=3)
    kube.joins = {2: [a_kube_node("dev-web-2")]}

    result = world.run(a_pool(3))

    assert (result.get("msg"), result["repaired"], world.diary) == (None, [], [])
    assert "dev-web-2 is Ready again, so it stays" in world.told


def test_a_node_that_somebody_locks_is_left_to_them(world: World) -> None:
    kube = _silent(world, "dev-web-2", of=3)
    locked = replace(kube.node("dev-web-2"), labels={**kube.node("dev-web-2").labels, "fleet/upgrade-lock": "me"})
    kube.there[1] = locked

    result = world.run(a_pool(3))

    assert (result.get("msg"), world.diary) == (None, [])
    assert "it carries the label fleet/upgrade-lock, so somebody is working on it" in result["warnings"][0]


def test_when_most_of_a_pool_is_silent_nothing_is_touched_and_the_warning_says_why(world: World) -> None:
    _silent(world, "dev-web-1", "dev-web-2", of=3)

    foreseen = world.run(a_pool(3), check=True)
    result = world.run(a_pool(3))

    assert (foreseen["changed"], foreseen["pending"]["repair"], world.diary) == (False, [], [])
    warning = result["warnings"][0]
    assert warning.startswith(
        "2 of the 3 nodes of pool web do not work at once (dev-web-1: has been NotReady for 20 min;"
    )
    assert "A lost network looks the same, so none of them is repaired." in warning


def test_a_cluster_that_cannot_be_read_is_no_reason_to_repair(world: World) -> None:
    """In check mode a run goes on without Kubernetes, which must not look like a cluster without Nodes."""
    world.have("dev-web-1", created=ago(1000))
    world.with_kube().read_errors = [Transient("The API server does not answer.", provider="kubernetes")] * 6

    assert world.run(a_pool(1), check=True)["pending"]["repair"] == []


def test_a_silent_provider_keeps_its_broken_nodes(world: World) -> None:
    _silent(world, "dev-web-2", of=3)
    world.north.listing_error = Transient("North is down.", provider="north")

    world.run(a_pool(3))

    assert world.diary == []


def test_without_an_offer_the_broken_node_stays(world: World) -> None:
    """It may come back by itself; nothing else would."""
    _silent(world, "dev-web-2", of=3)
    world.north.flavors = (replace(world.north.flavors[0], available=False),)

    result = world.run(a_pool(3))

    assert "the type cannot be ordered there now" in result["msg"]
    assert world.diary == []


def test_a_purchase_that_fails_is_made_up_for_by_the_next_run(world: World) -> None:
    _silent(world, "dev-web-1", "dev-web-2", of=4)
    world.north.create_errors = [Capacity("Sold out.", provider="north")]

    result = world.run(a_pool(4))

    assert "Sold out" in result["msg"]
    assert result["msg"].endswith("dev-web-2 stays as before until the next run.")
    assert world.names() == ["dev-web-2", "dev-web-3", "dev-web-4"]

    assert world.run(a_pool(4)).get("msg") is None
    assert world.names() == ["dev-web-1", "dev-web-2", "dev-web-3", "dev-web-4"]
    assert world.run(a_pool(4))["changed"] is False


def test_guards_hold_for_repairs_too(world: World) -> None:
    _silent(world, "dev-web-2", of=3)
    world.north.nodes[1] = replace(world.north.nodes[1], disks=("v1",))

    refused = world.run(a_pool(3))

    assert refused["needs_confirmation"] == ["node dev-web-2 has disks attached: v1"]
    assert (refused["code"], world.diary) == ("needs_confirmation", [])
    assert world.run(a_pool(3), confirm=refused["plan_hash"]).get("msg") is None


def test_a_server_that_may_not_be_deleted_is_not_bought_a_second_time(world: World) -> None:
    _silent(world, "dev-web-2", of=3)
    world.north.delete_errors["dev-web-2"] = Conflict("The server dev-web-2 is protected.", provider="north")

    result = world.run(a_pool(3))

    assert result["msg"] == "The server dev-web-2 is protected."
    assert world.wrote("order") == []


# ---- nodes that have never been Ready


def test_servers_that_never_joined_are_cleared_away_side_by_side_before_others_are_bought(world: World) -> None:
    everyone = [f"dev-web-{ordinal}" for ordinal in range(1, 6)]
    world.have(*everyone, created=ago(1000))
    kube = world.with_joining(*everyone[2:])
    kube.deaf = {"id-dev-web-1", "id-dev-web-2"}
    kube.there.append(a_kube_node("dev-web-2", ready=False, created=ago(990), ready_changed=ago(990)))

    foreseen = world.run(a_pool(5), check=True)
    assert [item["reason"] for item in foreseen["pending"]["repair"]] == [
        "its server is 16 h old but has never registered in Kubernetes",
        "registered but has never been Ready, 16 h after it was made",
    ]

    result = world.run(a_pool(5), wait_joined=True)

    assert result.get("msg") is None
    first_order = next(index for index, line in enumerate(world.diary) if line.startswith("order"))
    assert sorted(line for line in world.diary[:first_order] if line.startswith("gone")) == [
        "gone dev-web-1",
        "gone dev-web-2",
    ]
    assert sorted(world.wrote("order")) == [
        "order dev-web-1 at north/n1/small",
        "order dev-web-2 at north/n1/small",
    ]
    assert sorted(item["name"] for item in result["repaired"]) == ["dev-web-1", "dev-web-2"]


def test_a_server_that_could_not_be_made_is_made_anew_without_any_cluster(world: World) -> None:
    world.have("dev-web-1")
    world.have("dev-web-2", state="error")

    result = world.run(a_pool(2))

    assert (result.get("msg"), result["repaired"]) == (None, [{"name": "dev-web-2", "by": "dev-web-2"}])
    assert world.diary == ["delete dev-web-2", "gone dev-web-2", "order dev-web-2 at north/n1/small"]
    assert world.run(a_pool(2))["changed"] is False


def test_servers_that_never_came_up_are_not_waited_for_again(world: World) -> None:
    world.have("dev-web-1", "dev-web-2", state="creating", created=ago(30))
    world.with_joining()

    result = world.run(a_pool(2), wait_joined=True)

    assert (result.get("msg"), sorted(result["deleted"])) == (None, ["dev-web-1", "dev-web-2"])
    assert world.names() == ["dev-web-1", "dev-web-2"]


def test_when_the_never_joined_cannot_be_replaced_they_stay(world: World) -> None:
    world.have("dev-web-1", "dev-web-2", created=ago(1000))
    world.with_kube("dev-web-2")
    world.north.flavors = ()

    result = world.run(a_pool(2))

    assert "the type is not sold there" in result["msg"]
    assert world.diary == []


def test_new_user_data_heals_nodes_that_all_failed_to_join(world: World) -> None:
    """The brake holds repairs; what changes what nodes are made of is a wish, and is carried out."""
    world.north.flavors += (Flavor("large", 4, world.north.flavors[0].memory_gib, None, "EUR", True),)
    world.have("dev-web-1", "dev-web-2", created=ago(1000))
    world.with_joining().deaf = {"id-dev-web-1", "id-dev-web-2"}

    stuck = world.run(a_pool(2), timeout=5)
    assert "2 of the 2 nodes of pool web do not work at once" in stuck["warnings"][0]

    result = world.run(a_pool(2, "web", LARGE), wait_joined=True)

    assert (result.get("msg"), sorted(result["deleted"])) == (None, ["dev-web-1", "dev-web-2"])
