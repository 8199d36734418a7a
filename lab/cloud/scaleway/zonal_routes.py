"""The paths of what hangs on servers within a zone: IPs, volumes and groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.cloud.scaleway.answers import body_of, instance_page, not_found, regional_page, unknown
from lab.cloud.scaleway.groups import Groups
from lab.cloud.scaleway.orders import Orders
from lab.cloud.scaleway.owner import Ours
from lab.cloud.scaleway.resources import Resources
from lab.cloud.scaleway.views import Views, public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer, encode

Handler = Callable[[web.Request], Awaitable[web.Response]]

_ZONE = "/instance/v1/zones/{zone}"


class ZonalRoutes:
    """IPs, local and block volumes, security and placement groups."""

    def __init__(
        self, store: Store, resources: Resources, groups: Groups, orders: Orders, views: Views, ours: Ours
    ) -> None:
        self._store = store
        self._resources = resources
        self._groups = groups
        self._orders = orders
        self._views = views
        self._ours = ours

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        routes = [
            web.get(f"{_ZONE}/ips", self._list("ips", "ip", self._views.ip)),
            web.post(f"{_ZONE}/ips", self._create_ip),
            web.get(f"{_ZONE}/ips/{{id}}", self._get_ip),
            web.patch(f"{_ZONE}/ips/{{id}}", self._update_ip),
            web.delete(f"{_ZONE}/ips/{{id}}", self._delete_ip),
            web.get(f"{_ZONE}/volumes", self._list_local_volumes),
            web.post(f"{_ZONE}/volumes", self._create_local_volume),
            web.get(f"{_ZONE}/volumes/{{id}}", self._get_local_volume),
            web.patch(f"{_ZONE}/volumes/{{id}}", self._update_local_volume),
            web.delete(f"{_ZONE}/volumes/{{id}}", self._delete_local_volume),
            web.get(
                f"{_ZONE}/security_groups", self._list("security_groups", "security_group", self._views.security_group)
            ),
            web.post(f"{_ZONE}/security_groups", self._create_security_group),
            web.get(f"{_ZONE}/security_groups/{{id}}", self._get_security_group),
            web.patch(f"{_ZONE}/security_groups/{{id}}", self._update_security_group),
            web.delete(f"{_ZONE}/security_groups/{{id}}", self._delete_security_group),
            web.get(f"{_ZONE}/security_groups/{{id}}/rules", self._list_rules),
            web.post(f"{_ZONE}/security_groups/{{id}}/rules", self._create_rule),
            web.put(f"{_ZONE}/security_groups/{{id}}/rules", self._set_rules),
            web.get(f"{_ZONE}/placement_groups", self._list("placement_groups", "placement_group", public)),
            web.post(f"{_ZONE}/placement_groups", self._create_placement_group),
            web.get(f"{_ZONE}/placement_groups/{{id}}", self._get_placement_group),
            web.patch(f"{_ZONE}/placement_groups/{{id}}", self._update_placement_group),
            web.delete(f"{_ZONE}/placement_groups/{{id}}", self._delete_placement_group),
            web.get(f"{_ZONE}/placement_groups/{{id}}/servers", self._list_members),
        ]
        for version in ("v1", "v1alpha1"):
            block = f"/block/{version}/zones/{{zone}}/volumes"
            routes.append(web.get(block, self._list_block_volumes))
            routes.append(web.post(block, self._create_block_volume))
            routes.append(web.get(f"{block}/{{id}}", self._get_block_volume))
            routes.append(web.patch(f"{block}/{{id}}", self._update_block_volume))
            routes.append(web.delete(f"{block}/{{id}}", self._delete_block_volume))
        return routes

    def _list(self, key: str, kind: str, view: Callable[[JsonObject], JsonObject]) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            rows = self._zonal(request, kind)
            if request.query.get("name"):
                rows = [row for row in rows if request.query["name"] in row.get("name", "")]
            return instance_page(request, key, rows, lambda row: encode(view(row)))

        return handler

    def _zonal(self, request: web.Request, kind: str) -> list[JsonObject]:
        zone = request.match_info["zone"]
        rows = [row for row in self._store.rows(kind).values() if row["zone"] == zone and self._ours(request)]
        if request.query.get("tags"):
            wanted = set(request.query["tags"].split(","))
            rows = [row for row in rows if wanted <= set(row["tags"])]
        return rows

    async def _create_ip(self, request: web.Request) -> web.Response:
        row = self._resources.create_ip(request.match_info["zone"], await body_of(request))
        return answer({"ip": self._views.ip(row)}, 201)

    async def _get_ip(self, request: web.Request) -> web.Response:
        return answer(
            {"ip": self._views.ip(self._resources.find_ip(request.match_info["zone"], request.match_info["id"]))}
        )

    async def _update_ip(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer(
            {"ip": self._views.ip(self._resources.update_ip(info["zone"], info["id"], await body_of(request)))}
        )

    async def _delete_ip(self, request: web.Request) -> web.Response:
        self._resources.delete_ip(request.match_info["zone"], request.match_info["id"])
        return web.Response(status=204)

    def _volumes(self, request: web.Request, block: bool) -> list[JsonObject]:
        return [row for row in self._zonal(request, "volume") if (row["volume_type"] == "sbs_volume") == block]

    async def _list_local_volumes(self, request: web.Request) -> web.Response:
        rows = self._volumes(request, False)
        return instance_page(request, "volumes", rows, lambda row: encode(self._views.volume(row)))

    async def _create_local_volume(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        kind = str(body.get("volume_type") or "l_ssd")
        row = self._orders.volume(request.match_info["zone"], str(body.get("name") or "volume"), body.get("size"), kind)
        row["tags"] = list(body.get("tags") or [])
        self._store.write([("volume", row["id"], row)])
        return answer({"volume": self._views.volume(row)}, 201)

    async def _get_local_volume(self, request: web.Request) -> web.Response:
        row = self._resources.find("volume", request.match_info["zone"], request.match_info["id"])
        if row["volume_type"] == "sbs_volume":
            raise unknown(row["id"], "Volume")
        return answer({"volume": self._views.volume(row)})

    async def _update_local_volume(self, request: web.Request) -> web.Response:
        row = self._resources.find("volume", request.match_info["zone"], request.match_info["id"])
        if row["volume_type"] == "sbs_volume":
            raise unknown(row["id"], "Volume")
        row = self._resources.update_row("volume", row, await body_of(request), ("name", "tags"))
        return answer({"volume": self._views.volume(row)})

    async def _delete_local_volume(self, request: web.Request) -> web.Response:
        self._resources.delete_volume(request.match_info["zone"], request.match_info["id"], False)
        return web.Response(status=204)

    async def _list_block_volumes(self, request: web.Request) -> web.Response:
        rows = [self._views.block_volume(row) for row in self._volumes(request, True)]
        return regional_page(request, "volumes", rows)

    async def _create_block_volume(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        size = (body.get("from_empty") or {}).get("size")
        zone = request.match_info["zone"]
        row = self._orders.volume(zone, str(body.get("name") or "volume"), size, "sbs_volume")
        row["tags"] = list(body.get("tags") or [])
        self._store.write([("volume", row["id"], row)])
        return answer(self._views.block_volume(row))

    async def _get_block_volume(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        row = self._store.get("volume", number)
        if row is None or row["zone"] != request.match_info["zone"] or row["volume_type"] != "sbs_volume":
            raise not_found("volume", number)
        return answer(self._views.block_volume(row))

    async def _update_block_volume(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        row = self._store.get("volume", number)
        if row is None or row["zone"] != request.match_info["zone"] or row["volume_type"] != "sbs_volume":
            raise not_found("volume", number)
        row = self._resources.update_row("volume", row, await body_of(request), ("name", "tags"))
        return answer(self._views.block_volume(row))

    async def _delete_block_volume(self, request: web.Request) -> web.Response:
        self._resources.delete_volume(request.match_info["zone"], request.match_info["id"], True)
        return web.Response(status=204)

    def _group(self, request: web.Request, kind: str) -> JsonObject:
        return self._resources.find(kind, request.match_info["zone"], request.match_info["id"])

    async def _create_security_group(self, request: web.Request) -> web.Response:
        row = self._groups.create_security_group(request.match_info["zone"], await body_of(request))
        return answer({"security_group": self._views.security_group(row)}, 201)

    async def _get_security_group(self, request: web.Request) -> web.Response:
        return answer({"security_group": self._views.security_group(self._group(request, "security_group"))})

    async def _update_security_group(self, request: web.Request) -> web.Response:
        fields = ("name", "description", "tags", "inbound_default_policy", "outbound_default_policy", "stateful")
        row = self._resources.update_row(
            "security_group", self._group(request, "security_group"), await body_of(request), fields
        )
        return answer({"security_group": self._views.security_group(row)})

    async def _delete_security_group(self, request: web.Request) -> web.Response:
        self._groups.delete_security_group(request.match_info["zone"], request.match_info["id"])
        return web.Response(status=204)

    async def _list_rules(self, request: web.Request) -> web.Response:
        info = request.match_info
        return instance_page(request, "rules", self._groups.rules(info["zone"], info["id"]))

    async def _create_rule(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer({"rule": self._groups.add_rule(info["zone"], info["id"], await body_of(request))}, 201)

    async def _set_rules(self, request: web.Request) -> web.Response:
        info, body = request.match_info, await body_of(request)
        return answer({"rules": self._groups.set_rules(info["zone"], info["id"], body.get("rules") or [])})

    async def _create_placement_group(self, request: web.Request) -> web.Response:
        row = self._groups.create_placement_group(request.match_info["zone"], await body_of(request))
        return answer({"placement_group": public(row)}, 201)

    async def _get_placement_group(self, request: web.Request) -> web.Response:
        return answer({"placement_group": public(self._group(request, "placement_group"))})

    async def _update_placement_group(self, request: web.Request) -> web.Response:
        fields = ("name", "tags", "policy_mode", "policy_type")
        row = self._resources.update_row(
            "placement_group", self._group(request, "placement_group"), await body_of(request), fields
        )
        return answer({"placement_group": public(row)})

    async def _list_members(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer({"servers": self._groups.members(info["zone"], info["id"])})

    async def _delete_placement_group(self, request: web.Request) -> web.Response:
        self._groups.delete_placement_group(request.match_info["zone"], request.match_info["id"])
        return web.Response(status=204)
