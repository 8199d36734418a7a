"""The paths of Glance: the vendor's images."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from lab.cloud.openstack.answers import image as refused
from lab.cloud.openstack.catalog import REGIONS
from lab.cloud.openstack.listing import chosen, page
from lab.cloud.wire import JsonObject, answer

_FIELDS = ("id", "name", "status", "visibility", "owner", "os_distro", "os_version", "architecture", "disk_format")
_PAGE = 25


class ImageRoutes:
    """Images can be read, not made."""

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [
            web.get("/image/{region}/v2/images", self._list),
            web.get("/image/{region}/v2/images/{id}", self._get),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        rows = list(REGIONS[request.match_info["region"]].images.values())
        for field in _FIELDS:
            if request.query.get(field):
                wanted = _wanted(request.query[field])
                rows = [row for row in rows if row[field] in wanted]
        if request.query.get("os_hidden", "").lower() == "true":
            rows = []
        part = page(request, chosen(rows), _PAGE)
        query = [(name, value) for name, value in request.query.items() if name != "marker"]
        body: JsonObject = {"images": part.rows, "schema": "/v2/schemas/images"}
        body["first"] = "/v2/images" + (f"?{urlencode(query)}" if query else "")
        if part.next:
            body["next"] = f"/v2/images?{part.next.partition('?')[2]}"
        return answer(body)

    async def _get(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        row = REGIONS[request.match_info["region"]].images.get(number)
        if row is None:
            raise refused(404, f"Failed to find image {number} to show")
        return answer(row)


def _wanted(text: str) -> set[str]:
    """Read a filter: one value, or in:one,"two, with commas"."""
    if not text.startswith("in:"):
        return {text}
    values, inside, current = set(), False, ""
    for letter in text.removeprefix("in:") + ",":
        if letter == '"':
            inside = not inside
        elif letter == "," and not inside:
            values.add(current)
            current = ""
        else:
            current += letter
    return values
