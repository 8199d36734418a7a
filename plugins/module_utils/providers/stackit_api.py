# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STACKIT's API as the driver asks it: signed by the vendor's package, read as plain JSON.

The typed models of the vendor's package refuse answers that are right, so nothing of them is used.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..budget import Budget
from ..errors import Auth, NotFound, Permanent, PlatformError, Transient
from .base import Clock, Sleep
from .stackit_wire import NAME, TITLE, Item, classify, read, selector
from .transport import Peer, Transport

if TYPE_CHECKING:
    import requests

PER_SECOND = 20.0
BURST = 200.0
"""STACKIT publishes no limits; a hundred servers at once stay below this."""
TOKEN_RESERVE = 300.0
"""Seconds before its end in which a token is not used any more."""

Sign = Callable[["requests.PreparedRequest"], "requests.PreparedRequest"]
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = "STACKIT_SERVICE_ACCOUNT_TOKEN or providers.stackit.token"
_KEY = "STACKIT_SERVICE_ACCOUNT_KEY_PATH or providers.stackit.service_account_key_path"


class Api:
    """One project. Paths are relative to it: ``/regions/eu01/servers``; ``/keypairs`` belongs to the whole account."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def items(self, path: str, labels: Mapping[str, str] | None = None, **query: str) -> list[Item]:
        """A whole list, which comes without pages."""
        body = self._transport.call("GET", path, params={**query, **selector(labels)}).body
        items = body.get("items") if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise Permanent(
                f"{TITLE} sent a list without 'items' for {path}; is the endpoint right?",
                provider=NAME,
                code="unexpected",
            )
        return [item for item in items if isinstance(item, dict)]

    def servers(self, region: str, labels: Mapping[str, str] | None = None) -> list[Item]:
        """The servers of a region with their interfaces."""
        return self.items(f"/regions/{region}/servers", labels, details="true")

    def server(self, region: str, server_id: str) -> Item | None:
        """One server with its interfaces, None if it is not there."""
        return self.one(f"/regions/{region}/servers/{server_id}", details="true")

    def one(self, path: str, **query: str) -> Item | None:
        """One thing, None if it is not there."""
        try:
            body = self._transport.call("GET", path, params=query).body
        except NotFound:
            return None
        return body if isinstance(body, dict) else None

    def send(self, method: str, path: str, body: Item | None = None) -> Item:
        """Order or change something."""
        answer = self._transport.call(method, path, **({} if body is None else {"json": body})).body
        return answer if isinstance(answer, dict) else {}

    def remove(self, path: str) -> None:
        """Delete something; not being there any more is success."""
        try:
            self._transport.call("DELETE", path)
        except NotFound:
            return


def connect_api(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> Api:
    """The API for the project in ``settings``. Raises Auth for credentials that cannot be right; asks nothing yet."""
    endpoint = settings["endpoint"].rstrip("/")
    key_path = "" if settings.get("token") else settings.get("service_account_key_path", "")
    peer = Peer(
        NAME,
        TITLE,
        endpoint,
        credential=_KEY if key_path else _TOKEN,
        address="STACKIT_IAAS_CUSTOM_ENDPOINT or providers.stackit.endpoint",
    )
    project = settings.get("project_id", "")
    if not _UUID.fullmatch(project):
        raise _malformed("project id", "a UUID", "STACKIT_PROJECT_ID or providers.stackit.project_id")
    sign = _KeyFlow(key_path, endpoint) if key_path else _token(settings.get("token", ""))
    budget = Budget(per_second=PER_SECOND, burst=BURST, clock=clock, sleep=sleep, deadline=deadline)
    return Api(Transport(peer, _perform(endpoint, project, sign), read, classify, budget))


def _perform(endpoint: str, project: str, sign: Sign) -> Callable[..., Any]:
    session = new_session()

    def perform(method: str, path: str, **options: Any) -> requests.Response:
        place = f"/projects/{project}" if path.startswith("/regions/") else ""
        return session.request(method, f"{endpoint}/v2{place}{path}", **{**options, "auth": sign})

    return perform


def new_session() -> requests.Session:
    """Kept connections for as many threads as there may be."""
    try:
        import requests
    except ImportError as error:
        raise _no_sdk(error) from None
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update({"Accept": "application/json", "User-Agent": "sovereign.fleet"})
    return session


# ---- credentials


def _token(token: str) -> Sign:
    if not token:
        raise Auth(f"No token for {TITLE}; set {_TOKEN}.", provider=NAME, code="no_credentials")
    # requests would put whatever it is into an exception's text.
    if not token.isascii() or not token.isprintable() or " " in token:
        raise _malformed("token", "a token without blanks and line ends", _TOKEN)
    try:
        from stackit.core.auth_methods.token_auth import TokenAuth
    except ImportError as error:
        raise _no_sdk(error) from None
    sign: Sign = TokenAuth(token)
    return sign


class _KeyFlow:
    """Signs with short-lived tokens that the vendor's package gets for a key, fetched when one is needed.

    The package would renew them from a thread of its own; that is stopped as soon as there is a token, because it would
    outlive the driver.
    """

    def __init__(self, path: str, endpoint: str) -> None:
        self._path = os.path.expanduser(path)
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._sign: Sign | None = None
        self._ends = 0.0
        if not os.path.isfile(self._path):
            raise Auth(
                f"There is no file {self._path} with a service account key for {TITLE}; correct {_KEY}.",
                provider=NAME,
                code="no_credentials",
            )
        self._load()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self._lock:
            if self._sign is None or time.time() > self._ends - TOKEN_RESERVE:
                self._renew()
            sign = self._sign
        if sign is None:
            raise AssertionError("a renewed token signs")
        return sign(request)

    @staticmethod
    def _load() -> tuple[Any, Any, Any]:
        try:
            from stackit.core.auth_methods.token_auth import TokenAuth
            from stackit.core.authorization import Authorization
            from stackit.core.configuration import Configuration
        except ImportError as error:
            raise _no_sdk(error) from None
        return Authorization, Configuration, TokenAuth

    def _renew(self) -> None:
        authorization, configuration, token_auth = self._load()
        # Without an endpoint of its own the package warns on stderr. Empty texts keep it from looking elsewhere.
        config = configuration(
            service_account_token="", service_account_key_path=self._path, custom_endpoint=self._endpoint
        )
        try:
            flow = authorization(config).auth_method
        except Exception as error:  # noqa: BLE001 - what it raises may quote the key
            raise self._failed(error) from None
        if flow is None:
            raise self._unusable("it holds no private key")
        flow.close()
        self._sign, self._ends = token_auth(flow.access_token), _end_of(flow.access_token)

    def _failed(self, error: Exception) -> PlatformError:
        cause = error.__cause__ or error
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None and status < 500 and status != 429:
            return Auth(
                f"{TITLE} refused the service account key in {self._path} ({status}); set {_KEY}.",
                provider=NAME,
                code=str(status),
            )
        if status is not None or _is_network(error):
            return Transient(
                f"{TITLE} gave no token for the service account key in {self._path} "
                f"({status or type(cause).__name__}); check the network and run again later.",
                provider=NAME,
                code="no_token",
            )
        return self._unusable(f"reading it ended with {type(error).__name__}")

    def _unusable(self, why: str) -> Auth:
        return Auth(
            f"The file {self._path} is no service account key of {TITLE}: {why}; set {_KEY}.",
            provider=NAME,
            code="malformed_credential",
        )


def _end_of(token: str) -> float:
    """When a token ends, as it says itself; soon if it does not say."""
    try:
        claims = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return time.time() + 2 * TOKEN_RESERVE


def _is_network(error: Exception) -> bool:
    import requests

    return isinstance(error, requests.exceptions.RequestException)


def _malformed(what: str, shape: str, place: str) -> Auth:
    return Auth(f"The {what} for {TITLE} is not {shape}; set {place}.", provider=NAME, code="malformed_credential")


def _no_sdk(error: ImportError) -> Permanent:
    return Permanent(
        f"{TITLE} needs the Python package stackit-core ({error}); install it for the Python that runs this task.",
        provider=NAME,
        code="no_sdk",
    )
