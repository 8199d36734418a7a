"""Servers with our labels but without an owner: which are claimed, and which are orphans."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.claiming import orphan_remark, sort_strays
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node, Offer, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import Observed
from tests.unit.plugins.fake_cloud import a_claim, a_node, a_pool

FULL = a_node("by-hand").labels
CLAIM = a_claim("by-hand").labels
BOTH = a_pool(3, "web", Offer("north", "n1", "small"), Offer("south", "n1", "small"))


def _labels(**changes: str) -> dict[str, str]:
    labels = {**FULL, **{key.replace("_", "."): value for key, value in changes.items()}}
    return {key: value for key, value in labels.items() if value}


@pytest.mark.parametrize(
    ("stray", "pool", "reason"),
    [
        pytest.param(a_claim("by-hand"), a_pool(1), "", id="a claim"),
        pytest.param(a_claim("by-hand", state="stopped"), a_pool(1), "", id="a claim that is off"),
        pytest.param(a_claim("by-hand", type="large", location="n2"), a_pool(1), "", id="a claim of another type"),
        pytest.param(a_claim("by-hand", provider="south"), a_pool(1), "pool web has no offer at south", id="elsewhere"),
        pytest.param(a_claim("by-hand", "db"), a_pool(1), "pool db is not listed", id="another pool"),
        pytest.param(a_claim("by-hand"), a_pool(0), "pool web has a count of 0", id="a pool that wants none"),
        pytest.param(a_claim("by-hand", state="error"), a_pool(1), "it is in state error", id="a broken server"),
        pytest.param(
            a_claim("dev-web-1"),
            a_pool(3),
            "there is a node dev-web-1 already (id id-dev-web-1 at north/n1)",
            id="a name that is taken",
        ),
        pytest.param(
            a_claim("dev-db-1"),
            a_pool(3),
            "there is a node dev-db-1 already (id id-dev-db-1 at north/n1)",
            id="a name that a node of another pool has",
        ),
        pytest.param(
            a_node("by-hand", owner=None, labels=_labels(fleet_token="0" * 16)),
            a_pool(1),
            "its label fleet.token does not fit the others",
            id="a wrong token",
        ),
        pytest.param(
            a_node("by-hand", owner=None, labels=_labels(fleet_token="")),
            a_pool(1),
            "it lacks the label fleet.token",
            id="no token",
        ),
        pytest.param(
            a_node("by-hand", owner=None, labels=_labels(fleet_node="")),
            a_pool(1),
            "it lacks the label fleet.node",
            id="no node",
        ),
        pytest.param(
            a_node("by-hand", owner=None, labels=_labels(fleet_pool="")),
            a_pool(1),
            "it lacks the label fleet.pool",
            id="no pool",
        ),
    ],
)
def test_a_claim_is_honoured_or_refused_for_a_reason(stray: Node, pool: Pool, reason: str) -> None:
    nodes = (a_node("dev-web-1"), a_node("dev-db-1", "db"))

    strays = sort_strays([pool], Observed(nodes, strays=(stray,)))

    assert [orphan.reason for orphan in strays.orphans] == ([reason] if reason else [])
    assert [(adopt.pool, adopt.owner.node) for adopt in strays.adopts] == ([] if reason else [(pool, "by-hand")])


def test_of_two_claims_of_one_name_one_is_honoured() -> None:
    strays = sort_strays([BOTH], Observed((), strays=(a_claim("twin"), a_claim("twin", provider="south", id="other"))))

    assert [adopt.node.provider for adopt in strays.adopts] == ["north"]
    assert [orphan.reason for orphan in strays.orphans] == ["there is a node twin already (id id-twin at north/n1)"]


@pytest.mark.parametrize(
    ("strays", "failed"),
    [
        pytest.param((a_claim("by-hand"),), {"south": Transient("South is down.")}, id="not all names are known"),
        pytest.param((a_claim("by-hand", state="deleting"),), {}, id="somebody is deleting it"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_neither(strays: tuple[Node, ...], failed: Any) -> None:
    result = sort_strays([BOTH], Observed((), strays=strays, failed=failed))

    assert (result.adopts, result.orphans) == ((), ())


def test_the_warning_names_the_server_and_what_to_do() -> None:
    orphan = sort_strays([a_pool(0)], Observed((), strays=(a_claim("by-hand"),))).orphans[0]

    assert orphan_remark(orphan) == (
        "The server by-hand (id id-by-hand) at north/n1 carries labels of this fleet but belongs to none of its pools: "
        "pool web has a count of 0. It is left alone; correct its labels, or delete it there."
    )
    assert orphan.as_result() == {
        "provider": "north",
        "id": "id-by-hand",
        "name": "by-hand",
        "location": "n1",
        "pool": "web",
        "reason": "pool web has a count of 0",
    }
