"""Desired against actual: what is bought, started, replaced, repaired, deleted, adopted, and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.ailing import Ailment, Diagnosis
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Leftover, Node, Offer, Owner, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import Observed, Plan
from ansible_collections.sovereign.fleet.plugins.module_utils.planning import HEALTHY, Judgement, plan
from tests.unit.plugins.fake_cloud import CLUSTER, a_claim, a_node, a_pool

DOWN = Transient("North is down.", provider="north")


def _plan(
    pools: Sequence[Pool],
    *nodes: Node,
    prune: bool = False,
    failed: dict[str, PlatformError] | None = None,
    strays: tuple[Node, ...] = (),
    judgement: Judgement = HEALTHY,
) -> Plan:
    return plan(CLUSTER, pools, Observed(nodes, failed=failed or {}, strays=strays), prune=prune, judgement=judgement)


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
    assert "Pool old is not listed but still has 2 nodes (dev-old-2, dev-old-1); prune: true" in left.remarks[0]
    assert [(orphan.node.name, orphan.reason) for orphan in left.orphans] == [
        ("dev-old-2", "pool old is not listed"),
        ("dev-old-1", "pool old is not listed"),
    ]

    pruned = _plan([a_pool(0)], *old, prune=True)
    assert _deleted(pruned) == ["dev-old-2", "dev-old-1"]
    assert pruned.orphans == ()

    blocked = _plan([a_pool(0)], *old, prune=True, failed={"north": DOWN})
    assert _deleted(blocked) == []


def test_disks_without_a_server_are_swept_unless_their_provider_is_silent() -> None:
    disk = Leftover("north", "l_ssd", "d1", "root", "n1")

    assert plan(CLUSTER, [], Observed((), (disk,))).sweeps == (disk,)
    assert plan(CLUSTER, [], Observed((), (disk,), {"north": DOWN})).sweeps == ()


def test_the_hash_names_the_changes_and_nothing_else() -> None:
    nodes = _nodes(1, 2, 3)
    first = _plan([a_pool(1)], *nodes)

    assert first.hash == _plan([a_pool(1)], *reversed(nodes)).hash
    assert first.hash != _plan([a_pool(2)], *nodes).hash
    assert first.hash != _plan([a_pool(4)], *nodes).hash
    assert _plan([a_pool(3)], *nodes).hash == ""


# ---- nodes that are to be replaced


def _outdated(*names: str) -> Judgement:
    return Judgement(stale=lambda _pool, node: "it is old" if node.name in names else "")


def _replaced(the_plan: Plan) -> list[tuple[str, str]]:
    return [(item.node.name, item.name) for item in the_plan.replaces]


def test_an_outdated_node_is_replaced_by_one_with_the_lowest_free_number() -> None:
    the_plan = _plan([a_pool(3)], *_nodes(1, 2, 4), judgement=_outdated("dev-web-2"))

    assert _replaced(the_plan) == [("dev-web-2", "dev-web-3")]
    assert [node.name for node in the_plan.keeps] == ["dev-web-1", "dev-web-4"]
    assert (the_plan.creates, the_plan.deletes, the_plan.replaces[0].reason) == ((), (), "it is old")


def test_each_replacement_finds_the_name_of_the_one_before_it_free() -> None:
    names = [f"dev-web-{ordinal}" for ordinal in (1, 2, 3)]

    the_plan = _plan([a_pool(3)], *_nodes(1, 2, 3), judgement=_outdated(*names))

    assert _replaced(the_plan) == [("dev-web-3", "dev-web-4"), ("dev-web-2", "dev-web-3"), ("dev-web-1", "dev-web-2")]


def test_what_is_missing_is_bought_beside_what_is_replaced() -> None:
    the_plan = _plan([a_pool(3)], *_nodes(1, 2), judgement=_outdated("dev-web-1"))

    assert [create.name for create in the_plan.creates] == ["dev-web-3"]
    assert _replaced(the_plan) == [("dev-web-1", "dev-web-4")]


def test_an_interrupted_replacement_is_finished_without_buying() -> None:
    """The new node is there, so there is one too many, and the old one goes: the very one that was begun with."""
    whole = _plan([a_pool(2)], *_nodes(1, 2), judgement=_outdated("dev-web-1", "dev-web-2"))
    assert _replaced(whole) == [("dev-web-2", "dev-web-3"), ("dev-web-1", "dev-web-2")]

    rest = _plan([a_pool(2)], *_nodes(1, 2, 3), judgement=_outdated("dev-web-1", "dev-web-2"))

    assert _deleted(rest) == ["dev-web-2"]
    assert rest.deletes[0].succeeded
    assert rest.deletes[0].reason == "pool web has a count of 2; this one is to be replaced: it is old"
    assert _replaced(rest) == [("dev-web-1", "dev-web-2")]
    assert rest.creates == ()


def test_a_stopped_node_is_started_even_if_it_is_replaced_then() -> None:
    the_plan = _plan([a_pool(1)], *_nodes(1, state="stopped"), judgement=_outdated("dev-web-1"))

    assert [resume.node.name for resume in the_plan.resumes] == ["dev-web-1"]
    assert _replaced(the_plan) == [("dev-web-1", "dev-web-2")]


def test_a_node_that_was_not_made_here_stays_with_a_remark() -> None:
    foreign = a_node("by-hand", type="large", labels=a_claim("by-hand").labels)

    the_plan = _plan([a_pool(1)], foreign)

    assert not the_plan.changed
    assert [text.partition(" To replace it")[0] for text in the_plan.remarks] == [
        "Node by-hand is north/n1/large, which pool web does not offer, but it was not made here, so it stays."
    ]


# ---- nodes that do not work


def _broken(*names: str, empty: bool = False, like_an_outage: bool = True) -> Judgement:
    ailment = Ailment("does not work", empty, like_an_outage)
    return Judgement(diagnosis=Diagnosis({("north", f"id-{name}"): ailment for name in names}, ("look",)))


def _repaired(the_plan: Plan) -> list[tuple[str, str]]:
    return [(item.node.name, item.name) for item in the_plan.repairs]


def test_a_broken_node_is_repaired_under_its_own_name() -> None:
    the_plan = _plan([a_pool(3)], *_nodes(1, 2, 3), judgement=_broken("dev-web-2", empty=True))

    assert _repaired(the_plan) == [("dev-web-2", "dev-web-2")]
    assert the_plan.repairs[0].empty
    assert [node.name for node in the_plan.keeps] == ["dev-web-1", "dev-web-3"]
    assert (the_plan.creates, the_plan.deletes, the_plan.remarks) == ((), (), ("look",))


def test_a_broken_node_with_a_name_of_its_own_gets_a_number() -> None:
    the_plan = _plan([a_pool(3)], *_nodes(1, 2), a_node("by-hand"), judgement=_broken("by-hand"))

    assert _repaired(the_plan) == [("by-hand", "dev-web-3")]


@pytest.mark.parametrize(
    ("there", "broken", "repaired"),
    [
        pytest.param(1, 1, 1, id="the only node"),
        pytest.param(2, 1, 1, id="half of two"),
        pytest.param(4, 2, 2, id="half of four"),
        pytest.param(2, 2, 0, id="both"),
        pytest.param(3, 2, 0, id="two of three"),
        pytest.param(5, 3, 0, id="three of five"),
    ],
)
def test_when_more_than_half_of_a_pool_breaks_nothing_of_it_is_repaired(there: int, broken: int, repaired: int) -> None:
    names = [f"dev-web-{ordinal}" for ordinal in range(1, broken + 1)]

    the_plan = _plan([a_pool(there)], *_nodes(*range(1, there + 1)), judgement=_broken(*names))

    assert len(the_plan.repairs) == repaired
    assert len(the_plan.keeps) == there - repaired
    assert [f"{broken} of the {there} nodes of pool web do not work at once" in text for text in the_plan.remarks] == (
        [False] if repaired else [True, False]
    )


def test_a_braked_pool_that_is_brought_to_zero_is_not_waited_for() -> None:
    the_plan = _plan([a_pool(0)], *_nodes(1, 2), judgement=_broken("dev-web-1", "dev-web-2"))

    assert [(delete.node.name, delete.broken) for delete in the_plan.deletes] == [
        ("dev-web-2", True),
        ("dev-web-1", True),
    ]
    assert the_plan.remarks == ("look",)


def test_servers_that_never_ran_do_not_look_like_an_outage() -> None:
    names = [f"dev-web-{ordinal}" for ordinal in (1, 2, 3)]

    the_plan = _plan([a_pool(3)], *_nodes(1, 2, 3), judgement=_broken(*names, empty=True, like_an_outage=False))

    assert [name for name, _new in _repaired(the_plan)] == names


def test_the_brake_of_one_pool_does_not_hold_another() -> None:
    nodes = [*_nodes(1, 2), *_nodes(1, 2, pool="db")]

    the_plan = _plan([a_pool(2), a_pool(2, "db")], *nodes, judgement=_broken("dev-web-1", "dev-web-2", "dev-db-1"))

    assert _repaired(the_plan) == [("dev-db-1", "dev-db-1")]


def test_of_too_many_the_broken_go_first_then_the_outdated_then_the_highest() -> None:
    judgement = replace(_broken("dev-web-2"), stale=_outdated("dev-web-1").stale)

    def deleted(count: int) -> list[str]:
        return _deleted(_plan([a_pool(count)], *_nodes(1, 2, 3, 4), judgement=judgement))

    assert [deleted(count) for count in (3, 2, 1)] == [
        ["dev-web-2"],
        ["dev-web-2", "dev-web-1"],
        ["dev-web-2", "dev-web-1", "dev-web-4"],
    ]
    first = _plan([a_pool(3)], *_nodes(1, 2, 3, 4), judgement=judgement).deletes[0]
    assert (first.broken, first.reason) == (True, "pool web has a count of 3; this one does not work")


def test_a_node_that_is_braked_but_outdated_is_replaced_as_a_broken_one() -> None:
    """New user data is how a person repairs nodes that all failed to join."""
    names = ("dev-web-1", "dev-web-2")
    judgement = replace(_broken(*names), stale=_outdated(*names).stale)

    the_plan = _plan([a_pool(2)], *_nodes(1, 2), judgement=judgement)

    assert _replaced(the_plan) == [("dev-web-2", "dev-web-3"), ("dev-web-1", "dev-web-2")]
    assert [item.broken for item in the_plan.replaces] == [True, True]
    assert the_plan.repairs == ()


def test_nothing_is_repaired_or_replaced_at_a_silent_provider() -> None:
    judgement = replace(_broken("dev-web-1"), stale=_outdated("dev-web-2").stale)

    the_plan = _plan([a_pool(2)], *_nodes(1, 2), failed={"north": DOWN}, judgement=judgement)

    assert (the_plan.changed, len(the_plan.keeps)) == (False, 2)


def test_a_pool_whose_nodes_kubernetes_knows_at_a_silent_provider_is_left_alone() -> None:
    """It has no offer there any more, but its nodes may still stand there."""
    moved = a_pool(1, "web", Offer("south", "s1", "small"))

    assert _plan([moved], failed={"north": DOWN}).creates != ()
    the_plan = _plan([moved], failed={"north": DOWN}, judgement=Judgement(known_at={"web": {"north"}}))
    assert (the_plan.creates, the_plan.blocked) == ((), {"web": DOWN})


# ---- servers of a person


def test_a_claimed_server_counts_before_anything_is_bought() -> None:
    the_plan = _plan([a_pool(3)], *_nodes(1), strays=(a_claim("by-hand"),))

    assert [(adopt.node.name, adopt.owner.node) for adopt in the_plan.adopts] == [("by-hand", "by-hand")]
    assert [create.name for create in the_plan.creates] == ["dev-web-2"]


def test_a_claimed_server_is_not_touched_in_the_run_that_adopts_it() -> None:
    claimed = a_claim("dev-web-9", state="stopped", type="large")

    the_plan = _plan([a_pool(2)], *_nodes(1, 2), strays=(claimed,), judgement=_outdated("dev-web-9"))

    assert [adopt.node.name for adopt in the_plan.adopts] == ["dev-web-9"]
    assert (the_plan.deletes, the_plan.resumes, the_plan.replaces, the_plan.creates) == ((), (), (), ())

    ours = replace(claimed, owner=Owner.of("lab", CLUSTER, "web", "dev-web-9"))
    assert _deleted(_plan([a_pool(2)], *_nodes(1, 2), ours)) == ["dev-web-9"], "the next plan shows that it is too many"


def test_a_name_that_an_orphan_holds_is_not_bought_again() -> None:
    damaged = a_node("dev-web-1", owner=None, labels={**a_node("dev-web-1").labels, "fleet.token": "wrong"})

    the_plan = _plan([a_pool(1)], strays=(damaged,))

    assert [create.name for create in the_plan.creates] == ["dev-web-2"]
    assert [orphan.reason for orphan in the_plan.orphans] == ["its label fleet.token does not fit the others"]
