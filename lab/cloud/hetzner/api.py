"""The paths of Hetzner Cloud v1."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from lab.cloud.faults import Fault, Faults
from lab.cloud.front import ServerView
from lab.cloud.hetzner import actions, catalog
from lab.cloud.hetzner.answers import RateLimit, body_of, failure, missing
from lab.cloud.hetzner.listing import Listing
from lab.cloud.hetzner.resources import KINDS, Resources
from lab.cloud.hetzner.servers import Servers
from lab.cloud.hetzner.views import Views, datacenter, public
from lab.cloud.ports import Machines
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import ApiFailure, JsonObject, answer, encode

Handler = Callable[[web.Request], Awaitable[web.Response]]

_NUMBER = r"{id:\d+}"
_FILTERS = {"ssh_keys": ("fingerprint",), "placement_groups": ("type",), "volumes": ("status",), "primary_ips": ("ip",)}
_CATALOG = (
    ("server_types", "server_type"),
    ("locations", "location"),
    ("images", "image"),
    ("load_balancer_types", "load_balancer_type"),
)


class HetznerApi:
    """One project."""

    name = catalog.NAME

    def __init__(self, store: Store, machines: Machines, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._faults = faults
        self._settings = settings
        self._views = Views(store, settings)
        self._servers = Servers(store, machines, faults, self._views)
        self._resources = Resources(store)
        self._listing = Listing(store)
        self._limit = RateLimit(settings.hetzner_requests_per_hour)

    # ---- Api

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""
        routes = [
            web.get("/v1/servers", self._list_servers),
            web.post("/v1/servers", self._create_server),
            web.get(f"/v1/servers/{_NUMBER}", self._get_server),
            web.put(f"/v1/servers/{_NUMBER}", self._update_server),
            web.delete(f"/v1/servers/{_NUMBER}", self._delete_server),
            web.post(rf"/v1/servers/{_NUMBER}/actions/{{command}}", self._act_on_server),
            web.get("/v1/actions", self._list_actions),
            web.get(f"/v1/actions/{_NUMBER}", self._get_action),
            web.get("/v1/datacenters", self._list_datacenters),
            web.get("/v1/pricing", self._get_pricing),
        ]
        for plural, one in _CATALOG:
            routes.append(web.get(f"/v1/{plural}", self._catalog_list(plural)))
            routes.append(web.get(f"/v1/{plural}/{_NUMBER}", self._catalog_one(plural, one)))
        for plural, kind in KINDS.items():
            routes += self._resource_routes(plural, kind)
        for plural in ("servers", *KINDS):
            kind = "server" if plural == "servers" else KINDS[plural]
            routes.append(web.get(f"/v1/{plural}/actions", self._actions_of(kind)))
            routes.append(web.get(f"/v1/{plural}/{_NUMBER}/actions", self._actions_of(kind)))
            routes.append(web.get(rf"/v1/{plural}/actions/{{action:\d+}}", self._get_action))
            routes.append(web.get(rf"/v1/{plural}/{_NUMBER}/actions/{{action:\d+}}", self._get_action))
        for plural in ("certificates", "isos", "zones"):
            routes.append(web.get(f"/v1/{plural}", self._empty(plural)))
        return routes

    def authenticate(self, request: web.Request) -> None:
        """Check the bearer token."""
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._settings.hetzner_token}".encode()):
            raise failure("unauthorized", "unable to authenticate")

    def headers(self) -> Mapping[str, str]:
        """Spend one request of the hourly budget."""
        return self._limit.spend()

    def failure(self, fault: Fault) -> ApiFailure:
        """Give the vendor's body for an injected failure."""
        if fault.kind == "429":
            limited = failure("rate_limit_exceeded", "limit of requests per hour reached")
            if fault.retry_after is not None:
                limited.headers["Retry-After"] = str(fault.retry_after)
            limited.headers["RateLimit-Remaining"] = "0"
            return limited
        if fault.kind == "unauthorized":
            return failure("unauthorized", "unable to authenticate")
        if fault.kind == "read-only":
            return failure("token_readonly", "the token is only allowed to perform GET requests")
        code, message = _BROKEN.get(fault.status, ("server_error", "an internal error occurred"))
        return failure(code, message, status=fault.status)

    def not_found(self, request: web.Request, status: int) -> ApiFailure:
        """Give the vendor's body for an unknown path or method."""
        if status == 405:
            return failure("method_not_allowed", "method not allowed")
        return failure("not_found", f"the path {request.path} was not found", status=404)

    def servers(self) -> list[ServerView]:
        """Give all servers of the store."""
        return [self._view(row) for row in self._store.rows("server").values()]

    def _view(self, row: JsonObject) -> ServerView:
        user_data = self._store.get("user_data", row["id"])
        return ServerView(
            cloud=self.name,
            id=str(row["id"]),
            name=row["name"],
            state=row["status"],
            location=row["location"],
            type=row["server_type"],
            address=row["address"],
            labels=row["labels"],
            tags=(),
            user_data=user_data["text"] if user_data else "",
            protected=row["protection"]["delete"],
        )

    def counts(self) -> JsonObject:
        """Count the objects of each kind."""
        return {kind: len(self._store.rows(kind)) for kind in ("server", *KINDS.values())}

    async def restore(self) -> None:
        """Follow the machines after a start."""
        await self._servers.restore()

    async def settled(self) -> None:
        """Return when nothing is under way."""
        await self._servers.jobs.settled()

    async def close(self) -> None:
        """Stop background work and close the store."""
        await self._servers.close()
        self._store.close()

    # ---- servers

    async def _list_servers(self, request: web.Request) -> web.Response:
        rows = self._store.rows("server").values()
        return self._listing.answer(request, "servers", rows, self._views.server_bytes, ("status",))

    async def _create_server(self, request: web.Request) -> web.Response:
        return answer(self._servers.create(await body_of(request)), 201)

    async def _get_server(self, request: web.Request) -> web.Response:
        row = self._servers.get(request.match_info["id"])
        return answer(b'{"server":%s}' % self._views.server_bytes(row))

    async def _update_server(self, request: web.Request) -> web.Response:
        row = self._servers.update(request.match_info["id"], await body_of(request))
        return answer(b'{"server":%s}' % self._views.server_bytes(row))

    async def _delete_server(self, request: web.Request) -> web.Response:
        return answer({"action": self._servers.delete(request.match_info["id"])})

    async def _act_on_server(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer({"action": self._servers.act(info["id"], info["command"], await body_of(request))}, 201)

    # ---- actions

    async def _list_actions(self, request: web.Request) -> web.Response:
        if "id" not in request.query:
            raise failure(
                "deprecated_api_endpoint", "listing actions without the id parameter is not possible any more"
            )
        found = [self._store.get(actions.KIND, number) for number in request.query.getall("id")]
        rows = [actions.wire(row) for row in found if row]
        return self._listing.fresh(request, "actions", rows, ("status",))

    async def _get_action(self, request: web.Request) -> web.Response:
        number = request.match_info.get("action", request.match_info.get("id"))
        row = self._store.get(actions.KIND, number)
        if row is None:
            raise missing("action", number)
        return answer({"action": actions.wire(row)})

    def _actions_of(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            number = request.match_info.get("id")
            rows = [
                actions.wire(row)
                for row in self._store.rows(actions.KIND).values()
                if any(r["type"] == kind and number in (None, str(r["id"])) for r in row["resources"])
            ]
            return self._listing.fresh(request, "actions", rows, ("status", "id"))

        return handler

    # ---- catalogue

    def _catalog_rows(self, plural: str) -> list[JsonObject]:
        if plural == "server_types":
            return [catalog.shown(row, self._faults) for row in catalog.SERVER_TYPES.values()]
        if plural == "load_balancer_types":
            return list(catalog.LOAD_BALANCER_TYPES.values())
        return list(catalog.LOCATIONS.values() if plural == "locations" else catalog.IMAGES.values())

    def _catalog_list(self, plural: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            filters = ("architecture", "type", "status") if plural == "images" else ()
            return self._listing.fresh(request, plural, self._catalog_rows(plural), filters)

        return handler

    def _catalog_one(self, plural: str, one: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            number = request.match_info["id"]
            row = next((row for row in self._catalog_rows(plural) if str(row["id"]) == number), None)
            if row is None:
                raise missing(one.replace("_", " "), number)
            return answer({one: row})

        return handler

    async def _list_datacenters(self, request: web.Request) -> web.Response:
        if not self._settings.hetzner_datacenters:
            raise failure("deprecated_api_endpoint", "datacenters were removed, use locations")
        rows = [datacenter(location) for location in catalog.LOCATIONS.values()]
        return self._listing.fresh(request, "datacenters", rows, ())

    async def _get_pricing(self, request: web.Request) -> web.Response:
        return answer({"pricing": catalog.pricing()})

    def _empty(self, plural: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            return self._listing.fresh(request, plural, [], ())

        return handler

    # ---- everything else

    def _resource_routes(self, plural: str, kind: str) -> list[web.RouteDef]:
        def shown(row: JsonObject) -> JsonObject:
            view = getattr(self._views, kind, public)
            return dict(view(row))

        def encoded(row: JsonObject) -> bytes:
            return encode(shown(row))

        async def listed(request: web.Request) -> web.Response:
            rows = self._store.rows(kind).values()
            return self._listing.answer(request, plural, rows, encoded, _FILTERS.get(plural, ()))

        async def created(request: web.Request) -> web.Response:
            row, begun = self._resources.create(kind, await body_of(request))
            body: JsonObject = {kind: shown(row)}
            if kind == "firewall":
                body["actions"] = begun
            if kind == "volume":
                body.update({"action": begun[0], "next_actions": begun[1:]})
            if kind == "load_balancer":
                body["action"] = begun[0]
            if kind in ("placement_group", "primary_ip", "floating_ip"):
                body["action"] = None
            return answer(body, 201)

        async def one(request: web.Request) -> web.Response:
            return answer({kind: shown(self._resources.get(kind, request.match_info["id"]))})

        async def updated(request: web.Request) -> web.Response:
            return answer({kind: shown(self._resources.update(kind, request.match_info["id"], await body_of(request)))})

        async def deleted(request: web.Request) -> web.Response:
            begun = self._resources.delete(kind, request.match_info["id"])
            return answer({"action": begun}) if begun else web.Response(status=204)

        async def acted(request: web.Request) -> web.Response:
            info = request.match_info
            begun = self._resources.act(kind, info["id"], info["command"], await body_of(request))
            return answer({"actions": begun} if kind == "firewall" else {"action": begun[0]}, 201)

        return [
            web.get(f"/v1/{plural}", listed),
            web.post(f"/v1/{plural}", created),
            web.get(f"/v1/{plural}/{_NUMBER}", one),
            web.put(f"/v1/{plural}/{_NUMBER}", updated),
            web.delete(f"/v1/{plural}/{_NUMBER}", deleted),
            web.post(rf"/v1/{plural}/{_NUMBER}/actions/{{command}}", acted),
        ]


_BROKEN = {
    502: ("bad_gateway", "bad gateway"),
    503: ("unavailable", "service is currently unavailable"),
    504: ("timeout", "the request could not be answered in time"),
}
