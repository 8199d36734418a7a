# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted and what is there to what has to be done. Pure: no request, no clock.

A pool whose listing is not complete is left alone: what was not seen is never taken for "not there".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from .errors import Capacity, PlatformError
from .model import Flavor, Leftover, Node, Offer, Pool, node_name, node_ordinal

HOURS_PER_MONTH = 730
"""What prices per month are reckoned with: the mean month."""


@dataclass(frozen=True)
class Observed:
    """What the providers showed: our nodes, our disks without a server, and the providers that did not tell all."""

    nodes: tuple[Node, ...]
    leftovers: tuple[Leftover, ...] = ()
    failed: Mapping[str, PlatformError] = field(default_factory=dict)


@dataclass(frozen=True)
class Create:
    """A node to be bought."""

    pool: Pool
    name: str


@dataclass(frozen=True)
class Resume:
    """A node of ours that is off: half made by an interrupted run, or switched off."""

    pool: Pool
    node: Node


@dataclass(frozen=True)
class Delete:
    """A node to be removed, and why."""

    node: Node
    reason: str


@dataclass(frozen=True)
class Plan:
    """What has to be done. ``keeps`` are nodes that stay, ``arriving`` those of them that are still on their way up,
    ``leaving`` nodes that somebody is deleting already, ``blocked`` pools that are not touched (name -> why)."""

    creates: tuple[Create, ...] = ()
    resumes: tuple[Resume, ...] = ()
    deletes: tuple[Delete, ...] = ()
    sweeps: tuple[Leftover, ...] = ()
    keeps: tuple[Node, ...] = ()
    arriving: tuple[Resume, ...] = ()
    leaving: tuple[Node, ...] = ()
    blocked: Mapping[str, PlatformError] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything has to be done at all."""
        return bool(self.creates or self.resumes or self.deletes or self.sweeps)

    @property
    def hash(self) -> str:
        """Names this very plan, so that it differs when one node more or less is touched; empty without changes."""
        lines = [f"create {create.name}" for create in self.creates]
        lines += [f"start {resume.node.provider} {resume.node.id}" for resume in self.resumes]
        lines += [f"delete {delete.node.provider} {delete.node.id}" for delete in self.deletes]
        lines += [f"sweep {sweep.provider} {sweep.id}" for sweep in self.sweeps]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12] if lines else ""


def plan(cluster: str, pools: Sequence[Pool], observed: Observed, *, prune: bool = False) -> Plan:
    """The changes that turn what is observed into the pools, nodes with the highest ordinals going first.

    ``prune`` also deletes the nodes of pools that are not listed any more.
    """
    parts = [_plan_pool(cluster, pool, observed) for pool in pools]
    parts.append(_plan_unlisted(cluster, pools, observed, prune))
    return Plan(
        creates=tuple(item for part in parts for item in part.creates),
        resumes=tuple(item for part in parts for item in part.resumes),
        deletes=tuple(item for part in parts for item in part.deletes),
        sweeps=tuple(sweep for sweep in observed.leftovers if sweep.provider not in observed.failed),
        keeps=tuple(item for part in parts for item in part.keeps),
        arriving=tuple(item for part in parts for item in part.arriving),
        leaving=tuple(item for part in parts for item in part.leaving),
        blocked={name: error for part in parts for name, error in part.blocked.items()},
        remarks=tuple(item for part in parts for item in part.remarks),
    )


def _plan_pool(cluster: str, pool: Pool, observed: Observed) -> Plan:
    mine = [node for node in observed.nodes if node.pool == pool.name]
    leaving = tuple(node for node in mine if node.state == "deleting")
    present = [node for node in mine if node.state != "deleting"]
    silent = [offer.provider for offer in pool.offers if offer.provider in observed.failed]
    if silent:
        return Plan(keeps=tuple(present), leaving=leaving, blocked={pool.name: observed.failed[silent[0]]})
    members, doubles = _split_doubles(present)
    members.sort(key=lambda node: _ordinal(cluster, pool.name, node))
    surplus = members[pool.count :]
    kept = members[: pool.count]
    taken = {node.name for node in mine}
    missing = pool.count - len(kept)
    return Plan(
        creates=tuple(Create(pool, name) for name in _free_names(cluster, pool.name, taken, missing)),
        resumes=tuple(Resume(pool, node) for node in kept if node.state == "stopped"),
        deletes=(
            *(Delete(node, "its token is on an older server too") for node in doubles),
            *(Delete(node, f"pool {pool.name} has a count of {pool.count}") for node in reversed(surplus)),
        ),
        keeps=tuple(kept),
        arriving=tuple(Resume(pool, node) for node in kept if node.state == "creating"),
        leaving=leaving,
        remarks=tuple(remark for node in kept if (remark := _drift(pool, node))),
    )


def _plan_unlisted(cluster: str, pools: Sequence[Pool], observed: Observed, prune: bool) -> Plan:
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
            deletes=tuple(Delete(node, f"pool {node.pool} is not listed any more") for node in doomed),
            keeps=tuple(node for node in there if node not in doomed),
            leaving=leaving,
        )
    remarks = tuple(
        f"Pool {name} is not listed but still has {count} node{'s' if count > 1 else ''}; "
        "prune: true deletes them, a count of 0 does too."
        for name, count in _counts(node.pool for node in there).items()
    )
    return Plan(keeps=tuple(there), leaving=leaving, remarks=remarks)


def _split_doubles(nodes: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """One node for each name, and the others of the same name: one that runs is kept, else the one made first."""
    by_age = sorted(nodes, key=lambda node: (node.state == "stopped", node.created, node.provider, node.id))
    first: dict[str, Node] = {}
    doubles = []
    for node in by_age:
        if first.setdefault(node.name, node) is not node:
            doubles.append(node)
    return list(first.values()), doubles


def _free_names(cluster: str, pool: str, taken: set[str], count: int) -> list[str]:
    names: list[str] = []
    ordinal = 1
    while len(names) < count:
        name = node_name(cluster, pool, ordinal)
        if name not in taken:
            names.append(name)
        ordinal += 1
    return names


def _ordinal(cluster: str, pool: str, node: Node) -> float:
    """Where a node stands in its pool; one that was renamed by hand comes last, so it goes first."""
    ordinal = node_ordinal(cluster, pool, node.name)
    return float("inf") if ordinal is None else ordinal


def _drift(pool: Pool, node: Node) -> str:
    if any((node.provider, node.location, node.type) == (o.provider, o.location, o.type) for o in pool.offers):
        return ""
    return (
        f"Node {node.name} is {node.provider}/{node.location}/{node.type}, which pool {pool.name} does not offer any "
        "more; it stays. To replace it, delete it: the next run buys one by the offers."
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return counted


# ---- which offers may be bought


@dataclass(frozen=True)
class Quote:
    """An offer with its price per hour."""

    offer: Offer
    flavor: Flavor


Catalog = Callable[[Offer], "Sequence[Flavor] | PlatformError"]
"""The types sold where an offer points to, or why that cannot be read."""


def quotes(pool: Pool, catalog: Catalog) -> tuple[list[Quote], list[str]]:
    """The pool's offers that may be bought now, in their order, and a sentence for each of the others."""
    good: list[Quote] = []
    refused: list[str] = []
    for offer in pool.offers:
        flavors = catalog(offer)
        why = str(flavors) if isinstance(flavors, PlatformError) else _why_not(pool, offer, flavors)
        if why:
            refused.append(f"{offer}: {why}")
        elif not isinstance(flavors, PlatformError):
            good.append(Quote(offer, next(flavor for flavor in flavors if flavor.name == offer.type)))
    return good, refused


