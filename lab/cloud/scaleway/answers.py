"""Scaleway's error bodies and paging."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Sequence

from aiohttp import web

from lab.cloud.wire import ApiFailure, JsonObject, answer, encode, join_list

_MAX_PER_PAGE = 100


def invalid(field: str, why: str) -> ApiFailure:
    """A wrong field of the body, as Instances says it."""
    body = {"type": "invalid_request_error", "message": "Validation Error", "fields": {field: [why]}}
    return ApiFailure(400, body)


def refused(message: str, status: int = 400, **more: str) -> ApiFailure:
    """A request that does not fit the state of things."""
    return ApiFailure(status, {"type": "invalid_request_error", "message": message, **more})


def unknown(resource_id: object, what: str = "") -> ApiFailure:
    """An object that Instances does not know."""
    named = f'{what} "{resource_id}" not found' if what else f'"{resource_id}" not found'
    return ApiFailure(404, {"type": "unknown_resource", "message": named})


def not_found(resource: str, resource_id: object) -> ApiFailure:
    """An object that one of the newer APIs does not know."""
    body = {"type": "not_found", "message": "resource is not found", "resource": resource, "resource_id": resource_id}
    return ApiFailure(404, body)


def transient(server_id: str, state: str) -> ApiFailure:
    """A server that is in the middle of something."""
    return ApiFailure(
        409,
        {
            "type": "transient_state",
            "message": "resource is in a transient state",
            "resource": "instance_server",
            "resource_id": server_id,
            "current_state": state,
        },
    )


def precondition(help_message: str) -> ApiFailure:
    """Something else must be done first."""
    return ApiFailure(
        412,
        {
            "type": "precondition_failed",
            "message": "precondition is not respected",
            "precondition": "resource_still_in_use",
            "help_message": help_message,
        },
    )


def denied(action: str, resource: str) -> ApiFailure:
    """Credentials that are right and may not do this."""
    body = {
        "type": "permissions_denied",
        "message": "insufficient permissions",
        "details": [{"action": action, "resource": resource}],
    }
    return ApiFailure(403, body)


def unauthenticated(token: str) -> ApiFailure:
    """A secret key that is malformed or unknown."""
    try:
        uuid.UUID(token)
        reason = "not_found"
    except ValueError:
        reason = "invalid_argument"
    body = {
        "type": "denied_authentication",
        "message": "authentication is denied",
        "method": "api_key",
        "reason": reason,
    }
    return ApiFailure(401, body)


async def body_of(request: web.Request) -> JsonObject:
    """Read a JSON object from the request."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refused("the request body is not a JSON object")
    return body


def page_of(request: web.Request, size_name: str, limit: int = _MAX_PER_PAGE) -> tuple[int, int]:
    """Read the page and its size, which the two families of APIs name differently."""
    numbers = []
    for name, default in (("page", 1), (size_name, 50)):
        text = request.query.get(name, str(default))
        if not text.isdigit() or int(text) < 1:
            raise invalid(name, "must be a number of one or more")
        numbers.append(int(text))
    return numbers[0], min(numbers[1], limit)


def instance_page(
    request: web.Request, key: str, rows: Sequence[JsonObject], row_bytes: Callable[[JsonObject], bytes] = encode
) -> web.Response:
    """A page of Instances: per_page, X-Total-Count, and Link with relative addresses."""
    page, per_page = page_of(request, "per_page")
    last = max(1, math.ceil(len(rows) / per_page))
    part = rows[(page - 1) * per_page : page * per_page]
    headers = {"X-Total-Count": str(len(rows)), "Link": _links(request, page, per_page, last)}
    return answer(b'{"%s":%s}' % (key.encode(), join_list([row_bytes(row) for row in part])), headers=headers)


def _links(request: web.Request, page: int, per_page: int, last: int) -> str:
    path = request.path.rpartition("/zones/")[2].partition("/")[2]
    wanted = [
        ("first", 1, page > 1),
        ("previous", page - 1, page > 1),
        ("next", page + 1, page < last),
        ("last", last, True),
    ]
    return ",".join(
        f'</{path}?page={number}&per_page={per_page}>; rel="{name}"' for name, number, shown in wanted if shown
    )


def regional_page(request: web.Request, key: str, rows: Sequence[JsonObject]) -> web.Response:
    """A page of the newer APIs: page_size, and total_count in the body."""
    page, size = page_of(request, "page_size")
    return answer({key: rows[(page - 1) * size : page * size], "total_count": len(rows)})
