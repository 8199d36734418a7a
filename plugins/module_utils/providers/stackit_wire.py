# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STACKIT: what is fixed about it, and what its answers mean."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..errors import Capacity, NotFound, Permanent, PlatformError, Quota, Transient
from ..model import LABEL_CLUSTER, LABEL_FLEET, Node, Owner, Refs, Scope, ServerSpec
from .base import Capabilities, Setting
from .transport import Refusal

Item = dict[str, Any]

NAME = "stackit"
TITLE = "STACKIT"
PRICE_ENDPOINT = "https://pim.api.stackit.cloud/v2"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "endpoint",
        "STACKIT_IAAS_CUSTOM_ENDPOINT",
        "base URL of the API",
        required=False,
        default="https://iaas.api.stackit.cloud",
    ),
    Setting(
        "token",
        "STACKIT_SERVICE_ACCOUNT_TOKEN",
        "token of a service account",
        secret=True,
        unless="service_account_key_path",
    ),
    Setting(
        "service_account_key_path",
        "STACKIT_SERVICE_ACCOUNT_KEY_PATH",
        "file with a service account key, instead of a token",
        required=False,
    ),
    Setting("project_id", "STACKIT_PROJECT_ID", "id of the project"),
    Setting(
        "price_endpoint",
        "",
        "base URL of the public price list",
        required=False,
        default=PRICE_ENDPOINT,
    ),
)

REGIONS = {
    "eu01": Scope(NAME, "eu01", "eu01", "DE"),
    "eu02": Scope(NAME, "eu02", "eu02", "AT"),
}
_LOCATIONS = {
    f"{region}-{zone}": Scope(NAME, f"{region}-{zone}", region, scope.country)
    for region, scope in REGIONS.items()
    for zone in ("1", "2", "3", "m")
}
LARGEST_USER_DATA = 65535
"""Bytes of user data in base64, the limit of the OpenStack below; the API's own description names none."""
CAPS = Capabilities(
    title=TITLE,
    locations=_LOCATIONS,
    default_image="Ubuntu 24.04",
    provider_id_prefix="stackit://",
    max_user_data=LARGEST_USER_DATA // 4 * 3,
    unique_names=False,
    leaves_parts=True,
    max_ssh_keys=1,
)

LABEL_PROTECT = "fleet.protect"
"""There is no delete protection at STACKIT; a server with this label set to "true" is treated as if there were."""
LABELS_MADE = (LABEL_FLEET, LABEL_CLUSTER)

_STATES = {
    "ACTIVE": "running",
    # These leave a server on.
    **dict.fromkeys(("BACKING-UP", "MIGRATING", "SNAPSHOTTING", "UPDATING"), "running"),
    **dict.fromkeys(("CREATING", "STARTING", "REBOOT", "REBOOTING", "REBUILD", "REBUILDING"), "creating"),
    **dict.fromkeys(("RESIZING", "RESTORING", "UNRESCUING"), "creating"),
    # On their way off; then they are stopped, and started if they are wanted.
    **dict.fromkeys(("STOPPING", "DEALLOCATING"), "creating"),
    **dict.fromkeys(("INACTIVE", "DEALLOCATED"), "stopped"),
    **dict.fromkeys(("DELETING", "DELETED"), "deleting"),
    "ERROR": "error",
}
_NOT_SOLD = ("machine type", "machinetype", "flavor", "image", "availability zone")


# ---- refusals


def read(status: int, body: Any) -> Refusal:
    """What an answer with an error status says. The gateway before the API has a shape of its own."""
    if not isinstance(body, dict):
        return Refusal(status, "", "")
    said = body.get("msg") or body.get("message") or body.get("error") or ""
    return Refusal(status, "", said if isinstance(said, str) else str(said), body)


def classify(refusal: Refusal) -> type[PlatformError] | None:
    """The class of a refusal, None where its HTTP status says enough."""
    return _told(refusal.message) if 400 <= refusal.status < 500 and refusal.status != 401 else None


def refused_order(error: PlatformError, spec: ServerSpec) -> PlatformError:
    """Why an order failed: not sold (any more) is a reason to take the next offer, a network that is gone is not."""
    said = str(error).lower()
    if any(word in said for word in _NOT_SOLD):
        image = f" with image {spec.offer.image}" if spec.offer.image else ""
        return NotFound(
            f"{error} The offer was {spec.offer}{image}.",
            provider=NAME,
            code=error.code,
            request_id=error.request_id,
        )
    if isinstance(error, NotFound):
        return Transient(
            f"{error} Something that the server {spec.name} needs was removed in between; run again.",
            provider=NAME,
            code=error.code,
            request_id=error.request_id,
        )
    return error


def failure_of(server: Mapping[str, Any]) -> PlatformError:
    """Why a server is in the state ERROR."""
    why = str(server.get("errorMessage") or "no reason given").rstrip(".")
    kind = _told(why) or Permanent
    return kind(f"{TITLE} could not make the server {server.get('name')}: {why}.", provider=NAME, code="server_error")


