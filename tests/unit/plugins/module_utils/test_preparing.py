"""Keys, networks, firewalls and placement groups: looked at where they matter, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Permanent, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Firewall, Offer, Pool
from tests.unit.plugins.fake_cloud import a_claim, a_node, a_pool
from tests.unit.plugins.world import World

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ops@example"
NETWORK = "network lab-dev (10.0.0.0/16) at north"
WISHES = [
    pytest.param({"network": "10.0.0.0/16"}, id="a network"),
    pytest.param({"firewall": Firewall()}, id="a firewall"),
    pytest.param({"spread": True}, id="hosts of their own"),
    pytest.param({"ssh_keys": (PUBLIC,)}, id="a public key"),
]


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def _asked(world: World) -> list[str]:
    """What was asked for beside listings."""
    return [verb for verb in world.north.asked if verb.startswith(("ensure", "foresee"))]


def _networked(count: int, *offers: Offer) -> Pool:
    return a_pool(count, "web", *offers, network="10.0.0.0/16")


@pytest.mark.parametrize("wish", WISHES)
def test_where_nodes_stand_it_is_foreseen_and_put_right_though_nothing_is_bought(
    world: World, wish: dict[str, Any]
) -> None:
    world.have("dev-web-1", "dev-web-2")
    world.north.lacking = {"n1": [NETWORK]}
    pool = a_pool(2, "web", **wish)

    foreseen = world.run(pool, check=True)
    assert (foreseen["changed"], foreseen["pending"]["prerequisites"]) == (True, [NETWORK])
    assert NETWORK in foreseen["diff"]["after"]
    assert _asked(world) == ["foresee web n1"]

    world.north.asked.clear()
    done = world.run(pool)
    assert (done["changed"], done["prerequisites"], done["created"]) == (True, [NETWORK], [])
    assert done["diff"]["after"].splitlines()[:3] == foreseen["diff"]["after"].splitlines()[:3]
    assert _asked(world) == ["ensure web n1"]

    again = world.run(pool)
    assert (again["changed"], again["prerequisites"]) == (False, [])


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("keys", [(), ("ops",)], ids=["none", "a key that the provider knows"])
def test_a_pool_that_asks_for_nothing_costs_no_request(world: World, keys: tuple[str, ...], check: bool) -> None:
    world.have("dev-web-1")

    world.run(a_pool(1, ssh_keys=keys), check=check)

    assert _asked(world) == []


def test_where_something_is_bought_it_is_foreseen_once_for_each_place(world: World) -> None:
    world.north.lacking = {"n1": [NETWORK], "n2": ["network at n2"]}
    world.have("dev-web-1", location="n2")
    pool = _networked(3, Offer("north", "n1", "small"), Offer("north", "n2", "small"))

    foreseen = world.run(pool, check=True)

    assert sorted(_asked(world)) == ["foresee web n1", "foresee web n2"]
    assert sorted(foreseen["pending"]["prerequisites"]) == ["network at n2", NETWORK]

    world.north.asked.clear()
    done = world.run(pool)
    assert done["prerequisites"] == ["network at n2", NETWORK]
    assert done["created"] == ["dev-web-2", "dev-web-3"]


def test_a_key_that_the_provider_does_not_know_is_refused_in_check_mode(world: World) -> None:
    world.north.prereq_error = Permanent("North knows no key ops.", provider="north", code="unknown_ssh_key")

    foreseen = world.run(a_pool(1, ssh_keys=("ops",)), check=True)

    assert (foreseen["failed"], foreseen["msg"]) == (True, "North knows no key ops.")


def test_what_cannot_be_put_right_fails_the_run_and_harms_no_node(world: World) -> None:
    world.have("dev-web-1", "dev-web-2")
    world.north.prereq_error = Permanent("The network lab-dev has another range.", provider="north")

    result = world.run(_networked(1))

    assert result["msg"] == "The network lab-dev has another range."
    assert result["deleted"] == ["dev-web-2"], "that has nothing to do with it"


def test_an_outage_while_it_is_prepared_is_one(world: World) -> None:
    world.have("dev-web-1")
    world.north.prereq_error = Transient("North is down.", provider="north", code="503")

    result = world.run(_networked(1), fail_on_unserved=False)

    assert result.get("failed") is None
    assert [entry["pool"] for entry in result["unserved"]] == ["web"]


def test_a_place_that_is_left_and_a_pool_that_is_blocked_are_not_prepared(world: World) -> None:
    world.have("dev-web-1", location="n2")
    world.run(_networked(1), check=True)
    assert _asked(world) == ["foresee web n1"], "only where the replacement is bought"

    world.north.asked.clear()
    world.north.listing_error = Transient("North is down.", provider="north")
    world.run(_networked(1))
    assert _asked(world) == []


def test_the_place_of_an_adopted_server_is_prepared(world: World) -> None:
    world.add(a_claim("by-hand"), a_node("dev-db-1", "db"))

    world.run(_networked(1), a_pool(1, "db"))

    assert _asked(world) == ["ensure web n1"]


def test_all_that_a_pool_asks_for_reaches_the_order(world: World) -> None:
    firewall = Firewall()

    world.run(a_pool(1, network="10.0.0.0/16", firewall=firewall, spread=True, ssh_keys=(PUBLIC,)))

    spec = world.north.specs[0]
    assert (spec.network, spec.firewall, spec.spread, spec.ssh_keys) == ("10.0.0.0/16", firewall, True, (PUBLIC,))
