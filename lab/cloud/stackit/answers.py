"""STACKIT's error bodies, lists and times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from aiohttp import web

from lab.cloud.wire import ApiFailure, JsonObject, answer, join_list


def failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> ApiFailure:
    """The one shape of all errors."""
    return ApiFailure(status, {"code": status, "msg": message}, headers)


def invalid(field: str, why: str) -> ApiFailure:
    """A body that does not fit the schema."""
    return failure(400, f'request body has an error: doesn\'t match schema: Error at "/{field}": {why}')


def not_found(what: str, number: object) -> ApiFailure:
    """An object that does not exist in the project and region."""
    return failure(404, f"{what} {number} not found")


def conflict(message: str) -> ApiFailure:
    """A request that does not fit the state of things."""
    return failure(409, message)


async def body_of(request: web.Request) -> JsonObject:
    """Read a JSON object from the request."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise failure(400, "request body has an error: failed to decode request body")
    return body


def items(rows: Iterable[bytes]) -> bytes:
    """A whole list; there are no pages."""
    return b'{"items":%s}' % join_list(list(rows))


def empty(status: int, request_id: str = "") -> web.Response:
    """An answer without a body; `request_id` is what GET requests/{id} knows."""
    headers = {"X-Request-Id": request_id} if request_id else None
    return web.Response(status=status, headers=headers)


def created(value: object, request_id: str, status: int = 201) -> web.Response:
    """An answer to an order that goes on behind it."""
    return answer(value, status, {"X-Request-Id": request_id})


def now() -> str:
    """RFC 3339 in UTC, whole seconds: 2026-11-21T10:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
