"""An OpenStack project without a network: answers are scripted, and what was asked is kept."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.budget import Budget
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer, Owner, ServerSpec
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import openstack_login
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack import OpenStackDriver
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_api import Api
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_login import Login
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_prereqs import Prerequisites
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_presets import (
    Catalogue,
    Place,
    Preset,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_prices import Prices

AUTH_URL = "https://keystone.example.net/v3"
PRESET = Preset(
    name="north",
    title="North",
    auth_url=AUTH_URL,
    places={"r1": Place("R", "FI"), "r2": Place("R", "FI"), "wide": Place("W", "SE", zones=True, plan=".3AZ")},
    image="Ubuntu",
    public_network="outside",
    catalogue=Catalogue("https://prices.example.net", "/plans", {}, "{type}.hour", 1000),
)
"""A third cloud, which no line of the product knows."""
ACCOUNT = {"endpoint": AUTH_URL, "username": "me", "password": "secret-password", "project_id": "p1"}
LABELS = {"fleet.id": "lab", "fleet.cluster": "dev-eu"}


@dataclass(frozen=True)
class Asked:
    """A request: service and region are those of the address, ``query`` and ``body`` as they were sent."""

    method: str
    service: str
    region: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]


@dataclass
class Said:
    """An answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Callable[[Asked], Said]


class Project:
    """Stands in for requests.Session: the identity service works, all else is scripted by (method, service, path)."""

    def __init__(self, regions: tuple[str, ...] = ("r1", "r2"), scheme: str = "https") -> None:
        self.regions = regions
        self.scheme = scheme
        self.asked: list[Asked] = []
        self.options: list[dict[str, Any]] = []
        self.replies: dict[tuple[str, str, str], Reply] = {}
        self.logins: list[Said] = []
        self.tokens = 0
        self.good_tokens: set[str] = set()
        self._lock = threading.Lock()

    # ---- the script

    def on(self, method: str, service: str, path: str, reply: Reply | Said | Mapping[str, Any]) -> None:
        """What a request is answered with: a Said, a body, or a function of the request."""
        if callable(reply):
            self.replies[method, service, path] = reply
        else:
            said = reply if isinstance(reply, Said) else Said(200, reply)
            self.replies[method, service, path] = lambda _asked: said

    def requests(self, method: str = "", service: str = "", path: str = "") -> list[Asked]:
        """What was asked."""
        return [
            one
            for one in self.asked
            if method in ("", one.method) and service in ("", one.service) and one.path.startswith(path)
        ]

    # ---- requests.Session

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Answer, and let the transport's hook see it as requests would."""
        asked = _read(method, url, options)
        with self._lock:
            self.asked.append(asked)
            self.options.append(options)
        said = self._answer(asked)
        response = requests.Response()
        response.status_code = said.status
        response.headers.update(said.headers)
        response._content = b"" if said.body is None else json.dumps(said.body).encode()
        response.headers.setdefault("Content-Type", "application/json")
        options["hooks"]["response"](response)
        return response

    def _answer(self, asked: Asked) -> Said:
        if asked.service == "v3":
            return self._login()
        if asked.service in ("compute", "network", "image") and asked.headers["X-Auth-Token"] not in self.good_tokens:
            return Said(401, {"error": {"code": 401, "title": "Unauthorized", "message": "Please log in."}})
        reply = self.replies.get((asked.method, asked.service, asked.path))
        if reply is None:
            raise AssertionError(f"nothing is scripted for {asked}")
        return reply(asked)

    def _login(self) -> Said:
        with self._lock:
            if self.logins:
                return self.logins.pop(0)
            self.tokens += 1
            token = f"token-{self.tokens}"
            self.good_tokens.add(token)
        return Said(201, {"token": {"catalog": self.catalogue()}}, {"X-Subject-Token": token})

    def catalogue(self) -> list[dict[str, Any]]:
        """Compute, network and image in every region; the network's address does not say its version."""
        paths = {"compute": "/v2.1", "network": "", "image": "/v2/", "volumev3": "/v3/p1"}
        return [
            {
                "type": service,
                "endpoints": [
                    {
                        "interface": "public",
                        "region_id": region,
                        "url": f"{self.scheme}://{region}.example.net/{service}{path}",
                    }
                    for region in self.regions
                ],
            }
            for service, path in paths.items()
        ]


def _read(method: str, url: str, options: Mapping[str, Any]) -> Asked:
    parts = urllib.parse.urlsplit(url)
    service, _slash, path = parts.path.strip("/").partition("/")
    region = str(parts.hostname).partition(".")[0]
    for version in ("v2.1/", "v2.0/", "v2/", "v3/p1/"):
        path = path.removeprefix(version)
    sent = options.get("json")
    return Asked(method, service, region, f"/{path}", options.get("params") or {}, sent, options.get("headers") or {})


@dataclass
class Parts:
    """A driver for a project, and what it is made of."""

    project: Project
    login: Login
    api: Api
    driver: OpenStackDriver


def connect(project: Project, time: Any, preset: Preset = PRESET, **account: str) -> Parts:
    """A driver whose requests go to the project."""
    session: Any = project
    options: Any = {"clock": time.clock, "sleep": time.sleep, "deadline": None}
    settings = {**ACCOUNT, **account}
    login = openstack_login.connect(preset, settings, session, **options)
    budget = Budget(per_second=1000, burst=1000, clock=time.clock, sleep=time.sleep)
    api = Api(preset, login, session, budget)
    prices = Prices(preset, account.get("price_endpoint", ""), session, **options)
    return Parts(project, login, api, OpenStackDriver(api, prices, Prerequisites(api, time.sleep)))


def spec(ordinal: int = 1, **changes: Any) -> ServerSpec:
    """A server as a pool would order it."""
    name = f"dev-eu-web-{ordinal}"
    values: dict[str, Any] = {
        "name": name,
        "owner": Owner.of("lab", "dev-eu", "web", name),
        "offer": Offer("north", "r1", "small"),
        "user_data": "#cloud-config\n",
    }
    return ServerSpec(**{**values, **changes})


def server(number: str, created: str = "2026-11-21T10:00:00Z", ordinal: int = 1, **more: Any) -> dict[str, Any]:
    """A server of ours as Nova shows it."""
    wished = spec(ordinal)
    return {
        "id": number,
        "name": wished.name,
        "status": "ACTIVE",
        "metadata": wished.owner.labels(),
        "flavor": {"original_name": "small"},
        "created": created,
        **more,
    }
