# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers of OpenStack's services mean; they agree on little, least of all on how to say no."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from ..errors import Capacity, NotFound, Permanent, PlatformError, Quota, RateLimited
from ..model import Flavor, Node, Owner, ServerSpec
from .openstack_presets import Preset
from .transport import Refusal

Item = dict[str, Any]
E = TypeVar("E", bound=PlatformError)

UNAUTHORIZED = "unauthorized"
"""Code of every refused token, whichever service refuses it."""
NOT_ACCEPTABLE = "not_acceptable"
"""Code of a microversion that a service does not have (yet)."""

_STATES = {
    "BUILD": "creating",
    "ACTIVE": "running",
    "MIGRATING": "running",
    "PASSWORD": "running",
    "VERIFY_RESIZE": "running",
    "SHUTOFF": "stopped",
    "PAUSED": "stopped",
    "SUSPENDED": "stopped",
    "SHELVED": "stopped",
    "SHELVED_OFFLOADED": "stopped",
    "ERROR": "error",
    "DELETED": "deleting",
    "SOFT_DELETED": "deleting",
}
_LEAVING_TASKS = ("deleting", "soft-deleting")
_STARTING_TASKS = ("powering-on", "unpausing", "resuming", "unshelving", "spawning")
WAKING = {
    "SHUTOFF": "os-start",
    "PAUSED": "unpause",
    "SUSPENDED": "resume",
    "SHELVED": "unshelve",
    "SHELVED_OFFLOADED": "unshelve",
}
"""What brings a server back, by its status."""


# ---- refusals


def problem(preset: Preset, kind: type[E], code: str, message: str) -> E:
    """An error of ours about a cloud."""
    return kind(message, provider=preset.name, code=code)


def read(status: int, body: Any) -> Refusal:
    """What an answer with an error status says, whichever service it comes from."""
    code, message = _said(body) if isinstance(body, dict) else ("", "")
    if status == 401:
        code = UNAUTHORIZED
    elif status == 406:
        code = NOT_ACCEPTABLE
    return Refusal(status, code, _without_values(message), body)


