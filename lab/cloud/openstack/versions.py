"""What each service says about its versions: clients ask before they do anything else."""

from __future__ import annotations

import re

from aiohttp import web

from lab.cloud.openstack.answers import base_of, compute
from lab.cloud.wire import JsonObject, answer

_MAX_MINOR = 96
_MICROVERSION = re.compile(r"2\.(\d{1,4})")
_UPDATED = "2026-04-01T00:00:00Z"

OPEN_PATHS = re.compile(
    r"/identity(/v3)?/?"
    r"|/compute/[^/]+(/v2\.1)?/?"
    r"|/network/[^/]+/?"
    r"|/image/[^/]+(/versions)?/?"
    r"|/volume/[^/]+(/v3)?/?"
    r"|/load-balancer/[^/]+/?"
)
"""The paths of version documents, which need no token."""


def microversion(request: web.Request) -> int:
    """Read which 2.x of Nova is asked for; raise its 400 or 406."""
    wanted = request.headers.get("X-OpenStack-Nova-API-Version", "")
    for part in request.headers.get("OpenStack-API-Version", "").split(","):
        service, _space, version = part.strip().partition(" ")
        if service == "compute":
            wanted = version.strip()
    if wanted in ("", "latest"):
        return _MAX_MINOR if wanted else 1
    found = _MICROVERSION.fullmatch(wanted)
    if found is None:
        raise compute(400, f"API Version String {wanted} is of invalid format. Must be of format MajorNum.MinorNum.")
    minor = int(found[1])
    if not 1 <= minor <= _MAX_MINOR:
        raise compute(
            406, f"Version {wanted} is not supported by the API. Minimum is 2.1 and maximum is 2.{_MAX_MINOR}."
        )
    return minor


def microversion_headers(minor: int) -> dict[str, str]:
    """The headers with which Nova repeats the version that it used."""
    return {
        "OpenStack-API-Version": f"compute 2.{minor}",
        "X-OpenStack-Nova-API-Version": f"2.{minor}",
        "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    }


def routes() -> list[web.RouteDef]:
    """Give the paths, each with and without its last slash."""
    documents = {
        "/identity": _identity_all,
        "/identity/v3": _identity,
        "/compute/{region}": _compute_all,
        "/compute/{region}/v2.1": _compute,
        "/network/{region}": _network,
        "/network/{region}/v2.0": _network_resources,
        "/image/{region}": _image,
        "/image/{region}/versions": _image,
        "/volume/{region}": _volume,
        "/volume/{region}/v3": _volume,
        "/load-balancer/{region}": _balancer,
    }
    return [web.get(path + slash, handler) for path, handler in documents.items() for slash in ("", "/")]


def _at(request: web.Request, service: str, version: str) -> str:
    return f"{base_of(request)}/{service}/{request.match_info['region']}/{version}"


def _self(href: str) -> list[JsonObject]:
    return [{"rel": "self", "href": href}]


def _keystone(request: web.Request) -> JsonObject:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": _UPDATED,
        "links": _self(f"{base_of(request)}/identity/v3/"),
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


async def _identity_all(request: web.Request) -> web.Response:
    return answer({"versions": {"values": [_keystone(request)]}}, 300)


async def _identity(request: web.Request) -> web.Response:
    return answer({"version": _keystone(request)})


def _nova(request: web.Request) -> JsonObject:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": f"2.{_MAX_MINOR}",
        "min_version": "2.1",
        "updated": _UPDATED,
        "links": _self(_at(request, "compute", "v2.1/")),
    }


async def _compute_all(request: web.Request) -> web.Response:
    return answer({"versions": [_nova(request)]})


async def _compute(request: web.Request) -> web.Response:
    document = _nova(request)
    document["media-types"] = [
        {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
    ]
    return answer({"version": document})


async def _network(request: web.Request) -> web.Response:
    links = _self(_at(request, "network", "v2.0/"))
    return answer({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


async def _network_resources(request: web.Request) -> web.Response:
    names = ("network", "subnet", "port", "security-group", "security-group-rule", "floatingip", "router")
    return answer(
        {
            "resources": [
                {"name": name, "collection": f"{name}s", "links": _self(_at(request, "network", f"v2.0/{name}s"))}
                for name in names
            ]
        }
    )


async def _image(request: web.Request) -> web.Response:
    links = _self(_at(request, "image", "v2/"))
    versions = [
        {"id": f"v2.{minor}", "status": "CURRENT" if minor == 16 else "SUPPORTED", "links": links}
        for minor in (16, 9, 0)
    ]
    return answer({"versions": versions}, 200 if request.path.rstrip("/").endswith("/versions") else 300)


async def _volume(request: web.Request) -> web.Response:
    document = {
        "id": "v3.0",
        "status": "CURRENT",
        "version": "3.71",
        "min_version": "3.0",
        "updated": _UPDATED,
        "links": _self(_at(request, "volume", "v3/")),
    }
    return answer({"versions": [document]}, 200 if "/v3" in request.path else 300)


async def _balancer(request: web.Request) -> web.Response:
    links = _self(_at(request, "load-balancer", "v2"))
    versions = [
        {"id": f"v2.{minor}", "status": "CURRENT" if minor == 27 else "SUPPORTED", "updated": _UPDATED, "links": links}
        for minor in (0, 27)
    ]
    return answer({"versions": versions})
