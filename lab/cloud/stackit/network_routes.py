"""The paths of networks, interfaces and public IPs."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.stackit.answers import body_of, created, empty
from lab.cloud.stackit.networks import Networks
from lab.cloud.stackit.nics import Nics
from lab.cloud.stackit.paths import P, number_of, region_of
from lab.cloud.stackit.public_ips import PublicIps
from lab.cloud.stackit.requests import request_for
from lab.cloud.stackit.rows import Lists, find, plain
from lab.cloud.stackit.servers import Servers
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer, encode


class NetworkRoutes:
    """Everything with an address."""

    def __init__(
        self, store: Store, networks: Networks, nics: Nics, ips: PublicIps, servers: Servers, lists: Lists
    ) -> None:
        self._store = store
        self._networks = networks
        self._nics = nics
        self._ips = ips
        self._servers = servers
        self._lists = lists

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        network, nics, ips = f"{P}/networks/{{id}}", f"{P}/networks/{{network}}/nics", f"{P}/public-ips"
        server = f"{P}/servers/{{server}}"
        return [
            web.get(f"{P}/networks", self._list_networks),
            web.post(f"{P}/networks", self._create_network),
            web.post(f"{P}/isolated-network", self._create_isolated_network),
            web.get(network, self._get_network),
            web.patch(network, self._update_network),
            web.delete(network, self._delete_network),
            web.get(f"{P}/nics", self._list_nics),
            web.get(f"{P}/nics/{{id}}", self._get_project_nic),
            web.get(nics, self._list_network_nics),
            web.post(nics, self._create_nic),
            web.get(f"{nics}/{{id}}", self._get_nic),
            web.patch(f"{nics}/{{id}}", self._update_nic),
            web.delete(f"{nics}/{{id}}", self._delete_nic),
            web.get(ips, self._list_ips),
            web.post(ips, self._create_ip),
            web.get(f"{ips}/{{id}}", self._get_ip),
            web.patch(f"{ips}/{{id}}", self._update_ip),
            web.delete(f"{ips}/{{id}}", self._delete_ip),
            web.get(f"{server}/nics", self._list_server_nics),
            web.put(f"{server}/nics/{{id}}", self._join_nic),
            web.delete(f"{server}/nics/{{id}}", self._leave_nic),
            web.put(f"{server}/public-ips/{{id}}", self._attach_ip),
            web.delete(f"{server}/public-ips/{{id}}", self._detach_ip),
        ]

    def _server(self, request: web.Request) -> JsonObject:
        return self._servers.get(region_of(request), request.match_info["server"])

    # ---- networks

    async def _list_networks(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "network", plain)

    async def _create_network(self, request: web.Request) -> web.Response:
        return self._made(request, self._networks.create(region_of(request), await body_of(request)))

    async def _create_isolated_network(self, request: web.Request) -> web.Response:
        return self._made(request, self._networks.create(region_of(request), await body_of(request), routed=False))

    def _made(self, request: web.Request, row: JsonObject) -> web.Response:
        return created(plain(row), self._noted(request, "CREATE", row["id"]), 202)

    def _noted(self, request: web.Request, action: str, number: str) -> str:
        put = request_for(region_of(request), action, "network", number)
        self._store.write([put])
        return put[1]

    async def _get_network(self, request: web.Request) -> web.Response:
        return answer(plain(find(self._store, "network", region_of(request), number_of(request))))

    async def _update_network(self, request: web.Request) -> web.Response:
        self._networks.update(region_of(request), number_of(request), await body_of(request))
        return empty(202)

    async def _delete_network(self, request: web.Request) -> web.Response:
        self._networks.delete(region_of(request), number_of(request))
        return empty(202, self._noted(request, "DELETE", number_of(request)))

    # ---- interfaces

    def _nic_bytes(self, nic: JsonObject) -> bytes:
        return encode(self._nics.view(nic))

    async def _list_nics(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "nic", self._nic_bytes)

    async def _list_network_nics(self, request: web.Request) -> web.Response:
        network = find(self._store, "network", region_of(request), request.match_info["network"])["id"]
        return self._lists.answer(
            request, "nic", self._nic_bytes, lambda nic: bool(nic["networkId"] == network), ("network", network)
        )

    async def _list_server_nics(self, request: web.Request) -> web.Response:
        server = self._server(request)["id"]
        return self._lists.answer(
            request, "nic", self._nic_bytes, lambda nic: bool(nic["device"] == server), ("server", server)
        )

    async def _get_project_nic(self, request: web.Request) -> web.Response:
        return answer(self._nic_bytes(find(self._store, "nic", region_of(request), number_of(request))))

    async def _create_nic(self, request: web.Request) -> web.Response:
        network = request.match_info["network"]
        return answer(self._nic_bytes(self._nics.create(region_of(request), network, await body_of(request))), 201)

    def _path(self, request: web.Request) -> tuple[str, str, str]:
        return region_of(request), request.match_info["network"], number_of(request)

    async def _get_nic(self, request: web.Request) -> web.Response:
        return answer(self._nic_bytes(self._nics.find(*self._path(request))))

    async def _update_nic(self, request: web.Request) -> web.Response:
        return answer(self._nic_bytes(self._nics.update(*self._path(request), await body_of(request))))

    async def _delete_nic(self, request: web.Request) -> web.Response:
        self._nics.delete(*self._path(request))
        return empty(204)

    async def _join_nic(self, request: web.Request) -> web.Response:
        self._servers.join_nic(region_of(request), request.match_info["server"], number_of(request))
        return empty(202)

    async def _leave_nic(self, request: web.Request) -> web.Response:
        self._servers.leave_nic(region_of(request), request.match_info["server"], number_of(request))
        return empty(204)

    # ---- public IPs

    def _ip_bytes(self, row: JsonObject) -> bytes:
        return encode(self._ips.view(row))

    async def _list_ips(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "public_ip", self._ip_bytes)

    async def _create_ip(self, request: web.Request) -> web.Response:
        return answer(self._ip_bytes(self._ips.create(region_of(request), await body_of(request))), 201)

    async def _get_ip(self, request: web.Request) -> web.Response:
        return answer(self._ip_bytes(find(self._store, "public_ip", region_of(request), number_of(request))))

    async def _update_ip(self, request: web.Request) -> web.Response:
        row = self._ips.update(region_of(request), number_of(request), await body_of(request))
        return answer(self._ip_bytes(row))

    async def _delete_ip(self, request: web.Request) -> web.Response:
        self._ips.delete(region_of(request), number_of(request))
        return empty(204)

    async def _attach_ip(self, request: web.Request) -> web.Response:
        self._ips.attach(region_of(request), self._server(request), number_of(request))
        return empty(202)

    async def _detach_ip(self, request: web.Request) -> web.Response:
        self._ips.detach(region_of(request), self._server(request), number_of(request))
        return empty(204)
