"""The paths of Nova's servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from lab.cloud.openstack.answers import base_of, body_of, compute
from lab.cloud.openstack.listing import Memory, Page, fits, page
from lab.cloud.openstack.servers import Servers
from lab.cloud.openstack.versions import microversion, microversion_headers
from lab.cloud.openstack.views import Shape, Views
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer, encode, join_list

Handler = Callable[[web.Request], Awaitable[web.Response]]

ROOT = "/compute/{region}/v2.1"


def shape_of(request: web.Request) -> Shape:
    """Read what the client wants to see; raise Nova's refusal of a microversion."""
    return Shape(microversion(request), base_of(request))


def nova_answer(shape: Shape, value: object | bytes = b"", status: int = 200) -> web.Response:
    """An answer of Nova, which repeats the microversion; without a value its body is empty."""
    headers = microversion_headers(shape.minor)
    if value == b"":
        return web.Response(status=status, headers=headers)
    return answer(value, status, headers)


def nova_page(shape: Shape, key: str, part: Page, rows: Iterable[bytes]) -> web.Response:
    """A page of one of Nova's lists, with the link to the next one."""
    next_link = [{"rel": "next", "href": part.next}] if part.next else []
    links = b',"%s_links":%s' % (key.encode(), encode(next_link)) if next_link else b""
    return nova_answer(shape, b'{"%s":%s%s}' % (key.encode(), join_list(list(rows)), links))


