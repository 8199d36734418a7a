"""The paths of security groups and affinity groups."""

from __future__ import annotations

from aiohttp import web

from lab.cloud.stackit.answers import body_of, empty
from lab.cloud.stackit.groups import Groups
from lab.cloud.stackit.paths import Handler, P, number_of, region_of
from lab.cloud.stackit.rows import Lists, find, plain
from lab.cloud.stackit.servers import Servers
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer, encode


class GroupRoutes:
    """Groups that servers are in."""

    def __init__(self, store: Store, groups: Groups, servers: Servers, lists: Lists) -> None:
        self._store = store
        self._groups = groups
        self._servers = servers
        self._lists = lists

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        security, affinity = f"{P}/security-groups", f"{P}/affinity-groups"
        rules, members = f"{security}/{{id}}/rules", f"{P}/servers/{{server}}/security-groups/{{id}}"
        return [
            web.get(security, self._list_security),
            web.post(security, self._create_security),
            web.get(f"{security}/{{id}}", self._get_security),
            web.patch(f"{security}/{{id}}", self._update_security),
            web.delete(f"{security}/{{id}}", self._delete_security),
            web.get(rules, self._list_rules),
            web.post(rules, self._create_rule),
            web.get(f"{rules}/{{rule}}", self._get_rule),
            web.delete(f"{rules}/{{rule}}", self._delete_rule),
            web.put(members, self._member(True, 202)),
            web.delete(members, self._member(False, 204)),
            web.get(affinity, self._list_affinity),
            web.post(affinity, self._create_affinity),
            web.get(f"{affinity}/{{id}}", self._get_affinity),
            web.delete(f"{affinity}/{{id}}", self._delete_affinity),
        ]

    # ---- security groups

    def _security(self, request: web.Request) -> JsonObject:
        return find(self._store, "security_group", region_of(request), number_of(request))

    async def _list_security(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "security_group", plain)

    async def _create_security(self, request: web.Request) -> web.Response:
        return answer(plain(self._groups.create_security_group(region_of(request), await body_of(request))), 201)

    async def _get_security(self, request: web.Request) -> web.Response:
        return answer(plain(self._security(request)))

    async def _update_security(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        return answer(plain(self._groups.update_security_group(region_of(request), number_of(request), body)))

    async def _delete_security(self, request: web.Request) -> web.Response:
        self._groups.delete_security_group(region_of(request), number_of(request))
        return empty(204)

    async def _list_rules(self, request: web.Request) -> web.Response:
        return answer({"items": self._security(request)["rules"]})

    async def _create_rule(self, request: web.Request) -> web.Response:
        return answer(self._groups.add_rule(region_of(request), number_of(request), await body_of(request)), 201)

    async def _get_rule(self, request: web.Request) -> web.Response:
        return answer(self._groups.find_rule(region_of(request), number_of(request), request.match_info["rule"]))

    async def _delete_rule(self, request: web.Request) -> web.Response:
        self._groups.delete_rule(region_of(request), number_of(request), request.match_info["rule"])
        return empty(204)

    def _member(self, wanted: bool, status: int) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            server, group = request.match_info["server"], number_of(request)
            self._servers.set_group(region_of(request), server, group, wanted)
            return empty(status)

        return handler

    # ---- affinity groups

    def _affinity_bytes(self, row: JsonObject) -> bytes:
        return encode(self._groups.affinity_view(row))

    async def _list_affinity(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "affinity_group", self._affinity_bytes)

    async def _create_affinity(self, request: web.Request) -> web.Response:
        row = self._groups.create_affinity_group(region_of(request), await body_of(request))
        return answer(self._affinity_bytes(row), 201)

    async def _get_affinity(self, request: web.Request) -> web.Response:
        return answer(self._affinity_bytes(find(self._store, "affinity_group", region_of(request), number_of(request))))

    async def _delete_affinity(self, request: web.Request) -> web.Response:
        self._groups.delete_affinity_group(region_of(request), number_of(request))
        return empty(204)
