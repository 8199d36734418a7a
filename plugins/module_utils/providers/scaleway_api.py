# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: the requests of one project, signed and checked by the vendor's SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..budget import Budget
from ..errors import Auth, NotFound, Permanent
from .base import Clock, Sleep
from .paging import Page, read_all
from .scaleway_wire import NAME, TITLE, Item, classify, mapping, read, tag_query, total_count, zone_path
from .transport import Peer, Transport

if TYPE_CHECKING:
    import requests

PER_PAGE = 100
PER_SECOND = 50.0
BURST = 100.0


def open_project(settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> Project:
    """The project of the account. Loads the SDK."""
    endpoint = settings["endpoint"].rstrip("/")
    peer = Peer(
        NAME,
        TITLE,
        endpoint,
        credential="SCW_ACCESS_KEY and SCW_SECRET_KEY, or providers.scaleway.access_key and secret_key",
        address="SCW_API_URL or providers.scaleway.endpoint",
    )
    budget = Budget(per_second=PER_SECOND, burst=BURST, clock=clock, sleep=sleep, deadline=deadline)
    project = settings.get("project_id", "")
    perform = _sdk_request(settings, endpoint, project)
    return Project(Transport(peer, perform, read, classify, budget), project)


def _sdk_request(settings: Mapping[str, str], endpoint: str, project: str) -> Callable[..., Any]:
    try:
        import requests
        from scaleway_core.client import Client
        from scaleway_core.validations.string_validation import is_access_key, is_project_id, is_secret_key
    except ImportError as error:
        raise Permanent(
            f"Scaleway needs the Python package scaleway ({error}); install it for the Python that runs this task.",
            provider=NAME,
            code="no_sdk",
        ) from None
    # The SDK's own check would repeat the secret in its message.
    for key, env, fits, shape in (
        ("access_key", "SCW_ACCESS_KEY", is_access_key, "SCW and 17 capitals or digits"),
        ("secret_key", "SCW_SECRET_KEY", is_secret_key, "a UUID"),
        ("project_id", "SCW_DEFAULT_PROJECT_ID", is_project_id, "a UUID"),
    ):
        if not fits(settings.get(key, "")):
            raise Auth(
                f"The {key.replace('_', ' ')} for Scaleway is not {shape}; set {env} or providers.scaleway.{key}.",
                provider=NAME,
                code="malformed_credential",
            )
    client = Client(
        access_key=settings["access_key"],
        secret_key=settings["secret_key"],
        api_url=endpoint,
        default_project_id=project,
    )
    # The SDK's request function knows neither time limits nor kept connections, hence a session of our own.
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update(
        {
            "Accept": "application/json",
            "User-Agent": f"sovereign.fleet {client.user_agent or ''}".strip(),
            "X-Auth-Token": settings["secret_key"],
        }
    )

    def perform(method: str, path: str, **options: Any) -> requests.Response:
        return session.request(method, f"{client.api_url}{path}", **options)

    return perform


class Project:
    """Reads and writes of one project. Errors are ours."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self.id = project

    def zonal(
        self, zone: str, kind: str, query: Mapping[str, str | Sequence[str]], per_page: int = PER_PAGE, key: str = ""
    ) -> list[Item]:
        """Everything of a kind that the Instances service has in a zone; ``key`` holds it if not the kind's name."""
        query = {"project": self.id, **query}
        return self._all(f"{zone_path(zone)}/{kind}", key or kind, query, "per_page", per_page)

    def newer(
        self, path: str, key: str, query: Mapping[str, str | Sequence[str]], page_size: int = PER_PAGE
    ) -> list[Item]:
        """Everything that one of the newer services has at a path; ``key`` holds it in the answer."""
        return self._all(path, key, query, "page_size", page_size)

    def servers(self, zone: str, labels: Mapping[str, str] | None, per_page: int) -> list[Item]:
        """The servers of a zone that carry all the labels."""
        return self.zonal(zone, "servers", {"order": "creation_date_asc", **tag_query(labels)}, per_page)

    def server(self, zone: str, server_id: str) -> Item | None:
        """A server by its id, None when it is not there."""
        try:
            body = self._transport.call("GET", f"{zone_path(zone)}/servers/{server_id}").body
        except NotFound:
            return None
        return dict(mapping(mapping(body).get("server"))) or None

    def table(self, path: str) -> dict[str, Item]:
        """A list of the Instances service that is keyed by name, page by page."""
        rows: dict[str, Item] = {}
        page = 1
        while True:
            answer = self._transport.call("GET", path, params={"page": str(page), "per_page": str(PER_PAGE)})
            part = mapping(mapping(answer.body).get("servers"))
            rows.update(part)
            if not part or len(rows) >= total_count(answer.headers, answer.body, len(rows)):
                return rows
            page += 1

    def write(self, method: str, path: str, **options: Any) -> Item:
        """Carry out a writing request and give its answer, empty when there is none."""
        body = self._transport.call(method, path, **options).body
        return body if isinstance(body, dict) else {}

    def ignore_missing(self, method: str, path: str, **options: Any) -> None:
        """A writing request about something that may be gone: then there is nothing to do."""
        try:
            self._transport.call(method, path, **options)
        except NotFound:
            return

    def _all(
        self, path: str, key: str, query: Mapping[str, str | Sequence[str]], size_option: str, size: int
    ) -> list[Item]:
        def read(page: int) -> Page:
            answer = self._transport.call("GET", path, params={**query, "page": str(page), size_option: str(size)})
            items = mapping(answer.body).get(key)
            if not isinstance(items, list):
                raise Permanent(
                    f"{TITLE} sent a list without {key!r}; is the endpoint right?", provider=NAME, code="unexpected"
                )
            total = total_count(answer.headers, answer.body, len(items))
            return Page(items, total, max(1, -(-total // size)))

        return read_all(read, lambda item: item.get("id") or item.get("sku"), TITLE)
