# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: the requests of one project, made by the vendor's SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..budget import Budget
from ..errors import Auth, NotFound, Permanent
from .base import Clock, Sleep
from .hetzner_wire import NAME, TITLE, Item, classify, listed, read
from .paging import Page, read_all
from .transport import CONNECT_TIMEOUT, READ_TIMEOUT, Peer, Transport

REQUESTS_PER_HOUR = 3600
PER_PAGE = 50


def open_project(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> Project:
    """The project of the token. Loads the SDK."""
    endpoint = settings["endpoint"].rstrip("/")
    peer = Peer(
        NAME,
        TITLE,
        endpoint,
        credential="HCLOUD_TOKEN or providers.hetzner.token",
        address="HCLOUD_ENDPOINT or providers.hetzner.endpoint",
    )
    budget = Budget(
        per_second=REQUESTS_PER_HOUR / 3600, burst=REQUESTS_PER_HOUR, clock=clock, sleep=sleep, deadline=deadline
    )
    return Project(Transport(peer, _sdk_request(settings.get("token", ""), endpoint), read, classify, budget))


def _sdk_request(token: str, endpoint: str) -> Callable[..., Any]:
    if not token:
        raise Auth(
            "No token for Hetzner; set HCLOUD_TOKEN or providers.hetzner.token.", provider=NAME, code="no_credentials"
        )
    try:
        import hcloud
        import requests
    except ImportError as error:
        raise Permanent(
            f"Hetzner needs the Python package hcloud ({error}); install it for the Python that runs this task.",
            provider=NAME,
            code="no_sdk",
        ) from None
    client = hcloud.Client(
        token=token, api_endpoint=endpoint, application_name="sovereign.fleet", timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
    )
    # The SDK repeats timeouts and refusals of POST too, asleep on a clock of its own. budget.py alone repeats.
    inner = client._client
    inner._retry_max_retries = 0
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
    inner._session.mount("http://", adapter)
    inner._session.mount("https://", adapter)
    return client.request


class Project:
    """Reads and writes of one project. Errors are ours."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Item:
        """What stands at a path."""
        body = self._transport.call("GET", path, params=query or {}).body
        return body if isinstance(body, dict) else {}

    def all(self, kind: str, query: Mapping[str, str], per_page: int = PER_PAGE) -> list[Item]:
        """Everything of a kind (``servers``) that fits the query, whatever the pages."""

        def read(page: int) -> Page:
            body = self.get(f"/{kind}", {**query, "sort": "id:asc", "page": str(page), "per_page": str(per_page)})
            paging = (body.get("meta") or {}).get("pagination") or {}
            items = listed(body, kind)
            return Page(items, int(paging.get("total_entries") or len(items)), int(paging.get("last_page") or 1))

        return read_all(read, lambda item: item.get("id"), TITLE)

    def write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Item:
        """Carry out a writing request and give its answer, empty when there is none."""
        options = {} if body is None else {"json": dict(body)}
        answer = self._transport.call(method, path, **options).body
        return answer if isinstance(answer, dict) else {}

    def delete(self, path: str) -> None:
        """Delete something; not being there any more is success."""
        try:
            self.write("DELETE", path)
        except NotFound:
            return

    def server(self, server_id: str) -> Item | None:
        """A server by its id, None when it is not there."""
        try:
            return self.one(self.get(f"/servers/{server_id}"), "server")
        except NotFound:
            return None

    @staticmethod
    def one(body: Item, key: str) -> Item:
        """The object that an answer is about."""
        item = body.get(key)
        if not isinstance(item, dict):
            raise Permanent(
                f"{TITLE} sent an answer without {key!r}; is the endpoint right?", provider=NAME, code="unexpected"
            )
        return item
