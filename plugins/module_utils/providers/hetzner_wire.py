# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: what is fixed about it, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import Auth, Capacity, Conflict, NotFound, Permanent, PlatformError, Quota, RateLimited, Transient
from ..model import Flavor, Node, Owner, Scope, ServerSpec
from . import prices
from .base import Capabilities, Setting
from .transport import Refusal

Item = dict[str, Any]

NAME = "hetzner"
TITLE = "Hetzner"
CURRENCY = "EUR"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "endpoint", "HCLOUD_ENDPOINT", "base URL of the API", required=False, default="https://api.hetzner.cloud/v1"
    ),
    Setting("token", "HCLOUD_TOKEN", "API token of the project, with read and write permission", secret=True),
)

_PLACES = {
    "fsn1": ("eu-central", "DE"),
    "nbg1": ("eu-central", "DE"),
    "hel1": ("eu-central", "FI"),
    "ash": ("us-east", "US"),
    "hil": ("us-west", "US"),
    "sin": ("ap-southeast", "SG"),
}
CAPS = Capabilities(
    title=TITLE,
    locations={name: Scope(NAME, name, region, country) for name, (region, country) in _PLACES.items()},
    default_image="ubuntu-24.04",
    provider_id_prefix="hcloud://",
    max_user_data=32 * 1024,
    unique_names=True,
    leaves_parts=False,
)

_STATES = {
    "running": "running",
    "initializing": "creating",
    "starting": "creating",
    "off": "stopped",
    "deleting": "deleting",
}
_KINDS: dict[str, type[PlatformError]] = {
    "unauthorized": Auth,
    "forbidden": Auth,
    "token_readonly": Auth,
    "not_found": NotFound,
    "uniqueness_error": Conflict,
    "protected": Conflict,
    "resource_in_use": Conflict,
    "resource_unavailable": Capacity,
    "placement_error": Capacity,
    "resource_limit_exceeded": Quota,
    "placement_group_member_limit_reached": Quota,
    "rate_limit_exceeded": RateLimited,
    # Both say that nothing was done because something else is being done to the server.
    "locked": Transient,
    "conflict": Transient,
    "maintenance": Transient,
}
GROUP_FULL = "placement_group_member_limit_reached"
"""What an order is refused with when its placement group has its ten servers."""


# ---- refusals


