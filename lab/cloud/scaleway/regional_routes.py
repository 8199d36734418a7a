"""The paths of a whole region or project: private networks, their addresses, SSH keys."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.scaleway.answers import body_of, not_found, regional_page
from lab.cloud.scaleway.owner import Ours
from lab.cloud.scaleway.resources import Resources
from lab.cloud.scaleway.views import public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer


class RegionalRoutes:
    """VPC, IPAM and IAM, as far as servers need them."""

    def __init__(self, store: Store, resources: Resources, ours: Ours) -> None:
        self._store = store
        self._resources = resources
        self._ours = ours

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        vpc = "/vpc/v2/regions/{region}"
        return [
            web.get(f"{vpc}/vpcs", self._list_vpcs),
            web.get(f"{vpc}/private-networks", self._list_private_networks),
            web.post(f"{vpc}/private-networks", self._create_private_network),
            web.get(f"{vpc}/private-networks/{{id}}", self._get_private_network),
            web.patch(f"{vpc}/private-networks/{{id}}", self._update_private_network),
            web.delete(f"{vpc}/private-networks/{{id}}", self._delete_private_network),
            web.get("/ipam/v1/regions/{region}/ips", self._list_ipam),
            web.get("/iam/v1alpha1/ssh-keys", self._list_ssh_keys),
            web.post("/iam/v1alpha1/ssh-keys", self._create_ssh_key),
            web.get("/iam/v1alpha1/ssh-keys/{id}", self._get_ssh_key),
            web.patch("/iam/v1alpha1/ssh-keys/{id}", self._update_ssh_key),
            web.delete("/iam/v1alpha1/ssh-keys/{id}", self._delete_ssh_key),
        ]

    def _regional(self, request: web.Request, kind: str) -> list[JsonObject]:
        region = request.match_info["region"]
        rows = [row for row in self._store.rows(kind).values() if row["region"] == region and self._ours(request)]
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

    async def _update_private_network(self, request: web.Request) -> web.Response:
        row = self._resources.find("private_network", request.match_info["region"], request.match_info["id"])
        changed = self._resources.update_row("private_network", row, await body_of(request), ("name", "tags"))
        return answer(public(changed))

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
