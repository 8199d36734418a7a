"""The paths of Scaleway."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from lab.cloud.faults import Fault, Faults
from lab.cloud.front import ServerView
from lab.cloud.ports import Machines
from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import (
    body_of,
    denied,
    instance_page,
    invalid,
    not_found,
    unauthenticated,
    unknown,
)
from lab.cloud.scaleway.balancers import BalancerRoutes
from lab.cloud.scaleway.catalog_routes import CatalogRoutes
from lab.cloud.scaleway.groups import Groups
from lab.cloud.scaleway.owner import ours
from lab.cloud.scaleway.regional_routes import RegionalRoutes
from lab.cloud.scaleway.resources import Resources
from lab.cloud.scaleway.servers import Servers
from lab.cloud.scaleway.views import ALLOWED, Views, public
from lab.cloud.scaleway.zonal_routes import ZonalRoutes
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import ApiFailure, JsonObject, answer

Handler = Callable[[web.Request], Awaitable[web.Response]]

_ZONE = "/instance/v1/zones/{zone}"
_OPEN = ("/marketplace/", "/product-catalog/")
_COUNTED = (
    "server",
    "ip",
    "volume",
    "security_group",
    "placement_group",
    "private_network",
    "private_nic",
    "ipam_ip",
    "ssh_key",
    "load_balancer",
    "load_balancer_ip",
)


class ScalewayApi:
    """One project."""

    name = catalog.NAME

    def __init__(self, store: Store, machines: Machines, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._faults = faults
        self._settings = settings
        self._views = Views(store, settings)
        self._servers = Servers(store, machines, faults, self._views, settings)
        self._resources = Resources(store, machines, settings)
        self._groups = Groups(store, settings)
        self._groups.ensure_defaults()
        self._ours = ours(settings)
        self._catalog = CatalogRoutes(faults)
        self._zonal = ZonalRoutes(store, self._resources, self._groups, self._servers.orders, self._views, self._ours)
        self._regional = RegionalRoutes(store, self._resources, self._ours)
        self._balancers = BalancerRoutes(store, settings, self._ours)
        self._filtered: dict[tuple[object, ...], list[JsonObject]] = {}
        self._filtered_at = -1

    # ---- Api

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""
        server = f"{_ZONE}/servers/{{id}}"
        return [
            web.get(f"{_ZONE}/servers", self._list_servers),
            web.post(f"{_ZONE}/servers", self._create_server),
            web.get(server, self._get_server),
            web.patch(server, self._update_server),
            web.put(server, self._update_server),
            web.delete(server, self._delete_server),
            web.get(f"{server}/action", self._list_actions),
            web.post(f"{server}/action", self._act),
            web.get(f"{server}/user_data", self._list_user_data),
            web.get(f"{server}/user_data/{{key}}", self._get_user_data),
            web.patch(f"{server}/user_data/{{key}}", self._set_user_data),
            web.delete(f"{server}/user_data/{{key}}", self._delete_user_data),
            web.get(f"{server}/private_nics", self._list_nics),
            web.post(f"{server}/private_nics", self._create_nic),
            web.get(f"{server}/private_nics/{{nic}}", self._get_nic),
            web.delete(f"{server}/private_nics/{{nic}}", self._delete_nic),
            web.get(f"{_ZONE}/tasks/{{id}}", self._get_task),
            *self._catalog.routes(),
            *self._zonal.routes(),
            *self._regional.routes(),
            *self._balancers.routes(),
        ]

    def authenticate(self, request: web.Request) -> None:
        """Check the secret key (public catalogues need none) and that the zone or region exists."""
        given = request.headers.get("X-Auth-Token", "")
        public_path = request.path.startswith(_OPEN) and not given
        if not public_path and not hmac.compare_digest(given.encode(), self._settings.scaleway_secret_key.encode()):
            raise unauthenticated(given)
        zone, region = request.match_info.get("zone"), request.match_info.get("region")
        if (zone and zone not in catalog.ZONES) or (region and region not in catalog.REGIONS):
            raise not_found("zone" if zone else "region", zone or region)

    def headers(self) -> Mapping[str, str]:
        """Scaleway tells nothing about its limits."""
        return {}

    def failure(self, fault: Fault) -> ApiFailure:
        """Give the vendor's body for an injected failure."""
        if fault.kind == "429":
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return ApiFailure(429, {"type": "too_many_requests", "message": "too many requests"}, headers)
        if fault.kind == "unauthorized":
            return unauthenticated(self._settings.scaleway_secret_key)
        if fault.kind == "read-only":
            return denied("write", "instance")
        return ApiFailure(fault.status, {"type": "internal_error", "message": "internal error"})

    def not_found(self, request: web.Request, status: int) -> ApiFailure:
        """Give the vendor's body for an unknown path or method."""
        if status == 405:
            return ApiFailure(405, {"type": "method_not_allowed", "message": "method not allowed"})
        return ApiFailure(404, {"type": "unknown_resource", "message": "resource not found"})

    def servers(self) -> list[ServerView]:
        """Give all servers of the store."""
        return [self._view(row) for row in self._store.rows("server").values()]

    def _view(self, row: JsonObject) -> ServerView:
        tags = [tag for tag in row["tags"] if "=" in tag]
        user_data = self._store.get("user_data", row["id"])
        return ServerView(
            cloud=self.name,
            id=row["id"],
            name=row["name"],
            state=row["state"],
            location=row["zone"],
            type=row["commercial_type"],
            address=row["_address"],
            labels={key: value for key, _equals, value in (tag.partition("=") for tag in tags)},
            tags=tuple(row["tags"]),
            user_data=user_data["texts"].get("cloud-init", "") if user_data else "",
            protected=row["protected"],
        )

    def counts(self) -> JsonObject:
        """Count the objects of each kind; the default security groups do not count."""
        counts = {kind: len(self._store.rows(kind)) for kind in _COUNTED}
        counts["security_group"] -= sum(
            1 for row in self._store.rows("security_group").values() if row["project_default"]
        )
        return counts

    async def restore(self) -> None:
        """Follow the machines after a start."""
        self._resources.ready_nics()
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
        if self._filtered_at != self._store.version:
            self._filtered.clear()
            self._filtered_at = self._store.version
        query = tuple(item for item in request.query.items() if item[0] not in ("page", "per_page"))
        memo = (request.match_info["zone"], query)
        if memo not in self._filtered:
            self._filtered[memo] = self._matching(request)
        return instance_page(request, "servers", self._filtered[memo], self._views.server_bytes)

    def _matching(self, request: web.Request) -> list[JsonObject]:
        zone, query = request.match_info["zone"], request.query
        if not self._ours(request):
            return []
        rows = [row for row in self._store.rows("server").values() if row["zone"] == zone]
        if query.get("tags"):
            wanted = set(query["tags"].split(","))
            rows = [row for row in rows if wanted <= set(row["tags"])]
        if query.get("name"):
            rows = [row for row in rows if query["name"] in row["name"]]
        for field in ("state", "commercial_type"):
            if query.get(field):
                rows = [row for row in rows if row[field] == query[field]]
        if query.get("servers"):
            numbers = set(query["servers"].split(","))
            rows = [row for row in rows if row["id"] in numbers]
        networks = query.get("private_networks") or query.get("private_network")
        if networks:
            joined = {
                nic["server_id"]
                for nic in self._store.rows("private_nic").values()
                if nic["private_network_id"] in networks.split(",")
            }
            rows = [row for row in rows if row["id"] in joined]
        order = query.get("order", "creation_date_desc")
        if order not in ("creation_date_desc", "creation_date_asc", "modification_date_desc", "modification_date_asc"):
            raise invalid("order", f"{order} is not a valid order")
        if order.startswith("modification"):
            rows.sort(key=lambda row: row["modification_date"])
        return rows[::-1] if order.endswith("desc") else rows

    def _row(self, request: web.Request) -> JsonObject:
        return self._servers.get(request.match_info["zone"], request.match_info["id"])

    def _server_answer(self, row: JsonObject, status: int = 200) -> web.Response:
        return answer(b'{"server":%s}' % self._views.server_bytes(row), status)

    async def _create_server(self, request: web.Request) -> web.Response:
        row = self._servers.create(request.match_info["zone"], await body_of(request))
        return self._server_answer(row, 201)

    async def _get_server(self, request: web.Request) -> web.Response:
        return self._server_answer(self._row(request))

    async def _update_server(self, request: web.Request) -> web.Response:
        info = request.match_info
        self._servers.update(info["zone"], info["id"], await body_of(request))
        return self._server_answer(self._row(request))

    async def _delete_server(self, request: web.Request) -> web.Response:
        self._servers.delete(request.match_info["zone"], request.match_info["id"])
        return web.Response(status=204)

    async def _list_actions(self, request: web.Request) -> web.Response:
        return answer({"actions": ALLOWED.get(self._row(request)["state"], [])})

    async def _act(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        task = self._servers.act(request.match_info["zone"], request.match_info["id"], str(body.get("action")))
        return answer({"task": task}, 202)

    async def _get_task(self, request: web.Request) -> web.Response:
        row = self._store.get("task", request.match_info["id"])
        if row is None:
            raise unknown(request.match_info["id"], "Task")
        return answer({"task": public(row)})

    # ---- user data

    async def _list_user_data(self, request: web.Request) -> web.Response:
        return answer(
            {"user_data": sorted(self._servers.user_data(request.match_info["zone"], request.match_info["id"]))}
        )

    async def _get_user_data(self, request: web.Request) -> web.Response:
        info = request.match_info
        texts = self._servers.user_data(info["zone"], info["id"])
        if info["key"] not in texts:
            raise unknown(info["key"], "User data")
        return web.Response(text=texts[info["key"]], content_type="text/plain")

    async def _set_user_data(self, request: web.Request) -> web.Response:
        info = request.match_info
        if request.content_type != "text/plain":
            raise invalid("user_data", "the content type must be text/plain")
        self._servers.set_user_data(info["zone"], info["id"], info["key"], await request.text())
        return web.Response(status=204)

    async def _delete_user_data(self, request: web.Request) -> web.Response:
        info = request.match_info
        self._servers.set_user_data(info["zone"], info["id"], info["key"], None)
        return web.Response(status=204)

    # ---- private NICs

    def _nic(self, request: web.Request) -> JsonObject:
        nic = self._resources.find("private_nic", request.match_info["zone"], request.match_info["nic"])
        if nic["server_id"] != request.match_info["id"]:
            raise unknown(request.match_info["nic"])
        return nic

    async def _list_nics(self, request: web.Request) -> web.Response:
        number = self._row(request)["id"]
        rows = [public(nic) for nic in self._store.rows("private_nic").values() if nic["server_id"] == number]
        return instance_page(request, "private_nics", rows)

    async def _create_nic(self, request: web.Request) -> web.Response:
        row = self._row(request)
        nic = self._resources.create_nic(row["zone"], row, await body_of(request))
        self._servers.jobs.start(row["id"], self._join)
        return answer({"private_nic": public(nic)}, 201)

    async def _join(self, server: str) -> None:
        self._resources.ready_nics(server)

    async def _get_nic(self, request: web.Request) -> web.Response:
        return answer({"private_nic": public(self._nic(request))})

    async def _delete_nic(self, request: web.Request) -> web.Response:
        self._resources.delete_nic(request.match_info["zone"], self._nic(request)["id"])
        return web.Response(status=204)