def _said(body: Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(body.get("error"), Mapping):  # Keystone
        return str(body["error"].get("title") or ""), str(body["error"].get("message") or "")
    if "NeutronError" in body:
        error = body["NeutronError"]
        if not isinstance(error, Mapping):
            return "", str(error)
        return str(error.get("type") or ""), f"{error.get('message') or ''} {error.get('detail') or ''}".strip()
    if "faultstring" in body:  # Octavia
        return str(body.get("faultcode") or ""), str(body["faultstring"] or "")
    if "message" in body:  # Glance, and price catalogues
        return str(body.get("title") or body.get("class") or ""), re.sub(r"<[^>]*>", " ", str(body["message"]))
    for code, error in body.items():  # Nova and Cinder
        if isinstance(error, Mapping) and "message" in error:
            return str(code), str(error["message"] or "")
    return "", ""


def _without_values(message: str) -> str:
    """Nova repeats a value that it does not like; it may be user data with a join token in it."""
    return re.sub(r"(Invalid input for field/attribute [^ ]+?)\.? Value: .*", r"\1.", message, flags=re.DOTALL)


def classify(refusal: Refusal) -> type[PlatformError] | None:
    """The class of a refusal, None where its HTTP status says enough."""
    said = refusal.message.lower()
    if refusal.code in ("OverQuota", "QuotaExceeded"):
        return Quota
    if refusal.status in (403, 409, 413) and ("quota" in said or "maximum number of" in said):
        return Quota
    if refusal.code == "overLimit" or refusal.status == 413:
        return RateLimited
    if refusal.code == "IpAddressGenerationFailure" or "no more ip addresses" in said or "no fixed ip addr" in said:
        return Capacity
    return None


def is_gone(error: NotFound) -> bool:
    """Whether a service said that just this thing is not there, rather than a proxy that the whole path is not."""
    return error.code not in ("404", "410", "unknown_region", "no_service")


def gone_from_sale(preset: Preset, error: PlatformError, spec: ServerSpec) -> NotFound | None:
    """A flavor or image that is not sold (any more) is a reason to take the next offer, a wrong value is not."""
    said = str(error).lower()
    if not any(word in said for word in ("flavor", "image", "availability zone")):
        return None
    return NotFound(
        f"{error} The offer was {spec.offer}{f' with image {spec.offer.image}' if spec.offer.image else ''}.",
        provider=preset.name,
        code=error.code,
        request_id=error.request_id,
    )


def build_error(preset: Preset, server: Mapping[str, Any]) -> PlatformError:
    """Why a server ended in an error: Nova takes an order first and looks for a host then."""
    message = str(mapping(server.get("fault")).get("message") or "no reason given").rstrip(".")
    said = message.lower()
    kind: type[PlatformError] = Permanent
    code = "build_failed"
    if "no valid host" in said or "exhausted all hosts" in said or "maximum number of retries" in said:
        kind, code = Capacity, "no_valid_host"
    elif "quota" in said:
        kind, code = Quota, "quota"
    elif "could not be found" in said and ("image" in said or "flavor" in said):
        kind, code = NotFound, "gone_from_sale"
    return problem(preset, kind, code, f"{preset.title} could not build the server {server.get('name')}: {message}.")


# ---- answers


def to_node(preset: Preset, server: Mapping[str, Any], region: str) -> Node:
    """A server as Nova shows it; before microversion 2.47 it does not tell the name of its type."""
    place = preset.places.get(region)
    zone = str(server.get("OS-EXT-AZ:availability_zone") or "") if place and place.zones else ""
    labels = {str(key): str(value) for key, value in mapping(server.get("metadata")).items()}
    public, private = _addresses(preset, mapping(server.get("addresses")))
    return Node(
        provider=preset.name,
        id=str(server.get("id")),
        name=str(server.get("name") or ""),
        location=region,
        zone=zone or region,
        region=place.region if place else region,
        country=place.country if place else "",
        type=str(mapping(server.get("flavor")).get("original_name") or ""),
        state=state_of(server),
        public_ipv4=public.get(4, ""),
        public_ipv6=public.get(6, ""),
        private_ipv4=private.get(4, ""),
        labels=labels,
        owner=Owner.from_labels(labels),
        protected=bool(server.get("locked")),
        provider_id=f"{preset.caps.provider_id_prefix}{server.get('id')}",
        created=str(server.get("created") or ""),
        disks=tuple(
            str(volume.get("id"))
            for volume in server.get("os-extended-volumes:volumes_attached") or []
            if not volume.get("delete_on_termination")
        ),
    )


def ordered_node(preset: Preset, spec: ServerSpec, server_id: str) -> Node:
    """A server that was just ordered: the answer names no more than its id."""
    item = {"id": server_id, "name": spec.name, "status": "BUILD", "metadata": {**spec.labels, **spec.owner.labels()}}
    return replace(to_node(preset, item, spec.offer.location), type=spec.offer.type)


def state_of(server: Mapping[str, Any]) -> str:
    """A server's state in our words; what is being done to it counts more than where it stands."""
    task = str(server.get("OS-EXT-STS:task_state") or "")
    if task in _LEAVING_TASKS:
        return "deleting"
    state = _STATES.get(str(server.get("status")), "unknown")
    return "creating" if state == "stopped" and task in _STARTING_TASKS else state


def to_flavor(preset: Preset, item: Mapping[str, Any]) -> Flavor:
    """A type as Nova shows it, without a price. One without a disk of its own would need a volume, which we do not
    make, so it counts as not to be had."""
    disabled = bool(item.get("OS-FLV-DISABLED:disabled"))
    return Flavor(
        name=str(item.get("name") or ""),
        cpus=int(item.get("vcpus") or 0),
        memory_gib=(Decimal(str(item.get("ram") or 0)) / 1024).normalize(),
        price_hour=None,
        currency=preset.currency,
        available=not disabled and int(item.get("disk") or 0) > 0,
    )


def _addresses(preset: Preset, networks: Mapping[str, Any]) -> tuple[dict[int, str], dict[int, str]]:
    """The first public and the first private address of each IP version."""
    public: dict[int, str] = {}
    private: dict[int, str] = {}
    for network, entries in networks.items():
        for entry in entries or []:
            address, version = str(entry.get("addr") or ""), int(entry.get("version") or 4)
            outside = (
                network == preset.public_network or entry.get("OS-EXT-IPS:type") == "floating" or _is_global(address)
            )
            (public if outside else private).setdefault(version, address)
    return public, private


def _is_global(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one: many parts of an answer may be null."""
    return value if isinstance(value, Mapping) else {}
