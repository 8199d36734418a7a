# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring all nodes of a cluster to their placement: one list, then a patch for each node that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .budget import fan_out
from .errors import Conflict, NotFound, PlatformError
from .joining import Kube, Roster
from .kube import KubeNode
from .kube_api import CONNECTIONS, PROVIDER
from .model import Node, Pool
from .placement import OWNERSHIP, Change, Placement, plan, wanted

_ATTEMPTS = 5


@dataclass(frozen=True)
class Outcome:
    """What was changed (or would be), and which nodes the cluster does not know."""

    changes: tuple[Change, ...] = ()
    missing: tuple[str, ...] = field(default=())

    def diff(self) -> dict[str, str]:
        """Only nodes that change, only what changes on them."""
        return {
            "before": "".join(_block(change.node, change.before) for change in self.changes),
            "after": "".join(_block(change.node, change.after) for change in self.changes),
        }


def read(kube: Kube, placements: Mapping[str, Placement]) -> Outcome:
    """What differs now. A node that is missing counts as a change, too: it will be placed once it has joined."""
    known = {node.name: node for node in kube.nodes()}
    return compare(placements, known)


def compare(placements: Mapping[str, Placement], known: Mapping[str, KubeNode]) -> Outcome:
    """What differs between the wanted placements and the nodes of a cluster."""
    plans = (plan(name, placement, known.get(name)) for name, placement in sorted(placements.items()))
    return Outcome(
        changes=tuple(change for change in plans if change),
        missing=tuple(sorted(set(placements) - set(known))),
    )


def apply(kube: Kube, placements: Mapping[str, Placement], outcome: Outcome) -> None:
    """Patch the nodes of an outcome, several at once. Raises an error that names every node that failed."""
    if outcome.missing:
        raise NotFound(
            f"These servers are not nodes of the cluster: {', '.join(outcome.missing)}. They have not joined it; look "
            "at their cloud-init log, or replace them.",
            provider=PROVIDER,
        )
    answers = fan_out([_task(kube, placements[change.node], change) for change in outcome.changes], CONNECTIONS)
    failed = [
        (change.node, answer)
        for change, answer in zip(outcome.changes, answers, strict=True)
        if isinstance(answer, PlatformError)
    ]
    if failed:
        first = failed[0][1]
        raise type(first)(
            f"{len(failed)} of {len(outcome.changes)} nodes could not be labelled "
            f"({', '.join(name for name, _error in failed)}): {first}",
            provider=PROVIDER,
            code=first.code,
        )


def place_new(kube: Kube, nodes: Iterable[Node], pools: Mapping[str, Pool], kube_nodes: Sequence[KubeNode]) -> None:
    """Give labels and taints to nodes that were never given any, so that pods find them before others are drained.

    ``kube_nodes`` is what Kubernetes showed last. What a node that was placed before has lost is not put back here.
    """
    known = {kube_node.name: kube_node for kube_node in kube_nodes}
    roster = Roster(kube_nodes)
    placements = {
        kube_node.name: wanted(node, pools[node.pool])
        for node in nodes
        if node.pool in pools and (kube_node := roster.node_of(node)) and OWNERSHIP not in kube_node.annotations
    }
    apply(kube, placements, compare(placements, known))


def _task(kube: Kube, placement: Placement, change: Change) -> Callable[[], None]:
    return lambda: _patch(kube, placement, change)


def _patch(kube: Kube, placement: Placement, change: Change) -> None:
    """Patch one node; the node controller may write its taints at the same time, then plan again on what it wrote."""
    current: Change | None = change
    for _attempt in range(_ATTEMPTS):
        if current is None:
            return
        try:
            kube.patch_node(
                current.node,
                labels=current.labels,
                taints=current.taints,
                provider_id=current.provider_id,
                annotations=current.annotations,
                resource_version=current.resource_version if current.taints is not None else "",
            )
        except Conflict:
            current = plan(change.node, placement, kube.node(change.node))
        else:
            return
    raise Conflict(
        f"Node {change.node} changed {_ATTEMPTS} times while its taints were written. Run again.", provider=PROVIDER
    )


def _block(name: str, lines: tuple[str, ...]) -> str:
    return "".join([f"{name}:\n", *(f"  {line}\n" for line in lines)])
