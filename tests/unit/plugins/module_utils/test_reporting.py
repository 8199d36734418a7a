"""What a person reads of a plan: two texts whose difference is what would happen, and the same as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from ansible_collections.sovereign.fleet.plugins.module_utils.costing import bill
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Leftover, Offer, Owner, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import (
    Adopt,
    Create,
    Delete,
    Plan,
    Quote,
    Repair,
    Replace,
    Resume,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.reporting import (
    after_text,
    before_text,
    failure,
    pending,
)
from tests.unit.plugins.fake_cloud import a_node, a_pool

SMALL = Flavor("small", 2, Decimal(4), Decimal("0.01"), "EUR", True)
BIG = Flavor("big", 4, Decimal(8), Decimal("0.02"), "EUR", True)
NORTH = Offer("north", "n1", "small")
SOUTH = Offer("south", "s1", "big")


def _texts(
    plan: Plan,
    quotes: dict[str, Quote] | None = None,
    flavors: Sequence[Flavor] = (SMALL, BIG),
    ghosts: Sequence[str] = (),
    prepared: Sequence[str] = (),
) -> tuple[list[str], list[str]]:
    reckoned = bill(plan, quotes or {}, lambda _offer: flavors, date(2026, 11, 21))
    before = before_text(plan, ghosts, reckoned)
    return before.splitlines(), after_text(plan, quotes or {}, reckoned, prepared).splitlines()


def _difference(before: list[str], after: list[str]) -> list[str]:
    gone = [f"-{line}" for line in before if line not in after]
    return gone + [f"+{line}" for line in after if line not in before]


def test_a_new_node_is_one_line_more_and_the_bill_says_by_how_much() -> None:
    plan = Plan(creates=(Create(a_pool(2), "dev-web-2"),), keeps=(a_node("dev-web-1"),))
    before, after = _texts(plan, {"dev-web-2": Quote(SOUTH, BIG)})
    assert before == [
        "dev-web-1  north/n1/small  running  7.30 EUR a month",
        "north  7.30 EUR a month",
        "south  0.00 EUR a month",
        "total  7.30 EUR a month without VAT",
    ]
    assert after == [
        "dev-web-1  north/n1/small  running  7.30 EUR a month",
        "dev-web-2  south/s1/big  running  14.60 EUR a month",
        "north  7.30 EUR a month",
        "south  0.00 -> 14.60 EUR a month (+14.60)",
        "total  7.30 -> 21.90 EUR a month (+14.60) without VAT",
    ]


def test_nothing_to_do_makes_two_equal_texts() -> None:
    listed = replace(SMALL, priced="2026-09-04")
    plan = Plan(keeps=(a_node("dev-web-1"), a_node("dev-db-1", "db", type="huge", price_hour=None)))
    before, after = _texts(plan, flavors=[listed])
    assert before == after
    assert before[-2:] == [
        "prices: north from the list of 2026-09-04, 78 days old",
        "not counted, as the price is not known: dev-db-1",
    ]


def test_nodes_stand_by_pool_and_number_however_long_their_names() -> None:
    nodes = [a_node(f"dev-web-{number}") for number in (10, 9, 1)]
    plan = Plan(keeps=(*nodes, a_node("dev-db-1", "db")), deletes=(Delete(a_node("dev-web-2"), "too many"),))
    before, after = _texts(plan)
    assert [line.split()[0] for line in before[:5]] == ["dev-db-1", "dev-web-1", "dev-web-2", "dev-web-9", "dev-web-10"]
    assert _difference(before, after) == [
        "-dev-web-2  north/n1/small  running  7.30 EUR a month",
        "-north  36.50 EUR a month",
        "-total  36.50 EUR a month without VAT",
        "+north  36.50 -> 29.20 EUR a month (-7.30)",
        "+total  36.50 -> 29.20 EUR a month (-7.30) without VAT",
    ]


def test_a_replaced_and_a_repaired_node_name_their_successor_and_the_reason() -> None:
    pool = a_pool(2)
    plan = Plan(
        replaces=(Replace(pool, a_node("dev-web-1"), "it has another image", "dev-web-3"),),
        repairs=(Repair(pool, a_node("dev-web-2"), "has been NotReady for 12 min", "dev-web-2"),),
    )
    before, after = _texts(plan, {name: Quote(NORTH, SMALL) for name in ("dev-web-3", "dev-web-2")})
    assert _difference(before, after) == [
        "-dev-web-1  north/n1/small  running  7.30 EUR a month",
        "-dev-web-2  north/n1/small  running  7.30 EUR a month",
        "+dev-web-2  north/n1/small  running  7.30 EUR a month  in place of the old one: has been NotReady for 12 min",
        "+dev-web-3  north/n1/small  running  7.30 EUR a month  in place of dev-web-1: it has another image",
    ]


def test_a_node_that_no_offer_can_replace_is_shown_to_stay() -> None:
    plan = Plan(replaces=(Replace(a_pool(1), a_node("dev-web-1"), "another type", "dev-web-2"),))
    before, after = _texts(plan)
    assert before == after


def test_started_adopted_prepared_and_cleared_away() -> None:
    node = a_node("dev-web-1", state="stopped")
    by_hand = replace(a_node("mine"), owner=None)
    plan = Plan(
        keeps=(node,),
        resumes=(Resume(a_pool(2), node),),
        adopts=(Adopt(a_pool(2), by_hand, Owner.of("lab", "dev", "web", "mine")),),
        sweeps=(Leftover("north", "disk", "d1", "old-root", "n1"), Leftover("north", "address", "a1", "", "n2")),
    )
    before, after = _texts(plan, ghosts=["dev-web-9"], prepared=["network lab-dev (10.64.0.0/16) at north"])
    assert _difference(before, after) == [
        "-mine  north/n1/small  running  7.30 EUR a month  not taken over yet",
        "-dev-web-1  north/n1/small  stopped  7.30 EUR a month",
        "-disk old-root without a server at north/n1",
        "-address a1 without a server at north/n2",
        "-Kubernetes Node dev-web-9 without a server",
        "+mine  north/n1/small  running  7.30 EUR a month",
        "+dev-web-1  north/n1/small  running  7.30 EUR a month",
        "+network lab-dev (10.64.0.0/16) at north",
    ]


def test_what_is_pending_as_data() -> None:
    pool = a_pool(2)
    by_hand = replace(a_node("mine"), owner=None)
    plan = Plan(
        creates=(Create(pool, "dev-web-2"), Create(pool, "dev-web-4")),
        replaces=(Replace(pool, a_node("dev-web-1"), "another type", "dev-web-3"),),
        repairs=(Repair(Pool("db", 1, (NORTH,)), a_node("dev-db-1", "db"), "NotReady", "dev-db-1"),),
        adopts=(Adopt(pool, by_hand, Owner.of("lab", "dev", "web", "mine")),),
        deletes=(Delete(a_node("dev-web-5"), "too many"),),
    )
    found = pending(plan, {"dev-web-2": Quote(NORTH, SMALL), "dev-web-3": Quote(SOUTH, BIG)}, [], ["a network"])
    small = {"provider": "north", "location": "n1", "type": "small", "price_hour": 0.01}
    big = {"provider": "south", "location": "s1", "type": "big", "price_hour": 0.02}
    assert found == {
        "create": [{"name": "dev-web-2", "pool": "web", **small}],
        "start": [],
        "adopt": [{"name": "mine", "provider": "north", "id": "id-mine", "pool": "web"}],
        "replace": [{"name": "dev-web-1", "reason": "another type", "by": "dev-web-3", **big}],
        "repair": [{"name": "dev-db-1", "reason": "NotReady", "by": "dev-db-1"}],
        "delete": [{"name": "dev-web-5", "reason": "too many"}],
        "prerequisites": ["a network"],
        "remove_disks": [],
        "remove_kubernetes_nodes": [],
    }


def test_several_problems_are_numbered_and_none_is_said_twice() -> None:
    down, again = Transient("North is down.", provider="north", code="x"), Transient("North is down.", provider="north")
    assert failure([]) == {}
    assert failure([down, again])["msg"] == "North is down."
    both = failure([down, Auth("South refuses us.", provider="south")])
    assert both["msg"] == "(1) North is down. (2) South refuses us."
    assert (both["failed"], both["provider"], both["code"]) == (True, "north", "x")
