"""Hetzner's error bodies, paging and rate-limit headers."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Callable

from aiohttp import web

from lab.cloud.wire import ApiFailure, JsonObject, encode

_STATUS = {
    "json_error": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "token_readonly": 403,
    "resource_limit_exceeded": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "uniqueness_error": 409,
    "conflict": 409,
    "deprecated_api_endpoint": 410,
    "resource_unavailable": 412,
    "placement_error": 412,
    "invalid_input": 422,
    "placement_group_member_limit_reached": 422,
    "resource_in_use": 422,
    "locked": 423,
    "protected": 423,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "maintenance": 503,
    "unavailable": 503,
    "timeout": 504,
}
MAX_PER_PAGE = 50


def failure(code: str, message: str, details: JsonObject | None = None, status: int = 0) -> ApiFailure:
    """An error with the vendor's code; the HTTP status follows from it."""
    return ApiFailure(status or _STATUS[code], {"error": {"code": code, "message": message, "details": details or {}}})


def invalid(field: str, why: str) -> ApiFailure:
    """The vendor's way to say that a field of the body is wrong."""
    return failure(
        "invalid_input", f"invalid input in field '{field}'", {"fields": [{"name": field, "messages": [why]}]}
    )


def missing(what: str, name: object) -> ApiFailure:
    """An object that does not exist."""
    return failure("not_found", f"{what} with ID '{name}' not found")


async def body_of(request: web.Request) -> JsonObject:
    """Read a JSON object, or nothing, from the request."""
    text = await request.text()
    if not text:
        return {}
    try:
        body = json.loads(text)
    except ValueError:
        raise failure("json_error", "invalid JSON in request body") from None
    if not isinstance(body, dict):
        raise failure("json_error", "the request body must be a JSON object")
    return body


def page_of(request: web.Request) -> tuple[int, int]:
    """Read page and per_page (at most 50)."""
    numbers = []
    for name, default in (("page", 1), ("per_page", 25)):
        text = request.query.get(name, str(default))
        if not text.isdigit() or int(text) < 1:
            raise invalid(name, "must be a number of one or more")
        numbers.append(int(text))
    return numbers[0], min(numbers[1], MAX_PER_PAGE)


def meta(page: int, per_page: int, total: int) -> bytes:
    """Give meta.pagination as JSON."""
    last = max(1, math.ceil(total / per_page))
    return encode(
        {
            "pagination": {
                "page": page,
                "per_page": per_page,
                "previous_page": page - 1 if page > 1 else None,
                "next_page": page + 1 if page < last else None,
                "last_page": last,
                "total_entries": total,
            }
        }
    )


class RateLimit:
    """The hourly budget of a project: a bucket that fills gradually."""

    def __init__(self, per_hour: int, clock: Callable[[], float] = time.time) -> None:
        self._limit = per_hour
        self._clock = clock
        self._left = float(per_hour)
        self._seen = clock()

    def spend(self) -> dict[str, str]:
        """Take one request from the budget and give the headers; raise 429 when it is empty."""
        now = self._clock()
        self._left = min(self._limit, self._left + (now - self._seen) * self._limit / 3600)
        self._seen = now
        if self._left < 1:
            limited = failure("rate_limit_exceeded", "limit of requests per hour reached")
            limited.headers = self._headers(now)
            raise limited
        self._left -= 1
        return self._headers(now)

    def _headers(self, now: float) -> dict[str, str]:
        full_in = (self._limit - self._left) * 3600 / self._limit
        return {
            "RateLimit-Limit": str(self._limit),
            "RateLimit-Remaining": str(int(self._left)),
            "RateLimit-Reset": str(math.ceil(now + full_in)),
            "X-Correlation-Id": secrets.token_hex(16),
        }
