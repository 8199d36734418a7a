# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes Nodes and the servers behind them: which belong together, which have joined, which lost their server."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from .errors import Conflict, PlatformError, Transient
from .model import Node, node_ordinal
from .providers.base import Clock, Sleep
from .running import Run
from .waiting import wait_for

LABEL_POOL = "fleet/pool"
LABEL_PROVIDER = "node.cloudprovider"
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
SILENCE = 120.0
"""Seconds in which Kubernetes has noticed for sure that a node's machine is gone."""


class KubeNode(Protocol):
    """A Kubernetes Node as far as it matters here."""

    @property
    def name(self) -> str:
        """Name of the Node."""

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is true."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""

    @property
    def provider_id(self) -> str:
        """Which server it says it is, empty if it does not."""


class Kube(Protocol):
    """The calls to a cluster that nodes need. All raise PlatformError."""

    def nodes(self) -> Sequence[KubeNode]:
        """All Nodes, by one request."""

    def cordon(self, name: str) -> None:
        """No new pods on this Node."""

    def drain(self, name: str, *, deadline: float, sleep: Sleep, clock: Clock) -> None:
        """Move its pods away, as their budgets allow."""

    def delete_node(self, name: str) -> None:
        """Remove the Node object; it may be gone already."""


def node_of(node: Node, kube_nodes: Iterable[KubeNode], *, by_name: bool = True) -> KubeNode | None:
    """The Kubernetes Node of a server: the one that names it, else the one of its name that names no other server."""
    same_name = None
    for kube_node in kube_nodes:
        if kube_node.provider_id and kube_node.provider_id == node.provider_id:
            return kube_node
        if kube_node.name == node.name and kube_node.provider_id in ("", node.provider_id):
            same_name = kube_node
    return same_name if by_name else None


def carries_control_plane(node: Node, kube_nodes: Iterable[KubeNode]) -> bool:
    """Whether the server's Node is part of the control plane."""
    kube_node = node_of(node, kube_nodes)
    return kube_node is not None and any(label in kube_node.labels for label in CONTROL_PLANE_LABELS)


def not_joined(nodes: Iterable[Node], kube_nodes: Sequence[KubeNode]) -> dict[str, str]:
    """The servers that are not Ready in Kubernetes, with what is seen of them."""
    missing = {}
    for node in nodes:
        kube_node = node_of(node, kube_nodes)
        if kube_node is None:
            missing[node.name] = f"the server is {node.state} at {node.provider}/{node.location} but has not registered"
        elif not kube_node.ready:
            missing[node.name] = "registered but not Ready"
    return missing


def wait_joined(run: Run, kube: Kube, nodes: Sequence[Node], kube_nodes: Sequence[KubeNode]) -> PlatformError | None:
    """Wait until all of these servers are Ready in Kubernetes; ``kube_nodes`` is the last reading, if there is one."""
    first = [list(kube_nodes)]
    total = len(nodes)

    def read() -> dict[str, str]:
        return not_joined(nodes, first.pop() if first else kube.nodes())

    allowed = run.time_left()
    try:
        wait_for(
            read,
            lambda missing: not missing,
            allowed,
            sleep=run.sleep,
            clock=run.clock,
            describe=lambda missing: "; ".join(f"{name}: {state}" for name, state in sorted(missing.items())),
            what=f"{total} node{'s' if total != 1 else ''} to become Ready in Kubernetes",
        )
    except Transient as error:
        return Transient(
            f"{error}. Look at the machine's cloud-init and kubelet logs, then run again; servers that run are kept.",
            provider="kubernetes",
            code=error.code,
        )
    except PlatformError as error:
        return error
    return None


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