class ServerRoutes:
    """Servers, their metadata and their volumes."""

    def __init__(self, store: Store, servers: Servers, views: Views) -> None:
        self._servers = servers
        self._views = views
        self._memory = Memory(store, "server")

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        server = f"{ROOT}/servers/{{id}}"
        return [
            web.get(f"{ROOT}/servers", self._list),
            web.get(f"{ROOT}/servers/detail", self._list_details),
            web.post(f"{ROOT}/servers", self._create),
            web.get(server, self._get),
            web.put(server, self._update),
            web.delete(server, self._delete),
            web.post(f"{server}/action", self._act),
            web.get(f"{server}/metadata", self._get_metadata),
            web.post(f"{server}/metadata", self._set_metadata),
            web.put(f"{server}/metadata", self._set_metadata),
            web.get(f"{server}/metadata/{{key}}", self._get_metadata_key),
            web.put(f"{server}/metadata/{{key}}", self._set_metadata_key),
            web.delete(f"{server}/metadata/{{key}}", self._drop_metadata_key),
            web.get(f"{server}/os-volume_attachments", self._list_attachments),
            web.post(f"{server}/os-volume_attachments", self._attach),
            web.delete(f"{server}/os-volume_attachments/{{volume}}", self._detach),
            web.get(f"{server}/os-security-groups", self._list_groups),
        ]

    # ---- lists

    async def _list(self, request: web.Request) -> web.Response:
        shape, part = self._page(request)
        return nova_page(shape, "servers", part, (encode(self._views.brief(row, shape)) for row in part.rows))

    async def _list_details(self, request: web.Request) -> web.Response:
        shape, part = self._page(request)
        return nova_page(shape, "servers", part, (self._views.server_bytes(row, shape) for row in part.rows))

    def _page(self, request: web.Request) -> tuple[Shape, Page]:
        shape = shape_of(request)
        return shape, page(request, self._memory.chosen(request, lambda: self._matching(request)))

    def _matching(self, request: web.Request) -> list[JsonObject]:
        query, rows = request.query, self._servers.of_region(request.match_info["region"])
        if query.get("name"):
            rows = [row for row in rows if fits(query["name"], row["name"])]
        if query.get("status"):
            wanted = {status.upper() for status in query.getall("status")}
            rows = [row for row in rows if row["status"] in wanted]
        for name, field in (("flavor", "_flavor"), ("image", "_image"), ("uuid", "id"), ("key_name", "key_name")):
            if query.get(name):
                rows = [row for row in rows if row[field] == query[name]]
        for name in ("ip", "ip6"):
            if query.get(name):
                rows = [row for row in rows if _has_address(row, query[name])]
        if query.get("tags"):
            tags = set(query["tags"].split(","))
            rows = [row for row in rows if tags <= set(row["_tags"])]
        if query.get("sort_dir") == "asc":
            rows.reverse()
        return rows

    # ---- one server

    def _row(self, request: web.Request) -> JsonObject:
        return self._servers.get(request.match_info["region"], request.match_info["id"])

    def _answer(self, row: JsonObject, shape: Shape) -> web.Response:
        return nova_answer(shape, b'{"server":%s}' % self._views.server_bytes(row, shape))

    async def _create(self, request: web.Request) -> web.Response:
        shape, body = shape_of(request), await body_of(request)
        wanted = await body_of(request, "server")
        hints = body.get("os:scheduler_hints") or body.get("OS-SCH-HNT:scheduler_hints") or {}
        row, password = self._servers.create(request.match_info["region"], wanted, hints, shape.minor)
        brief = self._views.brief(row, shape)
        made = {
            "id": row["id"],
            "links": brief["links"],
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": name} for name in self._views.group_names(row)],
            "adminPass": password,
        }
        response = nova_answer(shape, {"server": made}, 202)
        response.headers["Location"] = brief["links"][0]["href"]
        return response

    async def _get(self, request: web.Request) -> web.Response:
        return self._answer(self._row(request), shape_of(request))

    async def _update(self, request: web.Request) -> web.Response:
        shape, info = shape_of(request), request.match_info
        return self._answer(self._servers.rename(info["region"], info["id"], await body_of(request, "server")), shape)

    async def _delete(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        self._servers.delete(request.match_info["region"], request.match_info["id"])
        return nova_answer(shape, status=204)

    async def _act(self, request: web.Request) -> web.Response:
        shape, info = shape_of(request), request.match_info
        result = self._servers.act(info["region"], info["id"], await body_of(request))
        return nova_answer(shape, status=202) if result is None else nova_answer(shape, result)

    # ---- metadata

    async def _get_metadata(self, request: web.Request) -> web.Response:
        return nova_answer(shape_of(request), {"metadata": self._row(request)["metadata"]})

    async def _set_metadata(self, request: web.Request) -> web.Response:
        shape, info, body = shape_of(request), request.match_info, await body_of(request)
        replace = request.method == "PUT"
        merged = self._servers.set_metadata(info["region"], info["id"], body.get("metadata"), replace)
        return nova_answer(shape, {"metadata": merged})

    async def _get_metadata_key(self, request: web.Request) -> web.Response:
        key, metadata = request.match_info["key"], self._row(request)["metadata"]
        if key not in metadata:
            raise compute(404, "Metadata item was not found")
        return nova_answer(shape_of(request), {"meta": {key: metadata[key]}})

    async def _set_metadata_key(self, request: web.Request) -> web.Response:
        shape, info, given = shape_of(request), request.match_info, await body_of(request, "meta")
        if list(given) != [info["key"]]:
            raise compute(400, "Request body and URI mismatch")
        self._servers.set_metadata(info["region"], info["id"], given, False)
        return nova_answer(shape, {"meta": given})

    async def _drop_metadata_key(self, request: web.Request) -> web.Response:
        shape, info = shape_of(request), request.match_info
        self._servers.drop_metadata(info["region"], info["id"], info["key"])
        return nova_answer(shape, status=204)

    # ---- volumes and groups

    async def _list_attachments(self, request: web.Request) -> web.Response:
        info = request.match_info
        shown = self._servers.attachments(info["region"], info["id"])
        return nova_answer(shape_of(request), {"volumeAttachments": shown})

    async def _attach(self, request: web.Request) -> web.Response:
        shape, info = shape_of(request), request.match_info
        made = self._servers.attach(info["region"], info["id"], await body_of(request, "volumeAttachment"))
        return nova_answer(shape, {"volumeAttachment": made})

    async def _detach(self, request: web.Request) -> web.Response:
        shape, info = shape_of(request), request.match_info
        self._servers.detach(info["region"], info["id"], info["volume"])
        return nova_answer(shape, status=202)

    async def _list_groups(self, request: web.Request) -> web.Response:
        names = self._views.group_names(self._row(request))
        return nova_answer(shape_of(request), {"security_groups": [{"name": name, "rules": []} for name in names]})


def _has_address(row: JsonObject, pattern: str) -> bool:
    entries = [entry for network in row["_addresses"].values() for entry in network]
    return any(fits(pattern, entry["addr"]) for entry in entries)
