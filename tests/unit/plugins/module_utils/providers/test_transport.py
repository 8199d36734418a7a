"""Requests: what is sent, and what the odd answers become."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.budget import Budget
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Auth,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    RateLimited,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer, Owner, Refs, ServerSpec
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.transport import Peer, Refusal, Transport

SCALEWAY = {
    "access_key": "SCWLAB00000000000000",
    "secret_key": "00000000-0000-4000-8000-000000000001",
    "project_id": "00000000-0000-4000-8000-000000000002",
}


class Api(http.server.ThreadingHTTPServer):
    """Answers everything with one scripted answer and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        status, headers, body = self.server.answer
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _transport(api: Api, time: Any) -> Transport:
    session = requests.Session()
    peer = Peer("north", "North", api.url, "NORTH_TOKEN or providers.north.token", "providers.north.endpoint")

    def perform(method: str, path: str, **options: Any) -> requests.Response:
        return session.request(method, api.url + path, **options)

    def read(status: int, body: Any) -> Refusal:
        return (
            Refusal(status, body.get("code", ""), body.get("message", ""))
            if isinstance(body, dict)
            else Refusal(status, "", "")
        )

    budget = Budget(per_second=100, burst=100, clock=time.clock, sleep=time.sleep)
    return Transport(peer, perform, read, lambda _refusal: None, budget)


@pytest.mark.parametrize(
    ("method", "status", "kind"),
    [
        pytest.param("GET", 401, Auth, id="401"),
        pytest.param("GET", 403, Auth, id="403"),
        pytest.param("GET", 404, NotFound, id="404"),
        pytest.param("GET", 410, NotFound, id="410"),
        pytest.param("POST", 409, Conflict, id="409"),
        pytest.param("POST", 422, Permanent, id="422"),
        pytest.param("POST", 423, Transient, id="423 is a refusal, so even an order may be repeated"),
        pytest.param("POST", 429, RateLimited, id="429"),
        pytest.param("GET", 500, Transient, id="500 of a read"),
        pytest.param("DELETE", 500, Transient, id="500 of a deletion"),
        pytest.param("POST", 500, Ambiguous, id="500 of an order"),
        pytest.param("POST", 504, Ambiguous, id="504 of an order"),
        pytest.param("GET", 501, Permanent, id="501"),
        pytest.param("GET", 302, Permanent, id="a redirect"),
    ],
)
def test_a_status_becomes_the_class_that_says_what_may_be_done(
    api: Api, time: Any, method: str, status: int, kind: type[PlatformError]
) -> None:
    api.answer = (status, {"Location": "http://elsewhere/"}, b'{"code": "why", "message": "said so"}')

    with pytest.raises(PlatformError) as caught:
        _transport(api, time).call(method, "/things?page=1")

    assert caught.type is kind
    assert str(caught.value).startswith("North")
    assert "?" not in str(caught.value)


def test_a_redirect_is_not_followed_because_the_token_would_go_along(api: Api, time: Any) -> None:
    api.answer = (307, {"Location": "http://elsewhere.example/"}, b"")

    with pytest.raises(Permanent, match=r"redirect to http://elsewhere\.example/; correct providers\.north\.endpoint"):
        _transport(api, time).call("GET", "/things")

    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        pytest.param({"Retry-After": "17"}, 17.0, id="seconds"),
        pytest.param(
            {"Retry-After": "Wed, 02 Sep 2026 10:00:30 GMT", "Date": "Wed, 02 Sep 2026 10:00:00 GMT"},
            30.0,
            id="a date, against the answer's own clock",
        ),
    ],
)
def test_retry_after_is_read_in_both_forms(api: Api, time: Any, headers: dict[str, str], slept: float) -> None:
    api.answer = (429, headers, b"")

    with pytest.raises(RateLimited) as caught:
        _transport(api, time).call("GET", "/things")

    assert caught.value.retry_after == slept
    assert time.slept[0] == slept


def test_long_words_of_a_provider_are_cut(api: Api, time: Any) -> None:
    api.answer = (422, {"X-Request-Id": "r-1"}, b'{"code": "c", "message": "%s"}' % (b"word \\n" * 500))

    with pytest.raises(Permanent) as caught:
        _transport(api, time).call("POST", "/things")

    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
    assert caught.value.request_id == "r-1"


