"""What a node must carry, and what changes on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.kube import KubeNode
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node, Pool, Taint
from ansible_collections.sovereign.fleet.plugins.module_utils.placement import OWNERSHIP, Placement, plan, wanted

HETZNER = Taint("node.cloudprovider", "hetzner", "NoSchedule")
FOREIGN = Taint("node.kubernetes.io/not-ready", "", "NoExecute")
PLACEMENT = Placement({"a": "1", "b": "2"}, (HETZNER,), "hcloud://1")


def mark(*labels: str, taints: tuple[str, ...] = ()) -> dict[str, str]:
    return {OWNERSHIP: json.dumps({"labels": list(labels), "taints": list(taints)}, separators=(",", ":"))}


OURS = mark("a", "b", taints=("node.cloudprovider:NoSchedule",))


def node(**facts: Any) -> KubeNode:
    usual: dict[str, Any] = {"labels": {}, "taints": (), "provider_id": "", "annotations": {}}
    return KubeNode(name="n", ready=True, unschedulable=False, uid="u", **{**usual, **facts})


def test_a_node_in_place_needs_nothing() -> None:
    labels = {"a": "1", "b": "2", "foreign": "x"}
    now = node(labels=labels, taints=(FOREIGN, HETZNER), provider_id="hcloud://1", annotations=OURS)
    assert plan("n", PLACEMENT, now) is None


def test_a_fresh_node_gets_everything() -> None:
    change = plan("n", PLACEMENT, node(taints=(FOREIGN,)))
    assert change is not None
    assert change.labels == {"a": "1", "b": "2"}
    assert change.taints == (FOREIGN, HETZNER)
    assert change.provider_id == "hcloud://1"
    assert change.annotations == OURS
    assert change.before == ()
    assert change.after == (
        "label a=1",
        "label b=2",
        "taint node.cloudprovider=hetzner:NoSchedule",
        "providerID hcloud://1",
    )


def test_a_node_that_has_not_joined_is_predicted_whole() -> None:
    change = plan("n", PLACEMENT, None)
    assert change is not None
    assert len(change.after) == 4


@pytest.mark.parametrize(
    ("facts", "labels"),
    [
        pytest.param(
            {"labels": {"old": "1"}, "annotations": mark("a", "old")}, {"old": None}, id="ours and unwanted goes"
        ),
        pytest.param({"labels": {"foreign": "1"}, "annotations": mark("a")}, {}, id="foreign stays"),
        pytest.param({"annotations": mark("a", "old")}, {}, id="ours but already gone"),
        pytest.param({"labels": {"a": "other"}}, {"a": "1"}, id="another value is corrected"),
        pytest.param(
            {"annotations": {OWNERSHIP: "not json"}, "labels": {"x": "1"}}, {}, id="a broken mark owns nothing"
        ),
        pytest.param(
            {"annotations": {OWNERSHIP: "[1]"}, "labels": {"x": "1"}}, {}, id="a mark of another shape owns nothing"
        ),
    ],
)
def test_labels(facts: dict[str, Any], labels: dict[str, str | None]) -> None:
    have = {"a": "1", "b": "2", **facts.pop("labels", {})}
    change = plan("n", PLACEMENT, node(labels=have, **facts))
    assert change is not None
    assert dict(change.labels) == labels


@pytest.mark.parametrize(
    ("have", "owned", "wish", "result"),
    [
        pytest.param((FOREIGN,), (), (), None, id="foreign taints are left alone"),
        pytest.param(
            (HETZNER, FOREIGN), ("node.cloudprovider:NoSchedule",), (), (FOREIGN,), id="ours goes when unwanted"
        ),
        pytest.param((HETZNER,), (), (), None, id="the same taint set by others stays"),
        pytest.param(
            (Taint("node.cloudprovider", "old", "NoSchedule"),),
            (),
            (HETZNER,),
            (HETZNER,),
            id="one value per key and effect",
        ),
        pytest.param((HETZNER, FOREIGN), (), (HETZNER,), None, id="order does not matter"),
        pytest.param(
            (Taint("node.cloudprovider", "hetzner", "NoExecute"),),
            ("node.cloudprovider:NoExecute",),
            (HETZNER,),
            (HETZNER,),
            id="another effect is another taint",
        ),
    ],
)
def test_taints(
    have: tuple[Taint, ...], owned: tuple[str, ...], wish: tuple[Taint, ...], result: tuple[Taint, ...] | None
) -> None:
    placement = Placement({"a": "1"}, wish, "")
    change = plan("n", placement, node(taints=have, annotations=mark("x", taints=owned)))
    assert change is not None
    assert change.taints == result


def test_a_provider_id_that_is_there_is_never_changed() -> None:
    labels = {"a": "1", "b": "2"}
    now = node(labels=labels, taints=(HETZNER,), provider_id="other://9", annotations=OURS)
    assert plan("n", PLACEMENT, now) is None


def test_taking_over_what_is_there_already_is_shown() -> None:
    change = plan("n", PLACEMENT, node(labels={"a": "1", "b": "2"}, taints=(HETZNER,), provider_id="hcloud://1"))
    assert change is not None
    assert (change.before, change.after) == ((), (f"annotation {OWNERSHIP}",))


def test_the_diff_shows_old_and_new() -> None:
    old = Taint("node.cloudprovider", "old", "NoSchedule")
    change = plan(
        "n", PLACEMENT, node(labels={"a": "0", "b": "2"}, taints=(old,), provider_id="x://1", annotations=OURS)
    )
    assert change is not None
    assert change.before == ("label a=0", "taint node.cloudprovider=old:NoSchedule")
    assert change.after == ("label a=1", "taint node.cloudprovider=hetzner:NoSchedule")


def test_wanted_comes_from_the_server_and_its_pool() -> None:
    server = Node("hetzner", "1", "n", "nbg1", "nbg1", "eu-central", "DE", "cx33", "running", provider_id="hcloud://1")
    placement = wanted(server, Pool("workers", 1, (), labels={"tier": "web"}, taints=(HETZNER,)))
    assert placement.taints == (HETZNER,)
    assert placement.provider_id == "hcloud://1"
    assert placement.labels["tier"] == "web"
    assert placement.labels["node.cloudprovider"] == "hetzner"
    assert placement.labels["fleet/pool"] == "workers"
