"""Lists with filters, order and pages; the filtered ids are kept until the next write, for clients that page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from aiohttp import web

from lab.cloud.hetzner import labels
from lab.cloud.hetzner.answers import invalid, meta, page_of
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer, encode, join_list

Encode = Callable[[JsonObject], bytes]
_SORTABLE = ("id", "name", "created", "status", "started", "finished", "command", "progress")
_REMEMBERED = 32


def _fits(row: JsonObject, filters: Mapping[str, list[str]]) -> bool:
    return all(str(row.get(field)) in wanted for field, wanted in filters.items())


def _sorted(rows: list[JsonObject], orders: list[str]) -> list[JsonObject]:
    for order in reversed(orders):
        field, _colon, direction = order.partition(":")
        if field not in _SORTABLE or direction not in ("", "asc", "desc"):
            raise invalid("sort", f"cannot sort by '{order}'")
        rows = sorted(rows, key=lambda row: (row.get(field) is None, row.get(field)), reverse=direction == "desc")
    return rows


class Listing:
    """Answers GET of a collection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._remembered: dict[tuple[object, ...], list[JsonObject]] = {}
        self._version = -1

    def answer(
        self,
        request: web.Request,
        key: str,
        rows: Collection[JsonObject],
        row_bytes: Encode = encode,
        filters: tuple[str, ...] = (),
    ) -> web.Response:
        """Give a page of `rows`: the query may filter by name, label_selector and the fields in `filters`."""
        page, per_page = page_of(request)
        chosen = self._chosen(request, key, rows, filters)
        part = chosen[(page - 1) * per_page : page * per_page]
        listed = join_list([row_bytes(row) for row in part])
        return answer(b'{"%s":%s,"meta":%s}' % (key.encode(), listed, meta(page, per_page, len(chosen))))

    def fresh(
        self, request: web.Request, key: str, rows: Collection[JsonObject], filters: tuple[str, ...]
    ) -> web.Response:
        """Like `answer`, for rows that do not come from the store and may change without a write."""
        page, per_page = page_of(request)
        chosen = _filtered(request, rows, filters)
        part = join_list([encode(row) for row in chosen[(page - 1) * per_page : page * per_page]])
        return answer(b'{"%s":%s,"meta":%s}' % (key.encode(), part, meta(page, per_page, len(chosen))))

    def _chosen(
        self, request: web.Request, key: str, rows: Collection[JsonObject], filters: tuple[str, ...]
    ) -> list[JsonObject]:
        if self._version != self._store.version:
            self._remembered.clear()
            self._version = self._store.version
        query = tuple(item for item in request.query.items() if item[0] not in ("page", "per_page"))
        memo = (key, len(rows), query)
        if memo not in self._remembered:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[memo] = _filtered(request, rows, filters)
        return self._remembered[memo]


def _filtered(request: web.Request, rows: Collection[JsonObject], filters: tuple[str, ...]) -> list[JsonObject]:
    wanted = {field: request.query.getall(field) for field in ("name", *filters) if field in request.query}
    chosen = [row for row in rows if _fits(row, wanted)] if wanted else list(rows)
    if selector := request.query.get("label_selector", ""):
        test = labels.selector(selector)
        chosen = [row for row in chosen if test(row.get("labels", {}))]
    return _sorted(chosen, request.query.getall("sort", []))
