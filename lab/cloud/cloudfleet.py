"""Cloudfleet: clusters whose control planes are real.

The vendor publishes the fields and states of a cluster and that an update replaces the whole of it; paths, header and
error shape are inferred from its tools. What is strict here: everything that a client could get wrong about updates.
"""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import Mapping

import yaml
from aiohttp import web

from lab.cloud.faults import Fault, Faults
from lab.cloud.front import ServerView
from lab.cloud.jobs import Jobs
from lab.cloud.ports import ControlPlanes
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import ApiFailure, JsonObject, answer, timestamp

NAME = "cloudfleet"
REGIONS = ("europe-central-1a", "northamerica-central-1")
TIERS = ("basic", "pro", "enterprise")
_EDITABLE = ("name", "tier", "region", "version_channel", "release_channel", "features")
_CREATE_ONLY = ("networking",)
_DEFAULTS: JsonObject = {
    "tier": "basic",
    "version_channel": "1.36.x-cfke.x",
    "release_channel": "rapid",
    "features": {"gpu_sharing_strategy": "none"},
}
_NETWORKING: JsonObject = {"pod_cidr": "10.244.0.0/16", "service_cidr": "10.96.0.0/12", "dual_stack": False}


def _failure(status: int, code: str, message: str) -> ApiFailure:
    return ApiFailure(status, {"error": {"code": code, "message": message}})


def _invalid(message: str) -> ApiFailure:
    return _failure(400, "invalid_argument", message)


class CloudfleetApi:
    """One organization."""

    name = NAME

    def __init__(self, store: Store, planes: ControlPlanes, faults: Faults, settings: CloudSettings) -> None:
        self._store = store
        self._planes = planes
        self._faults = faults
        self._settings = settings
        self._jobs = Jobs("cluster", self._failed)

    # ---- Api

    def routes(self) -> list[web.RouteDef]:
        """Give all paths."""
        one = "/v1/clusters/{id}"
        return [
            web.get("/v1/clusters", self._list),
            web.post("/v1/clusters", self._create),
            web.get(one, self._get),
            web.put(one, self._replace),
            web.delete(one, self._delete),
            web.get(f"{one}/kubeconfig", self._kubeconfig),
            web.get(f"{one}/join-information", self._join_information),
        ]

    def authenticate(self, request: web.Request) -> None:
        """Check the token and the organization."""
        settings = self._settings
        pair = f"{settings.cloudfleet_token_id}:{settings.cloudfleet_token_secret}".encode()
        wanted = f"Basic {base64.b64encode(pair).decode()}"
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted.encode()):
            raise _failure(401, "unauthenticated", "the access token is not valid")
        if request.headers.get("X-Organization-Id") != settings.cloudfleet_organization_id:
            raise _failure(403, "permission_denied", "the access token does not belong to this organization")

    def headers(self) -> Mapping[str, str]:
        """Name the request."""
        return {"X-Request-Id": str(uuid.uuid4())}

    def failure(self, fault: Fault) -> ApiFailure:
        """Give the vendor's body for an injected failure."""
        if fault.kind == "429":
            limited = _failure(429, "resource_exhausted", "too many requests")
            if fault.retry_after is not None:
                limited.headers["Retry-After"] = str(fault.retry_after)
            return limited
        if fault.kind == "unauthorized":
            return _failure(401, "unauthenticated", "the access token is not valid")
        if fault.kind == "read-only":
            return _failure(403, "permission_denied", "the access token may only read")
        return _failure(fault.status, "internal", "an internal error occurred")

    def not_found(self, request: web.Request, status: int) -> ApiFailure:
        """Give the vendor's body for an unknown path or method."""
        return _failure(status, "unimplemented" if status == 405 else "not_found", f"no such path: {request.path}")

    def servers(self) -> list[ServerView]:
        """Cloudfleet has no servers: its nodes belong to other clouds."""
        return []

    def counts(self) -> JsonObject:
        """Count the clusters."""
        return {"cluster": len(self._store.rows("cluster"))}

    # ---- clusters

    def _row(self, request: web.Request) -> JsonObject:
        number = request.match_info["id"]
        row = self._store.get("cluster", number)
        if row is None:
            raise _failure(404, "not_found", f"cluster {number} not found")
        return row

    def _deployed(self, request: web.Request) -> JsonObject:
        row = self._row(request)
        if row["status"] != "deployed":
            raise _failure(
                409, "failed_precondition", f"cluster {row['id']} is not deployed yet, it is {row['status']}"
            )
        return row

    async def _list(self, request: web.Request) -> web.Response:
        return answer([_public(row) for row in self._store.rows("cluster").values()])

    async def _get(self, request: web.Request) -> web.Response:
        return answer(_public(self._row(request)))

    async def _create(self, request: web.Request) -> web.Response:
        body = await _body(request)
        fields = _checked(body, (*_EDITABLE, *_CREATE_ONLY))
        region = fields["region"]
        if self._faults.on_server(NAME, "quota", fields["tier"], region):
            raise _failure(403, "resource_exhausted", "the quota of clusters is used up")
        if self._faults.on_server(NAME, "capacity", fields["tier"], region):
            raise _failure(503, "unavailable", f"no capacity for a control plane in {region}")
        number, now = str(uuid.uuid4()), timestamp()
        row = {
            "id": number,
            **fields,
            "networking": {**_NETWORKING, **(body.get("networking") or {})},
            "kubernetes_version": _minor(fields["version_channel"]),
            "status": "creating",
            "endpoint": "",
            "certificate_authority": "",
            "created_at": now,
            "updated_at": now,
        }
        self._store.write([("cluster", number, row)])
        self._jobs.start(number, self._deploy)
        return answer(number, 201)

    async def _replace(self, request: web.Request) -> web.Response:
        row = self._deployed(request)
        fields = _checked(await _body(request), _EDITABLE)
        if fields["region"] != row["region"]:
            raise _invalid("region cannot be changed")
        changed = {
            **row,
            **fields,
            "kubernetes_version": _minor(fields["version_channel"]),
            "status": "updating",
            "updated_at": timestamp(),
        }
        self._store.write([("cluster", row["id"], changed)])
        self._jobs.start(row["id"], self._updated)
        return answer(_public(changed))

    async def _delete(self, request: web.Request) -> web.Response:
        row = self._row(request)
        self._store.write([("leaving", row["id"], {"name": row["name"]})], [("cluster", row["id"])])
        self._jobs.start(row["id"], self._destroy)
        return web.Response(status=204)

    async def _kubeconfig(self, request: web.Request) -> web.Response:
        row = self._deployed(request)
        return web.Response(text=self._planes.kubeconfig(row["id"]), content_type="application/yaml")

    async def _join_information(self, request: web.Request) -> web.Response:
        row = self._deployed(request)
        region, zone = request.query.get("region", ""), request.query.get("zone", "")
        if not region or not zone:
            raise _invalid("region and zone of the node are required")
        given = [pair.partition("=") for pair in request.query.get("node_labels", "").split(",") if pair]
        if any(not key or not equals for key, equals, _value in given):
            raise _invalid("node_labels must be key=value pairs with commas between them")
        labels = {key: value for key, _equals, value in given}
        return answer({"rendered": self._planes.join_user_data(row["id"], region, zone, labels)})

    # ---- what happens behind the answers

    def _mark(self, number: str, **changes: str) -> None:
        row = self._store.get("cluster", number)
        if row is not None:
            self._store.write([("cluster", number, {**row, **changes, "updated_at": timestamp()})])

    async def _deploy(self, number: str) -> None:
        row = self._store.get("cluster", number)
        if row is None:
            return
        if self._faults.on_server(NAME, "boot-stall", row["tier"], row["region"]):
            return
        await self._planes.create(number, row["name"])
        place = yaml.safe_load(self._planes.kubeconfig(number))["clusters"][0]["cluster"]
        authority = place.get("certificate-authority-data", "")
        self._mark(number, status="deployed", endpoint=place["server"], certificate_authority=authority)

    def _failed(self, number: str, problem: BaseException) -> None:
        self._mark(number, status="disabled")

    async def _updated(self, number: str) -> None:
        self._mark(number, status="deployed")

    async def _destroy(self, number: str) -> None:
        await self._planes.destroy(number)
        self._store.write((), [("leaving", number)])

    async def restore(self) -> None:
        """Go on with what was under way."""
        for number in list(self._store.rows("leaving")):
            self._jobs.start(number, self._destroy)
        for number, row in list(self._store.rows("cluster").items()):
            if row["status"] == "creating":
                self._jobs.start(number, self._deploy)
            elif row["status"] == "updating":
                self._mark(number, status="deployed")

    async def settled(self) -> None:
        """Return when nothing is under way."""
        await self._jobs.settled()

    async def close(self) -> None:
        """Stop the jobs; they go on after the next start."""
        await self._jobs.close()
        self._store.close()


