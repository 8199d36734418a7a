# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels, taints and provider id a Kubernetes node must carry, and what has to change on it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .kube import KubeNode, taint_text
from .model import Node, Pool, Taint, kubernetes_labels

OWNERSHIP = "fleet/placement"
"""Annotation that remembers which labels and taints are ours: one no longer wanted can be told from a foreign one."""


@dataclass(frozen=True)
class Placement:
    """What one node must carry. An empty provider id means that it is not ours to set."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    provider_id: str


@dataclass(frozen=True)
class Change:
    """One patch. `before` and `after` are lines for the diff: only what differs."""

    node: str
    labels: Mapping[str, str | None]
    taints: tuple[Taint, ...] | None
    provider_id: str | None
    annotations: Mapping[str, str]
    before: tuple[str, ...]
    after: tuple[str, ...]
    resource_version: str = ""


def wanted(node: Node, pool: Pool) -> Placement:
    """What a server of a pool must carry as a Kubernetes node."""
    return Placement(kubernetes_labels(node, pool), pool.taints, node.provider_id)


def plan(name: str, placement: Placement, now: KubeNode | None) -> Change | None:
    """The patch that brings a node to its placement, or None. For a node that has not joined: the whole placement."""
    have = now or KubeNode(name=name, ready=False, labels={}, taints=(), provider_id="", unschedulable=False, uid="")
    owned_labels, owned_taints = _owned(have)
    labels: dict[str, str | None] = {k: v for k, v in placement.labels.items() if have.labels.get(k) != v}
    labels.update({k: None for k in sorted(owned_labels - set(placement.labels)) if k in have.labels})
    taints = _merged(have.taints, placement.taints, owned_taints)
    provider_id = placement.provider_id if placement.provider_id and not have.provider_id else None
    mark = ownership(placement)
    taints_differ = set(taints) != set(have.taints)
    if not (labels or taints_differ or provider_id or have.annotations.get(OWNERSHIP) != mark):
        return None
    before, after = _lines(have, labels, taints, provider_id)
    return Change(
        node=name,
        labels=labels,
        taints=taints if taints_differ else None,
        provider_id=provider_id,
        annotations={OWNERSHIP: mark},
        before=before,
        after=after,
        resource_version=have.resource_version,
    )


def ownership(placement: Placement) -> str:
    """The value of the annotation: keys only, in a fixed order."""
    taints = sorted(_identity(taint) for taint in placement.taints)
    return json.dumps({"labels": sorted(placement.labels), "taints": taints}, separators=(",", ":"))


def _owned(node: KubeNode) -> tuple[set[str], set[str]]:
    try:
        mark = json.loads(node.annotations[OWNERSHIP])
        return set(map(str, mark["labels"])), set(map(str, mark["taints"]))
    except (KeyError, ValueError, TypeError):
        return set(), set()


def _identity(taint: Taint) -> str:
    """Kubernetes allows one taint per key and effect."""
    return f"{taint.key}:{taint.effect}"


def _merged(have: Iterable[Taint], wanted_taints: tuple[Taint, ...], owned: set[str]) -> tuple[Taint, ...]:
    ours = owned | {_identity(taint) for taint in wanted_taints}
    return (*(taint for taint in have if _identity(taint) not in ours), *wanted_taints)


def _lines(
    have: KubeNode, labels: Mapping[str, str | None], taints: tuple[Taint, ...], provider_id: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    before = [f"label {key}={have.labels[key]}" for key in sorted(labels) if key in have.labels]
    after = [f"label {key}={value}" for key, value in sorted(labels.items()) if value is not None]
    before += sorted(f"taint {taint_text(taint)}" for taint in set(have.taints) - set(taints))
    after += sorted(f"taint {taint_text(taint)}" for taint in set(taints) - set(have.taints))
    if provider_id:
        after.append(f"providerID {provider_id}")
    if not before and not after:
        after.append(f"annotation {OWNERSHIP}")
    return tuple(before), tuple(after)
