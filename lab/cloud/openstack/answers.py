"""The error bodies of the services, which agree on nothing, and what they all read from a request."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from lab.cloud.wire import ApiFailure, JsonObject

_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_UNAUTHENTICATED = "The request you have made requires authentication."


def compute(status: int, message: str, headers: Mapping[str, str] | None = None) -> ApiFailure:
    """An error of Nova or Cinder."""
    return ApiFailure(status, {_NAMES.get(status, "computeFault"): {"code": status, "message": message}}, headers)


def network(status: int, kind: str, message: str) -> ApiFailure:
    """An error of Neutron; `kind` is the name of its exception."""
    return ApiFailure(status, {"NeutronError": {"type": kind, "message": message, "detail": ""}})


def image(status: int, message: str) -> ApiFailure:
    """An error of Glance, as it is told to clients that accept JSON."""
    title = _TITLES.get(status, "Error")
    return ApiFailure(status, {"message": f"{message}<br /><br />\n\n\n", "code": f"{status} {title}", "title": title})


def balancer(status: int, message: str) -> ApiFailure:
    """An error of Octavia."""
    blame = "Client" if status < 500 else "Server"
    return ApiFailure(status, {"faultcode": blame, "faultstring": message, "debuginfo": None})


def identity(status: int, message: str, headers: Mapping[str, str] | None = None) -> ApiFailure:
    """An error of Keystone."""
    body = {"error": {"code": status, "message": message, "title": _TITLES.get(status, "Error")}}
    return ApiFailure(status, body, headers)


def price(status: int, message: str) -> ApiFailure:
    """An error of OVHcloud's own API."""
    return ApiFailure(status, {"class": f"Client::{_TITLES.get(status, 'Error').replace(' ', '')}", "message": message})


def unauthenticated(base: str = "") -> ApiFailure:
    """What Keystone itself and the services behind it say without a good token."""
    headers = {"WWW-Authenticate": f'Keystone uri="{base}/identity"'} if base else {}
    return identity(401, _UNAUTHENTICATED, headers)


def service_of(path: str) -> str:
    """Give the first part of a path, which names the service."""
    return path.strip("/").partition("/")[0]


def of_service(service: str, status: int, message: str) -> ApiFailure:
    """An error in the shape of a service."""
    if service == "identity":
        return identity(status, message)
    if service == "network":
        return network(status, f"HTTP{_TITLES.get(status, 'Error').replace(' ', '')}", message)
    if service == "image":
        return image(status, message)
    if service == "load-balancer":
        return balancer(status, message)
    if service == "v1":
        return price(status, message)
    return compute(status, message)


def invalid(field: str, value: object, why: str) -> ApiFailure:
    """A field of the body that breaks Nova's schema. The value comes back in the message, as the vendor has it."""
    return compute(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")


async def body_of(request: web.Request, key: str = "") -> JsonObject:
    """Read a JSON object, or the one that it holds under `key`; raise the service's 400."""
    service = service_of(request.path)
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise of_service(service, 400, "Malformed request body")
    if not key:
        return body
    if not isinstance(body.get(key), dict):
        raise of_service(service, 400, f"Invalid input for field/attribute {key}. '{key}' is a required property")
    return dict(body[key])


def base_of(request: web.Request) -> str:
    """The address at which the client reaches us, for links and catalogues: http://host:port."""
    return str(request.url.origin())
