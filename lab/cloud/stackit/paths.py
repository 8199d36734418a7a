"""Beginnings of paths, and what every handler reads from one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

PROJECT = "/v2/projects/{project}"
P = PROJECT + "/regions/{region}"

Handler = Callable[[web.Request], Awaitable[web.Response]]


def region_of(request: web.Request) -> str:
    """The region in the path."""
    return request.match_info["region"]


def number_of(request: web.Request) -> str:
    """The id in the path of the object that the request is about."""
    return request.match_info["id"]
