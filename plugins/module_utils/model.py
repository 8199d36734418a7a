# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platform is made of: frozen values without any I/O, shared by modules, inventory and drivers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .errors import PlatformError

TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
"""What a taint may do."""

NODE_STATES = ("creating", "running", "stopped", "deleting", "error", "unknown")
"""Every state a node can be in, whatever the provider calls it."""

LABEL_FLEET = "fleet.id"
LABEL_CLUSTER = "fleet.cluster"
LABEL_POOL = "fleet.pool"
LABEL_NODE = "fleet.node"
LABEL_TOKEN = "fleet.token"
OWNER_LABELS = (LABEL_FLEET, LABEL_CLUSTER, LABEL_POOL, LABEL_NODE, LABEL_TOKEN)
"""Ownership marks on every cloud object; no slash, so that every provider accepts them."""


@dataclass(frozen=True)
class Taint:
    """Keeps pods off a node unless they tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Offer:
    """Where and as what a node may be bought. An empty image means the driver's default Ubuntu 24.04."""

    provider: str
    location: str
    type: str
    image: str = ""

    def __str__(self) -> str:
        return f"{self.provider}/{self.location}/{self.type}"


@dataclass(frozen=True)
class Pool:
    """A named set of equal nodes of one cluster. Prices are per hour, without VAT, in the provider's currency."""

    name: str
    count: int
    offers: tuple[Offer, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    max_price_hour: Decimal | None = None
    ssh_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owner:
    """Who a cloud object belongs to. Written as labels at the provider and read back from them."""

    fleet: str
    cluster: str
    pool: str
    node: str
    token: str

    @classmethod
    def of(cls, fleet: str, cluster: str, pool: str, node: str) -> Owner:
        """The owner with its deterministic token: the same node always carries the same token."""
        return cls(fleet, cluster, pool, node, owner_token(fleet, cluster, pool, node))

    @classmethod
    def from_labels(cls, labels: Mapping[str, str]) -> Owner | None:
        """The owner that the labels name, or None unless all of them are there and the token fits them."""
        if any(not labels.get(key) for key in OWNER_LABELS):
            return None
        owner = cls.of(labels[LABEL_FLEET], labels[LABEL_CLUSTER], labels[LABEL_POOL], labels[LABEL_NODE])
        return owner if owner.token == labels[LABEL_TOKEN] else None

    def labels(self) -> dict[str, str]:
        """The labels that mark a cloud object as ours."""
        return {
            LABEL_FLEET: self.fleet,
            LABEL_CLUSTER: self.cluster,
            LABEL_POOL: self.pool,
            LABEL_NODE: self.node,
            LABEL_TOKEN: self.token,
        }


@dataclass(frozen=True)
class Node:
    """One cloud server as it is. ``provider_id`` is what its kubelet must carry (``hcloud://42``).

    ``location`` is the provider's own word for the place, ``zone`` and ``region`` the Kubernetes topology,
    ``country`` its ISO code. ``price_hour`` is without VAT; None when the provider does not tell. ``created`` is an
    ISO 8601 time. ``disks`` are the ids of attached volumes that we did not make.
    """

    provider: str
    id: str
    name: str
    location: str
    zone: str
    region: str
    country: str
    type: str
    state: str
    public_ipv4: str = ""
    public_ipv6: str = ""
    private_ipv4: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    price_hour: Decimal | None = None
    protected: bool = False
    provider_id: str = ""
    created: str = ""
    disks: tuple[str, ...] = ()

    @property
    def pool(self) -> str:
        """The pool it belongs to, empty for a server that is not ours."""
        return self.owner.pool if self.owner else ""

    @property
    def cluster(self) -> str:
        """The cluster it belongs to, empty for a server that is not ours."""
        return self.owner.cluster if self.owner else ""

    def as_result(self) -> dict[str, Any]:
        """Plain JSON values: what modules return and what the inventory makes hostvars of."""
        return {
            "provider": self.provider,
            "id": self.id,
            "name": self.name,
            "location": self.location,
            "zone": self.zone,
            "region": self.region,
            "country": self.country,
            "pool": self.pool,
            "cluster": self.cluster,
            "type": self.type,
            "state": self.state,
            "public_ipv4": self.public_ipv4,
            "public_ipv6": self.public_ipv6,
            "private_ipv4": self.private_ipv4,
            "labels": dict(self.labels),
            "price_hour": None if self.price_hour is None else float(self.price_hour),
            "protected": self.protected,
            "provider_id": self.provider_id,
            "created": self.created,
        }


@dataclass(frozen=True)
class Scope:
    """A part of a provider that is listed by one call, or a place where nodes can stand."""

    provider: str
    name: str
    region: str
    country: str


@dataclass(frozen=True)
class Flavor:
    """A type of server in one place. ``available`` is False when it cannot be ordered there now."""

    name: str
    cpus: int
    memory_gib: Decimal
    price_hour: Decimal | None
    currency: str
    available: bool


@dataclass(frozen=True)
class ServerSpec:
    """A server to be made. ``labels`` go on the cloud object. User data may hold a join token: never print it."""

    name: str
    owner: Owner
    offer: Offer
    user_data: str = field(default="", repr=False)
    ssh_keys: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refs:
    """The provider's own names for what a server needs before it can be made."""

    image: str = ""
    ssh_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pending:
    """A server on its way in or out. ``step`` is the driver's own note of how far it is.

    ``spec`` is None on the way out, ``node`` the server as it was last seen.
    """

    provider: str
    id: str
    name: str
    step: str
    location: str = ""
    spec: ServerSpec | None = field(default=None, repr=False)
    node: Node | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Event:
    """What a look at a pending server showed. ``pending`` is the note to look with next time.

    Done without an error: a created server comes with its node, a deleted one with None.
    """

    pending: Pending
    done: bool
    node: Node | None = None
    error: PlatformError | None = None


@dataclass(frozen=True)
class Leftover:
    """A billable thing that carries our mark and belongs to no server: a disk, an address."""

    provider: str
    kind: str
    id: str
    name: str
    location: str


def owner_token(fleet: str, cluster: str, pool: str, node: str) -> str:
    """The mark that makes creating the same node twice visible."""
    return hashlib.sha256(f"{fleet}/{cluster}/{pool}/{node}".encode()).hexdigest()[:16]


def node_name(cluster: str, pool: str, ordinal: int) -> str:
    """The one name a node can have; ordinals count from 1."""
    return f"{cluster}-{pool}-{ordinal}"


def node_ordinal(cluster: str, pool: str, name: str) -> int | None:
    """The ordinal in a name made by ``node_name``; None for any other name."""
    tail = name.removeprefix(f"{cluster}-{pool}-")
    if tail == name or not tail.isascii() or not tail.isdigit() or tail.startswith("0"):
        return None
    return int(tail)


def kubernetes_labels(node: Node, pool: Pool) -> dict[str, str]:
    """Labels the Kubernetes Node of this server must carry; the pool's own labels cannot override the platform's."""
    return {
        **pool.labels,
        "node.cloudprovider": node.provider,
        "topology.kubernetes.io/region": node.region,
        "topology.kubernetes.io/zone": node.zone,
        "node.kubernetes.io/instance-type": node.type,
        "fleet/pool": pool.name,
        "fleet/country": node.country,
        "cfke.io/provider": node.provider,
    }
