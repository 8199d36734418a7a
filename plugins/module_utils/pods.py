# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks pods over HTTP, through the API server: no port of the cluster has to be open for it.

Which node a pod runs on, and at which provider, is told by the API, not by the pod.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlsplit

from .errors import NotFound, Transient
from .kube import Kube, KubeNode
from .kube_api import CONNECT_TIMEOUT, CONNECTIONS, Json, KubeApi, segment

PROVIDER_LABEL = "node.cloudprovider"
LOCATION_LABEL = "topology.kubernetes.io/zone"


@dataclass(frozen=True)
class Question:
    """Which pods are asked what. ``selector`` is a label selector, ``path`` begins with a slash."""

    namespace: str
    selector: str
    port: int
    path: str


@dataclass(frozen=True)
class Answer:
    """One pod, where it runs and what it says. ``status`` is 0 when it was not asked or could not be reached."""

    pod: str
    namespace: str
    labels: Mapping[str, str]
    ready: bool
    node: str
    node_ready: bool
    node_labels: Mapping[str, str]
    provider: str
    location: str
    status: int
    body: t.Any
    error: str

    def as_result(self) -> dict[str, t.Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.node:
            return f"{self.pod} is not placed on a node: {self.error or 'the scheduler has not looked at it'}"
        where = f"{self.pod} on {self.node}"
        if not self.ready:
            return f"{where} is not ready: {self.error or 'it has not said why'}"
        return f"{where} answered {self.status}" if self.status else f"{where} gave no answer: {self.error}"


class PodApi(KubeApi):
    """The API server as a way to a pod."""

    def ask(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET that a pod answers, or that the API server answers for a pod it cannot reach."""
        client = self._connected()
        from kubernetes.client.exceptions import ApiException

        address = urlsplit(path)
        try:
            response = client.call_api(
                address.path,
                "GET",
                query_params=parse_qsl(address.query, keep_blank_values=True),
                header_params={"Accept": "application/json, text/plain;q=0.9, */*;q=0.8"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(min(CONNECT_TIMEOUT, self.timeout), self.timeout),
            )
            return int(response.status), bytes(response.data)
        except ApiException as refused:
            body = refused.body or b""
            return int(refused.status or 0), body.encode() if isinstance(body, str) else bytes(body)
        except Exception as failed:  # urllib3, ssl and socket errors have no common ancestor below Exception
            raise self._unreachable(failed) from failed


def ask(kubeconfig: str, question: Question, timeout: float) -> list[Answer]:
    """One answer per pod that is not going away, sorted by name. ``timeout``: seconds one request may take."""
    api = PodApi(kubeconfig, timeout)
    nodes = {node.name: node for node in Kube(kubeconfig, timeout).nodes()}
    try:
        listed = api.get(f"/api/v1/namespaces/{segment(question.namespace)}/pods", labelSelector=question.selector)
    except NotFound:
        return []
    pods = [pod for pod in listed.get("items") or [] if not pod["metadata"].get("deletionTimestamp")]
    with ThreadPoolExecutor(CONNECTIONS) as workers:
        answers = workers.map(lambda pod: _answer(api, question, pod, nodes), pods)
        return sorted(answers, key=lambda answer: answer.pod)


def all_answered(answers: list[Answer], at_least: int) -> bool:
    """Every pod is ready and has answered, and there are enough of them."""
    return len(answers) >= at_least and all(answer.ready and 200 <= answer.status < 300 for answer in answers)


def describe(answers: list[Answer], question: Question, at_least: int) -> str:
    """What is still missing, in words."""
    found = f"{len(answers)} of {at_least} pods labelled {question.selector} in namespace {question.namespace}"
    wrong = [str(answer) for answer in answers if not all_answered([answer], 1)]
    return "; ".join([found, *wrong]) + "."


def _answer(api: PodApi, question: Question, pod: Json, nodes: Mapping[str, KubeNode]) -> Answer:
    metadata, status = pod["metadata"], pod.get("status") or {}
    name, node_name = metadata["name"], (pod.get("spec") or {}).get("nodeName") or ""
    node = nodes.get(node_name)
    labels = node.labels if node else {}
    ready = _condition(status, "Ready").get("status") == "True"
    code, body, error = _ask(api, question, name) if ready else (0, None, _why_not(status))
    return Answer(
        pod=name,
        namespace=question.namespace,
        labels=metadata.get("labels") or {},
        ready=ready,
        node=node_name,
        node_ready=node is not None and node.ready,
        node_labels=labels,
        provider=labels.get(PROVIDER_LABEL, ""),
        location=labels.get(LOCATION_LABEL, ""),
        status=code,
        body=body,
        error=error,
    )


def _ask(api: PodApi, question: Question, pod: str) -> tuple[int, t.Any, str]:
    path = f"/api/v1/namespaces/{segment(question.namespace)}/pods/{segment(pod)}:{question.port}/proxy{question.path}"
    try:
        code, body = api.ask(path)
    except Transient as unreachable:
        return 0, None, unreachable.message
    parsed = _parsed(body)
    if isinstance(parsed, dict) and parsed.get("kind") == "Status" and parsed.get("apiVersion") == "v1":
        return 0, None, str(parsed.get("message") or parsed.get("reason") or "no reason given")
    return code, parsed, "" if 200 <= code < 300 else f"HTTP status {code}"


def _parsed(body: bytes) -> t.Any:
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _condition(status: Json, kind: str) -> Json:
    return next((dict(each) for each in status.get("conditions") or [] if each.get("type") == kind), {})


def _why_not(status: Json) -> str:
    """What keeps a pod from being ready: the state of a container, else of the pod."""
    states = [container.get("state") or {} for container in status.get("containerStatuses") or []]
    waiting = [state[kind] for state in states for kind in ("waiting", "terminated") if state.get(kind)]
    told = [*waiting, _condition(status, "PodScheduled"), _condition(status, "Ready")]
    words: Json = next((each for each in told if each.get("reason")), {})
    return ": ".join(str(words[key]) for key in ("reason", "message") if words.get(key))
