# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway Instances: one project. Servers are listed zone by zone, and names are not unique.

Making a server takes several calls (order, user data, private network, power on), so ``poll`` is a state machine that
looks at what is there and takes the next step. That is also how a run goes on with what an interrupted one began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..budget import fan_out
from ..errors import (
    Ambiguous,
    Capacity,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    Quota,
    RateLimited,
    Transient,
)
from ..model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
    LABEL_POOL,
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
from .scaleway_api import Project, open_project
from .scaleway_belongings import Belongings
from .scaleway_leaving import REMOVING, Leaving
from .scaleway_prereqs import Prerequisites
from .scaleway_prices import Prices
from .scaleway_starting import ORDERED, Starting
from .scaleway_wire import (
    CAPS,
    NAME,
    SETTINGS,
    TITLE,
    Item,
    gone_from_sale,
    mapping,
    to_labels,
    to_node,
    to_tags,
    zone_path,
)

__all__ = ["CAPS", "SETTINGS", "ScalewayDriver", "connect"]

PER_PAGE = 100
FEW = 5
"""Up to this many new servers of a zone are looked up by their tokens; more are listed."""


def connect(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> ScalewayDriver:
    """A driver for the project. Loads the SDK."""
    return ScalewayDriver(open_project(settings, clock=clock, sleep=sleep, deadline=deadline))


class ScalewayDriver:
    """One project of Scaleway, all its zones."""

    name = NAME
    caps = CAPS

    def __init__(self, project: Project) -> None:
        self._project = project
        self._prereqs = Prerequisites(project)
        self._starting = Starting(project, self._prereqs)
        self._leaving = Leaving(project)
        self._prices = Prices(project)
        self._belongings = Belongings(project)

    # ---- reading

    def scopes(self) -> list[Scope]:
        """Every zone."""
        return list(CAPS.locations.values())

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the zone that carries all labels of the filter."""
        servers = self._project.servers(scope.name, owner_filter, PER_PAGE)
        hours = self._prices.hours(scope.name, {str(server.get("commercial_type")) for server in servers})
        addresses = self._private_addresses(scope.region, servers)
        for server in servers:
            yield to_node(server, scope.name, hours, addresses)

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The server types of the zone, with whether they are in stock."""
        return self._prices.flavors(scope.name)

    def _private_addresses(self, region: str, servers: Sequence[Item]) -> dict[str, str]:
        """Address by id of the private network card; the server itself does not tell."""
        cards = [str(mapping(card).get("id")) for server in servers for card in server.get("private_nics") or []]
        if not cards:
            return {}
        query: dict[str, str | list[str]] = {"project_id": self._project.id, "attached": "true", "is_ipv6": "false"}
        if len(cards) <= FEW:
            query["resource_ids"] = cards
        try:
            found = self._project.newer(f"/ipam/v1/regions/{region}/ips", "ips", query)
        except PlatformError:
            return {}  # an address is welcome; the list of servers must not depend on it
        return {
            str(mapping(entry.get("resource")).get("id")): str(entry.get("address") or "").partition("/")[0]
            for entry in found
        }

    # ---- creating

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        """What has to be made or changed before the server can be ordered."""
        return self._prereqs.changes(spec)

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Make or change it. An image goes by its label."""
        return self._prereqs.ensure(spec)

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server. It stays off until ``poll`` has found it to be the only one with its token."""
        zone = spec.offer.location
        body: Item = {
            "name": spec.name,
            "commercial_type": spec.offer.type,
            "image": refs.image,
            "project": self._project.id,
            "tags": sorted(to_tags({**spec.labels, **spec.owner.labels()})),
            "dynamic_ip_required": True,
            "boot_type": "local",
        }
        body |= {"security_group": refs.firewall} if refs.firewall else {}
        body |= {"placement_group": refs.placement_group} if refs.placement_group else {}
        try:
            answer = self._project.write("POST", f"{zone_path(zone)}/servers", json=body)
        except (Permanent, NotFound) as error:
            raise gone_from_sale(error, spec) or error from None
        server = mapping(answer.get("server"))
        if not server:
            raise Ambiguous(
                f"{TITLE} confirmed the order of {spec.name} without naming it.", provider=NAME, code="unexpected"
            )
        return _pending(to_node(server, zone), spec, ORDERED)

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server that is there."""
        return _pending(node, spec, ORDERED)

    def mark(self, node: Node, owner: Owner) -> Node:
        """Write the owner's tags beside the others on a server that nobody owns yet."""
        server = self._project.server(node.location, node.id)
        still_free(node, to_node(server, node.location) if server else None, owner, TITLE)
        server = server or {}
        marks = owner.labels()
        others = [str(tag) for tag in server.get("tags") or [] if str(tag).partition("=")[0] not in marks]
        path = f"{zone_path(node.location)}/servers/{node.id}"
        answer = self._project.write("PATCH", path, json={"tags": [*others, *sorted(to_tags(marks))]})
        return replace(
            to_node(mapping(answer.get("server")) or server, node.location),
            price_hour=node.price_hour,
            private_ipv4=node.private_ipv4,
        )

    # ---- deleting

    def delete_node(self, node: Node) -> Pending:
        """Order the deletion after a last look at labels and protection."""
        server = self._project.server(node.location, node.id)
        pending = _pending(node, None, REMOVING)
        if server is None:
            return pending
        now = to_node(server, node.location)
        if node.owner is None or now.owner != node.owner:
            raise Conflict(
                f"The server {node.name} (id {node.id}) at {TITLE} does not carry this fleet's tags any more, so it is "
                "left alone; restore its tags, or delete it there.",
                provider=NAME,
                code="foreign_server",
            )
        if now.protected:
            raise Conflict(
                f"The server {node.name} (id {node.id}) is protected at {TITLE}; lift the protection there and run "
                "again.",
                provider=NAME,
                code="protected",
            )
        return self._leaving.order(pending, node.owner, server)

    # ---- what is no server

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Disks with the tags of a server of ours that is gone."""
        return self._belongings.leftovers(owner_filter, locations)

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Everything else with our tags."""
        return self._belongings.belongings(owner_filter)

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete one of them."""
        self._belongings.remove(leftover)

    # ---- looking after what is under way

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """Look at the zones in which something happens, then take every server's next step."""
        zones = sorted({pending.location for pending in pendings})
        looks = [self._looker(zone, [pending for pending in pendings if pending.location == zone]) for zone in zones]
        servers: dict[str, list[Item]] = {}
        for zone, outcome in zip(zones, fan_out(looks), strict=True):
            if isinstance(outcome, PlatformError):
                raise outcome
            servers[zone] = outcome
        steps = [self._stepper(pending, servers[pending.location]) for pending in pendings]
        events = [
            Event(pending, True, error=outcome) if isinstance(outcome, PlatformError) else outcome
            for pending, outcome in zip(pendings, fan_out(steps), strict=True)
        ]
        return self._with_addresses(events, servers)

    def _looker(self, zone: str, pendings: Sequence[Pending]) -> Callable[[], list[Item]]:
        return lambda: self._look(zone, pendings)

    def _look(self, zone: str, pendings: Sequence[Pending]) -> list[Item]:
        """New servers are looked for by their marks, to see whether there are two of one; all others by their ids."""
        owners = [owner for pending in pendings if pending.step == ORDERED and (owner := _owner(pending))]
        if len(owners) <= FEW:
            filters = [{LABEL_TOKEN: owner.token} for owner in owners]
        else:
            pools = sorted({(owner.fleet, owner.cluster, owner.pool) for owner in owners})
            filters = [dict(zip((LABEL_FLEET, LABEL_CLUSTER, LABEL_POOL), pool, strict=True)) for pool in pools]
        found = [server for wanted in filters for server in self._project.servers(zone, wanted, PER_PAGE)]
        ids = sorted({pending.id for pending in pendings} - {str(server.get("id")) for server in found})
        for start in range(0, len(ids), PER_PAGE):
            found += self._project.zonal(zone, "servers", {"servers": ",".join(ids[start : start + PER_PAGE])})
        return found

    def _with_addresses(self, events: list[Event], servers: Mapping[str, Sequence[Item]]) -> list[Event]:
        """Servers that have just arrived in a private network, with their address there."""
        arrived = {e.node.id: e.node for e in events if e.done and e.node and e.pending.spec and e.pending.spec.network}
        if not arrived:
            return events
        found = [item for items in servers.values() for item in items if item.get("id") in arrived]
        told: dict[str, str] = {}
        for region in sorted({node.region for node in arrived.values()}):
            here = [item for item in found if arrived[str(item["id"])].region == region]
            cards = self._private_addresses(region, here)
            told |= {str(item["id"]): to_node(item, "", addresses=cards).private_ipv4 for item in here}
        return [
            replace(event, node=replace(event.node, private_ipv4=told[event.node.id]))
            if event.node and event.node.id in told
            else event
            for event in events
        ]

    def _stepper(self, pending: Pending, servers: Sequence[Item]) -> Callable[[], Event]:
        return lambda: self._go_on(pending, servers)

    def _go_on(self, pending: Pending, servers: Sequence[Item]) -> Event:
        server = next((item for item in servers if item.get("id") == pending.id), None)
        if server is None:
            # A list may lag behind what was just ordered; the server itself does not.
            server = self._project.server(pending.location, pending.id)
        try:
            if pending.spec is None:
                return self._leaving.go_on(pending, _owner(pending), server)
            if server is None:
                vanished = NotFound(f"The server {pending.name} vanished from {TITLE}.", provider=NAME, code="vanished")
                return Event(pending, True, error=vanished)
            return self._go_on_coming(pending, pending.spec, server, servers)
        except (Ambiguous, RateLimited, Transient):
            return Event(pending, False)  # the next look shows whether it was done

    def _go_on_coming(self, pending: Pending, spec: ServerSpec, server: Item, servers: Sequence[Item]) -> Event:
        node = to_node(server, pending.location)
        pending = replace(pending, node=node)
        if node.state == "running":
            return Event(pending, True, node)
        if node.state == "error":
            why = str(server.get("state_detail") or "no reason given")
            return Event(
                pending,
                True,
                node,
                Permanent(f"{TITLE} locked the server {node.name}: {why}.", provider=NAME, code="locked"),
            )
        if node.state != "stopped":
            return Event(pending, False)
        if pending.step == ORDERED:
            first = _first_of(spec.owner, servers) or server
            if first["id"] != server["id"]:
                return self._give_way(pending, spec.owner, server, first)
        try:
            return Event(self._starting.go_on(pending, spec, server), False)
        except (Capacity, Conflict, NotFound, Permanent, Quota) as error:
            # With its node, so that a server that cannot come up is cleared away for another offer.
            return Event(pending, True, node, error)

    def _give_way(self, pending: Pending, owner: Owner, server: Item, first: Item) -> Event:
        """Two runs ordered the same node at once: the later order goes before it was ever on, both keep the first."""
        leaving = self._leaving.order(_pending(to_node(server, pending.location), None, REMOVING), owner, server)
        gone = self._project.server(pending.location, pending.id) is None
        if not gone:
            return Event(pending, False)
        self._leaving.go_on(leaving, owner, None)
        kept = to_node(first, pending.location)
        return Event(replace(pending, id=kept.id, node=kept), False)


# ---- what is under way


def _pending(node: Node, spec: ServerSpec | None, step: str) -> Pending:
    return Pending(NAME, node.id, node.name, step, node.location, spec, node)


def _owner(pending: Pending) -> Owner | None:
    return pending.spec.owner if pending.spec else pending.node.owner if pending.node else None


def _first_of(owner: Owner, servers: Sequence[Item]) -> Item | None:
    """The server that every run keeps when several carry one token: one that is on, else the one ordered first."""
    same = [server for server in servers if Owner.from_labels(to_labels(server.get("tags") or [])) == owner]
    return min(
        same,
        key=lambda server: (server.get("state") == "stopped", str(server.get("creation_date")), str(server.get("id"))),
        default=None,
    )