async def _body(request: web.Request) -> JsonObject:
    try:
        body = json.loads(await request.text())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _invalid("the request body must be a JSON object")
    return body


def _checked(body: JsonObject, allowed: tuple[str, ...]) -> JsonObject:
    """Give all editable fields, defaults where the body says nothing: an update replaces the whole cluster."""
    refused = sorted(set(body) - set(allowed))
    if refused:
        raise _invalid(f"unknown or read-only fields: {', '.join(refused)}")
    fields = {**_DEFAULTS, **{key: body[key] for key in _EDITABLE if key in body}}
    if not isinstance(fields.get("name"), str) or not 1 <= len(fields["name"]) <= 63:
        raise _invalid("name must have 1 to 63 characters")
    if fields.get("region") not in REGIONS:
        raise _invalid(f"region must be one of {', '.join(REGIONS)}")
    if fields["tier"] not in TIERS:
        raise _invalid(f"tier must be one of {', '.join(TIERS)}")
    if not isinstance(fields["version_channel"], str) or not _minor(fields["version_channel"]):
        raise _invalid("version_channel must be like 1.36.x-cfke.x")
    if body.get("networking") and fields["tier"] == "basic":
        raise _invalid("networking needs the tier pro or enterprise")
    return fields


def _minor(channel: str) -> str:
    """1.36.x-cfke.x -> 1.36; empty if it is none."""
    parts = channel.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[0].isdigit() and parts[1].isdigit() else ""


def _public(row: JsonObject) -> JsonObject:
    return {key: value for key, value in row.items() if not key.startswith("_")}
