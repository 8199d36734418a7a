# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that carry our labels but no owner: claimed by a person for a pool, or marked in a way that does not fit.

A claim is made by the labels of fleet, cluster and pool and by no other of ours. It is honoured when the pool wants
nodes of that provider and the name is free; everything else is an orphan, which is told and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .budget import fan_out
from .errors import PlatformError
from .model import CLAIM_LABELS, LABEL_NODE, LABEL_POOL, LABEL_TOKEN, Node, Pool
from .outages import Trouble, trouble
from .plan import Adopt, Observed, Orphan
from .running import Run

ADOPTABLE = ("running", "creating", "stopped")


@dataclass(frozen=True)
class SortedStrays:
    """What becomes of servers without an owner."""

    adopts: tuple[Adopt, ...] = ()
    orphans: tuple[Orphan, ...] = ()


@dataclass(frozen=True)
class Adopted:
    """Servers as they are now that they are ours, and why others are not."""

    nodes: tuple[Node, ...]
    troubles: tuple[Trouble, ...]


def sort_strays(pools: Sequence[Pool], observed: Observed) -> SortedStrays:
    """Tell claims from orphans. A claim for a pool that is blocked is neither: its names are not all known."""
    by_name = {pool.name: pool for pool in pools}
    held = {node.name: node for node in observed.nodes}
    adopts: list[Adopt] = []
    orphans: list[Orphan] = []
    for node in observed.strays:
        if node.state == "deleting":
            continue
        owner = node.claim()
        pool = by_name.get(owner.pool) if owner else None
        if pool is not None and any(offer.provider in observed.failed for offer in pool.offers):
            continue
        reason = _why_no_owner(node) or _why_no_claim(node, pool, held)
        if owner is None or pool is None or reason:
            orphans.append(Orphan(node, node.labels.get(LABEL_POOL, ""), reason))
        else:
            adopts.append(Adopt(pool, node, owner))
            held[node.name] = node
    return SortedStrays(tuple(adopts), tuple(orphans))


def orphan_remark(orphan: Orphan) -> str:
    """The warning about a server that belongs to no pool."""
    node = orphan.node
    return (
        f"The server {node.name} (id {node.id}) at {node.provider}/{node.location} carries labels of this fleet but "
        f"belongs to none of its pools: {orphan.reason}. It is left alone; correct its labels, or delete it there."
    )


def adopt(run: Run, adopts: Sequence[Adopt]) -> Adopted:
    """Write the owner's labels on servers that a person claimed for us."""
    outcomes = fan_out([_marker(run, item) for item in adopts])
    nodes: list[Node] = []
    troubles: list[Trouble] = []
    for item, outcome in zip(adopts, outcomes, strict=True):
        if isinstance(outcome, PlatformError):
            troubles.append(trouble(outcome, item.pool.name))
        else:
            nodes.append(outcome)
            run.tell(f"{item.node.name} at {item.node.provider} belongs to pool {item.pool.name} now")
    return Adopted(tuple(nodes), tuple(troubles))


def _why_no_owner(node: Node) -> str:
    """What is wrong with labels that are more than a claim, or less."""
    lacking = [label for label in CLAIM_LABELS if not node.labels.get(label)]
    if lacking:
        return f"it lacks the label {lacking[0]}"
    if LABEL_NODE not in node.labels and LABEL_TOKEN not in node.labels:
        return ""
    lacking = [label for label in (LABEL_NODE, LABEL_TOKEN) if not node.labels.get(label)]
    return f"it lacks the label {lacking[0]}" if lacking else f"its label {LABEL_TOKEN} does not fit the others"


def _why_no_claim(node: Node, pool: Pool | None, held: Mapping[str, Node]) -> str:
    if pool is None:
        return f"pool {node.labels.get(LABEL_POOL)} is not listed"
    if pool.count == 0:
        return f"pool {pool.name} has a count of 0"
    if all(offer.provider != node.provider for offer in pool.offers):
        return f"pool {pool.name} has no offer at {node.provider}"
    if node.name in held:
        other = held[node.name]
        return f"there is a node {other.name} already (id {other.id} at {other.provider}/{other.location})"
    return f"it is in state {node.state}" if node.state not in ADOPTABLE else ""


def _marker(run: Run, item: Adopt) -> Callable[[], Node]:
    return lambda: run.drivers[item.node.provider].mark(item.node, item.owner)
