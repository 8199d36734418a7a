"""The front of every emulated API: request log, faults and authentication, in the order a real edge has them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from lab.cloud.faults import Fault, Faults
from lab.cloud.request_log import Request, RequestLog
from lab.cloud.wire import ApiFailure, JsonObject, answer

_STALL_STEP = 0.05
_PAGE = "<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body>\r\n</html>\r\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class ServerView:
    """One server as the cloud itself knows it, whatever its API says at the moment."""

    cloud: str
    id: str
    name: str
    state: str
    location: str
    type: str
    address: str
    labels: Mapping[str, str]
    tags: tuple[str, ...]
    user_data: str
    protected: bool


class Api(Protocol):
    """One emulated API. Failures are raised as ApiFailure in the vendor's shape."""

    name: str

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""

    def authenticate(self, request: web.Request) -> None:
        """Raise the vendor's 401 unless the credentials are right."""

    def headers(self) -> Mapping[str, str]:
        """Give the headers of every answer, counting this one against the rate limit."""

    def failure(self, fault: Fault) -> ApiFailure:
        """Give the vendor's answer for the faults 429, 5xx, unauthorized and read-only."""

    def not_found(self, request: web.Request, status: int) -> ApiFailure:
        """Give the vendor's answer for a path (404) or method (405) that it does not have."""

    def servers(self) -> list[ServerView]:
        """Give all servers in the store."""

    def counts(self) -> JsonObject:
        """Give how many objects of each kind are in the store."""

    async def restore(self) -> None:
        """Bring the store in line with the machines after a start of the process, and go on with what was under way."""

    async def settled(self) -> None:
        """Return when nothing is under way behind the answers."""

    async def close(self) -> None:
        """Stop background work and close the store."""


class Front:
    """The middleware of one API."""

    def __init__(
        self, api: Api, faults: Faults, log: RequestLog, latency: float = 0.0, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._api = api
        self._faults = faults
        self._log = log
        self._latency = latency
        self._sleep = sleep
        self._stopping = False

    def stop(self) -> None:
        """Let go of stalled requests."""
        self._stopping = True

    def application(self) -> web.Application:
        """Build the aiohttp application."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            with self._log.record(self._api.name, request.method, request.path_qs) as entry:
                try:
                    response = await self._answer(request, handler, entry)
                except Exception:
                    entry.status = 500
                    raise
                if request.transport is not None and not request.transport.is_closing():
                    entry.status = response.status
                return response

        application = web.Application(middlewares=[middleware], client_max_size=4 * 1024 * 1024)
        application.add_routes(self._api.routes())
        return application

    async def _answer(self, request: web.Request, handler: Handler, entry: Request) -> web.StreamResponse:
        hits = self._faults.on_request(self._api.name, request.method, request.path, request.query.items())
        entry.fault = ",".join(fault.kind for fault in hits)
        delay = self._latency + sum(fault.delay for fault in hits if fault.kind == "latency")
        if delay:
            await self._sleep(delay)
        kinds = {fault.kind: fault for fault in hits}
        if "stall" in kinds:
            return await self._stall(request, kinds["stall"])
        if "reset-before" in kinds:
            return _reset(request)
        if "html-502" in kinds:
            return _html(502, "502 Bad Gateway")
        if "html-200" in kinds:
            return _html(200, "Maintenance")
        response = await self._vendor_answer(request, handler, kinds)
        if "reset-after-commit" in kinds:
            return _reset(request)
        if "cut-json" in kinds:
            return await _cut(request, response)
        return response

    async def _vendor_answer(self, request: web.Request, handler: Handler, kinds: Mapping[str, Fault]) -> web.Response:
        headers: dict[str, str] = {}
        try:
            headers.update(self._api.headers())
            for kind in ("429", "5xx", "unauthorized"):
                if kind in kinds:
                    raise self._api.failure(kinds[kind])
            self._api.authenticate(request)
            if "read-only" in kinds:
                raise self._api.failure(kinds["read-only"])
            response = await handler(request)
            assert isinstance(response, web.Response)
        except ApiFailure as failure:
            response = answer(failure.body, failure.status, failure.headers)
        except web.HTTPException as failure:
            refused = self._api.not_found(request, failure.status)
            response = answer(refused.body, refused.status, refused.headers)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    async def _stall(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        while not (self._stopping or fault.released or request.transport is None or request.transport.is_closing()):
            await self._sleep(_STALL_STEP)
        return _reset(request)


def _reset(request: web.Request) -> web.Response:
    """End the connection with RST; the response that is returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def _cut(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Promise the whole body, send half of it, and hang up."""
    body = whole.body if isinstance(whole.body, bytes) else b"{}"
    part = web.StreamResponse(status=whole.status, headers=whole.headers)
    part.content_length = len(body)
    await part.prepare(request)
    await part.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return part


def _html(status: int, title: str) -> web.Response:
    return web.Response(status=status, text=_PAGE.format(title=title), content_type="text/html")
