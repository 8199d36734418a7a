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
    regional_page,
    unauthenticated,
    unknown,
)
from lab.cloud.scaleway.resources import Resources
from lab.cloud.scaleway.servers import Servers
from lab.cloud.scaleway.views import ALLOWED, Views, public
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import ApiFailure, JsonObject, answer, encode

Handler = Callable[[web.Request], Awaitable[web.Response]]

_ZONE = "/instance/v1/zones/{zone}"
_OPEN = ("/marketplace/", "/product-catalog/")
_COUNTED = ("server", "ip", "volume", "placement_group", "private_nic", "private_network", "ssh_key", "security_group")


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
        self._resources.ensure_defaults()
        self._filtered: dict[tuple[object, ...], list[JsonObject]] = {}
        self._filtered_at = -1

    # ---- Api

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""
        server = f"{_ZONE}/servers/{{id}}"
        vpc = "/vpc/v2/regions/{region}"
        routes = [
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
            web.get(f"{_ZONE}/products/servers", self._products),
            web.get(f"{_ZONE}/products/servers/availability", self._availability),
            web.get(f"{_ZONE}/images", self._images),
            web.get(f"{_ZONE}/images/{{id}}", self._image),
            web.get(f"{_ZONE}/ips", self._list("ips", "ip", self._views.ip)),
            web.post(f"{_ZONE}/ips", self._create_ip),
            web.get(f"{_ZONE}/ips/{{id}}", self._get_ip),
            web.patch(f"{_ZONE}/ips/{{id}}", self._update_ip),
            web.delete(f"{_ZONE}/ips/{{id}}", self._delete_ip),
            web.get(f"{_ZONE}/volumes", self._list_local_volumes),
            web.post(f"{_ZONE}/volumes", self._create_local_volume),
            web.get(f"{_ZONE}/volumes/{{id}}", self._get_local_volume),
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
            web.delete(f"{_ZONE}/placement_groups/{{id}}", self._delete_placement_group),
            web.get(f"{vpc}/vpcs", self._list_vpcs),
            web.get(f"{vpc}/private-networks", self._list_private_networks),
            web.post(f"{vpc}/private-networks", self._create_private_network),
            web.get(f"{vpc}/private-networks/{{id}}", self._get_private_network),
            web.delete(f"{vpc}/private-networks/{{id}}", self._delete_private_network),
            web.get("/ipam/v1/regions/{region}/ips", self._list_ipam),
            web.get("/iam/v1alpha1/ssh-keys", self._list_ssh_keys),
            web.post("/iam/v1alpha1/ssh-keys", self._create_ssh_key),
            web.get("/iam/v1alpha1/ssh-keys/{id}", self._get_ssh_key),
            web.patch("/iam/v1alpha1/ssh-keys/{id}", self._update_ssh_key),
            web.delete("/iam/v1alpha1/ssh-keys/{id}", self._delete_ssh_key),
            web.get("/marketplace/v2/images", self._marketplace_images),
            web.get("/marketplace/v2/local-images", self._local_images),
            web.get("/marketplace/v2/local-images/{id}", self._local_image),
            web.get("/product-catalog/v2alpha1/public-catalog/products", self._public_products),
        ]
        for version in ("v1", "v1alpha1"):
            block = f"/block/{version}/zones/{{zone}}/volumes"
            routes.append(web.get(block, self._list_block_volumes))
            routes.append(web.post(block, self._create_block_volume))
            routes.append(web.get(f"{block}/{{id}}", self._get_block_volume))
            routes.append(web.delete(f"{block}/{{id}}", self._delete_block_volume))
        return routes

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
            labels={key: value for key, _, value in (tag.partition("=") for tag in tags)},
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

    def _ours(self, request: web.Request) -> bool:
        query, settings = request.query, self._settings
        return all(
            query.get(name, wanted) in (wanted, "")
            for name, wanted in (
                ("project", settings.scaleway_project_id),
                ("organization", settings.scaleway_organization_id),
                ("project_id", settings.scaleway_project_id),
                ("organization_id", settings.scaleway_organization_id),
            )
        )

    def _row(self, request: web.Request) -> JsonObject:
        return self._servers.get(request.match_info["zone"], request.match_info["id"])

    def _server_answer(self, row: JsonObject, status: int = 200) -> web.Response:
        return answer(b'{"server":%s}' % self._views.server_bytes(row), status)

    async def _create_server(self, request: web.Request) -> web.Response:
        row = self._servers.create(request.match_info["zone"], await body_of(request))
        return self._server_answer(self._servers.get(row["zone"], row["id"]), 201)

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
        return answer({"private_nic": public(nic)}, 201)

    async def _get_nic(self, request: web.Request) -> web.Response:
        return answer({"private_nic": public(self._nic(request))})

    async def _delete_nic(self, request: web.Request) -> web.Response:
        self._resources.delete_nic(request.match_info["zone"], self._nic(request)["id"])
        return web.Response(status=204)

    # ---- catalogue

    async def _products(self, request: web.Request) -> web.Response:
        zone = request.match_info["zone"]
        return self._by_type(
            request, {name: catalog.product(name, zone, self._faults) for name in catalog.SERVER_TYPES}
        )

    async def _availability(self, request: web.Request) -> web.Response:
        zone = request.match_info["zone"]
        return self._by_type(
            request, {name: catalog.availability(name, zone, self._faults) for name in catalog.SERVER_TYPES}
        )

    @staticmethod
    def _by_type(request: web.Request, entries: dict[str, JsonObject]) -> web.Response:
        page, per_page = int(request.query.get("page", "1")), min(int(request.query.get("per_page", "50")), 100)
        part = list(entries.items())[(page - 1) * per_page : page * per_page]
        return answer({"servers": dict(part)}, headers={"X-Total-Count": str(len(entries))})

    async def _images(self, request: web.Request) -> web.Response:
        images = [catalog.image_view(image) for image in catalog.local_images(request.match_info["zone"])]
        if request.query.get("arch"):
            images = [image for image in images if image["arch"] == request.query["arch"]]
        if request.query.get("name"):
            images = [image for image in images if request.query["name"] in image["name"]]
        return instance_page(request, "images", images)

    async def _image(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        for image in catalog.local_images(request.match_info["zone"]):
            if image["id"] == number:
                return answer({"image": catalog.image_view(image)})
        raise unknown(number, "Image")

    async def _marketplace_images(self, request: web.Request) -> web.Response:
        return regional_page(request, "images", catalog.marketplace_images())

    async def _local_images(self, request: web.Request) -> web.Response:
        zones = [request.query["zone"]] if request.query.get("zone") else list(catalog.ZONES)
        images = [image for zone in zones for image in catalog.local_images(zone)]
        for field, name in (("label", "image_label"), ("type", "type"), ("arch", "arch")):
            if request.query.get(name):
                images = [image for image in images if image[field] == request.query[name]]
        return regional_page(request, "local_images", images)

    async def _local_image(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        for zone in catalog.ZONES:
            for image in catalog.local_images(zone):
                if image["id"] == number:
                    return answer(image)
        raise not_found("local_image", number)

    async def _public_products(self, request: web.Request) -> web.Response:
        products = catalog.public_products()
        if request.query.get("zone"):
            products = [product for product in products if product["locality"]["zone"] == request.query["zone"]]
        size = min(int(request.query.get("page_size", "100")), 1000)
        start = (int(request.query.get("page", "1")) - 1) * size
        return answer({"products": products[start : start + size], "total_count": len(products)})

    # ---- IPs, volumes and groups

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
        row = self._servers.volume(
            request.match_info["zone"], str(body.get("name") or "volume"), body.get("size"), kind
        )
        row["tags"] = list(body.get("tags") or [])
        self._store.write([("volume", row["id"], row)])
        return answer({"volume": self._views.volume(row)}, 201)

    async def _get_local_volume(self, request: web.Request) -> web.Response:
        row = self._resources.find("volume", request.match_info["zone"], request.match_info["id"])
        if row["volume_type"] == "sbs_volume":
            raise unknown(row["id"], "Volume")
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
        row = self._servers.volume(zone, str(body.get("name") or "volume"), size, "sbs_volume")
        row["tags"] = list(body.get("tags") or [])
        self._store.write([("volume", row["id"], row)])
        return answer(self._views.block_volume(row))

    async def _get_block_volume(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        row = self._store.get("volume", number)
        if row is None or row["zone"] != request.match_info["zone"] or row["volume_type"] != "sbs_volume":
            raise not_found("volume", number)
        return answer(self._views.block_volume(row))

    async def _delete_block_volume(self, request: web.Request) -> web.Response:
        self._resources.delete_volume(request.match_info["zone"], request.match_info["id"], True)
        return web.Response(status=204)

    def _group(self, request: web.Request, kind: str) -> JsonObject:
        return self._resources.find(kind, request.match_info["zone"], request.match_info["id"])

    async def _create_security_group(self, request: web.Request) -> web.Response:
        row = self._resources.create_security_group(request.match_info["zone"], await body_of(request))
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
        self._resources.delete_security_group(request.match_info["zone"], request.match_info["id"])
        return web.Response(status=204)

    async def _list_rules(self, request: web.Request) -> web.Response:
        return instance_page(request, "rules", self._group(request, "security_group")["_rules"])

    async def _create_rule(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer({"rule": self._resources.add_rule(info["zone"], info["id"], await body_of(request))}, 201)

    async def _set_rules(self, request: web.Request) -> web.Response:
        info, body = request.match_info, await body_of(request)
        return answer({"rules": self._resources.set_rules(info["zone"], info["id"], body.get("rules") or [])})

    async def _create_placement_group(self, request: web.Request) -> web.Response:
        row = self._resources.create_placement_group(request.match_info["zone"], await body_of(request))
        return answer({"placement_group": public(row)}, 201)

    async def _get_placement_group(self, request: web.Request) -> web.Response:
        return answer({"placement_group": public(self._group(request, "placement_group"))})

    async def _delete_placement_group(self, request: web.Request) -> web.Response:
        self._resources.delete_placement_group(request.match_info["zone"], request.match_info["id"])
        return web.Response(status=204)

    # ---- regional and global

    def _regional(self, request: web.Request, kind: str) -> list[JsonObject]:
        rows = [row for row in self._store.rows(kind).values() if row["region"] == request.match_info["region"]]
        if request.query.get("name"):
            rows = [row for row in rows if request.query["name"] in row.get("name", "")]
        for tag in request.query.getall("tags", []):
            rows = [row for row in rows if tag in row["tags"]]
        return [public(row) for row in rows]

    async def _list_vpcs(self, request: web.Request) -> web.Response:
        return regional_page(request, "vpcs", [self._resources.vpc(request.match_info["region"])])

    async def _list_private_networks(self, request: web.Request) -> web.Response:
        return regional_page(request, "private_networks", self._regional(request, "private_network"))

    async def _create_private_network(self, request: web.Request) -> web.Response:
        return answer(
            public(self._resources.create_private_network(request.match_info["region"], await body_of(request)))
        )

    async def _get_private_network(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        for row in self._regional(request, "private_network"):
            if row["id"] == number:
                return answer(row)
        raise not_found("private_network", number)

    async def _delete_private_network(self, request: web.Request) -> web.Response:
        self._resources.delete_private_network(request.match_info["region"], request.match_info["id"])
        return web.Response(status=204)

    async def _list_ipam(self, request: web.Request) -> web.Response:
        rows, query = self._regional(request, "ipam_ip"), request.query
        if query.get("resource_id"):
            rows = [row for row in rows if row["resource"]["id"] == query["resource_id"]]
        if query.getall("resource_ids", []):
            rows = [row for row in rows if row["resource"]["id"] in query.getall("resource_ids")]
        if query.get("mac_address"):
            rows = [row for row in rows if row["resource"]["mac_address"] == query["mac_address"]]
        if query.get("private_network_id"):
            rows = [row for row in rows if row["source"]["private_network_id"] == query["private_network_id"]]
        return regional_page(request, "ips", rows)

    async def _list_ssh_keys(self, request: web.Request) -> web.Response:
        rows = [public(row) for row in self._store.rows("ssh_key").values() if self._ours(request)]
        if request.query.get("name"):
            rows = [row for row in rows if request.query["name"] in row["name"]]
        return regional_page(request, "ssh_keys", rows)

    async def _create_ssh_key(self, request: web.Request) -> web.Response:
        return answer(public(self._resources.create_ssh_key(await body_of(request))))

    async def _get_ssh_key(self, request: web.Request) -> web.Response:
        return answer(public(self._resources.find_ssh_key(request.match_info["id"])))

    async def _update_ssh_key(self, request: web.Request) -> web.Response:
        row = self._resources.find_ssh_key(request.match_info["id"])
        return answer(public(self._resources.update_row("ssh_key", row, await body_of(request), ("name", "disabled"))))

    async def _delete_ssh_key(self, request: web.Request) -> web.Response:
        self._resources.delete_ssh_key(request.match_info["id"])
        return web.Response(status=204)
