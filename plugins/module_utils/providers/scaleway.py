# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway Instances: one project. Servers are listed zone by zone, and names are not unique.

Making a server takes three calls (order, user data, power on), so ``poll`` is a state machine that looks at what is
there and takes the next step. That is also how a run goes on with what an interrupted one began.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
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
from .paging import Page, read_all
from .scaleway_wire import (
    BLOCK,
    CAPS,
    NAME,
    SETTINGS,
    TITLE,
    Item,
    classify,
    disk_path,
    gone_from_sale,
    mapping,
    own_disks,
    read,
    tag_query,
    to_flavor,
    to_labels,
    to_node,
    to_price,
    to_tags,
    total_count,
    zone_path,
)
from .transport import Peer, Transport

__all__ = ["CAPS", "SETTINGS", "ScalewayDriver", "connect"]

PER_PAGE = 100
PER_SECOND = 50.0
BURST = 100.0
FEW = 5
"""Up to this many servers of a zone are looked up one by one; more are listed."""
POWER_TRIES = 5
"""How often a server that is off again after power-on is switched on."""
USER_DATA_KEY = "cloud-init"

# Pending.step: "ordered" until the server is known to be the only one with its token, then "started:<tries>";
# "removing:<kind>/<disk>,…" on the way out, with the disks that have to go after the server.
_ORDERED = "ordered"
_STARTED = "started:"
_REMOVING = "removing:"