def _why_not(pool: Pool, offer: Offer, flavors: Sequence[Flavor]) -> str:
    flavor = next((flavor for flavor in flavors if flavor.name == offer.type), None)
    if flavor is None:
        sold = ", ".join(sorted(flavor.name for flavor in flavors if flavor.available)[:12])
        return f"the type is not sold there (sold are {sold})"
    if not flavor.available:
        return "the type cannot be ordered there now"
    if pool.max_price_hour is not None and flavor.price_hour is None:
        return "its price is not known, and max_price_hour is set"
    if pool.max_price_hour is not None and flavor.price_hour is not None and flavor.price_hour > pool.max_price_hour:
        return f"{flavor.price_hour} {flavor.currency} an hour is above max_price_hour {pool.max_price_hour}"
    return ""


def no_offer_left(pool: Pool, name: str, tried: Sequence[str]) -> Capacity:
    """The error for a node that none of its pool's offers could provide."""
    reasons = "; ".join(reason.rstrip(".") for reason in tried)
    return Capacity(
        f"No offer of pool {pool.name} can be bought for node {name}: {reasons}. Add an offer, or run again later.",
        code="no_offer",
    )


# ---- what must not happen by accident


def confirmations(
    plan: Plan, *, max_deletions: int, control_plane: Callable[[Node], bool] = lambda _node: False
) -> list[str]:
    """Why the plan needs to be confirmed by its hash; empty when it does not."""
    reasons = []
    doomed = [delete.node for delete in plan.deletes]
    if len(doomed) > max_deletions:
        reasons.append(f"it deletes {len(doomed)} nodes, more than max_deletions ({max_deletions})")
    staying = {node.pool for node in plan.keeps} | {create.pool.name for create in plan.creates}
    reasons += [f"it deletes the last node of pool {pool}" for pool in sorted({n.pool for n in doomed} - staying)]
    reasons += [f"node {node.name} has disks attached: {', '.join(node.disks)}" for node in doomed if node.disks]
    reasons += [f"node {node.name} carries the control plane" for node in doomed if control_plane(node)]
    return reasons


# ---- what it costs


def monthly_change(plan: Plan, prices: Mapping[str, Quote]) -> dict[str, Decimal]:
    """The change of the bill per month and provider, as far as prices are known; ``prices`` goes by node name."""
    change: dict[str, Decimal] = {}
    for create in plan.creates:
        quote = prices.get(create.name)
        if quote is not None and quote.flavor.price_hour is not None:
            change[quote.offer.provider] = change.get(quote.offer.provider, Decimal(0)) + quote.flavor.price_hour
    for delete in plan.deletes:
        if delete.node.price_hour is not None:
            change[delete.node.provider] = change.get(delete.node.provider, Decimal(0)) - delete.node.price_hour
    return {name: (hourly * HOURS_PER_MONTH).quantize(Decimal("0.01")) for name, hourly in sorted(change.items())}
