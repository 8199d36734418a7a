"""The paths of servers."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.stackit.answers import body_of, created, empty
from lab.cloud.stackit.paths import Handler, P, number_of, region_of
from lab.cloud.stackit.rows import Lists
from lab.cloud.stackit.servers import Servers
from lab.cloud.stackit.views import Views
from lab.cloud.wire import answer


class ServerRoutes:
    """Servers and their power."""

    def __init__(self, servers: Servers, views: Views, lists: Lists) -> None:
        self._servers = servers
        self._views = views
        self._lists = lists

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        server = f"{P}/servers/{{id}}"
        commands = ("start", "stop", "deallocate", "reboot")
        return [
            web.get(f"{P}/servers", self._list),
            web.post(f"{P}/servers", self._create),
            web.get(server, self._get),
            web.patch(server, self._update),
            web.delete(server, self._delete),
            *[web.post(f"{server}/{command}", self._act(command)) for command in commands],
        ]

    @staticmethod
    def _details(request: web.Request) -> bool:
        return request.query.get("details", "").lower() == "true"

    async def _list(self, request: web.Request) -> web.Response:
        details = self._details(request)
        return self._lists.answer(
            request, "server", lambda row: self._views.server_bytes(row, details), variant=details
        )

    async def _create(self, request: web.Request) -> web.Response:
        row, request_id = self._servers.create(region_of(request), await body_of(request))
        return created(self._views.server_bytes(row, True), request_id)

    async def _get(self, request: web.Request) -> web.Response:
        row = self._servers.get(region_of(request), number_of(request))
        return answer(self._views.server_bytes(row, self._details(request)))

    async def _update(self, request: web.Request) -> web.Response:
        row = self._servers.update(region_of(request), number_of(request), await body_of(request))
        return answer(self._views.server_bytes(self._servers.get(region_of(request), row["id"]), False))

    async def _delete(self, request: web.Request) -> web.Response:
        return empty(204, self._servers.delete(region_of(request), number_of(request)))

    def _act(self, command: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            self._servers.act(region_of(request), number_of(request), command)
            return empty(202)

        return handler
