"""What must not happen by accident needs to be confirmed."""

from __future__ import annotations

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.guarding import confirmations, unconfirmed
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import Adopt, Create, Delete, Plan, Repair, Replace
from tests.unit.plugins.fake_cloud import a_claim, a_node, a_pool

POOL = a_pool(2)


def _nodes(*ordinals: int) -> list[Node]:
    return [a_node(f"dev-web-{ordinal}") for ordinal in ordinals]


def _delete(*nodes: Node) -> tuple[Delete, ...]:
    return tuple(Delete(node, "why") for node in nodes)


def _replaced(*nodes: Node) -> tuple[Replace, ...]:
    return tuple(Replace(POOL, node, "why", f"dev-web-{7 + index}") for index, node in enumerate(nodes))


def _repaired(*nodes: Node) -> tuple[Repair, ...]:
    return tuple(Repair(POOL, node, "why", node.name) for node in nodes)


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
        pytest.param(
            Plan(replaces=_replaced(*_nodes(1)), repairs=_repaired(*_nodes(2))),
            1,
            ["it deletes 2 nodes, more than max_deletions (1)"],
            id="replaced and repaired nodes are deleted, too",
        ),
        pytest.param(Plan(replaces=_replaced(*_nodes(1))), 1, [], id="the last node is replaced"),
        pytest.param(Plan(repairs=_repaired(*_nodes(1))), 1, [], id="the last node is repaired"),
        pytest.param(
            Plan(deletes=_delete(*_nodes(2)), replaces=_replaced(*_nodes(1))), 9, [], id="the other one is replaced"
        ),
        pytest.param(
            Plan(deletes=_delete(*_nodes(2)), creates=(Create(POOL, "dev-web-3"),)), 9, [], id="another one is bought"
        ),
        pytest.param(
            Plan(deletes=_delete(*_nodes(2)), adopts=(Adopt(POOL, a_claim("x"), a_claim("x").claim()),)),  # type: ignore[arg-type]
            9,
            [],
            id="another one is adopted",
        ),
        pytest.param(
            Plan(replaces=_replaced(a_node("dev-web-2", disks=("v1",)))),
            9,
            ["node dev-web-2 has disks attached: v1"],
            id="foreign disks at a node that is replaced",
        ),
    ],
)
def test_what_must_not_happen_by_accident_needs_to_be_confirmed(the_plan: Plan, limit: int, reasons: list[str]) -> None:
    assert confirmations(the_plan, max_deletions=limit) == reasons


@pytest.mark.parametrize(
    "the_plan",
    [
        pytest.param(Plan(deletes=_delete(*_nodes(2)), keeps=tuple(_nodes(1))), id="deleted"),
        pytest.param(Plan(replaces=_replaced(*_nodes(2))), id="replaced"),
        pytest.param(Plan(repairs=_repaired(*_nodes(2))), id="repaired"),
    ],
)
def test_a_node_of_the_control_plane_needs_to_be_confirmed(the_plan: Plan) -> None:
    assert confirmations(the_plan, max_deletions=9, control_plane=lambda node: node.name == "dev-web-2") == [
        "node dev-web-2 carries the control plane"
    ]


def test_the_refusal_tells_reasons_and_hash() -> None:
    the_plan = Plan(deletes=_delete(*_nodes(1)))

    said = str(unconfirmed(the_plan, ["it deletes the last node of pool web"], "0000"))

    assert "for it deletes the last node of pool web. Nothing was done." in said
    assert f"run with confirm: {the_plan.hash}. The given one (0000) belongs to another plan." in said
