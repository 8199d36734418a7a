"""All services of the cloud behind one port."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from aiohttp import web

from lab.cloud.faults import Fault, Faults
from lab.cloud.front import ServerView
from lab.cloud.openstack import versions
from lab.cloud.openstack.answers import base_of, of_service, service_of, unauthenticated
from lab.cloud.openstack.balancer_routes import BalancerRoutes
from lab.cloud.openstack.catalog import NAME, REGIONS
from lab.cloud.openstack.compute_routes import ComputeRoutes
from lab.cloud.openstack.identity import IdentityRoutes, Tokens
from lab.cloud.openstack.image_routes import ImageRoutes
from lab.cloud.openstack.network_routes import NetworkRoutes
from lab.cloud.openstack.networks import Networks
from lab.cloud.openstack.neutron import Neutron
from lab.cloud.openstack.price_routes import PriceRoutes
from lab.cloud.openstack.server_routes import ServerRoutes
from lab.cloud.openstack.servers import Servers
from lab.cloud.openstack.views import Views
from lab.cloud.openstack.volume_routes import VolumeRoutes
from lab.cloud.openstack.volumes import Volumes
from lab.cloud.ports import Machines
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import ApiFailure, JsonObject

_COUNTED = ("server", "volume", "floating_ip", "keypair", "server_group", "load_balancer", "router")
_TOKENS = "/identity/v3/auth/tokens"


class OpenStackApi:
    """One project in all regions."""

    name = NAME

    def __init__(self, store: Store, machines: Machines, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._project = settings.ovhcloud_project_id
        self._tokens = Tokens(store, settings)
        networks = Networks(store, machines, settings)
        networks.ensure_defaults()
        views = Views(store, settings)
        self._servers = Servers(store, machines, faults, views, settings, networks)
        neutron = Neutron(store, machines, networks, self._servers.refresh)
        self._routes = [
            *versions.routes(),
            *IdentityRoutes(self._tokens, settings).routes(),
            *ServerRoutes(store, self._servers, views).routes(),
            *ComputeRoutes(store, faults, settings).routes(),
            *ImageRoutes().routes(),
            *NetworkRoutes(store, neutron).routes(),
            *VolumeRoutes(store, Volumes(store, self._project)).routes(),
            *BalancerRoutes(store, self._project).routes(),
            *PriceRoutes().routes(),
        ]

    @property
    def tokens_issued(self) -> int:
        """How many tokens were issued since the start of the process."""
        return self._tokens.issued

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""
        return self._routes

    def authenticate(self, request: web.Request) -> None:
        """Check the token (version documents, new tokens and prices need none) and that the region exists."""
        service = service_of(request.path)
        region = request.match_info.get("region")
        if region is not None and region not in REGIONS:
            raise of_service(service, 404, "The resource could not be found.")
        new_token = request.path == _TOKENS and request.method == "POST"
        if new_token or service == "v1" or versions.OPEN_PATHS.fullmatch(request.path):
            return
        known = self._tokens.find(request.headers.get("X-Auth-Token", ""))
        if known is None:
            raise unauthenticated(base_of(request))
        if request.match_info.get("project", self._project) != self._project:
            raise of_service(service, 400, "Malformed request url")
        if service != "identity" and not known["scoped"]:
            raise of_service(service, 403, "Policy does not allow this request to be performed without a project.")

    def headers(self) -> Mapping[str, str]:
        """Give the id of the request; the services tell nothing about their limits."""
        return {"X-Openstack-Request-Id": f"req-{uuid.uuid4()}"}

    def failure(self, fault: Fault) -> ApiFailure:
        """Give the body of an injected failure, in the shape of the service at the fault's path, Nova's by default."""
        service = service_of(fault.path)
        if fault.kind == "unauthorized":
            return unauthenticated()
        if fault.kind == "read-only":
            return of_service(service, 403, "Policy doesn't allow this request to be performed.")
        if fault.kind == "429":
            limited = of_service(service, 429, "This request was rate-limited.")
            if fault.retry_after is not None:
                limited.headers["Retry-After"] = str(fault.retry_after)
            return limited
        return of_service(service, fault.status, "Unexpected API Error.")

    def not_found(self, request: web.Request, status: int) -> ApiFailure:
        """Give the service's body for an unknown path or method."""
        what = "The resource could not be found." if status == 404 else "The method is not allowed for this resource."
        return of_service(service_of(request.path), status, what)

    def servers(self) -> list[ServerView]:
        """Give all servers of the store."""
        return [self._view(row) for row in self._store.rows("server").values()]

    def _view(self, row: JsonObject) -> ServerView:
        return ServerView(
            cloud=self.name,
            id=row["id"],
            name=row["name"],
            state=row["status"],
            location=row["region"],
            type=REGIONS[row["region"]].flavors[row["_flavor"]].name,
            address=row["_address"],
            labels=row["metadata"],
            tags=tuple(row["_tags"]),
            user_data=self._servers.user_data(row["id"]),
            protected=row["_locked"],
        )

    def counts(self) -> JsonObject:
        """Count what the project has of each kind; what is there from the start, and ports of servers, do not count."""
        rows = self._store.rows
        counts: JsonObject = {kind: len(rows(kind)) for kind in _COUNTED}
        counts["security_group"] = len(rows("security_group")) - len(REGIONS)
        counts["network"] = sum(1 for row in rows("network").values() if row["project_id"] == self._project)
        counts["port"] = sum(1 for row in rows("port").values() if rows("server").get(row["device_id"]) is None)
        return counts

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
