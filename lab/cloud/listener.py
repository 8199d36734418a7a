"""One TCP port that can be closed and opened again while the process lives: an outage is a refused connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from aiohttp import web

_BACKLOG = 1024
_HOST = "127.0.0.1"


class Listener:
    """Serves an application on a port of loopback; port 0 picks a free one, once."""

    def __init__(self, application: web.Application, port: int) -> None:
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        self._wanted = port
        self._place: socket.socket | None = None
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port, known once it is taken."""
        assert self._place is not None
        return int(self._place.getsockname()[1])

    async def take(self) -> None:
        """Take the port without listening; raise OSError if another process has it."""
        await self._runner.setup()
        # A bound socket that never listens keeps the port ours while the API refuses connections.
        self._place = _bound(self._wanted)

    async def open(self) -> None:
        """Listen on the port that was taken; no effect if it does."""
        if self._server is None:
            assert self._runner.server is not None
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._runner.server, sock=_bound(self.port), backlog=_BACKLOG)

    async def close(self) -> None:
        """Refuse new connections and cut those that stand."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def stop(self) -> None:
        """Give the port back."""
        await self.close()
        await self._runner.cleanup()
        if self._place is not None:
            with contextlib.suppress(OSError):
                self._place.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((_HOST, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound
