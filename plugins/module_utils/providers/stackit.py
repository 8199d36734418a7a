# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STACKIT Compute Engine: one project. Servers are listed region by region, and names are not unique.

Making a server takes two calls (order, public address), so ``poll`` is a state machine that looks at what is there and
takes the next step. That is also how a run goes on with what an interrupted one began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..budget import fan_out
from ..errors import Ambiguous, Conflict, NotFound, Permanent, PlatformError, Quota, RateLimited, Transient
from ..model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
    LABEL_TOKEN,
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
from .base import Clock, Sleep
from .claims import still_free
from .once import Once
from .stackit_api import Api, connect_api
from .stackit_belongings import Belongings
from .stackit_prereqs import Prerequisites
from .stackit_prices import Prices
from .stackit_wire import (
    CAPS,
    LABEL_PROTECT,
    NAME,
    PRICE_ENDPOINT,
    REGIONS,
    SETTINGS,
    TITLE,
    Item,
    failure_of,
    first_of,
    nics,
    order_of,
    owned,
    public_address,
    ready_nic,
    refused_order,
    region_of,
    to_labels,
    to_node,
)

__all__ = ["CAPS", "SETTINGS", "StackitDriver", "connect"]

FEW = 2
"""Up to this many servers of a region are looked up one by one; more are listed."""
POWER_TRIES = 5
"""How often a server that is off again after its start is started."""

# Pending.step: "ordered" at first, "started:<tries>" after a start, "address:<id>" once a public address is ordered;
# "removing:<nic>,…" on the way out, with the interfaces whose address has to go after the server; "gone:<nic>,…" then.
_ORDERED = "ordered"
_STARTED = "started:"
_ADDRESS = "address:"
_REMOVING = "removing:"
_GONE = "gone:"


