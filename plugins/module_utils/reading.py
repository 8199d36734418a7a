# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is read before anything is decided: providers, Kubernetes, and what it says about the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .ailing import Diagnosis, diagnose
from .errors import PlatformError
from .joining import Kube, ghosts
from .kube import KubeNode
from .model import LABEL_CLUSTER, LABEL_FLEET
from .observing import observe
from .plan import Observed
from .running import Run
from .wishing import Wish


@dataclass(frozen=True)
class Seen:
    """What was read. ``ghosts`` are Kubernetes Nodes whose servers are gone."""

    observed: Observed
    kube_nodes: Sequence[KubeNode] = ()
    ghosts: Sequence[KubeNode] = ()
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    remarks: tuple[str, ...] = ()


def read(wish: Wish, run: Run, kube: Kube | None, *, check: bool) -> Seen:
    """One listing of every part of every provider, and one of Kubernetes.

    A provider that fails is in ``observed.failed``. A cluster that cannot be read raises PlatformError; in check mode
    it is a remark, and nothing is said about nodes that Kubernetes alone could judge.
    """
    filter_ = {LABEL_FLEET: run.fleet, LABEL_CLUSTER: run.cluster}
    observed = observe(run.drivers, filter_, _places(wish), run.unopened)
    now = run.wall()
    if kube is None:
        return Seen(observed, diagnosis=diagnose(observed.nodes, None, wish.limits, now))
    try:
        kube_nodes = run.retry(kube.nodes)
    except PlatformError as error:
        if not check:
            raise
        return Seen(observed, remarks=(f"What depends on Kubernetes is not foreseen: {error}",))
    servers = {node.name for node in (*observed.nodes, *observed.strays)}
    listed = [name for name in run.drivers if name not in observed.failed]
    return Seen(
        observed,
        kube_nodes,
        ghosts(run.cluster, kube_nodes, servers, listed),
        diagnose(observed.nodes, kube_nodes, wish.limits, now),
    )


def _places(wish: Wish) -> dict[str, Sequence[str] | None]:
    """Where parts may have been left behind: where the pools buy, or anywhere when all is to be cleared."""
    places: dict[str, list[str]] = {}
    for pool in wish.pools:
        for offer in pool.offers:
            here = places.setdefault(offer.provider, [])
            if offer.location not in here:
                here.append(offer.location)
    return {name: None if wish.prune else locations for name, locations in places.items()}
