"""Pages of Nova, Cinder and Glance: limit and marker, and a link to the next page.

The chosen rows are kept until the next write to their kind, for clients that page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from lab.cloud.openstack.answers import base_of, compute, of_service, service_of
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

MAX_LIMIT = 1000
_REMEMBERED = 64
_PAGING = ("limit", "marker")

Choose = Callable[[], Iterable[JsonObject]]


@dataclass(frozen=True)
class Chosen:
    """Rows that fit a query, and where each of them stands."""

    rows: list[JsonObject]
    places: dict[str, int]


def chosen(rows: Iterable[JsonObject]) -> Chosen:
    """Note the places of rows that have an `id`."""
    listed = list(rows)
    return Chosen(listed, {row["id"]: place for place, row in enumerate(listed)})


@dataclass(frozen=True)
class Page:
    """One page, and the address of the next one or ""."""

    rows: list[JsonObject]
    next: str


def limit_of(request: web.Request, default: int = MAX_LIMIT) -> int:
    """Read the limit; raise the service's 400."""
    text = request.query.get("limit", "")
    if not text:
        return default
    if not text.isdigit():
        raise compute(400, f"Invalid input for query parameters limit. Value: {text}. '{text}' is not a number")
    return min(int(text), MAX_LIMIT) or default


def page(request: web.Request, found: Chosen, default: int = MAX_LIMIT) -> Page:
    """Cut a page out. A full page names a next one, even if that will be empty."""
    limit, marker = limit_of(request, default), request.query.get("marker", "")
    if marker and marker not in found.places:
        raise of_service(service_of(request.path), 400, f"marker [{marker}] not found")
    first = found.places[marker] + 1 if marker else 0
    rows = found.rows[first : first + limit]
    if len(rows) < limit:
        return Page(rows, "")
    query = [(name, value) for name, value in request.query.items() if name not in _PAGING]
    query += [("limit", str(limit)), ("marker", rows[-1]["id"])]
    return Page(rows, f"{base_of(request)}{request.path}?{urlencode(query)}")


class Memory:
    """Remembers what a query chose, for as long as the rows of its kind stay as they are."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._version = -1
        self._found: dict[tuple[object, ...], Chosen] = {}

    def chosen(self, request: web.Request, choose: Choose, *more: object) -> Chosen:
        """Give what `choose` gives, computed once for a region, a query (but for its page) and `more`."""
        version = self._store.version_of(self._kind)
        if self._version != version or len(self._found) >= _REMEMBERED:
            self._found.clear()
            self._version = version
        query = tuple(item for item in request.query.items() if item[0] not in _PAGING)
        key = (request.match_info["region"], query, *more)
        if key not in self._found:
            self._found[key] = chosen(choose())
        return self._found[key]


def fits(pattern: str, text: str) -> bool:
    """Say whether a name filter of Nova, which is a regular expression, finds something in the text."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text