def connect(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> StackitDriver:
    """A driver for the project. Loads the vendor's package for credentials."""
    api = connect_api(settings, clock=clock, sleep=sleep, deadline=deadline)
    prices = Prices(settings.get("price_endpoint") or PRICE_ENDPOINT, clock=clock, sleep=sleep, deadline=deadline)
    return StackitDriver(api, prices, clock=clock, sleep=sleep)


@dataclass(frozen=True)
class _Look:
    """What a region shows at one moment. ``addresses`` is empty unless somebody waits for one."""

    servers: Sequence[Item]
    addresses: Sequence[Item]


class StackitDriver:
    """One project of STACKIT, both regions."""

    name = NAME
    caps = CAPS

    def __init__(self, api: Api, prices: Prices, *, clock: Clock, sleep: Sleep) -> None:
        self._api = api
        self._prices = prices
        self._types = Once()
        self._prerequisites = Prerequisites(api, clock=clock, sleep=sleep)
        self._belongings = Belongings(api, clock=clock, sleep=sleep)

    # ---- reading

    def scopes(self) -> list[Scope]:
        """Every region."""
        return list(REGIONS.values())

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the region that carries all labels of the filter."""
        for server in self._api.servers(scope.region, owner_filter):
            node = to_node(server, scope.region)
            yield replace(node, price_hour=self._prices.hour(scope.region, node.location, node.type))

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The machine types of the zone's region, with their price in the zone."""
        path = f"/regions/{scope.region}/machine-types"
        types: list[Item] = self._types.get(path, lambda: self._api.items(path))
        return [self._prices.flavor(scope, item) for item in sorted(types, key=lambda item: str(item.get("name")))]

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Public addresses with our labels whose server is gone; boot disks go with their server."""
        return self._belongings.loose_addresses(owner_filter, locations)

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """What was made for the fleet, and what else carries its label."""
        return self._belongings.all(owner_filter)

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete one of them."""
        self._belongings.remove(leftover)

    # ---- creating

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        """What would be made or changed for the server."""
        return self._prerequisites.changes(spec)

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Image and network, which every server needs, and what else the pool asks for."""
        return self._prerequisites.ensure(spec)

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server. ``poll`` gives it a public address once it is known to be the only one with its token."""
        region = region_of(spec.offer.location)
        body = order_of(spec, refs, self._prerequisites.image(spec).disk)
        try:
            server = self._api.send("POST", f"/regions/{region}/servers", body)
        except (Permanent, NotFound) as error:
            raise refused_order(error, spec) from None
        if not server.get("id"):
            raise Ambiguous(
                f"{TITLE} confirmed the order of {spec.name} without naming it.", provider=NAME, code="unexpected"
            )
        return _pending(to_node(server, region), spec, _ORDERED)

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server that is there."""
        return _pending(node, spec, _ORDERED)

    def mark(self, node: Node, owner: Owner) -> Node:
        """Write the owner's labels; a public address that the server has already stays its maker's."""
        server = self._api.server(node.region, node.id) or {}
        still_free(node, to_node(server, node.region, None) if server else None, owner, TITLE)
        labels = {**to_labels(server), **owner.labels()}
        self._api.send("PATCH", f"/regions/{node.region}/servers/{node.id}", {"labels": labels})
        return to_node({**server, "labels": labels}, node.region, node.price_hour)

    # ---- deleting

    def delete_node(self, node: Node) -> Pending:
        """Order the deletion after a last look at labels and protection."""
        server = self._api.server(node.region, node.id)
        pending = _pending(node, None, _REMOVING)
        if server is None:
            return pending
        self._delete(node, server)
        return replace(pending, step=_REMOVING + ",".join(str(nic.get("nicId")) for nic in nics(server)))

    def _delete(self, node: Node, server: Item) -> None:
        now = to_node(server, node.region)
        if node.owner is None or now.owner != node.owner:
            raise Conflict(
                f"The server {node.name} (id {node.id}) at {TITLE} does not carry this fleet's labels any more, so it "
                "is left alone; restore its labels, or delete it there.",
                provider=NAME,
                code="foreign_server",
            )
        if now.protected:
            raise Conflict(
                f"The server {node.name} (id {node.id}) is protected by its label {LABEL_PROTECT} at {TITLE}; lift "
                "the protection there and run again.",
                provider=NAME,
                code="protected",
            )
        if now.state != "deleting":
            self._api.remove(f"/regions/{node.region}/servers/{node.id}")

    # ---- looking after what is under way

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """Look at the regions in which something happens, then take every server's next step."""
        regions = sorted({region_of(pending.location) for pending in pendings})
        parts = [[pending for pending in pendings if region_of(pending.location) == region] for region in regions]
        looks: dict[str, _Look] = {}
        lookers = [self._looker(region, part) for region, part in zip(regions, parts, strict=True)]
        for region, outcome in zip(regions, fan_out(lookers), strict=True):
            if isinstance(outcome, PlatformError):
                raise outcome
            looks[region] = outcome
        steps = [self._stepper(pending, looks[region_of(pending.location)]) for pending in pendings]
        return [
            _failed(pending, outcome) if isinstance(outcome, PlatformError) else outcome
            for pending, outcome in zip(pendings, fan_out(steps), strict=True)
        ]

    def _looker(self, region: str, pendings: Sequence[Pending]) -> Callable[[], _Look]:
        return lambda: self._look(region, pendings)

    def _look(self, region: str, pendings: Sequence[Pending]) -> _Look:
        owners = [owner for pending in pendings if (owner := _owner(pending))]
        if len(owners) <= FEW:
            filters = [{LABEL_TOKEN: owner.token} for owner in owners]
        else:
            groups = sorted({(owner.fleet, owner.cluster) for owner in owners})
            filters = [{LABEL_FLEET: fleet, LABEL_CLUSTER: cluster} for fleet, cluster in groups]
        servers = [server for wanted in filters for server in self._api.servers(region, wanted)]
        there = {server.get("id"): server for server in servers}
        addresses: list[Item] = []
        if any(_asks_for_addresses(pending, there.get(pending.id)) for pending in pendings):
            path = f"/regions/{region}/public-ips"
            addresses = [address for wanted in filters for address in self._api.items(path, wanted)]
        return _Look(servers, addresses)

    def _stepper(self, pending: Pending, look: _Look) -> Callable[[], Event]:
        return lambda: self._go_on(pending, look)

    def _go_on(self, pending: Pending, look: _Look) -> Event:
        try:
            server = next((item for item in look.servers if item.get("id") == pending.id), None)
            if server is None and not pending.step.startswith(_GONE):
                # A list may lag behind what was just ordered; the server itself does not.
                server = self._api.server(region_of(pending.location), pending.id)
            if pending.spec is None:
                return self._go_on_leaving(pending, server, look)
            if server is None:
                vanished = NotFound(f"The server {pending.name} vanished from {TITLE}.", provider=NAME, code="vanished")
                return Event(pending, True, error=vanished)
            return self._go_on_coming(pending, pending.spec, server, look)
        except (Ambiguous, RateLimited, Transient):
            return Event(pending, False)  # the next look shows whether it was done

    def _go_on_leaving(self, pending: Pending, server: Item | None, look: _Look) -> Event:
        if server is not None:
            if pending.node is not None:
                self._delete(pending.node, server)
            return Event(pending, False)
        former = pending.step.partition(":")[2].split(",")
        # An address that somebody has attached elsewhere meanwhile is in use, and none of ours any more.
        mine = owned(look.addresses, _owner(pending))
        left = [address for address in mine if not (nic := address.get("networkInterface")) or nic in former]
        for address in left:
            if not address.get("networkInterface"):
                self._api.remove(f"/regions/{region_of(pending.location)}/public-ips/{address['id']}")
        return Event(replace(pending, step=_GONE + ",".join(former)), not left)

    def _go_on_coming(self, pending: Pending, spec: ServerSpec, server: Item, look: _Look) -> Event:
        region = region_of(pending.location)
        node = to_node(server, region)
        pending = replace(pending, node=node)
        first = first_of(spec.owner, look.servers) or server
        if first["id"] != server["id"]:
            return self._give_way(pending, server, first)
        if node.state == "error":
            return Event(pending, True, node, failure_of(server))
        if node.state == "running":
            return Event(pending, True, node)
        if node.state == "stopped":
            return self._start(pending, region)
        if server.get("status") == "ACTIVE" and not public_address(server):
            return self._give_address(pending, spec.owner, server, look)
        return Event(pending, False)

    def _give_way(self, pending: Pending, server: Item, first: Item) -> Event:
        """Two runs ordered the same node at once: the later order goes, both keep the first."""
        if pending.node is not None:
            self._delete(pending.node, server)
        if self._api.server(region_of(pending.location), pending.id) is not None:
            return Event(pending, False)
        kept = to_node(first, region_of(pending.location))
        return Event(replace(pending, id=kept.id, node=kept, location=kept.location, step=_ORDERED), False)

    def _start(self, pending: Pending, region: str) -> Event:
        tries = int(pending.step.removeprefix(_STARTED)) if pending.step.startswith(_STARTED) else 0
        if tries >= POWER_TRIES:
            said = f"{TITLE} does not keep the server {pending.name} running; look at its console there."
            return Event(pending, True, pending.node, Permanent(said, provider=NAME, code="off"))
        try:
            self._api.send("POST", f"/regions/{region}/servers/{pending.id}/start")
        except Conflict:
            return Event(pending, False)  # somebody else has started it
        return Event(replace(pending, step=f"{_STARTED}{tries + 1}"), False)

    def _give_address(self, pending: Pending, owner: Owner, server: Item, look: _Look) -> Event:
        """Take the address that an interrupted run left for this server, or order one; never a second one."""
        region, nic = region_of(pending.location), ready_nic(server)
        mine = owned(look.addresses, owner)
        if not nic or any(address.get("networkInterface") == nic for address in mine):
            return Event(pending, False)  # not ready yet, or not shown yet
        loose = next((address for address in mine if not address.get("networkInterface")), None)
        path = f"/regions/{region}/public-ips"
        try:
            if loose is not None:
                self._api.send("PUT", f"/regions/{region}/servers/{pending.id}/public-ips/{loose['id']}")
                return Event(replace(pending, step=f"{_ADDRESS}{loose['id']}"), False)
            ordered = pending.step.removeprefix(_ADDRESS) if pending.step.startswith(_ADDRESS) else ""
            if ordered and self._api.one(f"{path}/{ordered}") is not None:
                return Event(pending, False)  # the list lags behind
            made = self._api.send("POST", path, {"networkInterface": nic, "labels": owner.labels()})
        except (Conflict, NotFound):
            return Event(pending, False)  # somebody else was quicker with this address or this interface
        return Event(replace(pending, step=f"{_ADDRESS}{made.get('id') or ''}"), False)


# ---- what is under way


def _pending(node: Node, spec: ServerSpec | None, step: str) -> Pending:
    return Pending(NAME, node.id, node.name, step, node.location, spec, node)


def _owner(pending: Pending) -> Owner | None:
    return pending.spec.owner if pending.spec else pending.node.owner if pending.node else None


def _failed(pending: Pending, error: PlatformError) -> Event:
    """With its node if the server is of no use like this: then it has to go before another offer is taken."""
    useless = isinstance(error, (Permanent, Quota))
    return Event(pending, True, pending.node if useless else None, error)


def _asks_for_addresses(pending: Pending, server: Item | None) -> bool:
    """Whether the next step needs to know which public addresses there are."""
    if pending.spec is None:
        return server is None
    return server is not None and server.get("status") == "ACTIVE" and not public_address(server)
