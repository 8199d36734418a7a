"""The paths of Cinder."""

from __future__ import annotations

import json

from aiohttp import web

from lab.cloud.openstack.answers import body_of, compute
from lab.cloud.openstack.catalog import REGIONS, stable_id
from lab.cloud.openstack.listing import Memory, page
from lab.cloud.openstack.volumes import VOLUME_ZONE, Volumes
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer

_ROOT = "/volume/{region}/v3/{project}"


class VolumeRoutes:
    """Volumes of the project."""

    def __init__(self, store: Store, volumes: Volumes) -> None:
        self._volumes = volumes
        self._memory = Memory(store, "volume")

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        volume = f"{_ROOT}/volumes/{{id}}"
        return [
            web.get(f"{_ROOT}/volumes", self._list),
            web.get(f"{_ROOT}/volumes/detail", self._list),
            web.post(f"{_ROOT}/volumes", self._create),
            web.get(volume, self._get),
            web.put(volume, self._update),
            web.delete(volume, self._delete),
            web.get(f"{volume}/metadata", self._get_metadata),
            web.post(f"{volume}/metadata", self._set_metadata),
            web.put(f"{volume}/metadata", self._set_metadata),
            web.delete(f"{volume}/metadata/{{key}}", self._drop_metadata),
            web.get(f"{_ROOT}/types", self._list_types),
            web.get(f"{_ROOT}/os-availability-zone", self._list_zones),
            web.get(f"{_ROOT}/limits", self._limits),
            web.get(f"{_ROOT}/snapshots", self._list_snapshots),
            web.get(f"{_ROOT}/snapshots/detail", self._list_snapshots),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        part = page(request, self._memory.chosen(request, lambda: self._matching(request)))
        views = [self._volumes.view(row) for row in part.rows]
        if not request.path.endswith("/detail"):
            views = [{key: view[key] for key in ("id", "name", "links")} for view in views]
        body: JsonObject = {"volumes": views}
        if part.next:
            body["volumes_links"] = [{"rel": "next", "href": part.next}]
        return answer(body)

    def _matching(self, request: web.Request) -> list[JsonObject]:
        query, rows = request.query, self._volumes.of_region(request.match_info["region"])
        for name in ("name", "status", "id"):
            if query.get(name):
                rows = [row for row in rows if row[name] == query[name]]
        if query.get("metadata"):
            try:
                wanted = json.loads(query["metadata"].replace("'", '"')).items()
            except (ValueError, AttributeError):
                raise compute(400, f"Invalid filter metadata: {query['metadata']}") from None
            rows = [row for row in rows if wanted <= row["metadata"].items()]
        return rows

    def _row(self, request: web.Request) -> JsonObject:
        return self._volumes.get(request.match_info["region"], request.match_info["id"])

    def _answer(self, row: JsonObject, status: int = 200) -> web.Response:
        return answer({"volume": self._volumes.view(row)}, status)

    async def _create(self, request: web.Request) -> web.Response:
        return self._answer(self._volumes.create(request.match_info["region"], await body_of(request, "volume")), 202)

    async def _get(self, request: web.Request) -> web.Response:
        return self._answer(self._row(request))

    async def _update(self, request: web.Request) -> web.Response:
        info, body = request.match_info, await body_of(request, "volume")
        changes = {name: body[name] for name in ("name", "description", "metadata") if name in body}
        return self._answer(self._volumes.change(info["region"], info["id"], **changes))

    async def _delete(self, request: web.Request) -> web.Response:
        self._volumes.delete(request.match_info["region"], request.match_info["id"])
        return web.Response(status=202)

    async def _get_metadata(self, request: web.Request) -> web.Response:
        return answer({"metadata": self._row(request)["metadata"]})

    async def _set_metadata(self, request: web.Request) -> web.Response:
        info, given = request.match_info, await body_of(request, "metadata")
        merged = given if request.method == "PUT" else {**self._row(request)["metadata"], **given}
        return answer({"metadata": self._volumes.change(info["region"], info["id"], metadata=merged)["metadata"]})

    async def _drop_metadata(self, request: web.Request) -> web.Response:
        info, kept = request.match_info, dict(self._row(request)["metadata"])
        if kept.pop(info["key"], None) is None:
            raise compute(404, f"Volume {info['id']} has no metadata with key {info['key']}.")
        self._volumes.change(info["region"], info["id"], metadata=kept)
        return web.Response(status=200)

    async def _list_types(self, request: web.Request) -> web.Response:
        region = request.match_info["region"]
        types = [
            {"id": stable_id(region, "volume type", name), "name": name, "is_public": True, "extra_specs": {}}
            for name in REGIONS[region].volume_types
        ]
        return answer({"volume_types": types})

    async def _list_zones(self, request: web.Request) -> web.Response:
        return answer({"availabilityZoneInfo": [{"zoneName": VOLUME_ZONE, "zoneState": {"available": True}}]})

    async def _limits(self, request: web.Request) -> web.Response:
        rows = self._volumes.of_region(request.match_info["region"])
        absolute = {
            "maxTotalVolumes": 1000,
            "totalVolumesUsed": len(rows),
            "maxTotalVolumeGigabytes": 100_000,
            "totalGigabytesUsed": sum(row["size"] for row in rows),
        }
        return answer({"limits": {"rate": [], "absolute": absolute}})

    async def _list_snapshots(self, request: web.Request) -> web.Response:
        return answer({"snapshots": []})
