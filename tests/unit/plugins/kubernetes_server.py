"""A Kubernetes API in memory, served over HTTP on loopback: objects, merge patches, evictions, watches."""

from __future__ import annotations

import json
import queue
import re
import ssl
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Json = dict[str, Any]
Answer = tuple[int, Json, dict[str, str]]

EVICTION = re.compile(r"(/api/v1/namespaces/[^/]+/pods/[^/]+)/eviction")


def status(code: int, reason: str, message: str, **details: Any) -> Json:
    """The object with which the API refuses something."""
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


class KubernetesServer:
    """Objects live under their own path.

    `script` may answer a request instead of the store, `on_evict` stands for budgets, `on_watch` runs when a watch
    begins.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.requests: list[tuple[str, str]] = []
        self.script: Callable[[str, str], Answer | None] = lambda _method, _path: None
        self.on_evict: Callable[[str], Answer | None] = lambda _pod: None
        self.on_watch: Callable[[], None] = lambda: None
        self._scheme = "http"
        self._version = 100
        self._lock = threading.RLock()
        self._watchers: dict[str, list[queue.SimpleQueue[Json | None]]] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> KubernetesServer:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end_watches()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._scheme = "https"
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig for this server."""
        path = folder / "kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
                    "users": [{"name": "fake", "user": {"token": "worthless"}}],
                    "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                    "current-context": "fake",
                }
            )
        )
        return path

    def put(self, path: str, item: Json) -> Json:
        """Store an object as it is, tell the watchers, and return it with its new version."""
        with self._lock:
            known = path in self.objects
            metadata = item.setdefault("metadata", {})
            metadata.setdefault("name", path.rsplit("/", 1)[1])
            metadata.setdefault("uid", str(uuid.uuid4()))
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
            self.objects[path] = item
            self._tell("MODIFIED" if known else "ADDED", path, item)
            return item

    def remove(self, path: str) -> None:
        """Forget an object and tell the watchers."""
        with self._lock:
            self._tell("DELETED", path, self.objects.pop(path))

    def end_watches(self) -> None:
        """End every stream, as an API server does after a while."""
        with self._lock:
            for watcher in (watcher for watchers in self._watchers.values() for watcher in watchers):
                watcher.put(None)
            self._watchers.clear()

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        """What the API says to a request."""
        with self._lock:
            self.requests.append((method, path))
            if scripted := self.script(method, path):
                return scripted
            if path == "/version":
                return 200, {"gitVersion": "v1.36.3"}, {}
            if method == "POST":
                return self._evict(path)
            if method == "GET" and (path in self.objects or not self._is_list(path)):
                return self._found(path)
            if method == "GET":
                return 200, self._list(path, query.get("fieldSelector", "")), {}
            return self._write(method, path, body)

    def watch(self, path: str) -> queue.SimpleQueue[Json | None]:
        """A queue of the events below a path; None ends it."""
        events: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        with self._lock:
            self.requests.append(("WATCH", path))
            self._watchers.setdefault(path, []).append(events)
        self.on_watch()
        return events

    def _is_list(self, path: str) -> bool:
        return path.rsplit("/", 1)[1] in ("nodes", "pods", "gitrepositories", "kustomizations")

    def _found(self, path: str) -> Answer:
        if path in self.objects:
            return 200, self.objects[path], {}
        return 404, status(404, "NotFound", f'"{path.rsplit("/", 1)[1]}" not found'), {}

    def _list(self, path: str, selector: str) -> Json:
        deep = path == "/api/v1/pods"
        under = "/api/v1/namespaces/" if deep else f"{path}/"
        items = [item for key, item in sorted(self.objects.items()) if key.startswith(under)]
        if selector:
            node = selector.removeprefix("spec.nodeName=")
            items = [item for item in items if item["spec"]["nodeName"] == node]
        return {"kind": "List", "metadata": {"resourceVersion": str(self._version)}, "items": items}

    def _write(self, method: str, path: str, body: Json) -> Answer:
        if path not in self.objects:
            return self._found(path)
        if method == "DELETE":
            self.remove(path)
            return 200, {"kind": "Status", "status": "Success"}, {}
        item = self.objects[path]
        wanted = (body.get("metadata") or {}).pop("resourceVersion", None)
        if wanted not in (None, item["metadata"]["resourceVersion"]):
            return 409, status(409, "Conflict", "the object has been modified"), {}
        return 200, self.put(path, _merged(item, body)), {}

    def _evict(self, path: str) -> Answer:
        match = EVICTION.fullmatch(path)
        if match is None:
            return 405, status(405, "MethodNotAllowed", path), {}
        pod = match[1]
        if pod not in self.objects:
            return self._found(pod)
        if held := self.on_evict(pod):
            return held
        self.remove(pod)
        return 201, {"kind": "Status", "status": "Success"}, {}

    def _tell(self, kind: str, path: str, item: Json) -> None:
        for watcher in self._watchers.get(path.rsplit("/", 1)[0], []):
            watcher.put({"type": kind, "object": json.loads(json.dumps(item))})


def _merged(old: Any, new: Any) -> Any:
    """RFC 7386."""
    if not isinstance(new, dict):
        return new
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _handler(server: KubernetesServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # head and body go out apart, and each answer would wait 40 ms for that
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            """Tests read `requests` instead."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            if "watch" in query:
                self._stream(server.watch(parts.path))
                return
            code, answer, headers = server.answer(self.command, parts.path, query, body)
            content = json.dumps(answer).encode()
            self.send_response(code)
            for key, value in {"Content-Type": "application/json", "Content-Length": len(content), **headers}.items():
                self.send_header(key, str(value))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, events: queue.SimpleQueue[Json | None]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while (event := events.get()) is not None:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

    return Handler
