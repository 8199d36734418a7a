# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empty one node of its pods by eviction, so that PodDisruptionBudgets are honoured.

It goes step by step and never waits, so that many nodes can be emptied side by side by one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .errors import Conflict, NotFound, Permanent, PlatformError, RateLimited, Transient
from .kube_api import PROVIDER, Json, KubeApi, segment

UPGRADE_LOCK = "fleet/upgrade-lock"
PAUSE = 2.0  # seconds between two looks at the node
MIRROR = "kubernetes.io/config.mirror"
MANY_BUDGETS = "more than one PodDisruptionBudget"


@dataclass(frozen=True)
class Hold:
    """What keeps a node from being empty: the lock that somebody has put on it, or pods (name -> why)."""

    lock: str = ""
    pods: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    """The pods that are not allowed to go yet; the others are on their way."""

    @property
    def waits_for(self) -> str:
        """What somebody else has to do before it goes on; empty when it goes on by itself."""
        if self.lock:
            return f"the label {self.lock} to be removed from its Kubernetes Node"
        return "; ".join(f"pod {pod}, which {self.pods[pod].rstrip('.')}" for pod in self.held[:3])

    def too_late(self, name: str) -> Conflict:
        """The error for a node that was not empty in time."""
        if self.lock:
            return Conflict(
                f"Node {name} carries the label {self.lock}: somebody else is working on it, and the time ran out. "
                "It was not drained, and its server was not deleted. Run again later, or remove the label if its owner "
                "is gone.",
                provider=PROVIDER,
                code="UpgradeLock",
            )
        listed = "; ".join(f"pod {pod} {why.rstrip('.')}" for pod, why in sorted(self.pods.items())[:5])
        more = f"; and {len(self.pods) - 5} more" if len(self.pods) > 5 else ""
        return Conflict(
            f"Node {name} could not be drained in time: {listed}{more}. The node stays cordoned and was not deleted. "
            "Give these pods room elsewhere (replicas, budget, capacity), then run again.",
            provider=PROVIDER,
            code="DrainTimeout",
        )


@dataclass(frozen=True)
class _Pod:
    namespace: str
    name: str
    uid: str
    leaving: bool
    ends_with_node: bool  # static pods, DaemonSets and finished pods need no eviction

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def of(cls, item: Json) -> _Pod:
        metadata = item["metadata"]
        owners = metadata.get("ownerReferences") or []
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            leaving="deletionTimestamp" in metadata,
            ends_with_node=(
                MIRROR in (metadata.get("annotations") or {})
                or any(owner.get("kind") == "DaemonSet" and owner.get("controller") for owner in owners)
                or (item.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            ),
        )


def drain(
    api: KubeApi, name: str, *, deadline: float, sleep: Callable[[float], None], clock: Callable[[], float]
) -> None:
    """See Kube.drain."""
    while hold := step(api, name):
        if clock() + PAUSE >= deadline:
            raise hold.too_late(name)
        sleep(PAUSE)


def step(api: KubeApi, name: str) -> Hold | None:
    """See Kube.evict. It remembers nothing: cordon and lock are read from the node each time."""
    path = f"/api/v1/nodes/{segment(name)}"
    try:
        node = api.get(path)
        labels = node["metadata"].get("labels") or {}
        if UPGRADE_LOCK in labels:
            return Hold(lock="=".join(filter(None, (UPGRADE_LOCK, labels[UPGRADE_LOCK]))))
        if not (node.get("spec") or {}).get("unschedulable"):
            api.merge_patch(path, {"spec": {"unschedulable": True}})
    except NotFound:
        return None
    listed = api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={name}").get("items") or []
    pods = [pod for pod in map(_Pod.of, listed) if not pod.ends_with_node]
    if not pods:
        return None
    if all(pod.leaving for pod in pods) and not _kubelet_answers(node):
        return None  # deleted already, but only the kubelet could confirm it, and the kubelet is gone
    outcomes = {pod.id: _evict(api, pod) for pod in pods}
    return Hold(
        pods={pod: why for pod, (why, _held) in outcomes.items()},
        held=tuple(sorted(pod for pod, (_why, held) in outcomes.items() if held)),
    )


def _kubelet_answers(node: Json) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _evict(api: KubeApi, pod: _Pod) -> tuple[str, bool]:
    """Ask for the eviction of one pod: what still holds it, in words, and whether it must not go yet."""
    if pod.leaving:
        return "is shutting down", False
    path = f"/api/v1/namespaces/{segment(pod.namespace)}/pods/{segment(pod.name)}/eviction"
    body: Json = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}},  # never a pod that took the name over in between
    }
    try:
        api.post(path, body)
    except (NotFound, Conflict):
        return "is being replaced", False
    except RateLimited as held:
        return f"is held: {held}", True
    except Transient as failed:
        if MANY_BUDGETS in str(failed):
            raise _cannot(pod, failed) from None
        return f"could not be evicted: {failed}", False
    return "is shutting down", False


def _cannot(pod: _Pod, failed: PlatformError) -> PlatformError:
    return Permanent(
        f"Pod {pod.id} can never be evicted: {failed} Let only one PodDisruptionBudget select it, then run again.",
        provider=PROVIDER,
        code="ManyBudgets",
    )
