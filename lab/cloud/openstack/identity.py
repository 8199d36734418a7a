"""Keystone: tokens for an hour, good in every region."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from lab.cloud.openstack.answers import base_of, body_of, identity, unauthenticated
from lab.cloud.openstack.catalog import REGIONS, stable_id
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, answer

APPLICATION_CREDENTIAL_ID = "0000000000004000800000000000a4c1"
APPLICATION_CREDENTIAL_SECRET = "lab-ovhcloud-application-secret"
PROJECT_NAME = "lab-project"
_DOMAIN = {"id": "default", "name": "Default"}
_LIFETIME = 3600.0
_KIND = "token"


def user_id(settings: CloudSettings) -> str:
    """The id of the one user."""
    return uuid.UUID(stable_id("user", settings.ovhcloud_username)).hex


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _same(given: object, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())


def _part(body: object, key: str) -> JsonObject:
    """Give the object under a key, or an empty one, whatever was sent."""
    found = body.get(key) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


class Tokens:
    """Issues tokens and knows them again, also after a restart. Only their digests are kept."""

    def __init__(self, store: Store, settings: CloudSettings, clock: Callable[[], float] = time.time) -> None:
        """`clock` is Unix time."""
        self._store = store
        self._settings = settings
        self._clock = clock
        self.issued = 0
        """How many were issued since the start of the process."""

    def issue(self, body: JsonObject) -> tuple[str, JsonObject]:
        """Carry out POST auth/tokens: give the token and what is known of it; raise Keystone's refusal."""
        auth = _part(body, "auth")
        methods = _part(auth, "identity").get("methods")
        if not isinstance(methods, list) or not methods:
            raise identity(400, "Expecting to find identity methods in auth. The server could not comply with it.")
        scoped = self._scope(auth, methods)
        for method in methods:
            self._prove(method, _part(_part(auth, "identity"), str(method)))
        now = self._clock()
        token = secrets.token_urlsafe(96)
        row: JsonObject = {
            "methods": methods,
            "issued": now,
            "expires": now + _LIFETIME,
            "scoped": scoped,
            "audit": secrets.token_urlsafe(16),
        }
        expired = [(_KIND, number) for number, old in self._store.rows(_KIND).items() if old["expires"] <= now]
        self._store.write([(_KIND, _digest(token), row)], expired)
        self.issued += 1
        return token, row

    def _scope(self, auth: JsonObject, methods: list[object]) -> bool:
        """Say whether the token is for the project; an application credential always is."""
        if "application_credential" in methods:
            if "scope" in auth:
                raise identity(401, "Application credentials cannot request a scope.")
            return True
        scope = auth.get("scope")
        if scope in (None, "unscoped") or scope == {"unscoped": {}}:
            return False
        project = _part(scope, "project")
        if "id" in project:
            right = _same(project["id"], self._settings.ovhcloud_project_id)
        else:
            right = _same(project.get("name"), PROJECT_NAME) and _in_domain(project)
        if not right:
            raise unauthenticated()
        return True

    def _prove(self, method: object, given: JsonObject) -> None:
        if method == "password":
            user = _part(given, "user")
            named = _same(user.get("name"), self._settings.ovhcloud_username) and _in_domain(user)
            known = named or _same(user.get("id"), user_id(self._settings))
            proven = known and _same(user.get("password"), self._settings.ovhcloud_password)
        elif method == "application_credential":
            known = _same(given.get("id"), APPLICATION_CREDENTIAL_ID)
            proven = known and _same(given.get("secret"), APPLICATION_CREDENTIAL_SECRET)
        elif method == "token":
            proven = self.find(str(given.get("id"))) is not None
        else:
            proven = False
        if not proven:
            raise unauthenticated()

    def find(self, token: str) -> JsonObject | None:
        """Give what is known of a token, or None if it is unknown or has expired."""
        row = self._store.get(_KIND, _digest(token))
        return row if row and row["expires"] > self._clock() else None

    def revoke(self, token: str) -> None:
        """Forget a token."""
        self._store.write((), [(_KIND, _digest(token))])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _in_domain(row: JsonObject) -> bool:
    domain = _part(row, "domain")
    return domain.get("id") == _DOMAIN["id"] or str(domain.get("name", "")).lower() == _DOMAIN["name"].lower()