def connect(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> ScalewayDriver:
    """A driver for the project. Loads the SDK."""
    endpoint = settings["endpoint"].rstrip("/")
    peer = Peer(
        NAME,
        TITLE,
        endpoint,
        credential="SCW_ACCESS_KEY and SCW_SECRET_KEY, or providers.scaleway.access_key and secret_key",
        address="SCW_API_URL or providers.scaleway.endpoint",
    )
    budget = Budget(per_second=PER_SECOND, burst=BURST, clock=clock, sleep=sleep, deadline=deadline)
    project = settings.get("project_id", "")
    perform = _sdk_request(settings, endpoint, project)
    return ScalewayDriver(Transport(peer, perform, read, classify, budget), project)


def _sdk_request(settings: Mapping[str, str], endpoint: str, project: str) -> Callable[..., Any]:
    try:
        import requests
        from scaleway_core.client import Client
        from scaleway_core.validations.string_validation import is_access_key, is_project_id, is_secret_key
    except ImportError as error:
        raise Permanent(
            f"Scaleway needs the Python package scaleway ({error}); install it for the Python that runs this task.",
            provider=NAME,
            code="no_sdk",
        ) from None
    # The SDK's own check would repeat the secret in its message.
    for key, env, fits, shape in (
        ("access_key", "SCW_ACCESS_KEY", is_access_key, "SCW and 17 capitals or digits"),
        ("secret_key", "SCW_SECRET_KEY", is_secret_key, "a UUID"),
        ("project_id", "SCW_DEFAULT_PROJECT_ID", is_project_id, "a UUID"),
    ):
        if not fits(settings.get(key, "")):
            raise Auth(
                f"The {key.replace('_', ' ')} for Scaleway is not {shape}; set {env} or providers.scaleway.{key}.",
                provider=NAME,
                code="malformed_credential",
            )
    client = Client(
        access_key=settings["access_key"],
        secret_key=settings["secret_key"],
        api_url=endpoint,
        default_project_id=project,
    )
    # The SDK's request function knows neither time limits nor kept connections, hence a session of our own.
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update(
        {
            "Accept": "application/json",
            "User-Agent": f"sovereign.fleet {client.user_agent or ''}".strip(),
            "X-Auth-Token": settings["secret_key"],
        }
    )

    def perform(method: str, path: str, **options: Any) -> requests.Response:
        return session.request(method, f"{client.api_url}{path}", **options)

    return perform


class ScalewayDriver:
    """One project of Scaleway, all its zones."""

    name = NAME
    caps = CAPS

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self._project = project
        self._products: dict[str, dict[str, Item]] = {}
        self._products_lock = threading.Lock()

    # ---- reading

    def scopes(self) -> list[Scope]:
        """Every zone."""
        return list(CAPS.locations.values())

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the zone that carries all labels of the filter."""
        servers = self._list(scope.name, owner_filter)
        prices = self._prices(scope.name) if servers else {}
        addresses = self._private_addresses(scope.region, servers)
        for server in servers:
            yield to_node(server, scope.name, prices, addresses)

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The server types of the zone, with whether they are in stock."""
        stock = self._table(f"{zone_path(scope.name)}/products/servers/availability")
        return [
            to_flavor(name, item, mapping(stock.get(name)))
            for name, item in sorted(self._product_table(scope.name).items())
        ]

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Disks with our labels that no server holds."""
        zones = list(CAPS.locations if locations is None else locations)
        found = []
        for outcome in fan_out([self._disk_reader(zone, owner_filter) for zone in zones]):
            if isinstance(outcome, PlatformError):
                raise outcome
            found += outcome
        return found

    def _list(self, zone: str, owner_filter: Mapping[str, str] | None) -> list[Item]:
        query = {"project": self._project, "order": "creation_date_asc", **tag_query(owner_filter)}
        return self._all(f"{zone_path(zone)}/servers", "servers", query, "per_page")

    def _all(self, path: str, key: str, query: Mapping[str, str | list[str]], size_option: str) -> list[Item]:
        def read(page: int) -> Page:
            answer = self._transport.call("GET", path, params={**query, "page": str(page), size_option: str(PER_PAGE)})
            items = mapping(answer.body).get(key)
            if not isinstance(items, list):
                raise Permanent(
                    f"{TITLE} sent a list without {key!r}; is the endpoint right?", provider=NAME, code="unexpected"
                )
            total = total_count(answer.headers, answer.body, len(items))
            return Page(items, total, max(1, -(-total // PER_PAGE)))

        return read_all(read, lambda item: item.get("id"), TITLE)

    def _table(self, path: str) -> dict[str, Item]:
        """A list that is keyed by name, page by page."""
        rows: dict[str, Item] = {}
        page = 1
        while True:
            answer = self._transport.call("GET", path, params={"page": str(page), "per_page": str(PER_PAGE)})
            part = mapping(mapping(answer.body).get("servers"))
            rows.update(part)
            if not part or len(rows) >= total_count(answer.headers, answer.body, len(rows)):
                return rows
            page += 1

    def _product_table(self, zone: str) -> dict[str, Item]:
        with self._products_lock:
            known = self._products.get(zone)
        if known is None:
            known = self._table(f"{zone_path(zone)}/products/servers")
            with self._products_lock:
                self._products[zone] = known
        return known

    def _prices(self, zone: str) -> dict[str, Decimal]:
        try:
            table = self._product_table(zone)
        except PlatformError:
            return {}  # a price is welcome; the list of servers must not depend on it
        return {name: price for name, item in table.items() if (price := to_price(item)) is not None}

    def _private_addresses(self, region: str, servers: Sequence[Item]) -> dict[str, str]:
        """Address by id of the private network card; the server itself does not tell."""
        if not any(server.get("private_nics") for server in servers):
            return {}
        query = {"project_id": self._project, "attached": "true", "is_ipv6": "false"}
        try:
            addresses = self._all(f"/ipam/v1/regions/{region}/ips", "ips", query, "page_size")
        except PlatformError:
            return {}
        return {
            str(mapping(entry.get("resource")).get("id")): str(entry.get("address") or "").partition("/")[0]
            for entry in addresses
        }

    def _disk_reader(self, zone: str, owner_filter: Mapping[str, str] | None) -> Callable[[], list[Leftover]]:
        return lambda: self._loose_disks(zone, owner_filter)

    def _loose_disks(self, zone: str, owner_filter: Mapping[str, str] | None) -> list[Leftover]:
        # Filtered here once more: the two services disagree on whether several tags mean "all" or "any".
        wanted = to_tags(owner_filter or {})
        local = self._all(
            f"{zone_path(zone)}/volumes", "volumes", {"project": self._project, **tag_query(owner_filter)}, "per_page"
        )
        block = self._all(
            f"/block/v1/zones/{zone}/volumes",
            "volumes",
            {"project_id": self._project, "tags": sorted(wanted)},
            "page_size",
        )
        loose = [("l_ssd", item) for item in local if not item.get("server") and item.get("volume_type") != BLOCK]
        loose += [(BLOCK, item) for item in block if not item.get("references")]
        return [
            Leftover(NAME, kind, str(item["id"]), str(item.get("name") or ""), zone)
            for kind, item in loose
            if wanted <= set(item.get("tags") or []) and Owner.from_labels(to_labels(item.get("tags") or []))
        ]

    def _server(self, zone: str, server_id: str) -> Item | None:
        try:
            body = self._transport.call("GET", f"{zone_path(zone)}/servers/{server_id}").body
        except NotFound:
            return None
        return dict(mapping(mapping(body).get("server"))) or None

    # ---- creating

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Images go by label; SSH keys are those of the project."""
        return Refs(image=spec.offer.image or CAPS.default_image)

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server. It stays off until ``poll`` has found it to be the only one with its token."""
        zone = spec.offer.location
        body: Item = {
            "name": spec.name,
            "commercial_type": spec.offer.type,
            "image": refs.image,
            "project": self._project,
            "tags": sorted(to_tags({**spec.labels, **spec.owner.labels()})),
            "dynamic_ip_required": True,
            "boot_type": "local",
        }
        try:
            answer = self._transport.call("POST", f"{zone_path(zone)}/servers", json=body).body
        except (Permanent, NotFound) as error:
            raise gone_from_sale(error, spec) or error from None
        server = mapping(mapping(answer).get("server"))
        if not server:
            raise Ambiguous(
                f"{TITLE} confirmed the order of {spec.name} without naming it.", provider=NAME, code="unexpected"
            )
        return _pending(to_node(server, zone), spec, _ORDERED)

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server that is there."""
        return _pending(node, spec, _ORDERED)

    # ---- deleting

    def delete_node(self, node: Node) -> Pending:
        """Order the deletion after a last look at labels and protection."""
        server = self._server(node.location, node.id)
        pending = _pending(node, None, _REMOVING)
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
        return self._remove(pending, node.owner, server)

    def _remove(self, pending: Pending, owner: Owner, server: Item) -> Pending:
        """The next step out: ``terminate`` while it runs (takes local disks along), DELETE when off (leaves all)."""
        zone, running = pending.location, server.get("state") in ("running", "stopped in place", "stopped_in_place")
        if not running and server.get("state") != "stopped":
            return pending  # on its way up or down: nothing can be ordered now
        disks = [disk for disk in own_disks(server) if disk[0] == BLOCK or not running]
        for kind, disk in disks:
            # Marked before the server goes, so that a run that ends in between leaves nothing that cannot be found.
            with contextlib.suppress(Permanent):
                self._ignore_missing(
                    "PATCH", disk_path(zone, kind, disk), json={"tags": sorted(to_tags(owner.labels()))}
                )
        if disks:
            pending = replace(pending, step=_REMOVING + ",".join(f"{kind}/{disk}" for kind, disk in disks))
        path = f"{zone_path(zone)}/servers/{pending.id}"
        try:
            if running:
                self._ignore_missing("POST", f"{path}/action", json={"action": "terminate"})
            else:
                self._ignore_missing("DELETE", path)
        except (Ambiguous, RateLimited, Transient):
            return pending  # the next look shows whether it was done, and does it again if not
        except Permanent:
            now = self._server(zone, pending.id)
            if now is not None and now.get("state") == server.get("state"):
                raise
        return pending

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete a disk."""
        self._ignore_missing("DELETE", disk_path(leftover.location, leftover.kind, leftover.id))

    def _ignore_missing(self, method: str, path: str, **options: Any) -> None:
        try:
            self._transport.call(method, path, **options)
        except NotFound:
            return

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
        return [
            Event(pending, True, error=outcome) if isinstance(outcome, PlatformError) else outcome
            for pending, outcome in zip(pendings, fan_out(steps), strict=True)
        ]

    def _looker(self, zone: str, pendings: Sequence[Pending]) -> Callable[[], list[Item]]:
        return lambda: self._look(zone, pendings)

    def _look(self, zone: str, pendings: Sequence[Pending]) -> list[Item]:
        owners = [owner for pending in pendings if (owner := _owner(pending))]
        if len(owners) <= FEW:
            filters = [{LABEL_TOKEN: owner.token} for owner in owners]
        else:
            groups = sorted({(owner.fleet, owner.cluster) for owner in owners})
            filters = [{LABEL_FLEET: fleet, LABEL_CLUSTER: cluster} for fleet, cluster in groups]
        return [server for wanted in filters for server in self._list(zone, wanted)]

    def _stepper(self, pending: Pending, servers: Sequence[Item]) -> Callable[[], Event]:
        return lambda: self._go_on(pending, servers)

    def _go_on(self, pending: Pending, servers: Sequence[Item]) -> Event:
        server = next((item for item in servers if item.get("id") == pending.id), None)
        if server is None:
            # A list may lag behind what was just ordered; the server itself does not.
            server = self._server(pending.location, pending.id)
        try:
            if pending.spec is None:
                return self._go_on_leaving(pending, server)
            if server is None:
                vanished = NotFound(f"The server {pending.name} vanished from {TITLE}.", provider=NAME, code="vanished")
                return Event(pending, True, error=vanished)
            return self._go_on_coming(pending, pending.spec, server, servers)
        except (Ambiguous, RateLimited, Transient):
            return Event(pending, False)  # the next look shows whether it was done

    def _go_on_leaving(self, pending: Pending, server: Item | None) -> Event:
        if server is not None:
            owner = _owner(pending)
            return Event(self._remove(pending, owner, server) if owner else pending, False)
        for disk in filter(None, pending.step.removeprefix(_REMOVING).split(",")):
            kind, _slash, disk_id = disk.partition("/")
            self._ignore_missing("DELETE", disk_path(pending.location, kind, disk_id))
        return Event(pending, True)

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
        if pending.step == _ORDERED:
            first = _first_of(spec.owner, servers) or server
            if first["id"] != server["id"]:
                return self._give_way(pending, spec.owner, server, first)
        tries = int(pending.step.removeprefix(_STARTED)) if pending.step.startswith(_STARTED) else 0
        if tries >= POWER_TRIES:
            said = f"{TITLE} does not keep the server {node.name} running; look at its console there."
            off = Permanent(said, provider=NAME, code="off")
            return Event(pending, True, node, off)
        self._power_on(pending, spec)
        return Event(replace(pending, step=f"{_STARTED}{tries + 1}"), False)

    def _give_way(self, pending: Pending, owner: Owner, server: Item, first: Item) -> Event:
        """Two runs ordered the same node at once: the later order goes before it was ever on, both keep the first."""
        leaving = self._remove(_pending(to_node(server, pending.location), None, _REMOVING), owner, server)
        gone = self._server(pending.location, pending.id) is None
        if not gone:
            return Event(pending, False)
        self._go_on_leaving(leaving, None)
        kept = to_node(first, pending.location)
        return Event(replace(pending, id=kept.id, node=kept), False)

    def _power_on(self, pending: Pending, spec: ServerSpec) -> None:
        path = f"{zone_path(pending.location)}/servers/{pending.id}"
        if spec.user_data:
            self._transport.call(
                "PATCH",
                f"{path}/user_data/{USER_DATA_KEY}",
                data=spec.user_data.encode(),
                headers={"Content-Type": "text/plain"},
            )
        try:
            self._transport.call("POST", f"{path}/action", json={"action": "poweron"})
        except (Conflict, Permanent) as error:
            # Somebody else switched it on in between: then it is not off any more.
            server = self._server(pending.location, pending.id)
            if server is None or server.get("state") == "stopped":
                raise error from None


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
