from __future__ import annotations

import hashlib
import http.server
import os
import socket
import threading
import tomllib
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import processes
from lab.errors import LabError
from lab.images import oci
from lab.registry.mirror import hosts_toml
from lab.registry.push import push
from lab.registry.server import Registry
from lab.tools import families

MIRROR = "http://198.18.0.1:18011/v2/ghcr.io"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class FakeRegistry(http.server.ThreadingHTTPServer):
    """The part of the distribution API that a push uses, kept in memory; it checks what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.broken = False
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeRegistry

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _note(self) -> str:
        path = urllib.parse.urlsplit(self.path).path
        self.server.requests.append(f"{self.command} {path}")
        return path

    def do_HEAD(self) -> None:
        path = self._note()
        if path in self.server.manifests:
            self._answer(200, Docker_Content_Digest=digest(self.server.manifests[path]))
        else:
            self._answer(200 if path.rpartition("/")[2] in self.server.blobs else 404)

    def do_POST(self) -> None:
        path = self._note()
        if self.server.broken:
            self._answer(500)
        else:
            self._answer(202, Location=f"{self.server.url}{path}1?_state=a%3D%3D")

    def do_PUT(self) -> None:
        path = self._note()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if "/manifests/" in path:
            self.server.manifests[path] = content
            self._answer(201)
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        sound = query == {"_state": ["a=="], "digest": [digest(content)]}
        self.server.blobs[digest(content)] = content
        self._answer(201 if sound else 400)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    server = FakeRegistry()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def image(tmp_path: Path) -> oci.Image:
    program = tmp_path / "program"
    program.write_bytes(os.urandom(100_000))
    settings = oci.Settings(user="1:1", entrypoint=("/program",))
    return oci.build(tmp_path / "image", "ghcr.io/team/app:v1", [oci.File(program, "/program")], settings)


def test_the_mirror_is_the_only_place_that_containerd_asks() -> None:
    text = hosts_toml("ghcr.io", "http://198.18.0.1:18011")
    assert tomllib.loads(text) == {
        "server": MIRROR,
        "override_path": True,
        "host": {MIRROR: {"capabilities": ["pull", "resolve"], "override_path": True}},
    }


def test_a_push_sends_blobs_before_the_manifest(registry: FakeRegistry, image: oci.Image) -> None:
    assert push(registry.url, [image]) == ["ghcr.io/team/app:v1"]
    assert set(registry.blobs) == {blob.digest for blob in image.blobs}
    assert digest(registry.manifests["/v2/ghcr.io/team/app/manifests/v1"]) == image.manifest.digest
    assert registry.requests[-1] == "PUT /v2/ghcr.io/team/app/manifests/v1"


def test_a_second_push_asks_once_and_sends_nothing(registry: FakeRegistry, image: oci.Image) -> None:
    push(registry.url, [image])
    registry.requests.clear()
    assert push(registry.url, [image]) == []
    assert registry.requests == ["HEAD /v2/ghcr.io/team/app/manifests/v1"]


def test_a_tag_that_points_elsewhere_is_moved_and_known_blobs_stay(registry: FakeRegistry, image: oci.Image) -> None:
    push(registry.url, [image])
    registry.manifests["/v2/ghcr.io/team/app/manifests/v1"] = b"{}"
    registry.requests.clear()
    assert push(registry.url, [image]) == ["ghcr.io/team/app:v1"]
    assert [request.split()[0] for request in registry.requests] == ["HEAD", "HEAD", "HEAD", "PUT"]


def test_a_refused_push_names_the_image_and_the_answer(registry: FakeRegistry, image: oci.Image) -> None:
    registry.broken = True
    with pytest.raises(LabError, match=r"answered 500 to starting an upload of image ghcr\.io/team/app:v1"):
        push(registry.url, [image])
    assert registry.manifests == {}


def test_a_registry_that_is_not_there_is_said_in_a_sentence(image: oci.Image) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(LabError, match=f"Pushing images to {url} failed: .*Is the registry running"):
            push(url, [image])


@pytest.mark.lab
@pytest.mark.skipif(not families.family("registry").built(), reason="the registry program is not built: `make lab`")
class TestRealRegistry:
    @pytest.fixture
    def real(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Registry("127.0.0.1", port, tmp_path / "storage")
        yield server
        server.stop()

    def test_images_outlive_a_restart_and_are_not_pushed_again(self, real: Registry, image: oci.Image) -> None:
        real.start()
        assert push(real.url, [image]) == ["ghcr.io/team/app:v1"]
        real.stop()
        assert not real.answers()
        real.start()
        assert push(real.url, [image]) == []
        request = urllib.request.Request(
            f"{real.url}/v2/ghcr.io/team/app/manifests/v1", headers={"Accept": oci.MANIFEST}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert digest(answer.read()) == image.manifest.digest

    def test_a_second_start_finds_the_first(self, real: Registry) -> None:
        real.start()
        first = processes.Process.read("registry")
        real.start()
        assert processes.Process.read("registry") == first

    def test_a_taken_port_is_said_in_a_sentence(self, real: Registry) -> None:
        with socket.socket() as taken:
            taken.bind((real.address, real.port))
            taken.listen()
            with pytest.raises(LabError, match=r"The image registry did not start on .*address already in use"):
                real.start()
