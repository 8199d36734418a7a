"""Desired against actual: what is bought, started, deleted, kept, and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Leftover, Node, Offer, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import (
    Delete,
    Observed,
    Plan,
    Quote,
    confirmations,
    monthly_change,
    plan,
    quotes,
)
from tests.unit.plugins.fake_cloud import CLUSTER, a_node, a_pool

DOWN = Transient("North is down.", provider="north")


def _plan(
    pools: Sequence[Pool], *nodes: Node, prune: bool = False, failed: dict[str, PlatformError] | None = None
) -> Plan:
    return plan(CLUSTER, pools, Observed(nodes, failed=failed or {}), prune=prune)


def _nodes(*ordinals: int, pool: str = "web", state: str = "running") -> list[Node]:
    return [a_node(f"dev-{pool}-{ordinal}", pool, state=state) for ordinal in ordinals]


def _deleted(the_plan: Plan) -> list[str]:
    return [delete.node.name for delete in the_plan.deletes]


@pytest.mark.parametrize(
    ("count", "there", "bought", "deleted"),
    [
        pytest.param(2, [], ["dev-web-1", "dev-web-2"], [], id="an empty pool gets ordinals from one"),
        pytest.param(2, [1, 2], [], [], id="a pool that is right stays"),
        pytest.param(3, [1, 3], ["dev-web-2"], [], id="the lowest free ordinal is filled"),
        pytest.param(4, [2, 5], ["dev-web-1", "dev-web-3"], [], id="several gaps are filled from below"),
        pytest.param(1, [1, 2, 10], [], ["dev-web-10", "dev-web-2"], id="the highest ordinal goes first"),
        pytest.param(0, [1], [], ["dev-web-1"], id="a count of zero empties the pool"),
    ],
)
def test_a_pool_is_brought_to_its_count(count: int, there: list[int], bought: list[str], deleted: list[str]) -> None:
    the_plan = _plan([a_pool(count)], *_nodes(*there))

    assert [create.name for create in the_plan.creates] == bought
    assert _deleted(the_plan) == deleted
    assert the_plan.changed == bool(bought or deleted)


def test_a_node_with_a_name_of_its_own_counts_and_goes_first() -> None:
    the_plan = _plan([a_pool(1)], *_nodes(1), a_node("renamed"))

    assert _deleted(the_plan) == ["renamed"]


def test_a_node_that_is_being_deleted_does_not_count_but_keeps_its_name() -> None:
    the_plan = _plan([a_pool(2)], *_nodes(1), *_nodes(2, state="deleting"))

    assert [create.name for create in the_plan.creates] == ["dev-web-3"]
    assert [node.name for node in the_plan.leaving] == ["dev-web-2"]
    assert _deleted(the_plan) == []


def test_what_is_off_is_started_and_what_is_on_its_way_is_waited_for() -> None:
    the_plan = _plan([a_pool(2)], *_nodes(1, state="stopped"), *_nodes(2, state="creating"))

    assert [resume.node.name for resume in the_plan.resumes] == ["dev-web-1"]
    assert [resume.node.name for resume in the_plan.arriving] == ["dev-web-2"]
    assert the_plan.changed
    assert not _plan([a_pool(1)], *_nodes(1, state="creating")).changed


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param({"created": "2026-02"}, {"created": "2026-01"}, "b", id="the older one stays"),
        pytest.param({"created": "2026-01"}, {"created": "2026-02"}, "a", id="in whatever order they are listed"),
        pytest.param({"created": "2026-01", "state": "stopped"}, {"created": "2026-02"}, "b", id="one that runs stays"),
    ],
)
def test_of_two_servers_with_one_token_one_goes(first: dict[str, str], second: dict[str, str], kept: str) -> None:
    twins = [a_node("dev-web-1", id="a", **first), a_node("dev-web-1", id="b", **second)]

    the_plan = _plan([a_pool(1)], *twins)

    assert [node.id for node in the_plan.keeps] == [kept]
    assert [delete.node.id for delete in the_plan.deletes] == [{"a": "b", "b": "a"}[kept]]
    assert the_plan.deletes[0].reason == "its token is on an older server too"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_pool_at_a_silent_provider_is_left_alone(count: int) -> None:
    the_plan = _plan([a_pool(count)], *_nodes(1, 2), failed={"north": DOWN})

    assert not the_plan.changed
    assert the_plan.blocked == {"web": DOWN}
    assert len(the_plan.keeps) == 2


def test_one_silent_offer_of_several_blocks_the_pool_because_its_nodes_may_be_there() -> None:
    pool = a_pool(3, "web", Offer("south", "s1", "small"), Offer("north", "n1", "small"))

    the_plan = _plan([pool], failed={"north": DOWN})

    assert (the_plan.creates, the_plan.blocked) == ((), {"web": DOWN})


def test_pools_of_other_providers_go_on() -> None:
    the_plan = _plan([a_pool(1), a_pool(1, "sun", Offer("south", "s1", "small"))], failed={"north": DOWN})

    assert [create.name for create in the_plan.creates] == ["dev-sun-1"]


def test_nodes_of_pools_that_are_not_listed_stay_unless_pruned() -> None:
    old = _nodes(1, 2, pool="old")

    left = _plan([a_pool(0)], *old)
    assert (left.changed, len(left.keeps)) == (False, 2)
    assert "Pool old is not listed but still has 2 nodes" in left.remarks[0]

    pruned = _plan([a_pool(0)], *old, prune=True)
    assert _deleted(pruned) == ["dev-old-2", "dev-old-1"]

    blocked = _plan([a_pool(0)], *old, prune=True, failed={"north": DOWN})
    assert _deleted(blocked) == []


def test_disks_without_a_server_are_swept_unless_their_provider_is_silent() -> None:
    disk = Leftover("north", "l_ssd", "d1", "root", "n1")

    assert plan(CLUSTER, [], Observed((), (disk,))).sweeps == (disk,)
    assert plan(CLUSTER, [], Observed((), (disk,), {"north": DOWN})).sweeps == ()


def test_a_node_that_no_offer_describes_is_named_and_stays() -> None:
    the_plan = _plan([a_pool(1)], a_node("dev-web-1", type="large"))

    assert not the_plan.changed
    assert "dev-web-1 is north/n1/large, which pool web does not offer any more" in the_plan.remarks[0]


def test_the_hash_names_the_changes_and_nothing_else() -> None:
    nodes = _nodes(1, 2, 3)
    first = _plan([a_pool(1)], *nodes)

    assert first.hash == _plan([a_pool(1)], *reversed(nodes)).hash
    assert first.hash != _plan([a_pool(2)], *nodes).hash
    assert first.hash != _plan([a_pool(4)], *nodes).hash
    assert _plan([a_pool(3)], *nodes).hash == ""


# ---- offers


def _flavor(name: str, price: str | None, available: bool = True) -> Flavor:
    return Flavor(name, 2, Decimal(4), None if price is None else Decimal(price), "EUR", available)


CATALOGUE = {
    "n1": [_flavor("small", "0.01"), _flavor("large", "0.09"), _flavor("gone", "0.01", False), _flavor("secret", None)],
    "n2": DOWN,
}


@pytest.mark.parametrize(
    ("offer", "price", "reason"),
    [
        pytest.param("n1/small", "0.01", "", id="exactly at the price"),
        pytest.param("n1/large", None, "", id="any price"),
        pytest.param("n1/secret", None, "", id="a price nobody asked for"),
        pytest.param("n1/large", "0.05", "0.09 EUR an hour is above max_price_hour 0.05", id="too dear"),
        pytest.param("n1/secret", "0.05", "its price is not known", id="an unknown price"),
        pytest.param("n1/gone", None, "cannot be ordered there now", id="not to be had"),
        pytest.param("n1/none", None, "is not sold there (sold are large, secret, small)", id="never sold"),
        pytest.param("n2/small", None, "North is down.", id="no catalogue"),
    ],
)
def test_an_offer_is_good_or_refused_for_a_reason(offer: str, price: str | None, reason: str) -> None:
    location, kind = offer.split("/")
    pool = a_pool(1, "web", Offer("north", location, kind), max_price_hour=Decimal(price) if price else None)

    good, refused = quotes(pool, lambda wanted: CATALOGUE[wanted.location])  # type: ignore[return-value]

    assert bool(good) != bool(reason)
    assert [reason in said for said in refused] == ([True] if reason else [])


# ---- guards and costs


def _delete(*nodes: Node) -> tuple[Delete, ...]:
    return tuple(Delete(node, "why") for node in nodes)


@pytest.mark.parametrize(
    ("the_plan", "limit", "reasons"),
    [
        pytest.param(Plan(deletes=_delete(*_nodes(2)), keeps=tuple(_nodes(1))), 1, [], id="an ordinary shrink"),
        pytest.param(
            Plan(deletes=_delete(*_nodes(2, 3)), keeps=tuple(_nodes(1))),
            1,
            ["it deletes 2 nodes, more than max_deletions (1)"],
            id="too many",
        ),
        pytest.param(
            Plan(deletes=_delete(*_nodes(1))), 9, ["it deletes the last node of pool web"], id="the last node"
        ),
        pytest.param(
            Plan(deletes=_delete(a_node("dev-web-2", disks=("v1", "v2"))), keeps=tuple(_nodes(1))),
            9,
            ["node dev-web-2 has disks attached: v1, v2"],
            id="foreign disks",
        ),
    ],
)
def test_what_must_not_happen_by_accident_needs_to_be_confirmed(the_plan: Plan, limit: int, reasons: list[str]) -> None:
    assert confirmations(the_plan, max_deletions=limit) == reasons


def test_a_node_of_the_control_plane_needs_to_be_confirmed() -> None:
    the_plan = Plan(deletes=_delete(*_nodes(2)), keeps=tuple(_nodes(1)))

    assert confirmations(the_plan, max_deletions=9, control_plane=lambda node: node.name == "dev-web-2") == [
        "node dev-web-2 carries the control plane"
    ]


def test_the_bill_changes_by_what_comes_and_goes() -> None:
    the_plan = _plan([a_pool(2), a_pool(0, "old")], *_nodes(1, pool="old"))
    prices = {create.name: Quote(Offer("south", "s1", "large"), _flavor("large", "0.1")) for create in the_plan.creates}

    assert monthly_change(the_plan, prices) == {"north": Decimal("-7.30"), "south": Decimal("146.00")}
