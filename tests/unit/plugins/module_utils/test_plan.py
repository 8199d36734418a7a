"""The hash of a plan: it names the changes, all of them, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Leftover, Node
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import (
    Adopt,
    Create,
    Delete,
    Orphan,
    Plan,
    Repair,
    Replace,
    Resume,
)
from tests.unit.plugins.fake_cloud import a_claim, a_node, a_pool

POOL = a_pool(2)
FIRST, SECOND = a_node("dev-web-1"), a_node("dev-web-2")
EMPTY = Plan()


def _adopt(node: Node) -> Adopt:
    owner = node.claim()
    assert owner is not None
    return Adopt(POOL, node, owner)


FULL = Plan(
    creates=(Create(POOL, "dev-web-5"),),
    resumes=(Resume(POOL, FIRST),),
    deletes=(Delete(SECOND, "why"),),
    replaces=(Replace(POOL, a_node("dev-web-3"), "why", "dev-web-6"),),
    repairs=(Repair(POOL, a_node("dev-web-4"), "why", "dev-web-4"),),
    adopts=(_adopt(a_claim("by-hand")),),
    sweeps=(Leftover("north", "disk", "d1", "root", "n1"),),
)


def test_a_plan_without_changes_has_no_hash() -> None:
    quiet = Plan(keeps=(FIRST,), leaving=(SECOND,), orphans=(Orphan(FIRST, "", "why"),), remarks=("look",))

    assert (quiet.changed, quiet.hash) == (False, "")


@pytest.mark.parametrize("kind", ["creates", "resumes", "deletes", "replaces", "repairs", "adopts", "sweeps"])
def test_every_kind_of_change_is_in_the_hash(kind: str) -> None:
    without = replace(FULL, **{kind: ()})
    alone = replace(EMPTY, **{kind: getattr(FULL, kind)})

    assert alone.changed
    assert len({FULL.hash, without.hash, alone.hash}) == 3


def test_the_order_and_the_reasons_are_not() -> None:
    one, two = Delete(FIRST, "why"), Delete(SECOND, "why")

    assert Plan(deletes=(one, two)).hash == Plan(deletes=(two, replace(one, reason="another"))).hash


def test_what_a_plan_buys_what_goes_and_what_is_there() -> None:
    assert [name for name, _pool in FULL.bought] == ["dev-web-5", "dev-web-4", "dev-web-6"]
    assert [node.name for node in FULL.doomed] == ["dev-web-2", "dev-web-4", "dev-web-3"]
    assert {node.name for node in FULL.there} == {"dev-web-2", "dev-web-3", "dev-web-4", "by-hand"}
