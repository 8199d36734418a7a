"""Load balancers with their addresses, as far as somebody has to find and delete them. They carry no traffic."""

from __future__ import annotations

import uuid

from aiohttp import web

from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import body_of, not_found, precondition, regional_page
from lab.cloud.scaleway.owner import Ours
from lab.cloud.scaleway.views import public
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject, answer, timestamp

_ZONE = "/lb/v1/zones/{zone}"
_KIND, _ADDRESS = "load_balancer", "load_balancer_ip"


class BalancerRoutes:
    """The paths of the load balancer service."""

    def __init__(self, store: Store, settings: CloudSettings, ours: Ours) -> None:
        self._store = store
        self._ours = ours
        self._owner = {
            "organization_id": settings.scaleway_organization_id,
            "project_id": settings.scaleway_project_id,
        }

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        one = f"{_ZONE}/lbs/{{id}}"
        return [
            web.get(f"{_ZONE}/lbs", self._list),
            web.post(f"{_ZONE}/lbs", self._create),
            web.get(one, self._get),
            web.delete(one, self._delete),
            web.post(f"{one}/attach-private-network", self._attach),
            web.get(f"{_ZONE}/ips", self._list_addresses),
            web.delete(f"{_ZONE}/ips/{{id}}", self._delete_address),
        ]

    def _row(self, request: web.Request, kind: str) -> JsonObject:
        row = self._store.get(kind, request.match_info["id"])
        if row is None or row["zone"] != request.match_info["zone"]:
            raise not_found("lb" if kind == _KIND else "ip", request.match_info["id"])
        return row

    def _zonal(self, request: web.Request, kind: str) -> list[JsonObject]:
        zone = request.match_info["zone"]
        return [row for row in self._store.rows(kind).values() if row["zone"] == zone and self._ours(request)]

    def _shown(self, row: JsonObject) -> JsonObject:
        address = self._store.get(_ADDRESS, row["_ip"])
        return {**public(row), "ip": [public(address)] if address else []}

    async def _list(self, request: web.Request) -> web.Response:
        rows = self._zonal(request, _KIND)
        if request.query.get("name"):
            rows = [row for row in rows if request.query["name"] in row["name"]]
        tags = set(request.query.getall("tags", []))
        if tags:
            rows = [row for row in rows if tags & set(row["tags"])]
        return regional_page(request, "lbs", [self._shown(row) for row in rows])

    async def _create(self, request: web.Request) -> web.Response:
        body, zone = await body_of(request), request.match_info["zone"]
        number, address, now = str(uuid.uuid4()), str(uuid.uuid4()), timestamp()
        row: JsonObject = {
            "id": number,
            "name": body.get("name") or f"lb-{number[:8]}",
            "description": body.get("description") or "",
            "status": "ready",
            "instances": [],
            "tags": list(body.get("tags") or []),
            "frontend_count": 0,
            "backend_count": 0,
            "type": body.get("type") or "LB-S",
            "subscriber": None,
            "ssl_compatibility_level": "ssl_compatibility_level_intermediate",
            "private_network_count": 0,
            "route_count": 0,
            "created_at": now,
            "updated_at": now,
            "zone": zone,
            "region": catalog.region_of(zone),
            **self._owner,
            "_ip": address,
            "_networks": [],
        }
        ip: JsonObject = {
            "id": address,
            "ip_address": f"192.0.2.{1 + len(self._store.rows(_ADDRESS)) % 250}",
            "reverse": "",
            "lb_id": number,
            "tags": [],
            "zone": zone,
            "region": catalog.region_of(zone),
            **self._owner,
        }
        self._store.write([(_KIND, number, row), (_ADDRESS, address, ip)])
        return answer(self._shown(row))

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._shown(self._row(request, _KIND)))

    async def _attach(self, request: web.Request) -> web.Response:
        row, network = self._row(request, _KIND), (await body_of(request)).get("private_network_id")
        if self._store.get("private_network", network) is None:
            raise not_found("private_network", network)
        networks = [*row["_networks"], network]
        changed = {**row, "_networks": networks, "private_network_count": len(networks)}
        self._store.write([(_KIND, row["id"], changed)])
        return answer({"lb": self._shown(changed), "private_network_id": network, "status": "ready"})

    async def _delete(self, request: web.Request) -> web.Response:
        row = self._row(request, _KIND)
        gone, kept = [(_KIND, row["id"])], list[Put]()
        if request.query.get("release_ip", "").lower() == "true":
            gone.append((_ADDRESS, row["_ip"]))
        elif address := self._store.get(_ADDRESS, row["_ip"]):
            kept.append((_ADDRESS, row["_ip"], {**address, "lb_id": None}))
        self._store.write(kept, gone)
        return web.Response(status=204)

    async def _list_addresses(self, request: web.Request) -> web.Response:
        return regional_page(request, "ips", [public(row) for row in self._zonal(request, _ADDRESS)])

    async def _delete_address(self, request: web.Request) -> web.Response:
        row = self._row(request, _ADDRESS)
        if row["lb_id"]:
            raise precondition("the ip belongs to a load balancer")
        self._store.write((), [(_ADDRESS, row["id"])])
        return web.Response(status=204)
