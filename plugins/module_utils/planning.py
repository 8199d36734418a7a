# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted and what is there to what has to be done. Pure: no request, no clock.

A pool whose listing is not complete is left alone: what was not seen is never taken for "not there".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from .ailing import Ailment, Diagnosis, Key, key_of
from .blueprint import stands_at
from .claiming import orphan_remark, sort_strays
from .model import LABEL_REVISION, Node, Pool, node_name, node_ordinal
from .plan import Create, Delete, Observed, Orphan, Plan, Repair, Replace, Resume

OFF = "stopped"


@dataclass(frozen=True)
class Judgement:
    """What is known about nodes beyond their being there.

    ``stale`` says why a node is not what its pool wants any more, or nothing. ``known_at`` are the providers at which
    Kubernetes knows nodes of a pool.
    """

    stale: Callable[[Pool, Node], str] = lambda _pool, _node: ""
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    known_at: Mapping[str, Collection[str]] = field(default_factory=dict)


HEALTHY = Judgement()


def plan(
    cluster: str, pools: Sequence[Pool], observed: Observed, *, prune: bool = False, judgement: Judgement = HEALTHY
) -> Plan:
    """The changes that turn what is observed into the pools.

    What is too many goes in this order: nodes that do not work, nodes that are to be replaced (so an interrupted
    replacement is finished without buying again), then the highest ordinals. ``prune`` also deletes the nodes of pools
    that are not listed any more.
    """
    strays = sort_strays(pools, observed)
    claims = Counter(adopt.pool.name for adopt in strays.adopts)
    parts = [_Members(cluster, pool, observed, judgement, claims[pool.name]).plan() for pool in pools]
    parts.append(_plan_unlisted(cluster, pools, observed, prune, judgement.diagnosis))
    return Plan(
        creates=tuple(item for part in parts for item in part.creates),
        resumes=tuple(item for part in parts for item in part.resumes),
        deletes=tuple(item for part in parts for item in part.deletes),
        replaces=tuple(item for part in parts for item in part.replaces),
        repairs=tuple(item for part in parts for item in part.repairs),
        adopts=strays.adopts,
        sweeps=tuple(sweep for sweep in observed.leftovers if sweep.provider not in observed.failed),
        keeps=tuple(item for part in parts for item in part.keeps),
        arriving=tuple(item for part in parts for item in part.arriving),
        leaving=tuple(item for part in parts for item in part.leaving),
        orphans=(*strays.orphans, *(item for part in parts for item in part.orphans)),
        blocked={name: error for part in parts for name, error in part.blocked.items()},
        remarks=(
            *(item for part in parts for item in part.remarks),
            *map(orphan_remark, strays.orphans),
            *judgement.diagnosis.remarks,
        ),
    )


