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

HOURS_PER_MONTH = 730
"""What prices per month are reckoned with: the mean month."""

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
CLAIM_LABELS = (LABEL_FLEET, LABEL_CLUSTER, LABEL_POOL)
"""With these a person gives a server that they made by hand to a pool."""
PUBLIC_KEY_KINDS = ("ssh-", "ecdsa-", "sk-")
"""How a whole public key begins, unlike the name of one."""
LABEL_REVISION = "fleet.revision"
"""Names image and user data that a server was made with, so that a later wish for others is seen."""


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
class Opening:
    """What a firewall lets in: ``protocol`` tcp, udp or icmp, ``ports`` one port or ``first-last`` (icmp: empty)."""

    protocol: str
    ports: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.protocol}{f'/{self.ports}' if self.ports else ''} from {', '.join(self.sources)}"


@dataclass(frozen=True)
class Firewall:
    """All that may come in from outside; whatever goes out, goes. Nodes of one private network always may talk."""

    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True)
class Pool:
    """A named set of equal nodes of one cluster. Prices are per hour, without VAT, in the provider's currency.

    ``ssh_keys`` are names of keys that the provider knows, or whole public keys. ``network`` is the IPv4 range of a
    private network, ``spread`` keeps nodes on different hosts.
    """

    name: str
    count: int
    offers: tuple[Offer, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    max_price_hour: Decimal | None = None
    ssh_keys: tuple[str, ...] = ()
    network: str = ""
    firewall: Firewall | None = None
    spread: bool = False


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

    def claim(self) -> Owner | None:
        """The owner that a person's claim makes of a server without one, or None when nobody claims it."""
        if self.owner is not None or any(not self.labels.get(key) for key in CLAIM_LABELS):
            return None
        fleet, cluster, pool = (self.labels[key] for key in CLAIM_LABELS)
        return Owner.of(fleet, cluster, pool, self.name)

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
    """A type of server in one place. ``available`` is False when it cannot be ordered there now.

    Prices are without VAT in ``currency``: ``price_hour`` of the server alone; per month ``server_month`` (with the
    vendor's cap where there is one), ``ipv4_month`` of the public address and ``disk_month`` of the root disk that a
    server of ours gets beside it. ``priced`` is the day of the price list when the live price could not be read, an
    ISO date, else empty.
    """

    name: str
    cpus: int
    memory_gib: Decimal
    price_hour: Decimal | None
    currency: str
    available: bool
    server_month: Decimal | None = None
    ipv4_month: Decimal = Decimal(0)
    disk_month: Decimal = Decimal(0)
    priced: str = ""

    @property
    def month(self) -> Decimal | None:
        """All that a server of this type costs a month, None when its price is not known."""
        server = self.server_month
        if server is None and self.price_hour is not None:
            server = self.price_hour * HOURS_PER_MONTH
        return None if server is None else server + self.ipv4_month + self.disk_month


@dataclass(frozen=True)
class ServerSpec:
    """A server to be made. ``labels`` go on the cloud object. User data may hold a join token: never print it."""

    name: str
    owner: Owner
    offer: Offer
    user_data: str = field(default="", repr=False)
    ssh_keys: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str = ""
    firewall: Firewall | None = None
    spread: bool = False


@dataclass(frozen=True)
class Refs:
    """The provider's own names for what a server needs before it can be made. ``made`` says what had to be made."""

    image: str = ""
    ssh_keys: tuple[str, ...] = ()
    network: str = ""
    firewall: str = ""
    placement_group: str = ""
    made: tuple[str, ...] = ()


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
    """A thing without a server that carries our mark: part of a server that is gone, or made for a whole fleet.

    ``kind`` is disk, address, nic, ssh_key, network, firewall, placement_group or load_balancer. ``made_by_us`` is
    False for what a person or a program in the cluster made, which may hold data. ``note`` is the driver's own.
    """

    provider: str
    kind: str
    id: str
    name: str
    location: str
    billable: bool = True
    made_by_us: bool = True
    note: str = ""


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
