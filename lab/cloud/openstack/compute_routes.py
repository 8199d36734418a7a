"""The paths of what stands around Nova's servers: flavors, key pairs, server groups, zones and limits."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid

from aiohttp import web

from lab.cloud.faults import Faults
from lab.cloud.openstack import catalog
from lab.cloud.openstack.answers import body_of, compute, invalid
from lab.cloud.openstack.identity import user_id
from lab.cloud.openstack.listing import chosen, page
from lab.cloud.openstack.networks import moment
from lab.cloud.openstack.server_routes import ROOT, nova_answer, nova_page, shape_of
from lab.cloud.openstack.views import Shape, flavor_view, public
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, encode

_POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")
_INSTANCES = 20_000
_CORES = 100_000
_RAM = 400_000_000


class ComputeRoutes:
    """Flavors are the same for everybody; key pairs and server groups belong to a region."""

    def __init__(self, store: Store, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._faults = faults
        self._user = user_id(settings)
        self._project = settings.ovhcloud_project_id

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [
            web.get(f"{ROOT}/flavors", self._list_flavors),
            web.get(f"{ROOT}/flavors/detail", self._list_flavors),
            web.get(f"{ROOT}/flavors/{{id}}", self._get_flavor),
            web.get(f"{ROOT}/flavors/{{id}}/os-extra_specs", self._get_extra_specs),
            web.get(f"{ROOT}/os-keypairs", self._list_keys),
            web.post(f"{ROOT}/os-keypairs", self._create_key),
            web.get(f"{ROOT}/os-keypairs/{{name}}", self._get_key),
            web.delete(f"{ROOT}/os-keypairs/{{name}}", self._delete_key),
            web.get(f"{ROOT}/os-server-groups", self._list_groups),
            web.post(f"{ROOT}/os-server-groups", self._create_group),
            web.get(f"{ROOT}/os-server-groups/{{id}}", self._get_group),
            web.delete(f"{ROOT}/os-server-groups/{{id}}", self._delete_group),
            web.get(f"{ROOT}/os-availability-zone", self._list_zones),
            web.get(f"{ROOT}/os-availability-zone/detail", self._list_zone_details),
            web.get(f"{ROOT}/limits", self._limits),
            web.get(f"{ROOT}/extensions", self._list_extensions),
        ]

    def _rows(self, request: web.Request, kind: str) -> list[JsonObject]:
        region = request.match_info["region"]
        return [row for row in self._store.rows(kind).values() if row["region"] == region]

    # ---- flavors

    def _flavors(self, request: web.Request, shape: Shape) -> list[JsonObject]:
        region = request.match_info["region"]
        return [flavor_view(region, flavor, shape) for flavor in catalog.on_sale(region, self._faults).values()]

    async def _list_flavors(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        views = self._flavors(request, shape)
        for name, field in (("minRam", "ram"), ("minDisk", "disk")):
            if request.query.get(name, "").isdigit():
                views = [view for view in views if view[field] >= int(request.query[name])]
        part = page(request, chosen(views))
        brief = not request.path.endswith("/detail")
        fields = ("id", "name", "description", "links") if brief else ()
        rows = ({key: view[key] for key in view if not fields or key in fields} for view in part.rows)
        return nova_page(shape, "flavors", part, (encode(row) for row in rows))

    def _flavor(self, request: web.Request, shape: Shape) -> JsonObject:
        number = request.match_info["id"]
        for view in self._flavors(request, shape):
            if view["id"] == number:
                return view
        raise compute(404, f"Flavor {number} could not be found.")

    async def _get_flavor(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        return nova_answer(shape, {"flavor": self._flavor(request, shape)})

    async def _get_extra_specs(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        self._flavor(request, shape)
        return nova_answer(shape, {"extra_specs": {}})

    # ---- key pairs

    def _key(self, request: web.Request) -> JsonObject:
        name = request.match_info["name"]
        row = self._store.get("keypair", f"{request.match_info['region']}/{name}")
        if row is None:
            raise compute(404, f"Keypair {name} not found for user {self._user}")
        return row

    @staticmethod
    def _key_view(row: JsonObject, shape: Shape) -> JsonObject:
        view = {key: row[key] for key in ("name", "public_key", "fingerprint")}
        return {**view, "type": row["type"]} if shape.minor >= 2 else view

    async def _list_keys(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        rows = [{**row, "id": row["name"]} for row in self._rows(request, "keypair")]
        part = page(request, chosen(sorted(rows, key=lambda row: str(row["name"]))))
        return nova_page(
            shape, "keypairs", part, (encode({"keypair": self._key_view(row, shape)}) for row in part.rows)
        )

    async def _create_key(self, request: web.Request) -> web.Response:
        shape, region = shape_of(request), request.match_info["region"]
        body = await body_of(request, "keypair")
        name, text = body.get("name"), body.get("public_key")
        if not isinstance(name, str) or not 1 <= len(name) <= 255:
            raise invalid("name", name, f"{name!r} is too short")
        if not isinstance(text, str):
            raise invalid("keypair", body, "'public_key' is a required property")
        fingerprint = _fingerprint(text)
        if self._store.get("keypair", f"{region}/{name}"):
            raise compute(409, f"Key pair '{name}' already exists.")
        row: JsonObject = {
            "id": self._store.allocate(),
            "name": name,
            "region": region,
            "public_key": text,
            "fingerprint": fingerprint,
            "type": "ssh",
            "user_id": self._user,
            "created_at": moment(),
            "deleted": False,
            "deleted_at": None,
            "updated_at": None,
        }
        self._store.write([("keypair", f"{region}/{name}", row)])
        view = {**self._key_view(row, shape), "user_id": self._user}
        return nova_answer(shape, {"keypair": view}, 201 if shape.minor >= 2 else 200)

    async def _get_key(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        row = public(self._key(request))
        return nova_answer(shape, {"keypair": row})

    async def _delete_key(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        self._store.write((), [("keypair", f"{request.match_info['region']}/{self._key(request)['name']}")])
        return nova_answer(shape, status=204 if shape.minor >= 2 else 202)

    # ---- server groups

    def _group_view(self, row: JsonObject, shape: Shape) -> JsonObject:
        servers = self._store.rows("server").values()
        view: JsonObject = {
            "id": row["id"],
            "name": row["name"],
            "members": [server["id"] for server in servers if row["id"] in server["_server_groups"]],
        }
        if shape.minor >= 13:
            view.update({"project_id": self._project, "user_id": self._user})
        if shape.minor >= 64:
            return {**view, "policy": row["policy"], "rules": row["rules"]}
        return {**view, "policies": [row["policy"]], "metadata": {}}

    def _group(self, request: web.Request) -> JsonObject:
        number = request.match_info["id"]
        for row in self._rows(request, "server_group"):
            if row["id"] == number:
                return row
        raise compute(404, f"Instance group {number} could not be found.")

    async def _list_groups(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        groups = [self._group_view(row, shape) for row in self._rows(request, "server_group")]
        return nova_answer(shape, {"server_groups": groups})

    async def _create_group(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        body = await body_of(request, "server_group")
        policies = [body.get("policy")] if shape.minor >= 64 else body.get("policies")
        if not isinstance(policies, list) or len(policies) != 1 or policies[0] not in _POLICIES:
            raise invalid("policy", policies, f"a server group has one policy of {', '.join(_POLICIES)}")
        name = body.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= 255:
            raise invalid("name", name, f"{name!r} is too short")
        row: JsonObject = {
            "id": str(uuid.uuid4()),
            "name": name,
            "region": request.match_info["region"],
            "policy": policies[0],
            "rules": body.get("rules") or {},
        }
        self._store.write([("server_group", row["id"], row)])
        return nova_answer(shape, {"server_group": self._group_view(row, shape)})

    async def _get_group(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        return nova_answer(shape, {"server_group": self._group_view(self._group(request), shape)})

    async def _delete_group(self, request: web.Request) -> web.Response:
        shape = shape_of(request)
        self._store.write((), [("server_group", self._group(request)["id"])])
        return nova_answer(shape, status=204)

    # ---- zones and limits

    async def _list_zones(self, request: web.Request) -> web.Response:
        zones = catalog.REGIONS[request.match_info["region"]].zones
        info = [{"zoneName": zone, "zoneState": {"available": True}, "hosts": None} for zone in zones]
        return nova_answer(shape_of(request), {"availabilityZoneInfo": info})

    async def _list_zone_details(self, request: web.Request) -> web.Response:
        raise compute(403, "Policy doesn't allow os_compute_api:os-availability-zone:detail to be performed.")

    async def _limits(self, request: web.Request) -> web.Response:
        known = catalog.REGIONS[request.match_info["region"]].flavors
        flavors = [known[row["_flavor"]] for row in self._rows(request, "server")]
        absolute = {
            "maxTotalInstances": _INSTANCES,
            "totalInstancesUsed": len(flavors),
            "maxTotalCores": _CORES,
            "totalCoresUsed": sum(flavor.vcpus for flavor in flavors),
            "maxTotalRAMSize": _RAM,
            "totalRAMUsed": sum(flavor.ram for flavor in flavors),
            "maxTotalKeypairs": 1000,
            "maxServerMeta": 128,
            "maxServerGroups": 100,
            "totalServerGroupsUsed": len(self._rows(request, "server_group")),
            "maxServerGroupMembers": 100,
        }
        return nova_answer(shape_of(request), {"limits": {"rate": [], "absolute": absolute}})

    async def _list_extensions(self, request: web.Request) -> web.Response:
        return nova_answer(shape_of(request), {"extensions": []})


def _fingerprint(public_key: str) -> str:
    """The MD5 of a public key, as OpenSSH wrote it once."""
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        raise compute(400, "Keypair data is invalid: failed to generate fingerprint") from None
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[place : place + 2] for place in range(0, 32, 2))
