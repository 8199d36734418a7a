"""The paths of Neutron."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.cloud.openstack.answers import body_of
from lab.cloud.openstack.answers import network as refusal
from lab.cloud.openstack.listing import Memory, page
from lab.cloud.openstack.neutron import KINDS, Kind, Neutron
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer

Handler = Callable[[web.Request], Awaitable[web.Response]]

_ROOT = "/network/{region}/v2.0"
_ALL = 1_000_000_000
_NOT_FILTERS = ("fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse")
_EXTENSIONS = {
    "standard-attr-tag": "Tag support for resources with standard attribute",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-timestamp": "Resource timestamps",
    "standard-attr-revisions": "Resource revision numbers",
    "security-group": "security-group",
    "router": "Neutron L3 Router",
    "external-net": "Neutron external network",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "pagination": "Pagination support",
    "sorting": "Sorting support",
}
_TAGGED = ("networks", "subnets", "ports", "security-groups", "floatingips", "routers")


class NetworkRoutes:
    """All kinds of Neutron have the same paths."""

    def __init__(self, store: Store, neutron: Neutron) -> None:
        self._neutron = neutron
        self._memory = {name: Memory(store, kind.store) for name, kind in KINDS.items()}

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        routes = [
            web.get(f"{_ROOT}/extensions", self._list_extensions),
            web.get(f"{_ROOT}/extensions/{{alias}}", self._get_extension),
            web.put(f"{_ROOT}/routers/{{id}}/add_router_interface", self._add_interface),
            web.put(f"{_ROOT}/routers/{{id}}/remove_router_interface", self._remove_interface),
        ]
        for name, kind in KINDS.items():
            routes += self._kind_routes(name, kind)
            if name in _TAGGED:
                routes += self._tag_routes(name, kind)
        return routes

    def _kind_routes(self, name: str, kind: Kind) -> list[web.RouteDef]:
        neutron = self._neutron

        async def listed(request: web.Request) -> web.Response:
            region = request.match_info["region"]
            found = self._memory[name].chosen(request, lambda: _matching(request, neutron.of_region(kind, region)))
            part = page(request, found, _ALL)
            body: JsonObject = {kind.collection: [_shown(request, neutron.view(kind, row)) for row in part.rows]}
            if part.next:
                body[f"{kind.collection}_links"] = [{"rel": "next", "href": part.next}]
            return answer(body)

        async def created(request: web.Request) -> web.Response:
            row = neutron.create(kind, request.match_info["region"], await body_of(request, kind.key))
            return answer({kind.key: neutron.view(kind, row)}, 201)

        async def one(request: web.Request) -> web.Response:
            row = neutron.find(kind, request.match_info["region"], request.match_info["id"])
            return answer({kind.key: _shown(request, neutron.view(kind, row))})

        async def updated(request: web.Request) -> web.Response:
            info = request.match_info
            row = neutron.update(kind, info["region"], info["id"], await body_of(request, kind.key))
            return answer({kind.key: neutron.view(kind, row)})

        async def deleted(request: web.Request) -> web.Response:
            neutron.delete(kind, request.match_info["region"], request.match_info["id"])
            return web.Response(status=204)

        return [
            web.get(f"{_ROOT}/{name}", listed),
            web.post(f"{_ROOT}/{name}", created),
            web.get(f"{_ROOT}/{name}/{{id}}", one),
            web.put(f"{_ROOT}/{name}/{{id}}", updated),
            web.delete(f"{_ROOT}/{name}/{{id}}", deleted),
        ]

    def _tag_routes(self, name: str, kind: Kind) -> list[web.RouteDef]:
        neutron = self._neutron

        def tags_of(request: web.Request) -> list[str]:
            return list(neutron.find(kind, request.match_info["region"], request.match_info["id"])["tags"])

        def replaced(request: web.Request, tags: object) -> list[str]:
            return neutron.set_tags(kind, request.match_info["region"], request.match_info["id"], tags)

        async def listed(request: web.Request) -> web.Response:
            return answer({"tags": tags_of(request)})

        async def set_all(request: web.Request) -> web.Response:
            return answer({"tags": replaced(request, (await body_of(request)).get("tags"))})

        async def cleared(request: web.Request) -> web.Response:
            replaced(request, [])
            return web.Response(status=204)

        async def added(request: web.Request) -> web.Response:
            replaced(request, [*tags_of(request), request.match_info["tag"]])
            return web.Response(status=201)

        async def one(request: web.Request) -> web.Response:
            _known(tags_of(request), request.match_info["tag"])
            return web.Response(status=204)

        async def removed(request: web.Request) -> web.Response:
            tags, tag = tags_of(request), request.match_info["tag"]
            _known(tags, tag)
            replaced(request, [kept for kept in tags if kept != tag])
            return web.Response(status=204)

        root = f"{_ROOT}/{name}/{{id}}/tags"
        return [
            web.get(root, listed),
            web.put(root, set_all),
            web.delete(root, cleared),
            web.get(f"{root}/{{tag}}", one),
            web.put(f"{root}/{{tag}}", added),
            web.delete(f"{root}/{{tag}}", removed),
        ]

    async def _add_interface(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer(self._neutron.add_interface(info["region"], info["id"], await body_of(request)))

    async def _remove_interface(self, request: web.Request) -> web.Response:
        info = request.match_info
        return answer(self._neutron.remove_interface(info["region"], info["id"], await body_of(request)))

    async def _list_extensions(self, request: web.Request) -> web.Response:
        return answer({"extensions": [_extension(alias) for alias in _EXTENSIONS]})

    async def _get_extension(self, request: web.Request) -> web.Response:
        alias = request.match_info["alias"]
        if alias not in _EXTENSIONS:
            raise refusal(404, "HTTPNotFound", f"Extension with alias {alias} does not exist")
        return answer({"extension": _extension(alias)})


def _extension(alias: str) -> JsonObject:
    name = _EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": name, "updated": "2026-01-01T00:00:00-00:00", "links": []}


def _known(tags: list[str], tag: str) -> None:
    if tag not in tags:
        raise refusal(404, "TagNotFound", f"Tag {tag} could not be found.")


def _shown(request: web.Request, view: JsonObject) -> JsonObject:
    """Cut a view down to the fields that are asked for."""
    fields = request.query.getall("fields", [])
    return {name: value for name, value in view.items() if name in fields} if fields else view


def _matching(request: web.Request, rows: list[JsonObject]) -> list[JsonObject]:
    query = request.query
    for name in dict.fromkeys(query):
        if name in _NOT_FILTERS:
            continue
        if name in _TAG_TESTS:
            tags = {tag for text in query.getall(name) for tag in text.split(",")}
            rows = [row for row in rows if _TAG_TESTS[name](tags, set(row["tags"]))]
        else:
            wanted = query.getall(name)
            rows = [row for row in rows if name not in row or any(_equal(row[name], text) for text in wanted)]
    for name, direction in reversed(
        list(zip(query.getall("sort_key", []), query.getall("sort_dir", []), strict=False))
    ):
        rows = sorted(rows, key=lambda row: str(row.get(name)), reverse=direction == "desc")
    return rows


_TAG_TESTS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda wanted, tags: wanted <= tags,
    "tags-any": lambda wanted, tags: bool(wanted & tags),
    "not-tags": lambda wanted, tags: not wanted <= tags,
    "not-tags-any": lambda wanted, tags: not wanted & tags,
}


def _equal(value: object, text: str) -> bool:
    """Compare a field with a word of the query: truth values by any case, lists by what they hold."""
    if isinstance(value, bool):
        return text.lower() in (("true", "1") if value else ("false", "0"))
    if isinstance(value, list):
        held = [f"{key}={part}" for entry in value if isinstance(entry, dict) for key, part in entry.items()]
        return text in value or text in held
    return str("" if value is None else value) == text
