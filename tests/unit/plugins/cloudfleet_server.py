"""Cloudfleet in memory, served over HTTP on loopback, with answers that can be lost, refused or replaced."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
READ_ONLY = ("id", "status", "endpoint", "kubernetes_version")


class CloudfleetServer:
    """Clusters by id; a new one has the fields in `defaults`.

    `script` answers instead of the store with (status, body), or says "reset" to lose the answer of what was done.
    """

    def __init__(self) -> None:
        self.clusters: dict[str, Json] = {}
        self.requests: list[str] = []
        self.headers: dict[str, str] = {}
        self.queries: list[dict[str, str]] = []
        self.bodies: list[Json] = []
        self.looks_until_deployed = 0
        self.defaults: Json = {}
        self.script: Callable[[str], tuple[int, str] | str | None] = lambda _request: None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> CloudfleetServer:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "endpoint": f"http://127.0.0.1:{self._http.server_address[1]}/v1/",
            "token_id": "id",
            "token_secret": "hunter2",
            "organization_id": "org",
        }

    def add(self, name: str, **fields: str) -> str:
        """A deployed cluster; its id."""
        cluster_id = f"id-{len(self.clusters) + 1}"
        self.clusters[cluster_id] = {
            "id": cluster_id,
            "name": name,
            "region": "europe-central-1a",
            "tier": "basic",
            "version_channel": "1.36.x-cfke.x",
            "status": "deployed",
            "endpoint": "https://198.18.0.1:16443",
            "kubernetes_version": "1.36.3-cfke.1",
            **self.defaults,
            **fields,
        }
        return cluster_id

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> tuple[int, str]:
        """Status and text."""
        parts = path.removeprefix("/v1/").split("/")
        if len(parts) == 1:
            return self._collection(method, body)
        cluster = self.clusters.get(parts[1])
        if cluster is None:
            return 404, _error("not_found", f"cluster {parts[1]} does not exist")
        if parts[2:] == ["kubeconfig"]:
            return 200, f"apiVersion: v1\nclusters: []  # {cluster['id']}\n"
        if parts[2:] == ["join-information"]:
            self.queries.append(query)
            return 200, json.dumps({"rendered": f"#cloud-config for {query['zone']}"})
        return self._single(method, cluster, body)

    def _collection(self, method: str, body: Json) -> tuple[int, str]:
        if method == "GET":
            return 200, json.dumps(list(self.clusters.values()))
        self.bodies.append(body)
        cluster_id = self.add(**body)
        if self.looks_until_deployed:
            self.clusters[cluster_id]["status"] = "creating"
        return 201, json.dumps(cluster_id)

    def _single(self, method: str, cluster: Json, body: Json) -> tuple[int, str]:
        if method == "DELETE":
            del self.clusters[cluster["id"]]
            return 204, ""
        if method == "PUT":
            self.bodies.append(body)
            refused = [key for key in READ_ONLY if key in body]
            if refused:
                return 422, _error("read_only", f"{refused[0]} is read-only")
            kept = {key: cluster[key] for key in READ_ONLY}
            self.clusters[cluster["id"]] = {**kept, **body}
            return 200, json.dumps(self.clusters[cluster["id"]])
        if cluster["status"] == "creating":
            self.looks_until_deployed -= 1
            cluster["status"] = "creating" if self.looks_until_deployed > 0 else "deployed"
        return 200, json.dumps(cluster)


def _error(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}})


def _handler(server: CloudfleetServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Tests read `requests` instead."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            request = f"{self.command} {parts.path}"
            server.requests.append(request)
            server.headers = dict(self.headers.items())
            scripted = server.script(request)
            if isinstance(scripted, tuple):
                status, text = scripted
            else:
                status, text = server.answer(self.command, parts.path, query, body)
            if scripted == "reset":
                self.close_connection = True
                return
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

    return Handler
