"""Which nodes do not work: only what is certain counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.ailing import Ailment, Diagnosis, Limits, diagnose
from ansible_collections.sovereign.fleet.plugins.module_utils.kube import KubeNode
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node
from tests.unit.plugins.fake_cloud import a_claim, a_kube_node, a_node
from tests.unit.plugins.world import NOW, ago

KEY = ("north", "id-dev-web-1")
UNREADY = Ailment("has been NotReady for 12 min")
LOCKED = {"fleet/upgrade-lock": ""}


def _node(minutes: float = 60, **changes: Any) -> Node:
    return a_node("dev-web-1", **{"created": ago(minutes), **changes})


def _kube_node(made: float, changed: float, *, ready: bool = False, **more: Any) -> KubeNode:
    """A Node that was made, and whose Ready condition changed, so many minutes ago."""
    return a_kube_node("dev-web-1", ready=ready, created=ago(made), ready_changed=ago(changed), **more)


def _diagnose(node: Node, *kube_nodes: KubeNode, limits: Limits | None = None) -> Diagnosis:
    return diagnose([node], kube_nodes, limits or Limits(), NOW)


@pytest.mark.parametrize(
    ("node", "kube_nodes", "ailment"),
    [
        pytest.param(_node(), [_kube_node(59, 58, ready=True)], None, id="it is Ready"),
        pytest.param(_node(), [_kube_node(59, 9)], None, id="NotReady for a while"),
        pytest.param(_node(), [_kube_node(59, 12)], UNREADY, id="NotReady for too long"),
        pytest.param(_node(), [_kube_node(59, 0.1)], None, id="NotReady since now"),
        pytest.param(_node(14), [], None, id="on its way"),
        pytest.param(
            _node(16),
            [],
            Ailment("its server is 16 min old but has never registered in Kubernetes", empty=True),
            id="it never registered",
        ),
        pytest.param(_node(14), [_kube_node(13, 13)], None, id="half joined, and still in time"),
        pytest.param(
            _node(16),
            [_kube_node(15, 15)],
            Ailment("registered but has never been Ready, 16 min after it was made", empty=True),
            id="half joined for too long",
        ),
        pytest.param(
            _node(16),
            [replace(_kube_node(15, 15), ready_changed="")],
            Ailment("registered but has never been Ready, 16 min after it was made", empty=True),
            id="half joined, without a word on being Ready",
        ),
        pytest.param(_node(16, state="stopped"), [], None, id="switched off: it is started"),
        pytest.param(_node(16, state="unknown"), [], None, id="nobody knows what it does"),
        pytest.param(_node(9, state="creating"), [], None, id="starting"),
        pytest.param(
            _node(130, state="creating"),
            [],
            Ailment("its server has been starting for 2 h", empty=True, like_an_outage=False),
            id="starting for ever",
        ),
        pytest.param(
            _node(1, state="error"),
            [],
            Ailment("its server is in an error state at north", empty=True, like_an_outage=False),
            id="it could not be made",
        ),
        pytest.param(
            _node(state="error"), [_kube_node(59, 58, ready=True)], None, id="an error, says the provider; it works"
        ),
        pytest.param(_node(state="error"), [_kube_node(59, 12)], UNREADY, id="an error it is"),
        pytest.param(_node(created=""), [], None, id="nobody knows when it was made"),
        pytest.param(_node(created="yesterday"), [], None, id="a time that is none"),
        pytest.param(
            _node(created="2025-12-31T00:00:00"),
            [],
            Ailment("its server is 2 days old but has never registered in Kubernetes", empty=True),
            id="a time without a zone",
        ),
    ],
)
def test_a_node_does_not_work_when_that_is_certain(
    node: Node, kube_nodes: list[KubeNode], ailment: Ailment | None
) -> None:
    assert _diagnose(node, *kube_nodes) == Diagnosis({KEY: ailment} if ailment else {})


def test_the_limits_are_those_of_the_wish() -> None:
    limits = Limits(unready=60, join=120)

    assert _diagnose(_node(), _kube_node(59, 2), limits=limits).ailments
    assert _diagnose(_node(3), limits=limits).ailments


@pytest.mark.parametrize(
    ("node", "kube_node", "said"),
    [
        pytest.param(
            _node(),
            _kube_node(59, 12, labels=LOCKED),
            "has been NotReady for 12 min, but it carries the label fleet/upgrade-lock",
            id="somebody works on it",
        ),
        pytest.param(
            _node(),
            a_kube_node("dev-web-1", provider_id="north://another"),
            "seems to be the Kubernetes Node dev-web-1, which names another server (north://another instead of north://id",
            id="its Node says that it is another server",
        ),
        pytest.param(
            _node(),
            a_kube_node("host-1", provider_id="", addresses=("10.0.0.9", "192.0.2.1")),
            "seems to be the Kubernetes Node host-1, which names another server (none instead of",
            id="a Node of another name has its address",
        ),
        pytest.param(
            a_claim("dev-web-1", created=ago(10_000)),
            a_kube_node("other"),
            "was not made here, and its server is 6 days old but has never registered",
            id="a person made it, and it may be no node at all",
        ),
    ],
)
def test_what_is_not_certain_is_a_remark(node: Node, kube_node: KubeNode, said: str) -> None:
    diagnosis = _diagnose(node, kube_node)

    assert diagnosis.ailments == {}
    assert len(diagnosis.remarks) == 1
    assert said in diagnosis.remarks[0]


def test_an_address_that_another_cloud_uses_too_is_no_reason_to_wait_for_ever() -> None:
    """Private networks of two clouds may have the same range."""
    lost = a_node("dev-web-1", created=ago(60), private_ipv4="10.0.0.2")
    other = a_node("dev-web-2", provider="south", private_ipv4="10.0.0.2")
    joined = a_kube_node("dev-web-2", provider="south", addresses=("10.0.0.2",))

    assert set(diagnose([lost, other], [joined], Limits(), NOW).ailments) == {KEY}


def test_a_lock_that_does_not_matter_is_not_told() -> None:
    assert _diagnose(_node(), _kube_node(59, 3, labels=LOCKED)) == Diagnosis()


def test_a_node_of_a_person_that_worked_is_repaired_like_any_other() -> None:
    node = replace(a_claim("dev-web-1", created=ago(10_000)), owner=a_node("dev-web-1").owner)

    assert _diagnose(node, _kube_node(59, 12)).ailments == {KEY: UNREADY}


def test_without_kubernetes_only_the_word_of_the_provider_counts() -> None:
    nodes = [_node(10_000), a_node("dev-web-2", state="error"), a_node("dev-web-3", state="creating")]

    found = diagnose(nodes, None, Limits(), NOW)

    assert {key[1]: (ailment.empty, ailment.like_an_outage) for key, ailment in found.ailments.items()} == {
        "id-dev-web-2": (True, True),
        "id-dev-web-3": (True, True),
    }
