# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empty one node of its pods by eviction, so that PodDisruptionBudgets are honoured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Conflict, NotFound, Permanent, PlatformError, RateLimited, Transient
from .kube_api import PROVIDER, Json, KubeApi, segment

UPGRADE_LOCK = "fleet/upgrade-lock"
PAUSE = 2.0  # seconds between two looks at the node
MIRROR = "kubernetes.io/config.mirror"
MANY_BUDGETS = "more than one PodDisruptionBudget"


@dataclass(frozen=True)
class _Pod:
    namespace: str
    name: str
    uid: str
    leaving: bool
    ends_with_node: bool  # static pods, DaemonSets and finished pods need no eviction

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
    node_path = f"/api/v1/nodes/{segment(name)}"
    try:
        _wait_for_unlock(api, node_path, name, deadline, sleep, clock)
        api.merge_patch(node_path, {"spec": {"unschedulable": True}})
    except NotFound:
        return
    obstacles: dict[str, str] = {}
    while remaining := _remaining(api, node_path, name):
        obstacles = {f"{pod.namespace}/{pod.name}": _evict(api, pod) for pod in remaining}
        if clock() + PAUSE >= deadline:
            raise _too_late(name, obstacles)
        sleep(PAUSE)


def _wait_for_unlock(
    api: KubeApi, path: str, name: str, deadline: float, sleep: Callable[[float], None], clock: Callable[[], float]
) -> None:
    while (lock := (api.get(path)["metadata"].get("labels") or {}).get(UPGRADE_LOCK)) is not None:
        if clock() + PAUSE >= deadline:
            raise Conflict(
                f"Node {name} carries the label {UPGRADE_LOCK}={lock}: somebody else is working on it, and the time "
                "ran out. Nothing was changed on it. Run again later, or remove the label if its owner is gone.",
                provider=PROVIDER,
                code="UpgradeLock",
            )
        sleep(PAUSE)


def _remaining(api: KubeApi, node_path: str, name: str) -> list[_Pod]:
    listed = api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={name}").get("items") or []
    pods = [pod for pod in map(_Pod.of, listed) if not pod.ends_with_node]
    if pods and all(pod.leaving for pod in pods) and not _kubelet_answers(api, node_path):
        return []  # deleted already, but only the kubelet could confirm it, and the kubelet is gone
    return pods


def _kubelet_answers(api: KubeApi, node_path: str) -> bool:
    try:
        conditions = api.get(node_path).get("status", {}).get("conditions") or []
    except NotFound:
        return False
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _evict(api: KubeApi, pod: _Pod) -> str:
    """Ask for the eviction of one pod; what still holds it, in words."""
    if pod.leaving:
        return "is shutting down"
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
        return "is being replaced"
    except RateLimited as held:
        return f"is held: {held}"
    except Transient as failed:
        if MANY_BUDGETS in str(failed):
            raise _cannot(pod, failed) from None
        return f"could not be evicted: {failed}"
    return "is shutting down"


def _cannot(pod: _Pod, failed: PlatformError) -> PlatformError:
    return Permanent(
        f"Pod {pod.namespace}/{pod.name} can never be evicted: {failed} "
        "Let only one PodDisruptionBudget select it, then run again.",
        provider=PROVIDER,
        code="ManyBudgets",
    )


def _too_late(name: str, obstacles: dict[str, str]) -> PlatformError:
    listed = "; ".join(f"pod {pod} {why.rstrip('.')}" for pod, why in sorted(obstacles.items())[:5])
    more = f"; and {len(obstacles) - 5} more" if len(obstacles) > 5 else ""
    return Conflict(
        f"Node {name} could not be drained in time: {listed}{more}. The node stays cordoned and was not deleted. "
        "Give these pods room elsewhere (replicas, budget, capacity), then run again.",
        provider=PROVIDER,
        code="DrainTimeout",
    )
