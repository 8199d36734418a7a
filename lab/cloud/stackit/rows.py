"""Rows of the project: how they are found, checked and shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aiohttp import web

from lab.cloud.stackit.answers import invalid, items, not_found
from lab.cloud.stackit.labels import selector
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer, encode

_NAME = re.compile(r"[A-Za-z0-9]+(?:[ /._-]*[A-Za-z0-9]+)*")
_LONGEST = 127
TITLES: Mapping[str, str] = {
    "server": "server",
    "network": "network",
    "nic": "network interface",
    "public_ip": "public ip",
    "volume": "volume",
    "security_group": "security group",
    "affinity_group": "affinity group",
    "keypair": "keypair",
}


def public(row: JsonObject) -> JsonObject:
    """A row without its inner fields and without what has no value."""
    return {key: value for key, value in row.items() if not key.startswith("_") and value is not None}


def find(store: Store, kind: str, region: str, number: object) -> JsonObject:
    """Give a row of a region, or raise 404."""
    row = store.get(kind, number)
    if row is None or row["_region"] != region:
        raise not_found(TITLES[kind], number)
    return row


def addressless(store: Store, nic: JsonObject) -> bool:
    """Say whether an interface has no MAC and no address yet, because the server that it came with is being made."""
    server = store.get("server", nic["device"]) if nic["_automatic"] and nic["device"] else None
    return server is not None and server["launchedAt"] is None


def named(body: JsonObject, default: str | None = None) -> str:
    """Give the name in a body; raise 400 if it is missing without a default, or not allowed."""
    name = body.get("name", default)
    if not isinstance(name, str) or len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise invalid("name", "string doesn't match the regular expression of names")
    return name


class Lists:
    """Answers to GETs of whole lists; kept as bytes until anything in the store changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[object, ...], bytes] = {}
        self._kept_at = -1

    def answer(
        self,
        request: web.Request,
        kind: str,
        shown: Callable[[JsonObject], bytes],
        chosen: Callable[[JsonObject], bool] = lambda row: True,
        variant: object = None,
    ) -> web.Response:
        """Answer with all rows of a kind that are of the path's region (if it has one) and fit `label_selector`.

        `variant` tells apart answers of the same kind that `shown` or `chosen` make different.
        """
        if self._kept_at != self._store.version:
            self._kept.clear()
            self._kept_at = self._store.version
        region, wanted = request.match_info.get("region"), request.query.get("label_selector", "")
        key = (kind, region, wanted, variant)
        if key not in self._kept:
            fits = selector(wanted)
            self._kept[key] = items(
                shown(row)
                for row in self._store.rows(kind).values()
                if region in (None, row["_region"]) and fits(row.get("labels") or {}) and chosen(row)
            )
        return answer(self._kept[key])


def plain(row: JsonObject) -> bytes:
    """A row as it is shown when nothing has to be added."""
    return encode(public(row))
