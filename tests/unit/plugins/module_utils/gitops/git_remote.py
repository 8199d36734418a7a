"""A real bare repository with a person who works in a clone of it, and a Git server that wants a password."""

from __future__ import annotations

import base64
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WHO = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}
_WHO |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org"}


def git(folder: Path, *arguments: str) -> str:
    """Git as a person would call it."""
    command = ["git", "-C", str(folder), *arguments]
    environment = {**os.environ, **_WHO}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


class Person:
    """Works in a clone of their own."""

    def __init__(self, remote: Path, clone: Path) -> None:
        git(clone.parent, "clone", "--quiet", str(remote), str(clone))
        self.clone = clone

    def commits(self, files: dict[str, str | None], message: str = "by hand") -> str:
        """Pulls, writes or (None) removes files, commits and pushes; returns the commit."""
        if git(self.clone, "ls-remote", "--heads", "origin", "main"):
            git(self.clone, "fetch", "--quiet", "origin", "main")
            git(self.clone, "reset", "--quiet", "--hard", "origin/main")
        for path, text in files.items():
            file = self.clone / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True) if text is None else file.write_text(text)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--message", message)
        git(self.clone, "push", "--quiet", "origin", "HEAD:main")
        return git(self.clone, "rev-parse", "HEAD")


def make_remote(folder: Path) -> Path:
    """An empty bare repository."""
    remote = folder / "remote.git"
    remote.mkdir()
    git(remote, "init", "--quiet", "--bare", "--initial-branch=main")
    git(remote, "config", "http.receivepack", "true")
    return remote


def show(remote: Path, path: str, branch: str = "main") -> str:
    """A file as it stands in the branch."""
    return git(remote, "show", f"{branch}:{path}")


@contextmanager
def password_server(folder: Path, user: str, password: str) -> Iterator[str]:
    """Serves the bare repositories below `folder` over HTTP to this user; yields the base URL."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            if self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _mark, query = self.path.partition("?")
            length = int(self.headers.get("Content-Length") or 0)
            environment = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "CONTENT_LENGTH": str(length),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "REMOTE_USER": user,
            }
            body = self.rfile.read(length)
            done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=True, env=environment)
            head, _gap, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
