"""A small file server for what clusters would otherwise download."""

from __future__ import annotations

import functools
import http.server
import io
import logging
import socketserver
import threading
from pathlib import Path
from typing import Any

from lab.errors import LabError

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1  # how long stop() may take


class FileServer(http.server.ThreadingHTTPServer):
    """Serves the files of one folder; folders are not listed."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, port: int, folder: Path) -> None:
        super().__init__((address, port), functools.partial(_Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://{self.server_name}:{self.server_port}"

    def server_bind(self) -> None:
        """Binds as the base class does, but without asking a DNS server for the host's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("Connection of %s ended early.", client_address, exc_info=True)


def serve(address: str, port: int, folder: Path) -> FileServer:
    """Serves `folder` from a thread of its own until `stop()`; port 0 takes a free one."""
    try:
        server = FileServer(address, port, folder)
    except OSError as error:
        raise LabError(
            f"The release page cannot listen on {address}:{port} ({error.strerror}); "
            "end what listens there and start the lab again."
        ) from error
    threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="lab-release", daemon=True).start()
    return server


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def list_directory(self, path: Any) -> io.BytesIO | None:
        self.send_error(404, "File not found")
        return None

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
