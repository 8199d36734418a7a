"""The paths of Octavia: load balancers that balance nothing, to be found and deleted."""

from __future__ import annotations

import uuid

from aiohttp import web

from lab.cloud.openstack.answers import balancer as refusal
from lab.cloud.openstack.answers import body_of
from lab.cloud.openstack.listing import Memory, page
from lab.cloud.openstack.networks import moment
from lab.cloud.openstack.views import public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer

_KIND = "load_balancer"
_PLACES = ("vip_port_id", "vip_network_id", "vip_subnet_id")
_FIELDS = ("name", "id", "vip_network_id", "vip_subnet_id", "provisioning_status", "operating_status", "project_id")


class BalancerRoutes:
    """Load balancers of the project."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project
        self._memory = Memory(store, _KIND)

    def routes(self) -> list[web.RouteDef]:
        """Give the paths, which the service has under two versions."""
        routes = []
        for version in ("v2", "v2.0"):
            root = f"/load-balancer/{{region}}/{version}/lbaas/loadbalancers"
            routes += [
                web.get(root, self._list),
                web.post(root, self._create),
                web.get(f"{root}/{{id}}", self._get),
                web.delete(f"{root}/{{id}}", self._delete),
            ]
        return routes

    def _row(self, request: web.Request) -> JsonObject:
        number = request.match_info["id"]
        row = self._store.get(_KIND, number)
        if row is None or row["region"] != request.match_info["region"]:
            raise refusal(404, f"Load Balancer {number} not found.")
        return row

    async def _list(self, request: web.Request) -> web.Response:
        part = page(request, self._memory.chosen(request, lambda: self._matching(request)))
        links = [{"rel": "next", "href": part.next}] if part.next else []
        return answer({"loadbalancers": [public(row) for row in part.rows], "loadbalancers_links": links})

    def _matching(self, request: web.Request) -> list[JsonObject]:
        region, query = request.match_info["region"], request.query
        rows = [row for row in self._store.rows(_KIND).values() if row["region"] == region]
        for field in _FIELDS:
            if query.get(field):
                rows = [row for row in rows if row[field] == query[field]]
        if query.get("tags"):
            tags = set(query["tags"].split(","))
            rows = [row for row in rows if tags <= set(row["tags"])]
        return rows

    async def _create(self, request: web.Request) -> web.Response:
        body = await body_of(request, "loadbalancer")
        if not body.get("vip_network_id") and not body.get("vip_subnet_id") and not body.get("vip_port_id"):
            raise refusal(
                400, "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id."
            )
        now = moment()
        row: JsonObject = {
            "id": str(uuid.uuid4()),
            "name": body.get("name") or "",
            "description": body.get("description") or "",
            "region": request.match_info["region"],
            "project_id": self._project,
            "tenant_id": self._project,
            "admin_state_up": True,
            "provisioning_status": "ACTIVE",
            "operating_status": "ONLINE",
            "vip_address": None,
            "vip_network_id": body.get("vip_network_id"),
            "vip_subnet_id": body.get("vip_subnet_id"),
            "vip_port_id": body.get("vip_port_id"),
            "flavor_id": body.get("flavor_id"),
            "provider": "octavia",
            "listeners": [],
            "pools": [],
            "tags": list(body.get("tags") or []),
            "created_at": now,
            "updated_at": now,
        }
        self._store.write([(_KIND, row["id"], row)])
        return answer({"loadbalancer": public(row)}, 201)

    async def _get(self, request: web.Request) -> web.Response:
        return answer({"loadbalancer": public(self._row(request))})

    async def _delete(self, request: web.Request) -> web.Response:
        self._store.write((), [(_KIND, self._row(request)["id"])])
        return web.Response(status=204)
