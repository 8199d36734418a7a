"""STACKIT's two kinds of credentials: what is sent, what stays secret, and what is left running."""

from __future__ import annotations

import base64
import json
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, PlatformError, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.clock import HurriedClock
from tests.unit.plugins.module_utils.providers.stackit_loopback import Asked, Loopback

PROJECT = "00000000-0000-4000-8000-000000000005"
CANARY = "canary-4711"


def _jwt(seconds: float, name: str = "access") -> str:
    """A token that ends in so many seconds; nobody here checks its signature."""
    parts = ({"alg": "none"}, {"exp": int(time.time() + seconds), "name": name})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def key_file(tmp_path: Path, private_key: str) -> Path:
    path = tmp_path / "key.json"
    content = {
        "id": "k",
        "active": True,
        "createdAt": "2026-11-21T10:00:00Z",
        "keyAlgorithm": "RSA_2048",
        "keyOrigin": "GENERATED",
        "keyType": "USER_MANAGED",
        "publicKey": "p",
        "credentials": {
            "aud": "a",
            "iss": "fleet@sa.stackit.cloud",
            "kid": "k",
            "sub": "s",
            "privateKey": private_key,
        },
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(autouse=True)
def nothing_of_the_person_who_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TOKEN", "KEY_PATH", "EMAIL"):
        monkeypatch.delenv(f"STACKIT_SERVICE_ACCOUNT_{name}", raising=False)


def _driver(endpoint: str = "http://127.0.0.1:9", **account: str) -> Any:
    clock = HurriedClock()
    settings = {"endpoint": endpoint, "project_id": PROJECT, "price_endpoint": "http://127.0.0.1:9", **account}
    return registry.driver("stackit", settings, clock=clock.clock, sleep=clock.sleep, deadline=60.0)


def _list(driver: Any) -> list[Any]:
    return list(driver.list_nodes(driver.scopes()[0], None))


@pytest.mark.parametrize(
    ("account", "said"),
    [
        pytest.param({}, "No token for STACKIT; set STACKIT_SERVICE_ACCOUNT_TOKEN", id="nothing at all"),
        pytest.param({"token": f"{CANARY}\n"}, "not a token without blanks", id="a token with a line end"),
        pytest.param({"token": f"{CANARY}ü"}, "not a token without blanks", id="a token with an umlaut"),
        pytest.param({"token": "t", "project_id": CANARY}, "project id for STACKIT is not a UUID", id="a project name"),
        pytest.param({"service_account_key_path": "/no/such/file"}, "There is no file /no/such/file", id="no key file"),
    ],
)
def test_credentials_that_cannot_be_right_are_refused_at_once_and_not_repeated(
    account: dict[str, str], said: str
) -> None:
    with pytest.raises(Auth) as caught:
        _driver(**account)

    assert said in str(caught.value)
    assert "providers.stackit." in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_token_signs_every_request_of_the_project() -> None:
    with Loopback(lambda _request: (200, {"items": []})) as server:
        assert _list(_driver(server.url, token="abc.def")) == []

    (request,) = server.requests
    assert request.headers["Authorization"] == "Bearer abc.def"
    assert request.path == f"/v2/projects/{PROJECT}/regions/eu01/servers"
    assert request.query == {"details": ["true"]}


def test_a_given_token_is_used_rather_than_a_key_from_elsewhere(key_file: Path) -> None:
    with Loopback(lambda _request: (200, {"items": []})) as server:
        _list(_driver(server.url, token="abc", service_account_key_path=str(key_file)))

    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer abc"]


class _Tokens:
    """The vendor's token service, and the API behind it."""

    def __init__(self, *lives: float, status: int = 200) -> None:
        self.lives = list(lives)
        self.status = status
        self.given: list[str] = []

    def __call__(self, request: Asked) -> tuple[int, Any]:
        if request.path != "/token":
            return 200, {"items": []}
        if self.status != 200:
            return self.status, {"error": "invalid_grant"}
        token = _jwt(self.lives.pop(0), f"access-{len(self.given)}")
        self.given.append(token)
        return 200, {"access_token": token, "refresh_token": _jwt(3600, "refresh")}


def test_a_key_is_turned_into_tokens_that_are_renewed_in_time(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tokens = _Tokens(3600, 3600)
    before = set(threading.enumerate())
    with Loopback(tokens) as server:
        monkeypatch.setenv("STACKIT_TOKEN_BASEURL", f"{server.url}/token")
        driver = _driver(server.url, service_account_key_path=str(key_file))
        assert server.requests == [], "a driver that is not used asks nothing"
        for _look in range(3):
            _list(driver)
        signed = [request.headers["Authorization"] for request in server.requests if request.path != "/token"]
        assert signed == [f"Bearer {tokens.given[0]}"] * 3
        running = [thread.name for thread in threading.enumerate() if thread not in before]

    ours = [name for name in running if "serve_forever" not in name and "process_request" not in name]
    assert ours == [], "the package's own renewal must not go on behind us"
    assert capfd.readouterr() == ("", "")
    (asked,) = [request for request in server.requests if request.path == "/token"]
    assert parse_qs(asked.body)["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


def test_a_token_near_its_end_is_renewed_before_the_next_request(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = _Tokens(200, 3600)  # the first one ends within the reserve
    with Loopback(tokens) as server:
        monkeypatch.setenv("STACKIT_TOKEN_BASEURL", f"{server.url}/token")
        driver = _driver(server.url, service_account_key_path=str(key_file))
        for _look in range(3):
            _list(driver)

    signed = [request.headers["Authorization"] for request in server.requests if request.path != "/token"]
    assert signed == [f"Bearer {tokens.given[0]}", f"Bearer {tokens.given[1]}", f"Bearer {tokens.given[1]}"]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        pytest.param(401, Auth, "refused the service account key", id="refused"),
        pytest.param(400, Auth, "refused the service account key", id="revoked"),
        pytest.param(503, Transient, "gave no token", id="out of order"),
    ],
)
def test_a_key_that_gets_no_token_is_named_and_not_shown(
    key_file: Path, private_key: str, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[PlatformError], said: str
) -> None:
    with Loopback(_Tokens(status=status)) as server:
        monkeypatch.setenv("STACKIT_TOKEN_BASEURL", f"{server.url}/token")
        with pytest.raises(kind) as caught:
            _list(_driver(server.url, service_account_key_path=str(key_file)))

    message = str(caught.value)
    assert said in message
    assert str(key_file) in message
    assert private_key.splitlines()[1] not in message
    assert caught.value.__cause__ is None
    assert [request for request in server.requests if request.path != "/token"] == []


def test_a_token_service_that_cannot_be_reached_is_told_apart_from_the_api(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACKIT_TOKEN_BASEURL", "http://127.0.0.1:9/token")

    with pytest.raises(Transient, match="gave no token for the service account key"):
        _list(_driver(service_account_key_path=str(key_file)))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CANARY, id="no JSON"),
        pytest.param(json.dumps({"credentials": {"privateKey": CANARY}}), id="fields missing"),
        pytest.param("", id="empty"),
    ],
)
def test_a_file_that_is_no_key_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)

    with pytest.raises(Auth, match=r"is no service account key of STACKIT") as caught:
        _list(_driver(service_account_key_path=str(path)))

    assert str(path) in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_key_without_its_private_half_says_so(key_file: Path) -> None:
    content = json.loads(key_file.read_text())
    del content["credentials"]["privateKey"]
    key_file.write_text(json.dumps(content))

    with pytest.raises(Auth, match="holds no private key"):
        _list(_driver(service_account_key_path=str(key_file)))
