"""Servers that a person made by hand and gave to a pool by label."""

from __future__ import annotations

from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
    LABEL_POOL,
    Owner,
)
from tests.contract.case import CLUSTER, FLEET, LABELS, POOL, Case

CLAIM = {LABEL_FLEET: FLEET, LABEL_CLUSTER: CLUSTER, LABEL_POOL: POOL}


def test_a_claimed_server_is_listed_with_its_claim(case: Case) -> None:
    case.profile.make_foreign(case.cloud, "by-hand", {**CLAIM, "team": "ops"})

    (node,) = case.listed(labels=LABELS)

    assert node.owner is None
    assert node.claim() == Owner.of(FLEET, CLUSTER, POOL, "by-hand")


def test_marking_writes_our_labels_and_keeps_the_others(case: Case) -> None:
    case.profile.make_foreign(case.cloud, "by-hand", {**CLAIM, "team": "ops"})
    case.quiet()
    (node,) = case.listed(labels=LABELS)
    owner = node.claim()
    assert owner is not None

    marked = case.driver().mark(node, owner)

    assert marked.owner == owner
    (after,) = case.listed(labels=LABELS)
    assert after.owner == owner
    assert after.labels["team"] == "ops"
    assert (after.id, after.state) == (node.id, node.state)
    assert len(case.servers()) == 1


def test_an_adopted_server_is_a_member_like_any_other(case: Case) -> None:
    case.profile.make_foreign(case.cloud, "by-hand", CLAIM)
    case.quiet()

    foreseen = case.run(2, check=True)
    result = case.run(2)

    assert [item["name"] for item in foreseen["pending"]["adopt"]] == ["by-hand"]
    assert (result.get("msg"), result["adopted"]) == (None, ["by-hand"])
    assert len(result["created"]) == 1
    assert case.names() == sorted(["by-hand", *result["created"]])
    case.cloud.requests.clear()
    again = case.run(2)
    assert (again.get("msg"), again["changed"], case.writes()) == (None, False, [])