def read(status: int, body: Any) -> Refusal:
    """What an answer with an error status says."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return Refusal(status, "", "")
    return Refusal(status, str(error.get("code") or ""), str(error.get("message") or ""), error.get("details"))


def classify(refusal: Refusal) -> type[PlatformError] | None:
    """The class of a refusal, None where its HTTP status says enough."""
    if refusal.code == "maintenance" and refusal.status == 503:
        return None
    return _KINDS.get(refusal.code)


def job_error(name: str, job: Item) -> PlatformError:
    """Why a job of the server of this name ended in an error."""
    error = mapping(job.get("error"))
    code, message = str(error.get("code") or "action_failed"), str(error.get("message") or "no reason given")
    kind = _KINDS.get(code, Permanent)
    what = str(job.get("command") or "the job").replace("_", " ")
    return kind(f"{TITLE} could not {what} {name}: {message} ({code}).", provider=NAME, code=code)


def gone_from_sale(error: PlatformError, spec: ServerSpec) -> NotFound | None:
    """A type, image or place that is not sold (any more) is a reason to take the next offer, a wrong value is not."""
    said = str(error).lower()
    if not any(word in said for word in ("server type", "server_type", "image", "location")):
        return None
    return NotFound(
        f"{error} The offer was {spec.offer}{f' with image {spec.offer.image}' if spec.offer.image else ''}.",
        provider=NAME,
        code=error.code,
        request_id=error.request_id,
    )


def foreign(what: str, name: str, marks: Mapping[str, str]) -> Conflict:
    """Something of the name that we would use belongs to somebody else."""
    wanted = ", ".join(f"{key}={value}" for key, value in marks.items())
    return Conflict(
        f"{TITLE} already has a {what} {name} without the labels {wanted}, so it is left alone; rename it there, or "
        "give it these labels if it is meant to be used.",
        provider=NAME,
        code="foreign",
    )


# ---- answers


def to_node(server: Item) -> Node:
    """A server as the API shows it."""
    location = mapping(server.get("location"))
    place = str(location.get("name") or "")
    known = CAPS.locations.get(place)
    net = mapping(server.get("public_net"))
    labels = {str(key): str(value) for key, value in mapping(server.get("labels")).items()}
    kind = mapping(server.get("server_type"))
    private = server.get("private_net") or []
    return Node(
        provider=NAME,
        id=str(server.get("id")),
        name=str(server.get("name") or ""),
        location=place,
        zone=place,
        region=str(location.get("network_zone") or (known.region if known else "")),
        country=str(location.get("country") or (known.country if known else "")),
        type=str(kind.get("name") or ""),
        state=_STATES.get(str(server.get("status")), "unknown"),
        public_ipv4=str(mapping(net.get("ipv4")).get("ip") or ""),
        public_ipv6=_first_address(str(mapping(net.get("ipv6")).get("ip") or "")),
        private_ipv4=str(mapping(private[0]).get("ip") or "") if private else "",
        labels=labels,
        owner=Owner.from_labels(labels),
        price_hour=_price(kind, place),
        protected=bool(mapping(server.get("protection")).get("delete")),
        provider_id=f"{CAPS.provider_id_prefix}{server.get('id')}",
        created=str(server.get("created") or ""),
        disks=tuple(str(volume) for volume in server.get("volumes") or []),
    )


def to_flavor(item: Item, location: str, addresses: Mapping[str, Decimal] | None = None) -> Flavor | None:
    """A server type as it is sold in a location, or None when it is not.

    ``addresses`` has the price of an IPv4 address a month by location. A price that is not told is taken from the
    dated list.
    """
    name = str(item.get("name") or "")
    hour, month = _price(item, location), _price(item, location, "price_monthly")
    places = {mapping(place).get("name"): mapping(place) for place in item.get("locations") or []}
    if hour is None and location not in places:
        return None
    dated, table = prices.LISTS[NAME], prices.listed(NAME, name)
    address = (addresses or {}).get(location)
    old = address is None or (hour is None and table is not None)
    if hour is None and table is not None:
        hour, month = table.hour, table.month
    return Flavor(
        name=name,
        cpus=int(item.get("cores") or 0),
        memory_gib=Decimal(str(item.get("memory") or 0)),
        price_hour=hour,
        currency=CURRENCY,
        available=bool(places[location].get("available", True)) if location in places else not places,
        server_month=month,
        ipv4_month=Decimal(dated.ipv4_month) if address is None else address,
        priced=dated.as_of if old else "",
    )


def address_prices(body: Item) -> dict[str, Decimal]:
    """The price of a primary IPv4 a month by location, from the answer with all prices."""
    kinds = mapping(body.get("pricing")).get("primary_ips") or []
    four = next((mapping(kind) for kind in kinds if mapping(kind).get("type") == "ipv4"), {})
    places = [mapping(place) for place in four.get("prices") or []]
    told = {str(place.get("location")): _net(place, "price_monthly") for place in places}
    return {place: amount for place, amount in told.items() if amount is not None}


def _price(server_type: Mapping[str, Any], location: str, span: str = "price_hourly") -> Decimal | None:
    return next(
        (_net(price, span) for price in server_type.get("prices") or [] if price.get("location") == location), None
    )


def _net(price: Mapping[str, Any], span: str) -> Decimal | None:
    """An amount without VAT and without needless zeros, None when it is no number."""
    try:
        amount = Decimal(str(mapping(price.get(span)).get("net"))).normalize()
    except InvalidOperation:
        return None
    if not amount.is_finite():
        return None
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount


def _first_address(network: str) -> str:
    """A server gets a whole /64 and answers on its first address."""
    base, slash, _prefix = network.partition("/")
    return f"{base}1" if slash and base.endswith("::") else base


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one: many parts of an answer may be null."""
    return value if isinstance(value, Mapping) else {}


def listed(body: Item, key: str) -> list[Item]:
    """The items of a list's page."""
    items = body.get(key)
    if not isinstance(items, list):
        raise Permanent(
            f"{TITLE} sent a list without {key!r}; is the endpoint right?", provider=NAME, code="unexpected"
        )
    return items


def selector(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The part of a query that asks for these labels."""
    return {"label_selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))} if labels else {}
