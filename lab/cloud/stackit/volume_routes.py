"""The paths of volumes and of their attachments to servers."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.stackit.answers import body_of, empty
from lab.cloud.stackit.paths import P, number_of, region_of
from lab.cloud.stackit.rows import Lists, find, plain
from lab.cloud.stackit.servers import Servers
from lab.cloud.stackit.volumes import Volumes, attachment
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer


class VolumeRoutes:
    """Block storage."""

    def __init__(self, store: Store, volumes: Volumes, servers: Servers, lists: Lists) -> None:
        self._store = store
        self._volumes = volumes
        self._servers = servers
        self._lists = lists

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        volumes, attachments = f"{P}/volumes", f"{P}/servers/{{server}}/volume-attachments"
        return [
            web.get(volumes, self._list),
            web.post(volumes, self._create),
            web.get(f"{volumes}/{{id}}", self._get),
            web.patch(f"{volumes}/{{id}}", self._update),
            web.delete(f"{volumes}/{{id}}", self._delete),
            web.post(f"{volumes}/{{id}}/resize", self._resize),
            web.get(attachments, self._list_attached),
            web.get(f"{attachments}/{{id}}", self._get_attached),
            web.put(f"{attachments}/{{id}}", self._attach),
            web.patch(f"{attachments}/{{id}}", self._update_attached),
            web.delete(f"{attachments}/{{id}}", self._detach),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "volume", plain)

    async def _create(self, request: web.Request) -> web.Response:
        return answer(plain(self._volumes.create(region_of(request), await body_of(request))), 201)

    async def _get(self, request: web.Request) -> web.Response:
        return answer(plain(find(self._store, "volume", region_of(request), number_of(request))))

    async def _update(self, request: web.Request) -> web.Response:
        return answer(plain(self._volumes.update(region_of(request), number_of(request), await body_of(request))))

    async def _delete(self, request: web.Request) -> web.Response:
        self._volumes.delete(region_of(request), number_of(request))
        return empty(204)

    async def _resize(self, request: web.Request) -> web.Response:
        self._volumes.resize(region_of(request), number_of(request), await body_of(request))
        return empty(202)

    # ---- attachments

    def _place(self, request: web.Request) -> tuple[str, JsonObject, str]:
        region = region_of(request)
        return region, self._servers.get(region, request.match_info["server"]), number_of(request)

    async def _list_attached(self, request: web.Request) -> web.Response:
        server = self._servers.get(region_of(request), request.match_info["server"])
        rows = [self._store.rows("volume")[number] for number in server["volumes"]]
        return answer({"items": [attachment(row) for row in rows]})

    async def _get_attached(self, request: web.Request) -> web.Response:
        return answer(attachment(self._volumes.attached(*self._place(request))))

    async def _attach(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        return answer(self._volumes.attach(*self._place(request), body), 202)

    async def _update_attached(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        return answer(self._volumes.update_attachment(*self._place(request), body))

    async def _detach(self, request: web.Request) -> web.Response:
        self._volumes.detach(*self._place(request))
        return empty(204)
