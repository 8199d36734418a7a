# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: one project. Servers are listed for all locations at once and have unique names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..budget import fan_out
from ..errors import Ambiguous, Conflict, NotFound, Permanent, PlatformError, Quota, RateLimited, Transient
from ..model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
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
from .hetzner_api import Project, open_project
from .hetzner_belongings import Belongings
from .hetzner_prereqs import Prerequisites
from .hetzner_wire import (
    CAPS,
    GROUP_FULL,
    NAME,
    SETTINGS,
    TITLE,
    Item,
    address_prices,
    gone_from_sale,
    job_error,
    listed,
    selector,
    to_flavor,
    to_node,
)
from .once import Once

__all__ = ["CAPS", "SETTINGS", "HetznerDriver", "connect"]

PER_PAGE = 50
FEW = 5
"""Up to this many servers are looked at one by one; more are listed."""
GROUP_TRIES = 5
"""How often an order is placed anew because others have filled its placement group meanwhile."""

# Pending.step: "actions:1,2" while ordered jobs run, "state" when the server's own state tells.
_ACTIONS = "actions:"
_STATE = "state"


def connect(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> HetznerDriver:
    """A driver for the project of the token. Loads the SDK."""
    return HetznerDriver(open_project(settings, clock=clock, sleep=sleep, deadline=deadline))


class HetznerDriver:
    """One project of Hetzner Cloud."""

    name = NAME
    caps = CAPS

    def __init__(self, project: Project) -> None:
        self._project = project
        self._prereqs = Prerequisites(project)
        self._belongings = Belongings(project)
        self._sold = Once()

    # ---- reading

    def scopes(self) -> list[Scope]:
        """The project is listed as a whole."""
        return [Scope(NAME, "all", "", "")]

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the project that carries all labels of the filter."""
        yield from map(to_node, self._list(owner_filter))

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The server types with their price in this location; read once."""
        types, addresses = self._sold.get("sold", self._read_sold)
        return [flavor for item in types if (flavor := to_flavor(item, scope.name, addresses))]

    def _read_sold(self) -> tuple[list[Item], Mapping[str, Decimal]]:
        reads: list[Callable[[], Any]] = [lambda: self._project.all("server_types", {}), self._read_addresses]
        types, addresses = fan_out(reads)
        if isinstance(types, PlatformError):
            raise types
        return types, ({} if isinstance(addresses, PlatformError) else addresses)

    def _read_addresses(self) -> Mapping[str, Decimal]:
        return address_prices(self._project.get("/pricing"))

    def _list(self, owner_filter: Mapping[str, str] | None) -> list[Item]:
        return self._project.all("servers", selector(owner_filter), PER_PAGE)

    # ---- creating

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        """What has to be made or changed before the server can be ordered."""
        return self._prereqs.changes(spec)

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Make or change it. An image goes by its name."""
        return self._prereqs.ensure(spec)

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server. When one of this name is there already, take it if it is the very one we want."""
        for attempt in range(1, GROUP_TRIES + 1):
            group = self._prereqs.groups.place(spec) if refs.placement_group else ""
            try:
                answer = self._project.write("POST", "/servers", _order(spec, refs, group))
            except Conflict as error:
                if error.code != "uniqueness_error":
                    raise
                return self._take_over(spec)
            except Quota as error:
                if error.code != GROUP_FULL or attempt == GROUP_TRIES:
                    raise
                self._prereqs.groups.full(spec)
            except (Permanent, NotFound) as error:
                raise gone_from_sale(error, spec) or error from None
            else:
                node = to_node(self._project.one(answer, "server"))
                return _pending(node, spec, _after([answer.get("action"), *(answer.get("next_actions") or [])]))
        raise AssertionError("the last try returns or raises")

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server that is there."""
        return _pending(node, spec, _STATE)

    def _take_over(self, spec: ServerSpec) -> Pending:
        found = self._project.all("servers", {"name": spec.name})
        node = to_node(found[0]) if found else None
        if node is None or node.state == "deleting":
            raise Transient(
                f"{TITLE} still holds the name {spec.name} of a server that is being deleted; run again.",
                provider=NAME,
                code="name_leaving",
            )
        if node.owner != spec.owner:
            raise Conflict(
                f"{TITLE} already has a server {spec.name} (id {node.id}) that does not carry this fleet's labels, so "
                "it is left alone; rename or delete it there, or rename the pool.",
                provider=NAME,
                code="foreign_server",
            )
        return self.adopt(node, spec)

    def mark(self, node: Node, owner: Owner) -> Node:
        """Write the owner's labels beside the others on a server that nobody owns yet."""
        server = self._project.server(node.id)
        now = still_free(node, to_node(server) if server else None, owner, TITLE)
        body = {"labels": {**now.labels, **owner.labels()}}
        return to_node(self._project.one(self._project.write("PUT", f"/servers/{node.id}", body), "server"))

    # ---- deleting

    def delete_node(self, node: Node) -> Pending:
        """Order the deletion after a last look at labels and protection."""
        server = self._project.server(node.id)
        return replace(_pending(node, None, _STATE), step=self._delete(node, server) if server else _STATE)

    def _delete(self, node: Node, server: Item) -> str:
        now = to_node(server)
        if node.owner is None or now.owner != node.owner:
            raise Conflict(
                f"The server {node.name} (id {node.id}) at {TITLE} does not carry this fleet's labels any more, so it "
                "is left alone; restore its labels, or delete it there.",
                provider=NAME,
                code="foreign_server",
            )
        if now.protected:
            raise Conflict(
                f"The server {node.name} (id {node.id}) is protected against deletion at {TITLE}; lift the protection "
                "there and run again.",
                provider=NAME,
                code="protected",
            )
        if now.state == "deleting":
            return _STATE
        try:
            body = self._project.write("DELETE", f"/servers/{node.id}")
        except NotFound:
            return _STATE
        except Transient as error:
            if error.code != "locked":
                raise
            return _STATE  # another job runs, perhaps the deletion whose answer was lost: the next look tells
        return _after([body.get("action")])

    # ---- what is no server

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Volumes and addresses with the labels of a server of ours that is gone."""
        return self._belongings.leftovers(owner_filter, locations)

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Everything else with our labels."""
        return self._belongings.belongings(owner_filter)

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete one of them."""
        self._belongings.remove(leftover)

    # ---- looking after what is under way

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """Ask for all jobs at once, then for the servers whose own state must tell."""
        jobs = self._jobs({job for pending in pendings for job in _job_ids(pending)})
        events: dict[str, Event] = {}
        ask: list[Pending] = []
        for pending in pendings:
            event = _by_jobs(pending, jobs)
            if event is None:
                ask.append(pending)
            else:
                events[pending.id] = event
        servers = self._servers(ask)
        steps = [self._stepper(pending, servers.get(pending.id)) for pending in ask]
        for pending, outcome in zip(ask, fan_out(steps), strict=True):
            events[pending.id] = Event(pending, True, error=outcome) if isinstance(outcome, PlatformError) else outcome
        return [events[pending.id] for pending in pendings]

    def _jobs(self, ids: set[str]) -> dict[str, Item]:
        ordered = sorted(ids, key=int)
        found = []
        for start in range(0, len(ordered), PER_PAGE):
            part = ordered[start : start + PER_PAGE]
            found += listed(self._project.get("/actions", {"id": part, "per_page": PER_PAGE}), "actions")
        return {str(job.get("id")): job for job in found}

    def _servers(self, pendings: Sequence[Pending]) -> dict[str, Item]:
        if len(pendings) <= FEW:
            looked = fan_out([self._looker(pending.id) for pending in pendings])
            for outcome in looked:
                if isinstance(outcome, PlatformError):
                    raise outcome
            return {str(item["id"]): item for item in looked if isinstance(item, dict)}
        owners = {(owner.fleet, owner.cluster) for pending in pendings if (owner := _owner(pending))}
        filters = [{LABEL_FLEET: fleet, LABEL_CLUSTER: cluster} for fleet, cluster in sorted(owners)]
        return {str(item["id"]): item for wanted in filters for item in self._list(wanted)}

    def _looker(self, server_id: str) -> Callable[[], Item | None]:
        return lambda: self._project.server(server_id)

    def _stepper(self, pending: Pending, server: Item | None) -> Callable[[], Event]:
        return lambda: self._go_on(pending, server)

    def _go_on(self, pending: Pending, server: Item | None) -> Event:
        """One pending server by its own state: done, gone, to be pushed, or simply not there yet."""
        if server is None:
            if pending.spec is None:
                return Event(pending, True)
            vanished = NotFound(
                f"The server {pending.name} vanished from {TITLE} while it started.", provider=NAME, code="vanished"
            )
            return Event(pending, True, error=vanished)
        node = to_node(server)
        pending = replace(pending, node=node)
        try:
            if pending.spec is None:
                step = self._delete(node, server) if node.state != "deleting" and not server.get("locked") else _STATE
            elif node.state == "running":
                return Event(pending, True, node)
            elif node.state == "stopped":
                step = _after([self._project.write("POST", f"/servers/{node.id}/actions/poweron").get("action")])
            else:
                step = _STATE
        except (Ambiguous, RateLimited, Transient):
            step = _STATE  # the next look shows whether it was done
        return Event(replace(pending, step=step), False)


# ---- what is under way


def _order(spec: ServerSpec, refs: Refs, group: str) -> Item:
    body: Item = {
        "name": spec.name,
        "server_type": spec.offer.type,
        "location": spec.offer.location,
        "image": refs.image,
        "labels": {**spec.labels, **spec.owner.labels()},
        "start_after_create": True,
    }
    if spec.user_data:
        body["user_data"] = spec.user_data
    if refs.ssh_keys:
        body["ssh_keys"] = [int(key) for key in refs.ssh_keys]
    if refs.network:
        body["networks"] = [int(refs.network)]
    if refs.firewall:
        body["firewalls"] = [{"firewall": int(refs.firewall)}]
    if group:
        body["placement_group"] = int(group)
    return body


def _pending(node: Node, spec: ServerSpec | None, step: str) -> Pending:
    return Pending(NAME, node.id, node.name, step, node.location, spec, node)


def _after(jobs: Iterable[Item | None]) -> str:
    ids = [str(job["id"]) for job in jobs if job and job.get("status") != "success"]
    return f"{_ACTIONS}{','.join(ids)}" if ids else _STATE


def _job_ids(pending: Pending) -> list[str]:
    return pending.step.removeprefix(_ACTIONS).split(",") if pending.step.startswith(_ACTIONS) else []


def _owner(pending: Pending) -> Owner | None:
    return pending.spec.owner if pending.spec else pending.node.owner if pending.node else None


def _by_jobs(pending: Pending, jobs: Mapping[str, Item]) -> Event | None:
    """What the jobs of a server tell; None when its own state has to."""
    mine = [jobs[job] for job in _job_ids(pending) if job in jobs]
    for job in mine:
        if job.get("status") == "error":
            return Event(pending, True, node=pending.node, error=job_error(pending.name, job))
    if any(job.get("status") != "success" for job in mine):
        return Event(replace(pending, step=_after(mine)), False)
    # An address in a private network comes with the jobs, so that the answer to the order may lack it.
    late = pending.spec is not None and pending.spec.network and not (pending.node and pending.node.private_ipv4)
    if mine and pending.spec is not None and pending.node is not None and not late:
        node = replace(pending.node, state="running")
        return Event(replace(pending, node=node), True, node)
    return None
