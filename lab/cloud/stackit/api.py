"""The paths of STACKIT."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from aiohttp import web

from lab.cloud.faults import Fault, Faults
from lab.cloud.front import ServerView
from lab.cloud.ports import Machines
from lab.cloud.settings import CloudSettings
from lab.cloud.stackit import catalog
from lab.cloud.stackit.account_routes import AccountRoutes
from lab.cloud.stackit.answers import failure
from lab.cloud.stackit.catalog_routes import CatalogRoutes
from lab.cloud.stackit.group_routes import GroupRoutes
from lab.cloud.stackit.groups import Groups
from lab.cloud.stackit.keypairs import Keypairs
from lab.cloud.stackit.network_routes import NetworkRoutes
from lab.cloud.stackit.networks import Networks
from lab.cloud.stackit.nics import Nics
from lab.cloud.stackit.prices import PREFIX as PRICES
from lab.cloud.stackit.public_ips import PublicIps
from lab.cloud.stackit.rows import Lists
from lab.cloud.stackit.server_routes import ServerRoutes
from lab.cloud.stackit.servers import Servers
from lab.cloud.stackit.views import Views
from lab.cloud.stackit.volume_routes import VolumeRoutes
from lab.cloud.stackit.volumes import Volumes
from lab.cloud.store import Store
from lab.cloud.wire import ApiFailure, JsonObject

_COUNTED = ("server", "volume", "public_ip", "network", "affinity_group", "keypair", "load_balancer")


class StackitApi:
    """One project in one account."""

    name = catalog.NAME

    def __init__(self, store: Store, machines: Machines, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._settings = settings
        views, lists, groups = Views(store), Lists(store), Groups(store)
        groups.ensure_defaults()
        ips = PublicIps(store, machines)
        self._networks = Networks(store)
        self._servers = Servers(store, machines, faults, ips, views)
        self._routes = [
            *ServerRoutes(self._servers, views, lists).routes(),
            *NetworkRoutes(store, self._networks, Nics(store, machines, ips), ips, self._servers, lists).routes(),
            *VolumeRoutes(store, Volumes(store), self._servers, lists).routes(),
            *GroupRoutes(store, groups, self._servers, lists).routes(),
            *CatalogRoutes(faults).routes(),
            *AccountRoutes(store, Keypairs(store), lists, settings).routes(),
        ]

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""
        return self._routes

    def authenticate(self, request: web.Request) -> None:
        """Check the token (the price list needs none), the project, and that the region exists."""
        if request.path.startswith(PRICES):
            return
        scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
        right = hmac.compare_digest(given.encode(), self._settings.stackit_token.encode())
        if scheme != "Bearer" or not right:
            raise failure(401, "Unauthorized: the access token is missing, invalid or expired")
        project, region = request.match_info.get("project"), request.match_info.get("region")
        if project is not None and project != self._settings.stackit_project_id:
            raise failure(403, f"Forbidden: no permission on project {project}")
        if region is not None and region not in catalog.REGIONS:
            raise failure(404, f"region {region} not found")

    def headers(self) -> Mapping[str, str]:
        """STACKIT tells nothing about its limits."""
        return {}

    def failure(self, fault: Fault) -> ApiFailure:
        """Give the vendor's body for an injected failure."""
        if fault.kind == "429":
            headers = None if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return failure(429, "Too many requests", headers)
        if fault.kind == "unauthorized":
            return failure(401, "Unauthorized: the access token is missing, invalid or expired")
        if fault.kind == "read-only":
            return failure(403, "Forbidden: the service account may not change this project")
        return failure(fault.status, "An internal server error occurred")

    def not_found(self, request: web.Request, status: int) -> ApiFailure:
        """Give the vendor's body for an unknown path or method."""
        return failure(status, "method not allowed" if status == 405 else "no matching operation was found")

    def servers(self) -> list[ServerView]:
        """Give all servers of the store."""
        return [self._view(row) for row in self._store.rows("server").values()]

    def _view(self, row: JsonObject) -> ServerView:
        user_data = self._store.get("user_data", row["id"])
        return ServerView(
            cloud=self.name,
            id=row["id"],
            name=row["name"],
            state=row["status"],
            location=row["availabilityZone"],
            type=row["machineType"],
            address=row["_address"],
            labels=dict(row["labels"]),
            tags=(),
            user_data=user_data["text"] if user_data else "",
            protected=False,
        )

    def counts(self) -> JsonObject:
        """Count the objects of each kind that cost money or stay behind: no default groups, no used interfaces."""
        counts = {kind: len(self._store.rows(kind)) for kind in _COUNTED}
        counts["security_group"] = sum(not row["_default"] for row in self._store.rows("security_group").values())
        counts["nic"] = sum(row["device"] is None for row in self._store.rows("nic").values())
        return counts

    async def restore(self) -> None:
        """Follow the machines after a start."""
        self._networks.restore()
        await self._servers.restore()

    async def settled(self) -> None:
        """Return when nothing is under way."""
        await self._networks.jobs.settled()
        await self._servers.jobs.settled()

    async def close(self) -> None:
        """Stop background work and close the store."""
        await self._networks.jobs.close()
        await self._servers.close()
        self._store.close()