class IdentityRoutes:
    """The paths of Keystone."""

    def __init__(self, tokens: Tokens, settings: CloudSettings) -> None:
        self._tokens = tokens
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        tokens = "/identity/v3/auth/tokens"
        return [
            web.post(tokens, self._issue),
            web.get(tokens, self._show),
            web.delete(tokens, self._revoke),
            web.get("/identity/v3/auth/catalog", self._catalog),
            web.get("/identity/v3/auth/projects", self._projects),
            web.get("/identity/v3/projects", self._projects),
            web.get("/identity/v3/projects/{id}", self._project),
        ]

    async def _issue(self, request: web.Request) -> web.Response:
        token, row = self._tokens.issue(await body_of(request))
        return answer({"token": self._view(request, row)}, 201, {"X-Subject-Token": token, "Vary": "X-Auth-Token"})

    def _subject(self, request: web.Request) -> str:
        return request.headers.get("X-Subject-Token", "")

    async def _show(self, request: web.Request) -> web.Response:
        token = self._subject(request)
        row = self._tokens.find(token)
        if row is None:
            raise identity(404, "Could not find token.")
        return answer({"token": self._view(request, row)}, headers={"X-Subject-Token": token})

    async def _revoke(self, request: web.Request) -> web.Response:
        self._tokens.revoke(self._subject(request))
        return web.Response(status=204)

    async def _catalog(self, request: web.Request) -> web.Response:
        return answer({"catalog": self.catalog(base_of(request)), "links": {}})

    async def _projects(self, request: web.Request) -> web.Response:
        return answer({"projects": [self._own_project()], "links": {"next": None, "previous": None}})

    async def _project(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != self._settings.ovhcloud_project_id:
            raise identity(403, "You are not authorized to perform the requested action: identity:get_project.")
        return answer({"project": self._own_project()})

    def _own_project(self) -> JsonObject:
        return {
            "id": self._settings.ovhcloud_project_id,
            "name": PROJECT_NAME,
            "domain_id": _DOMAIN["id"],
            "parent_id": _DOMAIN["id"],
            "description": "",
            "enabled": True,
            "is_domain": False,
            "options": {},
            "tags": [],
        }

    def _view(self, request: web.Request, row: JsonObject) -> JsonObject:
        name = self._settings.ovhcloud_username
        view: JsonObject = {
            "methods": row["methods"],
            "user": {"domain": _DOMAIN, "id": user_id(self._settings), "name": name, "password_expires_at": None},
            "audit_ids": [row["audit"]],
            "issued_at": _moment(row["issued"]),
            "expires_at": _moment(row["expires"]),
        }
        if row["scoped"]:
            view["project"] = {"domain": _DOMAIN, "id": self._settings.ovhcloud_project_id, "name": PROJECT_NAME}
            view["is_domain"] = False
            view["roles"] = [{"id": uuid.UUID(stable_id("role", "member")).hex, "name": "member"}]
            if "nocatalog" not in request.query:
                view["catalog"] = self.catalog(base_of(request))
        return view

    def catalog(self, base: str) -> list[JsonObject]:
        """Give all services with their address in every region."""
        project = self._settings.ovhcloud_project_id
        services = [
            ("identity", "keystone", "{base}/identity/v3"),
            ("compute", "nova", "{base}/compute/{region}/v2.1"),
            ("network", "neutron", "{base}/network/{region}"),
            ("image", "glance", "{base}/image/{region}"),
            ("volumev3", "cinderv3", "{base}/volume/{region}/v3/{project}"),
            ("block-storage", "cinder", "{base}/volume/{region}/v3/{project}"),
            ("load-balancer", "octavia", "{base}/load-balancer/{region}"),
        ]
        return [
            {
                "id": uuid.UUID(stable_id("service", kind)).hex,
                "type": kind,
                "name": name,
                "endpoints": [
                    {
                        "id": uuid.UUID(stable_id("endpoint", kind, region)).hex,
                        "interface": "public",
                        "region": region,
                        "region_id": region,
                        "url": url.format(base=base, region=region, project=project),
                    }
                    for region in REGIONS
                ],
            }
            for kind, name, url in services
        ]
