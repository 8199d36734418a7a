# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes Nodes and the servers behind them: which belong together, which have joined, which lost their server."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from .errors import Conflict, PlatformError, Transient
from .kube import KubeNode
from .kube_drain import Hold
from .model import Node, Taint, node_ordinal
from .running import Run
from .waiting import wait_for

LABEL_POOL = "fleet/pool"
LABEL_PROVIDER = "node.cloudprovider"
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
SILENCE = 120.0
"""Seconds in which Kubernetes has noticed for sure that a node's machine is gone."""


class Kube(Protocol):
    """The calls to a cluster that nodes need. All raise PlatformError."""

    def nodes(self) -> Sequence[KubeNode]:
        """All Nodes, by one request."""

    def node(self, name: str) -> KubeNode:
        """One Node, or NotFound."""

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
        """Change what is given and nothing else."""

    def cordon(self, name: str) -> None:
        """No new pods on this Node."""

    def evict(self, name: str) -> Hold | None:
        """Take the next step to empty this Node; None once it is empty."""

    def delete_node(self, name: str) -> None:
        """Remove the Node object; it may be gone already."""


class Roster:
    """Which Kubernetes Node belongs to which server, found without searching."""

    def __init__(self, kube_nodes: Iterable[KubeNode]) -> None:
        self._by_server: dict[str, KubeNode] = {}
        self._by_name: dict[str, KubeNode] = {}
        for kube_node in kube_nodes:
            self._by_name[kube_node.name] = kube_node
            if kube_node.provider_id:
                self._by_server.setdefault(kube_node.provider_id, kube_node)

    def node_of(self, node: Node, *, by_name: bool = True) -> KubeNode | None:
        """The Node that names the server, else the one of its name that names no other server."""
        named = self._by_server.get(node.provider_id) if node.provider_id else None
        if named is not None or not by_name:
            return named
        same_name = self._by_name.get(node.name)
        return same_name if same_name and same_name.provider_id in ("", node.provider_id) else None


def carries_control_plane(node: Node, roster: Roster) -> bool:
    """Whether the server's Node is part of the control plane."""
    kube_node = roster.node_of(node)
    return kube_node is not None and any(label in kube_node.labels for label in CONTROL_PLANE_LABELS)


def not_joined(nodes: Iterable[Node], kube_nodes: Iterable[KubeNode]) -> dict[str, str]:
    """The servers that are not Ready in Kubernetes, with what is seen of them."""
    roster = Roster(kube_nodes)
    missing = {}
    for node in nodes:
        kube_node = roster.node_of(node)
        if kube_node is None:
            missing[node.name] = f"the server is {node.state} at {node.provider}/{node.location} but has not registered"
        elif not kube_node.ready:
            missing[node.name] = "registered but not Ready"
    return missing


def wait_joined(
    run: Run, kube: Kube, nodes: Sequence[Node], kube_nodes: Sequence[KubeNode] | None = None
) -> Sequence[KubeNode]:
    """Wait until all of these servers are Ready in Kubernetes; the last reading is returned.

    ``kube_nodes`` is the reading to begin with, if there is one. Raises PlatformError, at the deadline a Transient that
    says what is seen of each server that is missing.
    """
    first = [] if kube_nodes is None else [kube_nodes]

    def describe(seen: Sequence[KubeNode]) -> str:
        return "; ".join(f"{name}: {state}" for name, state in sorted(not_joined(nodes, seen).items()))

    try:
        return wait_for(
            lambda: first.pop() if first else kube.nodes(),
            lambda seen: not not_joined(nodes, seen),
            run.time_left(),
            sleep=run.sleep,
            clock=run.clock,
            describe=describe,
            what=f"{len(nodes)} node{'s' if len(nodes) != 1 else ''} to become Ready in Kubernetes",
        )
    except Transient as error:
        raise Transient(
            f"{error}. Look at the machine's cloud-init and kubelet logs, then run again; servers that run are kept.",
            provider="kubernetes",
            code=error.code,
        ) from None


def known_at(kube_nodes: Iterable[KubeNode]) -> dict[str, set[str]]:
    """The providers at which Kubernetes knows nodes of a pool, by pool."""
    found: dict[str, set[str]] = {}
    for kube_node in kube_nodes:
        pool, provider = kube_node.labels.get(LABEL_POOL), kube_node.labels.get(LABEL_PROVIDER)
        if pool and provider:
            found.setdefault(pool, set()).add(provider)
    return found


def ghosts(
    cluster: str, kube_nodes: Iterable[KubeNode], servers: Collection[str], listed: Collection[str]
) -> list[KubeNode]:
    """Nodes of our pools without a server. Only providers in ``listed``, whose servers are all known, can have any."""
    return [
        kube_node
        for kube_node in kube_nodes
        if kube_node.labels.get(LABEL_PROVIDER) in listed
        and node_ordinal(cluster, kube_node.labels.get(LABEL_POOL, ""), kube_node.name) is not None
        and kube_node.name not in servers
    ]


def lay_ghost(run: Run, kube: Kube, name: str, provider: str) -> PlatformError | None:
    """Delete the Node of a server that is gone, once Kubernetes has noticed too.

    A Node that stays Ready has a server after all: one that this account does not show.
    """

    def ready() -> bool:
        return any(kube_node.name == name and kube_node.ready for kube_node in kube.nodes())

    try:
        wait_for(
            ready,
            lambda alive: not alive,
            min(SILENCE, run.time_left()),
            sleep=run.sleep,
            clock=run.clock,
            what=f"node {name} to fall silent",
        )
        run.insist()
        run.retry(lambda: kube.delete_node(name))
    except Transient as error:
        if error.code != "deadline":
            return error
        return Conflict(
            f"Node {name} is Ready in Kubernetes, but {provider} does not list its server: are the credentials those "
            "of another project? Nothing is bought for its pool until that is clear.",
            provider=provider,
            code="unseen_server",
        )
    except PlatformError as error:
        return error
    run.tell(f"{name}: its Node object is removed, its server was gone")
    return None
