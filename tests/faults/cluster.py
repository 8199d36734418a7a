"""A Kubernetes API whose kubelets live on the emulated clouds' servers: what runs joins, what is gone falls silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.sovereign.fleet.plugins.module_utils.kube import Kube
from lab.cloud.front import ServerView
from tests.contract.case import POOL, RUNNING
from tests.contract.clock import HurriedClock
from tests.unit.plugins.kubernetes_server import Answer, KubernetesServer

NODES = "/api/v1/nodes"
NEVER = float("inf")


@dataclass
class Cluster:
    """One cluster. `servers` gives the fleet's servers at all clouds with the provider of each."""

    api: KubernetesServer
    kubeconfig: Path
    servers: Callable[[], Sequence[tuple[str, ServerView]]]
    time: HurriedClock
    joins: dict[str, float] = field(default_factory=dict)
    """When a node registers, by name; at once when it is not named."""
    ready: dict[str, float] = field(default_factory=dict)
    """When a node is Ready, by name; as soon as it registers when it is not named."""
    sick: set[str] = field(default_factory=set)
    """Servers, by id, whose kubelet never reports Ready (again)."""
    mute: set[str] = field(default_factory=set)
    """Servers, by id, whose kubelet never registers."""
    deaf: bool = False
    """Kubernetes does not notice that servers are gone."""
    refusal: Callable[[str, str], Answer | None] = lambda _method, _path: None
    """What the API says instead of an answer, by method and path."""
    _inside: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        self.api.script = self._look

    def open_kube(self, clock: HurriedClock) -> Callable[[str], Kube]:
        """What the module opens the kubeconfig with: retries sleep on the hurried clock."""
        return lambda path: Kube(path, timeout=2, sleep=clock.sleep)

    def add_pod(self, name: str, node: str) -> str:
        """A pod that a drain has to move; gives its path."""
        path = f"/api/v1/namespaces/default/pods/{name}"
        metadata = {"name": name, "namespace": "default"}
        self.api.put(path, {"metadata": metadata, "spec": {"nodeName": node}, "status": {"phase": "Running"}})
        return path

    def add_node(self, name: str, provider: str, *, ready: bool = True, since: timedelta = timedelta(hours=1)) -> None:
        """A Node as its kubelet registers it."""
        at = _told(since)
        condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": at}
        metadata = {"labels": {"node.cloudprovider": provider, "fleet/pool": POOL}, "creationTimestamp": at}
        self.api.put(f"{NODES}/{name}", {"metadata": metadata, "spec": {}, "status": {"conditions": [condition]}})

    def falls_silent(self, server: ServerView, since: timedelta = timedelta(hours=1)) -> None:
        """The kubelet of a server is not Ready any more, for so long already."""
        self.sick.add(server.id)
        item = self.node(server.name)
        assert item is not None
        item["metadata"]["creationTimestamp"] = _told(since + timedelta(hours=1))
        self._set_ready(server.name, False, since)

    def lock(self, name: str) -> None:
        """Somebody works on a node, and says so."""
        item = self.node(name)
        assert item is not None
        item["metadata"]["labels"]["fleet/upgrade-lock"] = "ann"

    def unlock(self, name: str) -> None:
        """They are done."""
        item = self.node(name)
        assert item is not None
        del item["metadata"]["labels"]["fleet/upgrade-lock"]

    def node(self, name: str) -> dict[str, Any] | None:
        """A Node as it is stored."""
        return self.api.objects.get(f"{NODES}/{name}")

    def names(self) -> list[str]:
        """Names of all Nodes."""
        return sorted(path.rsplit("/", 1)[1] for path in list(self.api.objects) if path.startswith(f"{NODES}/"))

    def amiss(self, names: Sequence[str]) -> list[str]:
        """In which ways the Nodes are not those of these servers, all Ready."""
        self.catch_up()
        faults = [f"{name} has not joined" for name in sorted(set(names) - set(self.names()))]
        faults += [f"{name} is a Node without a server" for name in sorted(set(self.names()) - set(names))]
        faults += [f"{name} is not Ready" for name in self.names() if name in names and not self._is_ready(name)]
        faults += [
            f"{name} is cordoned" for name in self.names() if (self.node(name) or {})["spec"].get("unschedulable")
        ]
        return faults

    def writes(self) -> list[tuple[str, str]]:
        """Requests that may have changed something, the lock of a run set aside."""
        return [
            (method, path)
            for method, path in self.api.requests
            if method not in ("GET", "WATCH") and "/leases" not in path
        ]

    def catch_up(self) -> None:
        """What kubelets and the node controller have done by now."""
        running = {server.name: (who, server) for who, server in self.servers() if server.state.lower() in RUNNING}
        now = self.time.clock()
        for name, (provider, server) in running.items():
            if now < self.joins.get(name, 0.0) or server.id in self.mute:
                continue
            ready = now >= self.ready.get(name, 0.0) and server.id not in self.sick
            if self.node(name) is None:
                self.add_node(name, provider, ready=ready, since=timedelta())
            elif ready and not self._is_ready(name):
                self._set_ready(name, True)
        for name in self.names():
            if name not in running and not self.deaf and self._is_ready(name):
                self._set_ready(name, False)

    def _look(self, method: str, path: str) -> Answer | None:
        refused = self.refusal(method, path)
        if refused is not None:
            return refused
        if method == "GET" and path == NODES:
            self.catch_up()
        return None

    def _is_ready(self, name: str) -> bool:
        conditions = (self.node(name) or {})["status"]["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def _is_cordoned(self, name: str) -> bool:
        return bool((self.node(name) or {})["spec"].get("unschedulable"))

    def _set_ready(self, name: str, ready: bool, since: timedelta = timedelta()) -> None:
        item = self.node(name)
        assert item is not None
        condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": _told(since)}
        self.api.put(f"{NODES}/{name}", {**item, "status": {"conditions": [condition]}})


def _told(ago: timedelta) -> str:
    """A moment as Kubernetes writes it."""
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
