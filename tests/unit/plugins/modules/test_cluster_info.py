"""The modules that open a cluster: kubeconfig and cluster_info."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sovereign.fleet.plugins.modules import cluster_info, kubeconfig
from tests.unit.plugins.kubernetes_server import KubernetesServer, status


def test_a_cluster_says_what_it_is_made_of(kubernetes: KubernetesServer, tmp_path: Path) -> None:
    kubernetes.put(
        "/api/v1/nodes/n",
        {"metadata": {}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
    )
    result = cluster_info.run({"kubeconfig": str(kubernetes.kubeconfig(tmp_path)), "timeout": 5})
    cluster = result["cluster"]
    assert (cluster["reachable"], cluster["version"], cluster["endpoint"]) == (True, "v1.36.3", kubernetes.url)
    assert [(node["name"], node["ready"]) for node in cluster["nodes"]] == [("n", True)]


def test_check_mode_without_a_kubeconfig_does_not_fail(tmp_path: Path) -> None:
    params = {"kubeconfig": str(tmp_path / "kubeconfig"), "timeout": 5}
    assert cluster_info.run(params, check_mode=True)["cluster"]["reachable"] is False
    assert "no kubeconfig" in cluster_info.run(params)["msg"]


def test_a_cluster_that_does_not_let_us_in_is_told_at_once(kubernetes: KubernetesServer, tmp_path: Path) -> None:
    kubernetes.script = lambda _method, _path: (401, status(401, "Unauthorized", "Unauthorized"), {})
    result = cluster_info.run({"kubeconfig": str(kubernetes.kubeconfig(tmp_path)), "timeout": 60})
    assert (result["failed"], result["provider"]) == (True, "kubernetes")
    assert "credentials in the kubeconfig" in result["msg"]
    assert len(kubernetes.requests) == 1


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_kubeconfig_is_taken_over(kubernetes: KubernetesServer, tmp_path: Path, check_mode: bool) -> None:
    dest = tmp_path / "fleet/development/kubeconfig"
    params = {"src": str(kubernetes.kubeconfig(tmp_path)), "dest": str(dest), "context": ""}
    first = kubeconfig.run(params, check_mode)
    assert first["changed"] is True
    assert "worthless" not in str(first)
    assert dest.exists() is not check_mode
    assert kubeconfig.run(params, check_mode)["changed"] is check_mode


def test_an_unknown_context_is_named(kubernetes: KubernetesServer, tmp_path: Path) -> None:
    params = {"src": str(kubernetes.kubeconfig(tmp_path)), "dest": str(tmp_path / "new"), "context": "mars"}
    assert "no context named 'mars'" in kubeconfig.run(params)["msg"]
