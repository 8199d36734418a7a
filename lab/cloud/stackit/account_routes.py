"""The paths of the account and the project as a whole: key pairs, quotas, requests, load balancers."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from lab.cloud.settings import CloudSettings
from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import body_of, conflict, empty, invalid, not_found
from lab.cloud.stackit.keypairs import Keypairs
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.paths import PROJECT, P, number_of, region_of
from lab.cloud.stackit.requests import request_view
from lab.cloud.stackit.rows import Lists, plain, public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer

_BALANCERS = "/load-balancer/v2/projects/{project}/regions/{region}/load-balancers"
_LIMITS = {
    "vcpu": 20_000,
    "ram": 80_000_000,
    "volumes": 20_000,
    "gigabytes": 4_000_000,
    "networks": 100,
    "nics": 40_000,
    "publicIps": 20_000,
    "securityGroups": 1_000,
    "securityGroupRules": 10_000,
    "snapshots": 1_000,
    "backups": 1_000,
    "backupGigabytes": 100_000,
}


class AccountRoutes:
    """What is not of one server."""

    def __init__(self, store: Store, keypairs: Keypairs, lists: Lists, settings: CloudSettings) -> None:
        self._store = store
        self._keypairs = keypairs
        self._lists = lists
        self._project_id = settings.stackit_project_id

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [
            web.get(PROJECT, self._project),
            web.get(f"{P}/quotas", self._quotas),
            web.get(f"{P}/requests/{{id}}", self._request),
            web.get("/v2/keypairs", self._list_keypairs),
            web.post("/v2/keypairs", self._create_keypair),
            web.get("/v2/keypairs/{id}", self._get_keypair),
            web.patch("/v2/keypairs/{id}", self._update_keypair),
            web.delete("/v2/keypairs/{id}", self._delete_keypair),
            web.get(_BALANCERS, self._list_balancers),
            web.post(_BALANCERS, self._create_balancer),
            web.get(f"{_BALANCERS}/{{id}}", self._get_balancer),
            web.delete(f"{_BALANCERS}/{{id}}", self._delete_balancer),
        ]

    async def _project(self, request: web.Request) -> web.Response:
        return answer({"id": self._project_id, "areaId": "PUBLIC", "status": "CREATED", "internetAccess": True})

    async def _request(self, request: web.Request) -> web.Response:
        return answer(request_view(self._store, region_of(request), number_of(request)))

    # ---- quotas

    def _here(self, request: web.Request, kind: str) -> list[JsonObject]:
        return [row for row in self._store.rows(kind).values() if row["_region"] == region_of(request)]

    async def _quotas(self, request: web.Request) -> web.Response:
        types = [catalog.MACHINE_TYPES[row["machineType"]] for row in self._here(request, "server")]
        groups, volumes = self._here(request, "security_group"), self._here(request, "volume")
        used = {
            "vcpu": _total(one["vcpus"] for one in types),
            "ram": _total(one["ram"] for one in types),
            "volumes": len(volumes),
            "gigabytes": _total(one["size"] for one in volumes),
            "networks": len(self._here(request, "network")),
            "nics": len(self._here(request, "nic")),
            "publicIps": len(self._here(request, "public_ip")),
            "securityGroups": len(groups),
            "securityGroupRules": _total(len(one["rules"]) for one in groups),
        }
        return answer(
            {"quotas": {name: {"limit": limit, "usage": used.get(name, 0)} for name, limit in _LIMITS.items()}}
        )

    # ---- key pairs

    async def _list_keypairs(self, request: web.Request) -> web.Response:
        return self._lists.answer(request, "keypair", plain)

    async def _create_keypair(self, request: web.Request) -> web.Response:
        return answer(plain(self._keypairs.create(await body_of(request))), 201)

    async def _get_keypair(self, request: web.Request) -> web.Response:
        return answer(plain(self._keypairs.find(number_of(request))))

    async def _update_keypair(self, request: web.Request) -> web.Response:
        return answer(plain(self._keypairs.update(number_of(request), await body_of(request))))

    async def _delete_keypair(self, request: web.Request) -> web.Response:
        self._keypairs.delete(number_of(request))
        return empty(204)

    # ---- load balancers: only that they are there, and that they can go

    def _key(self, request: web.Request, name: object) -> str:
        return f"{region_of(request)}/{name}"

    async def _list_balancers(self, request: web.Request) -> web.Response:
        return answer({"loadBalancers": [public(row) for row in self._here(request, "load_balancer")]})

    async def _create_balancer(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if not isinstance(body.get("name"), str):
            raise invalid("name", "value must be a string")
        if self._store.get("load_balancer", self._key(request, body["name"])):
            raise conflict(f"load balancer {body['name']} already exists")
        row = {**body, "labels": merged({}, body.get("labels")), "region": region_of(request), "status": "STATUS_READY"}
        row |= {"_region": region_of(request)}
        self._store.write([("load_balancer", self._key(request, body["name"]), row)])
        return answer(public(row))

    def _balancer(self, request: web.Request) -> JsonObject:
        row = self._store.get("load_balancer", self._key(request, number_of(request)))
        if row is None:
            raise not_found("load balancer", number_of(request))
        return row

    async def _get_balancer(self, request: web.Request) -> web.Response:
        return answer(public(self._balancer(request)))

    async def _delete_balancer(self, request: web.Request) -> web.Response:
        self._store.write((), [("load_balancer", self._key(request, self._balancer(request)["name"]))])
        return answer({})


def _total(numbers: Iterable[int]) -> int:
    return sum(numbers)
