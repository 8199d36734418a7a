"""A provider that does not exist: all that a new driver has to bring, with a cloud in memory instead of an API.

The registry needs one line for it. Node pools, the inventory and the contract suite know nothing of it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Capacity,
    Conflict,
    NotFound,
    PlatformError,
    Quota,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Event,
    Flavor,
    Leftover,
    Node,
    Owner,
    Pending,
    Refs,
    Scope,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import (
    Capabilities,
    Clock,
    NodeDriver,
    Setting,
    Sleep,
)
from lab.cloud.faults import Fault, Faults, parse
from lab.cloud.front import ServerView
from lab.cloud.request_log import Request
from tests.contract.profiles import Profile

NAME = "fifth"
TITLE = "Fifth Cloud"
SETTINGS = (
    Setting("endpoint", "FIFTH_URL", "base URL of the API", required=False, default="https://api.fifth.example"),
    Setting("token", "FIFTH_TOKEN", "API token", secret=True),
)
CAPS = Capabilities(
    title=TITLE,
    locations={name: Scope(NAME, name, "eu", "AT") for name in ("vie1", "vie2")},
    default_image="ubuntu",
    provider_id_prefix="fifth://",
    max_user_data=16384,
    unique_names=True,
    leaves_parts=False,
)
IMAGES = ("ubuntu",)
PRICES = {"s": Decimal("0.01"), "m": Decimal("0.02")}
BOOT_LOOKS = 2
"""How often one has to look until a new server runs."""


def connect(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> NodeDriver:
    """A driver for the account of the token."""
    if settings["token"] not in ACCOUNTS:
        raise Auth(f"{TITLE} refused the token (401); set FIFTH_TOKEN or providers.fifth.token.", provider=NAME)
    return FifthDriver(ACCOUNTS[settings["token"]])


# ---- the cloud


@dataclass
class Server:
    """One server in memory."""

    node: Node
    user_data: str = ""
    looks: int = 0


@dataclass
class FifthCloud:
    """The account, and the face that the emulator of a real provider has: `store`, `faults` and `requests` in one."""

    token: str
    servers_by_id: dict[str, Server] = field(default_factory=dict)
    log: list[Request] = field(default_factory=list)
    broken: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        account = {"token": self.token}
        self.providers = {NAME: account}
        self.credentials = {NAME: account}
        self.store, self.faults, self.requests = self, self, self

    def servers(self, _cloud: str = "") -> list[ServerView]:
        """Give the servers of the account."""
        with self.lock:
            return [_view(server) for server in self.servers_by_id.values()]

    def names(self, _cloud: str = "") -> list[str]:
        """Give their sorted names."""
        return sorted(view.name for view in self.servers())

    def counts(self, _cloud: str) -> dict[str, int]:
        """Give how many objects of each kind there are."""
        return {"server": len(self.servers_by_id)}

    def add(self, _cloud: str, kind: str, **options: Any) -> Fault:
        """Set a fault."""
        fault = replace(parse({"cloud": "hetzner", "kind": kind, **options}), cloud=NAME)
        return self.broken.add(fault)

    def clear(self, *_which: Any) -> None:
        """Take all faults away, and forget the requests."""
        self.broken.clear()
        self.log.clear()

    def entries(self, _cloud: str = "", method: str = "", path: str = "") -> list[Request]:
        """Give the requests."""
        return [entry for entry in self.log if method in ("", entry.method) and entry.path.startswith(path)]

    def writes(self, _cloud: str = "") -> list[Request]:
        """Give the requests that are not reads."""
        return [entry for entry in self.log if entry.method != "GET"]

    def note(self, method: str, path: str) -> None:
        """Log a request, and break it as the faults want."""
        with self.lock:
            self.log.append(Request(len(self.log) + 1, NAME, method, path, 0.0, 1))
            if self.broken.active(NAME, "outage"):
                raise Transient(f"{TITLE} cannot be reached: connection refused; check the network.", provider=NAME)


ACCOUNTS: dict[str, FifthCloud] = {}
"""By token."""


def _view(server: Server) -> ServerView:
    node = server.node
    labels = dict(node.labels)
    place, kind, address = node.location, node.type, node.public_ipv4
    return ServerView(
        NAME, node.id, node.name, node.state, place, kind, address, labels, (), server.user_data, node.protected
    )


# ---- the driver


class FifthDriver:
    """One account."""

    name = NAME
    caps = CAPS

    def __init__(self, cloud: FifthCloud) -> None:
        self._cloud = cloud

    def scopes(self) -> list[Scope]:
        """All at once."""
        return [Scope(NAME, "all", "", "")]

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Servers whose labels hold the filter."""
        self._cloud.note("GET", "/servers")
        for server in list(self._cloud.servers_by_id.values()):
            if (owner_filter or {}).items() <= dict(server.node.labels).items():
                yield server.node

    def catalog(self, scope: Scope) -> list[Flavor]:
        """Two types."""
        self._cloud.note("GET", "/types")
        return [
            Flavor(
                kind, 2, Decimal(4), price, "EUR", not self._cloud.broken.shown(NAME, "retired-type", kind, scope.name)
            )
            for kind, price in PRICES.items()
        ]

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        """Nothing is ever needed."""
        return []

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Only an image."""
        image = spec.offer.image or CAPS.default_image
        if image not in IMAGES:
            raise NotFound(f"{TITLE} has no image {image}.", provider=NAME)
        return Refs(image)

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server; the one of this name is taken over when it is the very one."""
        self._cloud.note("POST", "/servers")
        with self._cloud.lock:
            for server in self._cloud.servers_by_id.values():
                if server.node.name == spec.name:
                    return self._take_over(server.node, spec)
            self._refuse(spec)
            number = str(next(self._cloud.ids))
            node = _node(number, spec)
            self._cloud.servers_by_id[number] = Server(node, spec.user_data)
            return _pending(node, spec)

    def _take_over(self, node: Node, spec: ServerSpec) -> Pending:
        if node.owner == spec.owner:
            return _pending(node, spec)
        raise Conflict(
            f"{TITLE} already has a server {spec.name} (id {node.id}) that does not carry this fleet's labels, so it "
            "is left alone; rename or delete it there, or rename the pool.",
            provider=NAME,
        )

    def _refuse(self, spec: ServerSpec) -> None:
        kinds: dict[str, type[PlatformError]] = {"capacity": Capacity, "quota": Quota, "retired-type": NotFound}
        for kind, error in kinds.items():
            if self._cloud.broken.on_server(NAME, kind, spec.offer.type, spec.offer.location):
                raise error(f"{TITLE} refused POST /servers ({kind}).", provider=NAME)

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on."""
        return _pending(node, spec)

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """One look at all."""
        self._cloud.note("GET", "/servers")
        with self._cloud.lock:
            return [self._look(pending) for pending in pendings]

    def _look(self, pending: Pending) -> Event:
        server = self._cloud.servers_by_id.get(pending.id)
        if pending.spec is None:
            self._cloud.servers_by_id.pop(pending.id, None)
            return Event(pending, True)
        if server is None:
            gone = NotFound(f"The server {pending.name} vanished from {TITLE}.", provider=NAME, code="vanished")
            return Event(pending, True, error=gone)
        if server.node.state == "running":
            return Event(pending, True, server.node)
        server.looks += 1
        if server.looks < BOOT_LOOKS or self._fault("boot-stall", server.node):
            return Event(replace(pending, node=server.node), False)
        if self._fault("boot-error", server.node):
            failed = PlatformError(f"The server {pending.name} could not be started at {TITLE}.", provider=NAME)
            return Event(pending, True, server.node, failed)
        server.node = replace(server.node, state="running")
        return Event(replace(pending, node=server.node), True, server.node)

    def _fault(self, kind: str, node: Node) -> Fault | None:
        return self._cloud.broken.on_server(NAME, kind, node.type, node.location)

    def mark(self, node: Node, owner: Owner) -> Node:
        """Write labels."""
        self._cloud.note("PATCH", f"/servers/{node.id}")
        with self._cloud.lock:
            server = self._cloud.servers_by_id[node.id]
            server.node = replace(server.node, labels={**server.node.labels, **owner.labels()}, owner=owner)
            return server.node

    def delete_node(self, node: Node) -> Pending:
        """Order a deletion, after a last look at labels and protection."""
        self._cloud.note("GET", f"/servers/{node.id}")
        with self._cloud.lock:
            server = self._cloud.servers_by_id.get(node.id)
            if server is not None and (node.owner is None or server.node.owner != node.owner):
                raise Conflict(
                    f"The server {node.name} (id {node.id}) at {TITLE} does not carry this fleet's labels any more, so "
                    "it is left alone; restore its labels, or delete it there.",
                    provider=NAME,
                )
            if server is not None and server.node.protected:
                raise Conflict(
                    f"The server {node.name} (id {node.id}) is protected against deletion at {TITLE}; lift the "
                    "protection there and run again.",
                    provider=NAME,
                )
            if server is not None:
                self._cloud.note("DELETE", f"/servers/{node.id}")
                server.node = replace(server.node, state="deleting")
        return Pending(NAME, node.id, node.name, "", node.location, None, node)

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Nothing is ever left."""
        return []

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Nothing is ever made."""
        return []

    def remove_leftover(self, leftover: Leftover) -> None:
        """There is none."""


def _node(number: str, spec: ServerSpec) -> Node:
    labels = {**spec.labels, **spec.owner.labels()}
    return Node(
        provider=NAME,
        id=number,
        name=spec.name,
        location=spec.offer.location,
        zone=spec.offer.location,
        region="eu",
        country="AT",
        type=spec.offer.type,
        state="creating",
        public_ipv4=f"192.0.2.{number}",
        labels=labels,
        owner=spec.owner,
        price_hour=PRICES[spec.offer.type],
        provider_id=f"fifth://{number}",
        created=datetime.now(UTC).isoformat(),
    )


def _pending(node: Node, spec: ServerSpec) -> Pending:
    return Pending(NAME, node.id, node.name, "", node.location, spec, node)


# ---- what the contract suite has to know of it


def _changed(cloud: Any, server: str, **changes: Any) -> None:
    cloud.servers_by_id[server].node = replace(cloud.servers_by_id[server].node, **changes)


def _make_foreign(cloud: Any, name: str, labels: Mapping[str, str]) -> None:
    owner = Owner.of("nobody", "none", "none", name)
    number = str(next(cloud.ids))
    node = _node(number, ServerSpec(name, owner, _offer("vie2", "s")))
    owned = Owner.from_labels(labels)
    cloud.servers_by_id[number] = Server(replace(node, labels=dict(labels), owner=owned, state="running"))


def _offer(location: str, kind: str) -> Any:
    from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer

    return Offer(NAME, location, kind)


def _erase(cloud: Any, server: str) -> None:
    del cloud.servers_by_id[server]


def _setter(**changes: Any) -> Callable[[Any, str], None]:
    return lambda cloud, server: _changed(cloud, server, **changes)


PROFILE = Profile(
    provider=NAME,
    cloud=NAME,
    first=("vie1", "s"),
    second=("vie2", "m"),
    orders="/servers",
    servers="/servers",
    types="/types",
    token_variable="FIFTH_TOKEN",
    broken_account={"token": "nobody's"},
    make_foreign=_make_foreign,
    relabel=lambda cloud, server, labels: _changed(cloud, server, labels=dict(labels), owner=Owner.from_labels(labels)),
    protect=_setter(protected=True),
    unprotect=_setter(protected=False),
    power_off=_setter(state="stopped"),
    erase=_erase,
)
