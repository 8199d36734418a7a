# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: one project. Servers are listed for all locations at once and have unique names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..budget import Budget, fan_out
from ..errors import (
    Ambiguous,
    Auth,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    RateLimited,
    Transient,
)
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
from .hetzner_wire import (
    CAPS,
    LEFTOVER_KINDS,
    NAME,
    SETTINGS,
    TITLE,
    Item,
    classify,
    gone_from_sale,
    job_error,
    listed,
    mapping,
    read,
    selector,
    to_flavor,
    to_node,
)
from .paging import Page, read_all
from .transport import CONNECT_TIMEOUT, READ_TIMEOUT, Peer, Transport

__all__ = ["CAPS", "SETTINGS", "HetznerDriver", "connect"]

PER_PAGE = 50
REQUESTS_PER_HOUR = 3600
FEW = 5
"""Up to this many servers are looked at one by one; more are listed."""

# Pending.step: "actions:1,2" while ordered jobs run, "state" when the server's own state tells.
_ACTIONS = "actions:"
_STATE = "state"


def connect(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> HetznerDriver:
    """A driver for the project of the token. Loads the SDK."""
    endpoint = settings["endpoint"].rstrip("/")
    peer = Peer(
        NAME,
        TITLE,
        endpoint,
        credential="HCLOUD_TOKEN or providers.hetzner.token",
        address="HCLOUD_ENDPOINT or providers.hetzner.endpoint",
    )
    budget = Budget(
        per_second=REQUESTS_PER_HOUR / 3600, burst=REQUESTS_PER_HOUR, clock=clock, sleep=sleep, deadline=deadline
    )
    return HetznerDriver(Transport(peer, _sdk_request(settings.get("token", ""), endpoint), read, classify, budget))


def _sdk_request(token: str, endpoint: str) -> Callable[..., Any]:
    if not token:
        raise Auth(
            "No token for Hetzner; set HCLOUD_TOKEN or providers.hetzner.token.", provider=NAME, code="no_credentials"
        )
    try:
        import hcloud
        import requests
    except ImportError as error:
        raise Permanent(
            f"Hetzner needs the Python package hcloud ({error}); install it for the Python that runs this task.",
            provider=NAME,
            code="no_sdk",
        ) from None
    client = hcloud.Client(
        token=token, api_endpoint=endpoint, application_name="sovereign.fleet", timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
    )
    # The SDK repeats timeouts and refusals of POST too, asleep on a clock of its own. budget.py alone repeats.
    inner = client._client
    inner._retry_max_retries = 0
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
    inner._session.mount("http://", adapter)
    inner._session.mount("https://", adapter)
    return client.request


class HetznerDriver:
    """One project of Hetzner Cloud."""

    name = NAME
    caps = CAPS

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._types: list[Item] | None = None
        self._types_lock = threading.Lock()

    # ---- reading

    def scopes(self) -> list[Scope]:
        """The project is listed as a whole."""
        return [Scope(NAME, "all", "", "")]

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the project that carries all labels of the filter."""
        yield from map(to_node, self._all("/servers", "servers", selector(owner_filter)))

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The server types with their price in this location; read once."""
        with self._types_lock:
            if self._types is None:
                self._types = self._all("/server_types", "server_types", {})
        return [flavor for item in self._types if (flavor := to_flavor(item, scope.name))]

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Volumes and addresses with our labels that no server holds."""
        found = []
        for kind, holder in LEFTOVER_KINDS.items():
            for item in self._all(f"/{kind}", kind, selector(owner_filter)):
                place = str((item.get("location") or item.get("home_location") or {}).get("name") or "")
                ours = LABEL_FLEET in mapping(item.get("labels"))
                if ours and item.get(holder) is None and (locations is None or place in locations):
                    found.append(Leftover(NAME, kind, str(item["id"]), str(item.get("name") or ""), place))
        return found

    def _all(self, path: str, key: str, query: Mapping[str, str]) -> list[Item]:
        def read(page: int) -> Page:
            body = self._get(path, {**query, "sort": "id:asc", "page": str(page), "per_page": str(PER_PAGE)})
            paging = (body.get("meta") or {}).get("pagination") or {}
            items = listed(body, key)
            return Page(items, int(paging.get("total_entries") or len(items)), int(paging.get("last_page") or 1))

        return read_all(read, lambda item: item.get("id"), TITLE)

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Item:
        body = self._transport.call("GET", path, params=query or {}).body
        return body if isinstance(body, dict) else {}

    def _server(self, server_id: str) -> Item | None:
        try:
            return self._one(self._get(f"/servers/{server_id}"), "server")
        except NotFound:
            return None

    def _one(self, body: Any, key: str) -> Item:
        item = body.get(key) if isinstance(body, dict) else None
        if not isinstance(item, dict):
            raise Permanent(
                f"{TITLE} sent an answer without {key!r}; is the endpoint right?", provider=NAME, code="unexpected"
            )
        return item

    # ---- creating

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Images and SSH keys go by name; nothing has to be looked up."""
        return Refs(image=spec.offer.image or CAPS.default_image, ssh_keys=spec.ssh_keys)

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server. When one of this name is there already, take it if it is the very one we want."""
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
            body["ssh_keys"] = list(refs.ssh_keys)
        try:
            answer = self._transport.call("POST", "/servers", json=body).body
        except Conflict as error:
            if error.code != "uniqueness_error":
                raise
            return self._take_over(spec)
        except (Permanent, NotFound) as error:
            raise gone_from_sale(error, spec) or error from None
        node = to_node(self._one(answer, "server"))
        jobs = [answer.get("action"), *(answer.get("next_actions") or [])]
        return _pending(node, spec, _after(jobs))

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server that is there."""
        return _pending(node, spec, _STATE)

    def _take_over(self, spec: ServerSpec) -> Pending:
        found = self._all("/servers", "servers", {"name": spec.name})
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

    # ---- deleting

    def delete_node(self, node: Node) -> Pending:
        """Order the deletion after a last look at labels and protection."""
        server = self._server(node.id)
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
            body = self._transport.call("DELETE", f"/servers/{node.id}").body
        except NotFound:
            return _STATE
        except Transient as error:
            if error.code != "locked":
                raise
            return _STATE  # another job runs, perhaps the deletion whose answer was lost: the next look tells
        return _after([body.get("action")]) if isinstance(body, dict) else _STATE

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete a volume or an address."""
        try:
            self._transport.call("DELETE", f"/{leftover.kind}/{leftover.id}")
        except NotFound:
            return

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
            found += listed(self._get("/actions", {"id": part, "per_page": PER_PAGE}), "actions")
        return {str(job.get("id")): job for job in found}

    def _servers(self, pendings: Sequence[Pending]) -> dict[str, Item]:
        if len(pendings) <= FEW:
            looked = fan_out([self._looker(pending.id) for pending in pendings])
            for outcome in looked:
                if isinstance(outcome, PlatformError):
                    raise outcome
            return {str(item["id"]): item for item in looked if isinstance(item, dict)}
        owners = {(owner.fleet, owner.cluster) for pending in pendings if (owner := _owner(pending))}
        listed = [
            item
            for fleet, cluster in sorted(owners)
            for item in self._all("/servers", "servers", selector({LABEL_FLEET: fleet, LABEL_CLUSTER: cluster}))
        ]
        return {str(item["id"]): item for item in listed}

    def _looker(self, server_id: str) -> Callable[[], Item | None]:
        return lambda: self._server(server_id)

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
                body = self._transport.call("POST", f"/servers/{node.id}/actions/poweron").body
                step = _after([body.get("action")]) if isinstance(body, dict) else _STATE
            else:
                step = _STATE
        except (Ambiguous, RateLimited, Transient):
            step = _STATE  # the next look shows whether it was done
        return Event(replace(pending, step=step), False)


# ---- what is under way


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
    if mine and pending.spec is not None and pending.node is not None:
        node = replace(pending.node, state="running")
        return Event(replace(pending, node=node), True, node)
    return None
