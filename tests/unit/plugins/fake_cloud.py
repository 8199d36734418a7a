"""A provider and a cluster in memory, for tests of what stands above the drivers. They keep one common diary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import NotFound, PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.kube import KubeNode
from ansible_collections.sovereign.fleet.plugins.module_utils.kube_drain import Hold
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    LABEL_REVISION,
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
    Taint,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.placement import OWNERSHIP
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
        labels={LABEL_REVISION: "0123456789ab", **owner.labels()},
        owner=owner,
        price_hour=Decimal("0.01"),
        provider_id=f"{provider}://id-{name}",
        created="2026-01-01T00:00:00Z",
    )
    return replace(node, **changes)  # type: ignore[arg-type]


def a_pool(count: int, name: str = "web", *offers: Offer, **more: object) -> Pool:
    """A pool with one offer at the provider north, unless others are given."""
    return Pool(name, count, offers or (Offer("north", "n1", "small"),), **more)  # type: ignore[arg-type]


def a_claim(name: str, pool: str = "web", **changes: object) -> Node:
    """A server that a person made and gave to a pool by its labels."""
    labels = {"fleet.id": FLEET, "fleet.cluster": CLUSTER, "fleet.pool": pool}
    return a_node(name, pool, **{"owner": None, "labels": labels, **changes})  # type: ignore[arg-type]


@dataclass
class FakeDriver:
    """A provider that makes and deletes at once, unless told otherwise.

    ``lacking`` are prerequisites that have to be made, by place; ``on_request`` runs before every verb.
    """

    diary: list[str]
    name: str = "north"
    lacking: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    prereq_error: PlatformError | None = None
    mark_error: PlatformError | None = None
    on_request: Callable[[str], None] = lambda _verb: None
    shown_type: str = ""
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
    adopt_errors: dict[str, PlatformError] = field(default_factory=dict)
    _looks: dict[str, int] = field(default_factory=dict)
    _made: dict[str, int] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)

    @property
    def caps(self) -> Capabilities:
        places = {name: Scope(self.name, name, "n", "DE") for name in ("n1", "n2")}
        return Capabilities(self.name.title(), places, "ubuntu", f"{self.name}://", 1000, True, bool(self.loose))

    def scopes(self) -> list[Scope]:
        return [Scope(self.name, "all", "", "")]

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        self._request("list")
        if self.listing_error is not None:
            raise self.listing_error
        for node in list(self.nodes):
            if all(node.labels.get(key) == value for key, value in (owner_filter or {}).items()):
                yield node

    def catalog(self, scope: Scope) -> list[Flavor]:
        self._request("catalog")
        return list(self.flavors)

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        self._request(f"foresee {spec.owner.pool} {spec.offer.location}")
        if self.prereq_error is not None:
            raise self.prereq_error
        return list(self.lacking.get(spec.offer.location, []))

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        self._request(f"ensure {spec.owner.pool} {spec.offer.location}")
        if self.prereq_error is not None:
            raise self.prereq_error
        return Refs("ubuntu", made=tuple(self.lacking.pop(spec.offer.location, [])))

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        self._request("create")
        self.diary.append(f"order {spec.name} at {spec.offer}")
        self.specs.append(spec)
        if self.create_errors and not self.answers_lost:
            raise self.create_errors.pop(0)
        node = replace(
            a_node(spec.name, spec.owner.pool, provider=self.name, state="creating"),
            id=self._next_id(spec.name),
            location=spec.offer.location,
            type=self.shown_type or spec.offer.type,
            labels={**spec.labels, **spec.owner.labels()},
        )
        node = replace(node, provider_id=f"{self.name}://{node.id}")
        self.nodes.append(node)
        if self.answers_lost:
            self.answers_lost -= 1
            raise self.create_errors.pop(0)
        return Pending(self.name, node.id, node.name, "new", node.location, spec, node)

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        self.diary.append(f"adopt {node.name}")
        if (error := self.adopt_errors.get(node.name)) is not None:
            raise error
        return Pending(self.name, node.id, node.name, "adopted", node.location, spec, node)

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        self._request("poll")
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
            self._gone.add(pending.id)
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

    def mark(self, node: Node, owner: Owner) -> Node:
        self._request("mark")
        if self.mark_error is not None:
            raise self.mark_error
        self.diary.append(f"mark {node.name}")
        ours = replace(node, owner=owner, labels={**node.labels, **owner.labels()})
        self.nodes[self.nodes.index(node)] = ours
        return ours

    def delete_node(self, node: Node) -> Pending:
        self._request("delete")
        if node.name in self.delete_errors:
            raise self.delete_errors[node.name]
        self.diary.append(f"delete {node.name}")
        return Pending(self.name, node.id, node.name, "leaving", node.location, None, node)

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        self._request("leftovers")
        return list(self.loose)

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        return []

    def remove_leftover(self, leftover: Leftover) -> None:
        self.diary.append(f"sweep {leftover.id}")
        self.loose.remove(leftover)

    def _request(self, verb: str) -> None:
        self.asked.append(verb)
        self.on_request(verb)

    def _next_id(self, name: str) -> str:
        """As a_node makes it, so that a test may foresee it, but never the same twice."""
        self._made[name] = self._made.get(name, 0) + 1
        taken = {node.id for node in self.nodes} | self._gone
        first = f"id-{name}"
        return first if first not in taken else f"{first}-{self._made[name] + 1}"


PLACED = {OWNERSHIP: '{"labels":[],"taints":[]}'}


def a_kube_node(name: str, pool: str = "web", *, ready: bool = True, provider: str = "north", **more: Any) -> KubeNode:
    """The Kubernetes Node of a node of ours, placed already."""
    values: dict[str, Any] = {
        "labels": {"fleet/pool": pool, "node.cloudprovider": provider},
        "taints": (),
        "provider_id": f"{provider}://id-{name}",
        "unschedulable": False,
        "uid": f"uid-{name}",
        "annotations": PLACED,
        "created": "2026-01-01T00:00:10Z",
        "ready_changed": "2026-01-01T00:01:00Z",
    }
    return KubeNode(name, ready, **{**values, **more})


@dataclass
class FakeKube:
    """A cluster. ``joins`` become its Nodes at the reading of that number.

    ``holds`` keep a Node from being empty for so many steps, ``evict_errors`` are raised instead of a step.
    ``registers`` makes a Node of every server that runs at these, but of those whose ids are ``deaf``, and lets the
    Nodes of servers that are gone fall silent.
    """

    diary: list[str]
    there: list[KubeNode] = field(default_factory=list)
    joins: dict[int, list[KubeNode]] = field(default_factory=dict)
    read_errors: list[PlatformError] = field(default_factory=list)
    evict_errors: dict[str, list[PlatformError]] = field(default_factory=dict)
    holds: dict[str, tuple[int, Hold]] = field(default_factory=dict)
    registers: Sequence[FakeDriver] = ()
    deaf: set[str] = field(default_factory=set)
    readings: int = 0
    on_request: Callable[[str], None] = lambda _verb: None

    def nodes(self) -> Sequence[KubeNode]:
        self.on_request("kube list")
        self.readings += 1
        if self.read_errors:
            raise self.read_errors.pop(0)
        joined = self.joins.pop(self.readings, [])
        names = {node.name for node in joined}
        self.there = [node for node in self.there if node.name not in names] + joined + self._registered()
        if self.registers:
            self.there = [replace(node, ready=node.ready and self._lives(node)) for node in self.there]
        return list(self.there)

    def _lives(self, node: KubeNode) -> bool:
        """A Node whose server is gone falls silent."""
        running = {server.provider_id for driver in self.registers for server in driver.nodes}
        return node.provider_id in running

    def _registered(self) -> list[KubeNode]:
        known = {node.provider_id for node in self.there}
        return [
            KubeNode(node.name, True, {}, (), node.provider_id, False, f"uid-{node.id}")
            for driver in self.registers
            for node in driver.nodes
            if node.state == "running" and node.provider_id not in known and node.id not in self.deaf
        ]

    def node(self, name: str) -> KubeNode:
        return next(node for node in self.there if node.name == name)

    def patch_node(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        provider_id: str | None = None,
        annotations: Mapping[str, str | None] | None = None,
        resource_version: str = "",
    ) -> KubeNode:
        self.on_request("kube patch")
        self.diary.append(f"place {name}")
        old = self.node(name)
        given = {key: value for key, value in (annotations or {}).items() if value is not None}
        set_ = {key: value for key, value in (labels or {}).items() if value is not None}
        new = replace(old, labels={**old.labels, **set_}, annotations={**old.annotations, **given})
        if taints is not None:
            new = replace(new, taints=tuple(taints))
        self.there[self.there.index(old)] = new
        return new

    def cordon(self, name: str) -> None:
        self.on_request("kube cordon")
        self.diary.append(f"cordon {name}")

    def evict(self, name: str) -> Hold | None:
        self.on_request("kube evict")
        if self.evict_errors.get(name):
            raise self.evict_errors[name].pop(0)
        steps, hold = self.holds.get(name, (0, None))
        if hold is not None and steps > 0:
            self.holds[name] = (steps - 1, hold)
            return hold
        self.diary.append(f"drain {name}")
        return None

    def delete_node(self, name: str) -> None:
        self.on_request("kube delete")
        self.diary.append(f"forget {name}")
        self.there = [node for node in self.there if node.name != name]
