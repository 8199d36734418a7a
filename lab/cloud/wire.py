"""JSON over HTTP: bodies in, bodies out, and the one exception that becomes a vendor's error answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

JsonObject = dict[str, Any]
"""An object as it travels or is stored. Treat a stored one as immutable: change a copy, then write it."""


class ApiFailure(Exception):
    """An error answer in the vendor's own shape."""

    def __init__(self, status: int, body: JsonObject, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def encode(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def answer(value: object | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response; bytes are taken as JSON that is already encoded."""
    body = value if isinstance(value, bytes) else encode(value)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def join_list(fragments: list[bytes]) -> bytes:
    """A JSON array of elements that are already encoded."""
    return b"[" + b",".join(fragments) + b"]"


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC, with microseconds: 2026-11-21T10:00:00.000000+00:00."""
    return (moment or datetime.now(UTC)).isoformat(timespec="microseconds")