def _told(message: str) -> type[PlatformError] | None:
    said = message.lower()
    return Quota if "quota" in said else Capacity if "no valid host" in said else None


# ---- orders


def order_of(spec: ServerSpec, refs: Refs, disk_gb: int) -> Item:
    """What orders a server. Its disk goes when it goes; a security group takes the place of the default one."""
    body: Item = {
        "name": spec.name,
        "machineType": spec.offer.type,
        "availabilityZone": spec.offer.location,
        "labels": {**spec.labels, **spec.owner.labels()},
        "networking": {"networkId": refs.network},
        "bootVolume": {
            "source": {"type": "image", "id": refs.image},
            "size": disk_gb,
            "deleteOnTermination": True,
        },
    }
    if spec.user_data:
        body["userData"] = base64.b64encode(spec.user_data.encode()).decode()
    if refs.ssh_keys:
        body["keypairName"] = refs.ssh_keys[0]
    if refs.firewall:
        body["securityGroups"] = [refs.firewall]
    if refs.placement_group:
        body["affinityGroup"] = refs.placement_group
    return body


# ---- answers


def to_node(server: Mapping[str, Any], region: str, price_hour: Decimal | None = None) -> Node:
    """A server as the API shows it with details.

    A server of ours that is on but has no public address is still on its way: that is the last thing it gets.
    """
    place = str(server.get("availabilityZone") or region)
    scope = CAPS.locations.get(place) or REGIONS.get(region) or Scope(NAME, place, region, "")
    labels = to_labels(server)
    owner = Owner.from_labels(labels)
    address = public_address(server)
    state = _STATES.get(str(server.get("status")), "unknown")
    if state == "running" and owner is not None and not address:
        state = "creating"
    return Node(
        provider=NAME,
        id=str(server.get("id")),
        name=str(server.get("name") or ""),
        location=place,
        zone=place,
        region=region,
        country=scope.country,
        type=str(server.get("machineType") or ""),
        state=state,
        public_ipv4=address,
        public_ipv6=_first(nics(server), "ipv6"),
        private_ipv4=_first(nics(server), "ipv4"),
        labels=labels,
        owner=owner,
        price_hour=price_hour,
        protected=labels.get(LABEL_PROTECT) == "true",
        provider_id=f"{CAPS.provider_id_prefix}{server.get('id')}",
        created=str(server.get("createdAt") or ""),
        disks=_foreign_disks(server),
    )


def to_labels(item: Mapping[str, Any]) -> dict[str, str]:
    """The labels of anything; they may be null."""
    return {str(key): str(value) for key, value in mapping(item.get("labels")).items()}


def nics(server: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Interfaces of a server. While it is being made there may be none, or some whose texts are empty."""
    found = server.get("nics")
    return [nic for nic in found if isinstance(nic, Mapping)] if isinstance(found, list) else []


def public_address(server: Mapping[str, Any]) -> str:
    """The public IPv4 address of a server, empty without one."""
    return _first(nics(server), "publicIp")


def ready_nic(server: Mapping[str, Any]) -> str:
    """The id of the interface that a public address can be attached to, empty while there is none with an address."""
    return _first([nic for nic in nics(server) if nic.get("ipv4")], "nicId")


def _first(found: Iterable[Mapping[str, Any]], key: str) -> str:
    return next((str(nic[key]) for nic in found if nic.get(key)), "")


def _foreign_disks(server: Mapping[str, Any]) -> tuple[str, ...]:
    """Disks that stay when the server goes: all but the boot volume, and even that if somebody made it to stay."""
    boot = mapping(server.get("bootVolume"))
    own = boot.get("id") if boot.get("deleteOnTermination") is not False else None
    volumes = server.get("volumes")
    return tuple(str(disk) for disk in volumes if disk != own) if isinstance(volumes, list) else ()


def owned(items: Iterable[Item], owner: Owner | None) -> list[Item]:
    """Those that carry exactly this owner's labels."""
    return [item for item in items if owner is not None and Owner.from_labels(to_labels(item)) == owner]


def first_of(owner: Owner, servers: Sequence[Item]) -> Item | None:
    """The server that every run keeps when several carry one token: one that is not broken, and the oldest.

    Times are told in whole seconds. Among servers of one second the order of the list decides, which is the same for
    every run that sees them; one that looked before the other was there looked in a later second.
    """
    same = [server for server in owned(servers, owner) if _STATES.get(str(server.get("status"))) != "deleting"]
    return min(same, key=lambda server: (server.get("status") == "ERROR", str(server.get("createdAt"))), default=None)


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one: many parts of an answer may be null."""
    return value if isinstance(value, Mapping) else {}


def selector(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The part of a query that asks for these labels."""
    return {"label_selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))} if labels else {}


def region_of(location: str) -> str:
    """The region of a zone; a region is its own."""
    scope = CAPS.locations.get(location)
    return scope.region if scope else location.partition("-")[0]