def test_an_empty_good_answer_has_no_body(api: Api, time: Any) -> None:
    api.answer = (204, {}, b"")

    assert _transport(api, time).call("DELETE", "/things").body is None


@pytest.mark.parametrize(("provider", "account"), [("hetzner", {"token": "secret-token"}), ("scaleway", SCALEWAY)])
def test_a_netrc_does_not_take_the_place_of_the_account(
    api: Api, time: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, provider: str, account: dict[str, str]
) -> None:
    (tmp_path / "netrc").write_text("default login thief password stolen\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api.answer = (200, {}, b'{"servers": [], "meta": {"pagination": {}}}')
    driver = registry.driver(provider, {"endpoint": api.url, **account}, clock=time.clock, sleep=time.sleep)

    assert list(driver.list_nodes(driver.scopes()[0], None)) == []

    headers = api.requests[0][2]
    assert headers.get("Authorization", "") in ("", "Bearer secret-token")
    assert headers.get("X-Auth-Token", SCALEWAY["secret_key"]) == SCALEWAY["secret_key"]


def test_a_token_that_cannot_be_a_header_is_refused_without_being_shown(api: Api, time: Any) -> None:
    for token in ("two\nlines", "smörgås€"):
        driver = registry.driver("hetzner", {"endpoint": api.url, "token": token}, clock=time.clock, sleep=time.sleep)
        with pytest.raises(Auth, match="characters that cannot be sent; set HCLOUD_TOKEN") as caught:
            list(driver.list_nodes(driver.scopes()[0], None))
        assert token not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("key", list(SCALEWAY))
def test_a_malformed_scaleway_account_is_refused_without_a_request_and_without_being_shown(time: Any, key: str) -> None:
    with pytest.raises(Auth, match=rf"set SCW_\w+ or providers\.scaleway\.{key}") as caught:
        registry.driver(
            "scaleway", {"endpoint": "http://x", **SCALEWAY, key: "s3cret"}, clock=time.clock, sleep=time.sleep
        )
    assert "s3cret" not in str(caught.value)


def test_every_request_of_both_sdks_has_a_time_limit(api: Api, time: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    send = requests.adapters.HTTPAdapter.send

    def watch(adapter: Any, request: Any, **options: Any) -> requests.Response:
        seen.append(options["timeout"])
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", watch)
    api.answer = (200, {}, b'{"servers": [], "meta": {"pagination": {}}}')
    for provider, account in (("hetzner", {"token": "t"}), ("scaleway", SCALEWAY)):
        for deadline, limit in ((None, (5.0, 30.0)), (time.clock() + 12, (5.0, 12.0)), (time.clock(), (1.0, 1.0))):
            driver = registry.driver(
                provider, {"endpoint": api.url, **account}, clock=time.clock, sleep=time.sleep, deadline=deadline
            )
            list(driver.list_nodes(driver.scopes()[0], None))
            assert seen.pop() == limit


def test_an_unknown_provider_is_named_with_those_there_are() -> None:
    with pytest.raises(Permanent, match=r"Unknown provider 'aws'; known are: hetzner, .*, stackit\."):
        registry.driver("aws", {})


def test_the_sdk_never_repeats_by_itself(api: Api, time: Any) -> None:
    """The SDK repeats 502, 504, conflicts and timeouts five times, orders included, unless it is kept from that."""
    driver = registry.driver("hetzner", {"endpoint": api.url, "token": "t"}, clock=time.clock, sleep=time.sleep)
    offer = Offer("hetzner", "nbg1", "cx33")
    spec = ServerSpec("dev-web-1", Owner.of("lab", "dev", "web", "dev-web-1"), offer)
    for status in (502, 504):
        api.answer = (status, {}, b'{"error": {"code": "timeout", "message": "m"}}')
        with pytest.raises(Ambiguous):
            driver.create_node(spec, Refs(image="ubuntu-24.04"))
    assert len(api.requests) == 2
    assert time.slept == []
