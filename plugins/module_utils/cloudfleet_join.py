# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server must be told so that it joins a cluster at Cloudfleet: one text per pool and place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .budget import fan_out
from .cloudfleet import Cloudfleet
from .errors import PlatformError
from .model import Node, Offer, Pool, kubernetes_labels
from .providers import registry

CONNECTIONS = 8
# The API takes these two as parameters of their own.
_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")


@dataclass(frozen=True)
class Join:
    """One place where nodes of a pool may stand, and the labels their kubelets register with."""

    key: str  # pool/provider/location
    region: str
    zone: str
    labels: Mapping[str, str]


def joins(pools: Sequence[Pool]) -> list[Join]:
    """Every pool and place, each once. Two types in one place share an entry: their type is left to the placement."""
    found: dict[str, Join] = {}
    for pool in pools:
        for offer in pool.offers:
            join = _join(pool, offer)
            found.setdefault(join.key, join)
    return list(found.values())


def user_data(client: Cloudfleet, cluster_id: str, wanted: Sequence[Join]) -> dict[str, str]:
    """Cloud-init text by key. Secret. Raises the first error, if any."""
    answers = fan_out([_task(client, cluster_id, join) for join in wanted], CONNECTIONS)
    texts: dict[str, str] = {}
    for join, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, PlatformError):
            raise answer
        texts[join.key] = answer
    return texts


def _task(client: Cloudfleet, cluster_id: str, join: Join) -> Callable[[], str]:
    return lambda: client.join_information(cluster_id, region=join.region, zone=join.zone, labels=join.labels)


def _join(pool: Pool, offer: Offer) -> Join:
    scope = registry.capabilities(offer.provider).locations[offer.location]
    node = Node(
        provider=offer.provider,
        id="",
        name="",
        location=offer.location,
        zone=offer.location,
        region=scope.region,
        country=scope.country,
        type=offer.type,
        state="creating",
    )
    labels = kubernetes_labels(node, pool)
    same_type = len({other.type for other in pool.offers if other.location == offer.location}) == 1
    left_out = {*_TOPOLOGY} if same_type else {*_TOPOLOGY, "node.kubernetes.io/instance-type"}
    return Join(
        key=f"{pool.name}/{offer.provider}/{offer.location}",
        region=scope.region,
        zone=node.zone,
        labels={key: value for key, value in labels.items() if key not in left_out},
    )
