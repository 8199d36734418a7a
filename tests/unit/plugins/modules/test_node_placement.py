"""The module: check mode predicts, a run changes, a second run does not, the diff tells why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import NotFound, PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.placement import OWNERSHIP
from ansible_collections.sovereign.fleet.plugins.modules import node_placement
from tests.unit.plugins.kubernetes_server import KubernetesServer, status

POOL = {
    "name": "workers",
    "count": 2,
    "offers": [{"provider": "hetzner", "location": "nbg1", "type": "cx33"}],
    "labels": {"tier": "web"},
    "taints": [{"key": "node.cloudprovider", "value": "hetzner", "effect": "NoSchedule"}],
}


def server(number: int, pool: str = "workers") -> dict[str, Any]:
    return {
        "provider": "hetzner",
        "id": str(number),
        "name": f"development-{pool}-{number}",
        "location": "nbg1",
        "zone": "nbg1",
        "region": "eu-central",
        "country": "DE",
        "pool": pool,
        "type": "cx33",
        "state": "running",
        "provider_id": f"hcloud://{number}",
    }


def path(number: int) -> str:
    return f"/api/v1/nodes/development-workers-{number}"


class Rig:
    """The module with a cluster of two nodes."""

    def __init__(self, kubernetes: KubernetesServer, kubeconfig: Path) -> None:
        self.kubernetes = kubernetes
        self.params: dict[str, Any] = {
            "kubeconfig": str(kubeconfig),
            "nodes": [server(1), server(2)],
            "pools": [POOL],
        }
        for number in (1, 2):
            kubernetes.put(path(number), {"metadata": {"labels": {"foreign": "x"}}, "spec": {}})

    def run(self, *, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        self.kubernetes.requests.clear()
        return node_placement.reconciled({**self.params, **changes}, check_mode=check_mode)

    def methods(self) -> list[str]:
        return [method for method, _path in self.kubernetes.requests]


@pytest.fixture
def rig(kubernetes: KubernetesServer, tmp_path: Path) -> Rig:
    return Rig(kubernetes, kubernetes.kubeconfig(tmp_path))


def test_check_mode_predicts_a_run_changes_and_a_second_run_does_not(rig: Rig) -> None:
    predicted = rig.run(check_mode=True)
    assert rig.methods() == ["GET"]
    changed = rig.run()
    assert predicted == changed
    assert changed["patched"] == ["development-workers-1", "development-workers-2"]
    assert "taint node.cloudprovider=hetzner:NoSchedule" in changed["diff"]["after"]
    again = rig.run()
    assert (again["changed"], again["patched"], again["diff"]) == (False, [], {"before": "", "after": ""})
    assert rig.methods() == ["GET"]


def test_what_a_node_carries_afterwards(rig: Rig) -> None:
    rig.run()
    node = rig.kubernetes.objects[path(1)]
    assert node["metadata"]["labels"]["tier"] == "web"
    assert node["metadata"]["labels"]["foreign"] == "x"
    assert node["spec"]["providerID"] == "hcloud://1"
    assert node["spec"]["taints"] == [{"key": "node.cloudprovider", "value": "hetzner", "effect": "NoSchedule"}]


def test_only_nodes_that_differ_are_patched(rig: Rig) -> None:
    rig.run()
    del rig.kubernetes.objects[path(2)]["metadata"]["labels"]["tier"]
    assert rig.run()["patched"] == ["development-workers-2"]
    assert rig.methods() == ["GET", "PATCH"]


def test_what_the_pool_no_longer_asks_for_goes_and_the_foreign_stays(rig: Rig) -> None:
    rig.run()
    foreign = {"key": "maintenance", "effect": "NoSchedule"}
    rig.kubernetes.objects[path(1)]["spec"]["taints"].append(foreign)
    rig.run(pools=[{**POOL, "labels": {}, "taints": []}])
    node = rig.kubernetes.objects[path(1)]
    assert "tier" not in node["metadata"]["labels"]
    assert node["metadata"]["labels"]["foreign"] == "x"
    assert node["spec"]["taints"] == [foreign]
    assert "tier" not in node["metadata"]["annotations"][OWNERSHIP]


def test_a_node_written_by_others_meanwhile_is_planned_again(rig: Rig) -> None:
    not_ready = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}
    written = []

    def node_controller(method: str, where: str) -> None:
        if method == "PATCH" and where == path(1) and not written:
            written.append(where)
            node = rig.kubernetes.objects[path(1)]
            rig.kubernetes.put(path(1), {**node, "spec": {"taints": [not_ready]}})

    rig.kubernetes.script = node_controller
    rig.run()
    taints = rig.kubernetes.objects[path(1)]["spec"]["taints"]
    assert not_ready in taints
    assert len(taints) == 2


def test_a_server_that_has_not_joined_is_a_failure_and_a_prediction(rig: Rig) -> None:
    nodes = [server(1), server(3)]
    with pytest.raises(NotFound, match="development-workers-3"):
        rig.run(nodes=nodes)
    assert "PATCH" not in rig.methods()
    predicted = rig.run(nodes=nodes, check_mode=True)
    assert predicted["missing"] == ["development-workers-3"]
    assert predicted["changed"]


def test_check_mode_without_a_cluster_predicts_without_asking(rig: Rig, tmp_path: Path) -> None:
    predicted = rig.run(check_mode=True, kubeconfig=str(tmp_path / "not-yet"))
    assert predicted["missing"] == ["development-workers-1", "development-workers-2"]
    assert rig.methods() == []


def test_nodes_of_other_pools_are_left_alone(rig: Rig) -> None:
    assert rig.run(nodes=[server(1, pool="other")], pools=[POOL])["changed"] is False
    assert rig.methods() == []


def test_one_node_that_fails_does_not_keep_the_others(rig: Rig) -> None:
    refusal = (422, status(422, "Invalid", "taint is refused"), {})
    rig.kubernetes.script = lambda method, where: refusal if (method, where) == ("PATCH", path(1)) else None
    with pytest.raises(PlatformError, match=r"1 of 2 nodes .*development-workers-1\): .*taint is refused"):
        rig.run()
    assert "tier" in rig.kubernetes.objects[path(2)]["metadata"]["labels"]


def test_a_wrong_pool_is_refused_before_any_request(rig: Rig) -> None:
    with pytest.raises(PlatformError, match=r"pools\[0\].offers\[0\].location is 'mars'"):
        rig.run(pools=[{**POOL, "offers": [{"provider": "hetzner", "location": "mars", "type": "cx33"}]}])
    assert rig.methods() == []


def test_a_failure_is_a_result_with_one_sentence(rig: Rig) -> None:
    result = node_placement.run({**rig.params, "pools": [{}]})
    assert (result["failed"], result["changed"]) == (True, False)
    assert "pools[0]" in result["msg"]
