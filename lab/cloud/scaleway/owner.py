"""Whether a list is asked for the project that this emulator is."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from lab.cloud.settings import CloudSettings

Ours = Callable[[web.Request], bool]


def ours(settings: CloudSettings) -> Ours:
    """Give the test: True unless the query names another project or organization."""
    wanted = {
        "project": settings.scaleway_project_id,
        "project_id": settings.scaleway_project_id,
        "organization": settings.scaleway_organization_id,
        "organization_id": settings.scaleway_organization_id,
    }
    return lambda request: all(request.query.get(name, number) in (number, "") for name, number in wanted.items())