class _Members:
    """The nodes of one pool, sorted into those that stay and those that do not."""

    def __init__(self, cluster: str, pool: Pool, observed: Observed, judgement: Judgement, claims: int) -> None:
        self._cluster = cluster
        self._pool = pool
        self._claims = claims
        self._taken = {node.name for node in (*observed.nodes, *observed.strays)}
        mine = [node for node in observed.nodes if node.pool == pool.name]
        self._leaving = tuple(node for node in mine if node.state == "deleting")
        self._present = [node for node in mine if node.state != "deleting"]
        sources = [*(offer.provider for offer in pool.offers), *judgement.known_at.get(pool.name, ())]
        self._silent = [observed.failed[name] for name in sources if name in observed.failed]
        self._members, self._doubles = split_doubles(self._present)
        self._ailments = judgement.diagnosis.ailments
        self._ill, self._brake = self._to_be_repaired()
        reasons = {key_of(node): judgement.stale(pool, node) for node in self._members}
        self._old = {key: why for key, why in reasons.items() if why and key not in self._ill}

    def plan(self) -> Plan:
        """The part of the plan that is about this pool."""
        if self._silent:
            return Plan(keeps=tuple(self._present), leaving=self._leaving, blocked={self._pool.name: self._silent[0]})
        urgent_first = sorted(self._members, key=self._urgency, reverse=True)
        surplus = urgent_first[: max(0, len(self._members) - self._pool.count)]
        kept = sorted(urgent_first[len(surplus) :], key=self._ordinal)
        working = [node for node in kept if key_of(node) not in self._ill]
        names = self._free_names(self._taken)
        missing = self._pool.count - len(kept) - self._claims
        creates = tuple(Create(self._pool, next(names)) for _missing in range(missing))
        repairs = tuple(self._repair(node, names) for node in kept if key_of(node) in self._ill)
        freed = {node.name for node in surplus} - {node.name for node in kept}
        taken = (self._taken - freed) | {create.name for create in creates} | {repair.name for repair in repairs}
        return Plan(
            creates=creates,
            resumes=tuple(Resume(self._pool, node) for node in working if node.state == OFF),
            deletes=(
                *(Delete(node, "its token is on an older server too") for node in self._doubles),
                *(self._delete(node) for node in surplus),
            ),
            replaces=tuple(self._replaces(reversed(kept), taken)),
            repairs=repairs,
            keeps=tuple(node for node in working if key_of(node) not in self._old),
            arriving=tuple(Resume(self._pool, node) for node in working if node.state == "creating"),
            leaving=self._leaving,
            remarks=tuple(filter(None, [self._brake if kept else "", *(_drift(self._pool, node) for node in kept)])),
        )

    def _to_be_repaired(self) -> tuple[dict[Key, Ailment], str]:
        """The ailments that may be acted upon, and why the others may not."""
        ill = {key: self._ailments[key] for key in map(key_of, self._members) if key in self._ailments}
        outage = [node for node in self._members if key_of(node) in ill and ill[key_of(node)].like_an_outage]
        if len(outage) < 2 or 2 * len(outage) <= len(self._members):
            return ill, ""
        said = "; ".join(f"{node.name}: {ill[key_of(node)].reason}" for node in outage[:5])
        more = f"; and {len(outage) - 5} more" if len(outage) > 5 else ""
        brake = (
            f"{len(outage)} of the {len(self._members)} nodes of pool {self._pool.name} do not work at once "
            f"({said}{more}). A lost network looks the same, so none of them is repaired. If they are really broken, "
            "bring the pool to a count of 0 and back."
        )
        return {key: ailment for key, ailment in ill.items() if not ailment.like_an_outage}, brake

    def _urgency(self, node: Node) -> tuple[bool, bool, float]:
        return (key_of(node) in self._ill, key_of(node) in self._old, self._ordinal(node))

    def _delete(self, node: Node) -> Delete:
        reason, key = f"pool {self._pool.name} has a count of {self._pool.count}", key_of(node)
        broken = key in self._ailments
        if key in self._ill:
            return Delete(node, f"{reason}; this one {self._ill[key].reason}", broken)
        if key in self._old:
            return Delete(node, f"{reason}; this one is to be replaced: {self._old[key]}", broken, succeeded=True)
        return Delete(node, reason, broken)

    def _repair(self, node: Node, names: Iterator[str]) -> Repair:
        ailment = self._ill[key_of(node)]
        name = node.name if node_ordinal(self._cluster, self._pool.name, node.name) else next(names)
        return Repair(self._pool, node, ailment.reason, name, ailment.empty)

    def _replaces(self, nodes: Iterable[Node], taken: set[str]) -> list[Replace]:
        """One after the other: each finds the name of the one before it free again."""
        replaces = []
        for node in nodes:
            if key_of(node) in self._old:
                name = next(self._free_names(taken))
                broken = key_of(node) in self._ailments
                replaces.append(Replace(self._pool, node, self._old[key_of(node)], name, broken))
                taken = (taken | {name}) - {node.name}
        return replaces

    def _free_names(self, taken: Collection[str]) -> Iterator[str]:
        names = (node_name(self._cluster, self._pool.name, ordinal) for ordinal in count(1))
        return (name for name in names if name not in taken)

    def _ordinal(self, node: Node) -> float:
        return _ordinal(self._cluster, self._pool.name, node)


def _drift(pool: Pool, node: Node) -> str:
    """What to know of a node that no offer describes and that was not made by us."""
    if node.labels.get(LABEL_REVISION) or any(stands_at(node, offer) for offer in pool.offers):
        return ""
    return (
        f"Node {node.name} is {node.provider}/{node.location}/{node.type}, which pool {pool.name} does not offer, but "
        "it was not made here, so it stays. To replace it, delete it: the next run buys one by the offers."
    )


def _plan_unlisted(cluster: str, pools: Sequence[Pool], observed: Observed, prune: bool, diagnosis: Diagnosis) -> Plan:
    listed = {pool.name for pool in pools}
    others = [node for node in observed.nodes if node.pool not in listed]
    leaving = tuple(node for node in others if node.state == "deleting")
    there = sorted(
        (node for node in others if node.state != "deleting"),
        key=lambda node: (node.pool, -_ordinal(cluster, node.pool, node), node.id),
    )
    if prune:
        doomed = [node for node in there if node.provider not in observed.failed]
        return Plan(
            deletes=tuple(
                Delete(node, f"pool {node.pool} is not listed any more", broken=key_of(node) in diagnosis.ailments)
                for node in doomed
            ),
            keeps=tuple(node for node in there if node not in doomed),
            leaving=leaving,
        )
    remarks = []
    for name in dict.fromkeys(node.pool for node in there):
        names = [node.name for node in there if node.pool == name]
        remarks.append(
            f"Pool {name} is not listed but still has {len(names)} node{'s' if len(names) > 1 else ''} "
            f"({', '.join(names)}); prune: true deletes them, a count of 0 does too."
        )
    orphans = tuple(Orphan(node, node.pool, f"pool {node.pool} is not listed") for node in there)
    return Plan(keeps=tuple(there), leaving=leaving, orphans=orphans, remarks=tuple(remarks))


def split_doubles(nodes: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """One node for each name, and the others of the same name: one that runs is kept, else the one made first."""
    by_age = sorted(nodes, key=lambda node: (node.state == OFF, node.created, node.provider, node.id))
    first: dict[str, Node] = {}
    doubles = []
    for node in by_age:
        if first.setdefault(node.name, node) is not node:
            doubles.append(node)
    return list(first.values()), doubles


def _ordinal(cluster: str, pool: str, node: Node) -> float:
    """Where a node stands in its pool; one that was renamed by hand comes last, so it goes first."""
    ordinal = node_ordinal(cluster, pool, node.name)
    return float("inf") if ordinal is None else ordinal
