"""Asking pods through a Kubernetes API in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.pods import Question, all_answered, ask, describe
from ansible_collections.sovereign.fleet.plugins.modules import pod_http_info
from tests.unit.plugins.kubernetes_server import Answer, Json, KubernetesServer, status

PODS = "/api/v1/namespaces/podinfo/pods"
QUESTION = Question("podinfo", "app.kubernetes.io/name=podinfo", 9898, "/api/info?full=yes")


class Pods(KubernetesServer):
    """Answers for pods; `answers` is what the API server says to a request that a pod should get."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.selectors: list[str] = []

    def node(self, name: str, provider: str, zone: str, ready: bool = True) -> None:
        labels = {"node.cloudprovider": provider, "topology.kubernetes.io/zone": zone}
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        self.put(f"/api/v1/nodes/{name}", {"metadata": {"labels": labels}, "status": {"conditions": [condition]}})

    def pod(self, name: str, node: str, ready: bool = True, **states: Any) -> Json:
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        item = {
            "metadata": {"labels": {"app.kubernetes.io/name": "podinfo"}},
            "spec": {"nodeName": node} if node else {},
            "status": {"conditions": conditions, **states},
        }
        return self.put(f"{PODS}/{name}", item)

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        if "/proxy/" in path:
            name = path.removeprefix(f"{PODS}/").partition(":")[0]
            self.asked.append((path, query))
            code, said = self.answers.get(name, (200, {"message": f"Hello from {name}"}))
            return code, said, {}
        if path == PODS:
            self.selectors.append(query.get("labelSelector", ""))
        return super().answer(method, path, query, body)


@pytest.fixture(name="pods")
def _pods() -> Iterator[Pods]:
    with Pods() as server:
        server.node("node-h", "hetzner", "nbg1")
        server.node("node-s", "scaleway", "fr-par-1")
        yield server


def params(kubeconfig: Path, **given: Any) -> dict[str, Any]:
    defaults = {"namespace": "podinfo", "selector": "app=x", "port": 80, "path": "/", "at_least": 1, "timeout": 0}
    return {"kubeconfig": str(kubeconfig), **defaults, "request_timeout": 5, **given}


def test_every_answer_tells_where_it_comes_from(pods: Pods, tmp_path: Path) -> None:
    pods.pod("b", "node-s")
    pods.pod("a", "node-h")
    first, second = ask(str(pods.kubeconfig(tmp_path)), QUESTION, 5)
    assert (first.pod, first.node, first.provider, first.location) == ("a", "node-h", "hetzner", "nbg1")
    assert (first.ready, first.node_ready, first.status, first.error) == (True, True, 200, "")
    assert first.body == {"message": "Hello from a"}
    assert (second.pod, second.provider, second.location) == ("b", "scaleway", "fr-par-1")
    assert pods.selectors == ["app.kubernetes.io/name=podinfo"]
    assert sorted(pods.asked)[0] == (f"{PODS}/a:9898/proxy/api/info", {"full": "yes"})


def test_pods_that_go_away_do_not_count(pods: Pods, tmp_path: Path) -> None:
    pods.pod("new", "node-h")
    pods.pod("old", "node-h")["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z"
    assert [answer.pod for answer in ask(str(pods.kubeconfig(tmp_path)), QUESTION, 5)] == ["new"]


@pytest.mark.parametrize(
    ("pod", "answer", "said"),
    [
        pytest.param({"node": "", "ready": False}, None, "a is not placed on a node: the scheduler", id="no node"),
        pytest.param(
            {
                "node": "node-h",
                "ready": False,
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
                ],
            },
            None,
            "a on node-h is not ready: ImagePullBackOff: no such image",
            id="not ready",
        ),
        pytest.param({"node": "node-h"}, (500, {"error": "db"}), "a on node-h answered 500", id="an error of the pod"),
        pytest.param(
            {"node": "node-h"},
            (503, {**status(503, "ServiceUnavailable", "error trying to reach service"), "apiVersion": "v1"}),
            "a on node-h gave no answer: error trying to reach service",
            id="the API server cannot reach the pod",
        ),
    ],
)
def test_what_is_missing_is_told(pods: Pods, tmp_path: Path, pod: Any, answer: Any, said: str) -> None:
    pods.pod("a", **pod)
    if answer:
        pods.answers["a"] = answer
    answers = ask(str(pods.kubeconfig(tmp_path)), QUESTION, 5)
    assert not all_answered(answers, 1)
    assert said in describe(answers, QUESTION, 1)


def test_an_unschedulable_pod_says_why(pods: Pods, tmp_path: Path) -> None:
    item = pods.pod("a", "", ready=False)
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes"}
    item["status"]["conditions"].append(scheduled)
    (answer,) = ask(str(pods.kubeconfig(tmp_path)), QUESTION, 5)
    assert str(answer) == "a is not placed on a node: Unschedulable: 0/2 nodes"


def test_the_module_waits_for_enough_pods(pods: Pods, tmp_path: Path) -> None:
    pods.pod("a", "node-h")
    result = pod_http_info.run(params(pods.kubeconfig(tmp_path), at_least=2, timeout=0.2))
    assert (result["failed"], result["code"]) == (True, "deadline")
    assert "1 of 2 pods labelled app=x in namespace podinfo" in result["msg"]
    pods.pod("b", "node-s")
    result = pod_http_info.run(params(pods.kubeconfig(tmp_path), at_least=2, timeout=5))
    assert [pod["body"]["message"] for pod in result["pods"]] == ["Hello from a", "Hello from b"]


def test_the_module_looks_once_without_a_timeout(pods: Pods, tmp_path: Path) -> None:
    pods.pod("a", "", ready=False)
    (pod,) = pod_http_info.run(params(pods.kubeconfig(tmp_path)))["pods"]
    assert (pod["ready"], pod["node"], pod["status"]) == (False, "", 0)


def test_a_cluster_that_does_not_exist_yet(tmp_path: Path) -> None:
    missing = params(tmp_path / "none")
    assert pod_http_info.run(missing, check_mode=True) == {"changed": False, "pods": []}
    assert "no kubeconfig" in pod_http_info.run(missing)["msg"]


def test_a_path_without_a_slash_is_refused(tmp_path: Path) -> None:
    assert "must begin with a slash" in pod_http_info.run(params(tmp_path / "none", path="x"))["msg"]
