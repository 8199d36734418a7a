"""A provider and a cluster in memory, for tests of what stands above the drivers. They keep one common diary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import NotFound, PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Event,
    Flavor,
    Leftover,
    Node,
    Offer,
    Owner,
    Pending,
    Pool,
    Refs,
    Scope,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import Capabilities

FLEET, CLUSTER = "lab", "dev"


def a_node(name: str, pool: str = "web", *, provider: str = "north", state: str = "running", **changes: object) -> Node:
    """A node of ours as a provider would show it."""
    owner = Owner.of(FLEET, CLUSTER, pool, name)
    node = Node(
        provider=provider,
        id=f"id-{name}",
        name=name,
        location="n1",
        zone="n1",
        region="n",
        country="DE",
        type="small",
        state=state,
        public_ipv4="192.0.2.1",
        labels=owner.labels(),
        owner=owner,
        price_hour=Decimal("0.01"),
        provider_id=f"{provider}://id-{name}",
        created="2026-01-01T00:00:00Z",
    )
    return replace(node, **changes)  # type: ignore[arg-type]


def a_pool(count: int, name: str = "web", *offers: Offer, **more: object) -> Pool:
    """A pool with one offer at the provider north, unless others are given."""
    return Pool(name, count, offers or (Offer("north", "n1", "small"),), **more)  # type: ignore[arg-type]


@dataclass
class FakeDriver:
    """A provider that makes and deletes at once, unless told otherwise."""

    diary: list[str]
    name: str = "north"
    nodes: list[Node] = field(default_factory=list)
    flavors: tuple[Flavor, ...] = (Flavor("small", 2, Decimal(4), Decimal("0.01"), "EUR", True),)
    listing_error: PlatformError | None = None
    create_errors: list[PlatformError] = field(default_factory=list)
    answers_lost: int = 0
    poll_errors: list[PlatformError] = field(default_factory=list)
    coming_error: PlatformError | None = None
    delete_errors: dict[str, PlatformError] = field(default_factory=dict)
    loose: list[Leftover] = field(default_factory=list)
    looks_until_done: int = 1
    specs: list[ServerSpec] = field(default_factory=list)
    _looks: dict[str, int] = field(default_factory=dict)

    @property
    def caps(self) -> Capabilities:
        places = {name: Scope(self.name, name, "n", "DE") for name in ("n1", "n2")}
        return Capabilities(self.name.title(), places, "ubuntu", f"{self.name}://", 1000, True, bool(self.loose))

    def scopes(self) -> list[Scope]:
        return [Scope(self.name, "all", "", "")]

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        if self.listing_error is not None:
            raise self.listing_error
        for node in list(self.nodes):
            if all(node.labels.get(key) == value for key, value in (owner_filter or {}).items()):
                yield node

    def catalog(self, scope: Scope) -> list[Flavor]:
        return list(self.flavors)

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        return Refs("ubuntu")

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        self.diary.append(f"order {spec.name} at {spec.offer}")
        self.specs.append(spec)
        if self.create_errors and not self.answers_lost:
            raise self.create_errors.pop(0)
        node = replace(
            a_node(spec.name, spec.owner.pool, provider=self.name, state="creating"),
            location=spec.offer.location,
            type=spec.offer.type,
        )
        self.nodes.append(node)
        if self.answers_lost:
            self.answers_lost -= 1
            raise self.create_errors.pop(0)
        return Pending(self.name, node.id, node.name, "new", node.location, spec, node)

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        self.diary.append(f"adopt {node.name}")
        return Pending(self.name, node.id, node.name, "adopted", node.location, spec, node)

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        if self.poll_errors:
            raise self.poll_errors.pop(0)
        return [self._look(pending) for pending in pendings]

    def _look(self, pending: Pending) -> Event:
        self._looks[pending.id] = self._looks.get(pending.id, 0) + 1
        if self._looks[pending.id] < self.looks_until_done:
            return Event(pending, False)
        self._looks[pending.id] = 0
        node = next((node for node in self.nodes if node.id == pending.id), None)
        if pending.spec is None:
            self.nodes = [node for node in self.nodes if node.id != pending.id]
            self.diary.append(f"gone {pending.name}")
            return Event(pending, True)
        if node is None:
            return Event(pending, True, error=NotFound("It vanished.", provider=self.name, code="vanished"))
        if self.coming_error is not None:
            error, self.coming_error = self.coming_error, None
            return Event(pending, True, node, error)
        running = replace(node, state="running")
        self.nodes[self.nodes.index(node)] = running
        return Event(pending, True, running)

    def delete_node(self, node: Node) -> Pending:
        if node.name in self.delete_errors:
            raise self.delete_errors[node.name]
        self.diary.append(f"delete {node.name}")
        return Pending(self.name, node.id, node.name, "leaving", node.location, None, node)

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        return list(self.loose)

    def remove_leftover(self, leftover: Leftover) -> None:
        self.diary.append(f"sweep {leftover.id}")
        self.loose.remove(leftover)


@dataclass(frozen=True)
class FakeKubeNode:
    """A Kubernetes Node."""

    name: str
    ready: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    provider_id: str = ""


def a_kube_node(name: str, pool: str = "web", *, ready: bool = True, provider: str = "north") -> FakeKubeNode:
    """The Kubernetes Node of a node of ours."""
    labels = {"fleet/pool": pool, "node.cloudprovider": provider}
    return FakeKubeNode(name, ready, labels, f"{provider}://id-{name}")


@dataclass
class FakeKube:
    """A cluster. ``joins`` become its Nodes at the reading of that number."""

    diary: list[str]
    there: list[FakeKubeNode] = field(default_factory=list)
    joins: dict[int, list[FakeKubeNode]] = field(default_factory=dict)
    read_errors: list[PlatformError] = field(default_factory=list)
    drain_errors: dict[str, PlatformError] = field(default_factory=dict)
    readings: int = 0

    def nodes(self) -> Sequence[FakeKubeNode]:
        self.readings += 1
        if self.read_errors:
            raise self.read_errors.pop(0)
        joined = self.joins.pop(self.readings, [])
        names = {node.name for node in joined}
        self.there = [node for node in self.there if node.name not in names] + joined
        return list(self.there)

    def cordon(self, name: str) -> None:
        self.diary.append(f"cordon {name}")

    def drain(self, name: str, *, deadline: float, sleep: object, clock: object) -> None:
        self.diary.append(f"drain {name}")
        if name in self.drain_errors:
            raise self.drain_errors[name]

    def delete_node(self, name: str) -> None:
        self.diary.append(f"forget {name}")
        self.there = [node for node in self.there if node.name != name]
