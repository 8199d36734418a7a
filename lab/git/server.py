"""Serves repositories over Git's smart HTTP protocol, a thread per request."""

from __future__ import annotations

import logging
import socketserver
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast
from wsgiref.headers import Headers
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from dulwich.protocol import CAPABILITY_FILTER
from dulwich.server import UploadPackHandler
from dulwich.web import GunzipFilter, HTTPGitApplication, LimitedInputFilter

from lab.errors import LabError
from lab.git import repositories

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1  # how long stop() may take


class GitServer:
    """A Git server at an address of the lab. Its repositories lie below `folder` and outlive it."""

    def __init__(self, folder: Path, address: str, port: int) -> None:
        self._folder = folder
        self._address = address
        self._port = port
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Base of the repositories' URLs; with port 0 known after the start."""
        port = self._server.server_port if self._server else self._port
        return f"http://{self._address}:{port}"

    def start(self, names: Iterable[str] = ("fleet.git",), branch: str = "main") -> None:
        """Creates the named repositories where they are missing and serves from a thread of its own."""
        for name in names:
            repositories.create(self._folder, name, branch)
        try:
            self._server = _Server((self._address, self._port), _RequestHandler)
        except OSError as error:
            raise LabError(
                f"The Git server cannot listen on {self._address}:{self._port} ({error.strerror}); "
                "end what listens there and start the lab again."
            ) from error
        self._server.set_app(_application(self._folder))
        threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), name="lab-git", daemon=True).start()

    def stop(self) -> None:
        """Ends the server; a request in work is cut off."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _application(folder: Path) -> WSGIApplication:
    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        backend = repositories.OpenRepositories(folder)
        try:
            application = HTTPGitApplication(backend, handlers={b"git-upload-pack": _UploadPackHandler})
            yield from application(environ, start_response)
        finally:
            backend.close()

    # The length is limited before the body is unzipped: unzipping reads on until the body ends.
    return cast(WSGIApplication, LimitedInputFilter(GunzipFilter(serve)))


class _UploadPackHandler(UploadPackHandler):
    """Serves clients that do not take thin packs, such as the go-git of Flux; dulwich would refuse them."""

    @classmethod
    def required_capabilities(cls) -> tuple[bytes, ...]:
        return ()

    def capabilities(self) -> list[bytes]:
        """All but filters, over which dulwich stumbles in a clone that is shallow as well."""
        return [each for each in super().capabilities() if each != CAPABILITY_FILTER]

    def set_client_capabilities(self, caps: Iterable[bytes]) -> None:
        """Some versions of Git warn that a filter is not supported and ask for it all the same."""
        super().set_client_capabilities([each for each in caps if not each.startswith(CAPABILITY_FILTER)])


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Binds as the base class does, but without asking a DNS server for the host's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("Connection of %s ended early.", client_address, exc_info=True)


class _ResponseHandler(ServerHandler):
    http_version = "1.1"
    headers: Headers

    def cleanup_headers(self) -> None:
        """A pack's length is not known beforehand, so the end of the connection ends the answer."""
        super().cleanup_headers()
        self.headers["Connection"] = "close"

    def log_exception(self, exc_info: Any) -> None:
        _log.warning("A Git request failed: %s", exc_info[1])
        _log.debug("Where it failed:", exc_info=exc_info)


class _RequestHandler(WSGIRequestHandler):
    # A push larger than Git's buffer of 1 MiB comes in chunks, which are not part of HTTP/1.0.
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            return
        output = cast(IO[bytes], self.wfile)
        handler = _ResponseHandler(self.rfile, output, self.get_stderr(), self.get_environ(), multithread=True)
        handler.request_handler = self  # type: ignore[attr-defined]
        handler.run(cast(WSGIServer, self.server).get_app())  # type: ignore[arg-type]

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
