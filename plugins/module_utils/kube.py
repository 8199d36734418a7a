# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of one Kubernetes cluster: read, label, taint, cordon, drain, delete."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import kube_drain
from .errors import NotFound
from .kube_api import Json, KubeApi, segment
from .kube_drain import Hold
from .model import Taint

NODES = "/api/v1/nodes"


@dataclass(frozen=True)
class KubeNode:
    """A Kubernetes node as its API tells it. `version` is the kubelet's, `resource_version` guards a later patch.

    `created` and `ready_changed`, when its Ready condition last became what it is, are ISO 8601 times or empty.
    """

    name: str
    ready: bool
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    provider_id: str
    unschedulable: bool
    uid: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    resource_version: str = ""
    created: str = ""
    ready_changed: str = ""
    addresses: tuple[str, ...] = ()

    def as_result(self) -> dict[str, t.Any]:
        """Plain data for module results."""
        return {
            "name": self.name,
            "ready": self.ready,
            "schedulable": not self.unschedulable,
            "version": self.version,
            "provider_id": self.provider_id,
            "labels": dict(self.labels),
            "taints": [taint_text(taint) for taint in self.taints],
        }


class Kube:
    """The few calls that the fleet makes. Every method raises PlatformError subclasses with provider `kubernetes`."""

    def __init__(
        self, kubeconfig_path: str | Path, timeout: float = 30, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`timeout`: seconds that one request may stay silent. No connection is opened yet."""
        self.api = KubeApi(kubeconfig_path, timeout, sleep=sleep)

    @property
    def endpoint(self) -> str:
        """Base URL of the API server."""
        return self.api.endpoint

    def version(self) -> str:
        """Version of the API server, for example `v1.36.3`; the cheapest proof that it is reachable and lets us in."""
        return str(self.api.get("/version").get("gitVersion", ""))

    def nodes(self) -> list[KubeNode]:
        """All nodes, by one request, sorted by name."""
        listed = self.api.get(NODES).get("items") or []
        return sorted((_node(item) for item in listed), key=lambda node: node.name)

    def node(self, name: str) -> KubeNode:
        """One node, or NotFound."""
        return _node(self.api.get(_path(name)))

    def patch_node(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        provider_id: str | None = None,
        annotations: Mapping[str, str | None] | None = None,
        resource_version: str = "",
    ) -> KubeNode:
        """Change what is given and nothing else. A label or annotation of None is removed; `taints` is the whole list.

        With `resource_version` the API answers Conflict when the node changed since it was read; a list of taints has
        other writers (the node controller), so give it with `taints`.
        """
        metadata: Json = {}
        spec: Json = {}
        if labels:
            metadata["labels"] = dict(labels)
        if annotations:
            metadata["annotations"] = dict(annotations)
        if resource_version:
            metadata["resourceVersion"] = resource_version
        if taints is not None:
            spec["taints"] = [_taint_object(taint) for taint in taints]
        if provider_id:
            spec["providerID"] = provider_id
        body = {key: value for key, value in (("metadata", metadata), ("spec", spec)) if value}
        return _node(self.api.merge_patch(_path(name), body))

    def cordon(self, name: str) -> None:
        """No new pods on this node."""
        self.api.merge_patch(_path(name), {"spec": {"unschedulable": True}})

    def uncordon(self, name: str) -> None:
        """New pods may come again."""
        self.api.merge_patch(_path(name), {"spec": {"unschedulable": None}})

    def evict(self, name: str) -> Hold | None:
        """Take the next step to empty a node: cordon it, then evict the pods that may go. None once none is left.

        Pods of DaemonSets and static pods stay. A label `fleet/upgrade-lock` on the node keeps it as it is. A node that
        Kubernetes does not know is empty. Waits for nothing.
        """
        return kube_drain.step(self.api, name)

    def drain(
        self,
        name: str,
        *,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Cordon the node and evict its pods, as their PodDisruptionBudgets allow, until none is left.

        `deadline` is a moment of `clock`. Step by step as `evict` does it. Raises Conflict (`DrainTimeout`,
        `UpgradeLock`).
        """
        kube_drain.drain(self.api, name, deadline=deadline, sleep=sleep, clock=clock)

    def delete_node(self, name: str) -> None:
        """Remove the Node object; it may be gone already."""
        try:
            self.api.delete(_path(name))
        except NotFound:
            return


def taint_text(taint: Taint) -> str:
    """A taint as people write it: `key=value:effect`."""
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def _path(name: str) -> str:
    return f"{NODES}/{segment(name)}"


def _node(item: Json) -> KubeNode:
    metadata, spec, status = item.get("metadata") or {}, item.get("spec") or {}, item.get("status") or {}
    ready: Json = next((c for c in status.get("conditions") or [] if c.get("type") == "Ready"), {})
    return KubeNode(
        name=metadata.get("name", ""),
        ready=ready.get("status") == "True",
        labels=dict(metadata.get("labels") or {}),
        taints=tuple(_taint(taint) for taint in spec.get("taints") or []),
        provider_id=spec.get("providerID", ""),
        unschedulable=bool(spec.get("unschedulable")),
        uid=metadata.get("uid", ""),
        annotations=dict(metadata.get("annotations") or {}),
        version=(status.get("nodeInfo") or {}).get("kubeletVersion", ""),
        resource_version=metadata.get("resourceVersion", ""),
        created=metadata.get("creationTimestamp") or "",
        ready_changed=ready.get("lastTransitionTime") or "",
        addresses=tuple(a["address"] for a in status.get("addresses") or [] if a.get("type") != "Hostname"),
    )


def _taint(item: Mapping[str, t.Any]) -> Taint:
    return Taint(key=item["key"], value=item.get("value") or "", effect=item["effect"])


def _taint_object(taint: Taint) -> Json:
    return {"key": taint.key, "effect": taint.effect, **({"value": taint.value} if taint.value else {})}
