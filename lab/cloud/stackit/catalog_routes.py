"""The paths that say what is for sale."""

from __future__ import annotations

import re
from collections.abc import Callable

from aiohttp import web

from lab.cloud.faults import Faults
from lab.cloud.stackit import catalog, prices
from lab.cloud.stackit.answers import failure, not_found
from lab.cloud.stackit.labels import selector
from lab.cloud.stackit.paths import P, number_of, region_of
from lab.cloud.wire import JsonObject, answer

_COMPARISON = re.compile(r"""([\w.]+)\s*(==|!=|>=|<=|>|<)\s*(?:"([^"]*)"|'([^']*)'|(\d+))""")
_OPERATORS: dict[str, Callable[[object, object], bool]] = {
    "==": lambda own, given: own == given,
    "!=": lambda own, given: own != given,
    ">=": lambda own, given: int(str(own)) >= int(str(given)),
    "<=": lambda own, given: int(str(own)) <= int(str(given)),
    ">": lambda own, given: int(str(own)) > int(str(given)),
    "<": lambda own, given: int(str(own)) < int(str(given)),
}


class CatalogRoutes:
    """Zones, machine types, images, classes of disks, and prices."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [
            web.get("/v2/regions/{region}/availability-zones", self._zones),
            web.get(f"{P}/machine-types", self._machine_types),
            web.get(f"{P}/machine-types/{{id}}", self._machine_type),
            web.get(f"{P}/images", self._images),
            web.get(f"{P}/images/{{id}}", self._image),
            web.get(f"{P}/volume-performance-classes", self._classes),
            web.get(f"{P}/volume-performance-classes/{{id}}", self._class),
            *prices.routes(),
        ]

    async def _zones(self, request: web.Request) -> web.Response:
        return answer({"items": catalog.REGIONS[region_of(request)]})

    async def _machine_types(self, request: web.Request) -> web.Response:
        types = catalog.machine_types(region_of(request), self._faults)
        wanted = request.query.get("filter", "")
        return answer({"items": [one for one in types if _fits(one, wanted)]})

    async def _machine_type(self, request: web.Request) -> web.Response:
        for one in catalog.machine_types(region_of(request), self._faults):
            if one["name"] == number_of(request):
                return answer(one)
        raise not_found("machine type", number_of(request))

    async def _images(self, request: web.Request) -> web.Response:
        fits = selector(request.query.get("label_selector", ""))
        return answer({"items": [image for image in catalog.images(region_of(request)) if fits(image["labels"])]})

    async def _image(self, request: web.Request) -> web.Response:
        image = catalog.find_image(region_of(request), number_of(request))
        if image is None:
            raise not_found("image", number_of(request))
        return answer(image)

    async def _classes(self, request: web.Request) -> web.Response:
        return answer({"items": [catalog.performance_class(name) for name in catalog.PERFORMANCE_CLASSES]})

    async def _class(self, request: web.Request) -> web.Response:
        if number_of(request) not in catalog.PERFORMANCE_CLASSES:
            raise not_found("volume performance class", number_of(request))
        return answer(catalog.performance_class(number_of(request)))


def _fits(machine_type: JsonObject, wanted: str) -> bool:
    """Apply a filter: comparisons of fields (vcpus, ram, extraSpecs.cpu …) joined by && or "and"."""
    for part in re.split(r"&&|\band\b", wanted) if wanted.strip() else []:
        found = _COMPARISON.fullmatch(part.strip())
        own: object = machine_type
        for field in found[1].split(".") if found else []:
            own = own.get(field) if isinstance(own, dict) else None
        if found is None or own is None:
            raise failure(400, f"filter {wanted!r} cannot be evaluated")
        given = int(found[5]) if found[5] else found[3] or found[4] or ""
        try:
            if not _OPERATORS[found[2]](own, given):
                return False
        except ValueError:
            raise failure(400, f"filter {wanted!r} compares a text with a number") from None
    return True
