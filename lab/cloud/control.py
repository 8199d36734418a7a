"""The lab's own API beside the clouds: faults, the request log and what really is in the stores."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from lab.cloud.faults import KINDS, parse
from lab.cloud.front import Handler
from lab.cloud.settings import CLOUDS
from lab.cloud.wire import answer
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.cloud.service import CloudService


class Control:
    """JSON in and out; a mistake of the caller is 400 {"error": sentence}."""

    def __init__(self, service: CloudService) -> None:
        self._service = service

    def application(self) -> web.Application:
        """Build the aiohttp application."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except LabError as problem:
                return answer({"error": str(problem)}, 400)

        application = web.Application(middlewares=[middleware])
        application.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/faults", self._faults),
                web.post("/faults", self._inject),
                web.delete("/faults", self._clear),
                web.delete(r"/faults/{id:\d+}", self._clear),
                web.get("/requests", self._requests),
                web.delete("/requests", self._forget),
                web.get("/servers", self._servers),
            ]
        )
        return application

    async def _health(self, request: web.Request) -> web.Response:
        counts = {name: api.counts() for name, api in self._service.apis.items()}
        return answer({"status": "ok", "ports": self._service.ports, "objects": counts})

    async def _faults(self, request: web.Request) -> web.Response:
        active = [fault.as_json() for fault in self._service.faults.active(_cloud(request))]
        return answer({"faults": active, "kinds": dict(KINDS)})

    async def _inject(self, request: web.Request) -> web.Response:
        try:
            data = json.loads(await request.text())
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise LabError('POST /faults takes a JSON object such as {"cloud": "hetzner", "kind": "outage"}.')
        fault = await self._service.inject(parse(data))
        return answer({"fault": fault.as_json()}, 201)

    async def _clear(self, request: web.Request) -> web.Response:
        number = int(request.match_info.get("id", 0))
        return answer(
            {"cleared": await self._service.clear_faults(_cloud(request), request.query.get("kind", ""), number)}
        )

    async def _requests(self, request: web.Request) -> web.Response:
        log, cloud = self._service.requests, _cloud(request)
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise LabError(f"since is the index of a request, not {since!r}.")
        return answer(
            {
                "requests": [entry.as_json() for entry in log.entries(cloud, int(since))],
                "count": log.count(cloud),
                "peak_concurrency": {name: log.peak(name) for name in CLOUDS if cloud in ("", name)},
            }
        )

    async def _forget(self, request: web.Request) -> web.Response:
        self._service.requests.clear()
        return answer({"count": 0})

    async def _servers(self, request: web.Request) -> web.Response:
        return answer(
            {"servers": [_without_user_data(asdict(view)) for view in self._service.servers(_cloud(request))]}
        )


def _without_user_data(view: dict[str, object]) -> dict[str, object]:
    """User data holds a join token: say only that there is some."""
    return {**view, "user_data": bool(view["user_data"])}


def _cloud(request: web.Request) -> str:
    cloud = request.query.get("cloud", "")
    if cloud and cloud not in CLOUDS:
        raise LabError(f"There is no cloud {cloud!r}; there are {', '.join(CLOUDS)}.")
    return cloud
