# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write, checked: pools as dictionaries become pools as values, or one sentence says what is wrong where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from .access import ACCESS_SPEC, parse_firewall, parse_network
from .checking import check_keys, refused, sequence, text, truth
from .errors import Permanent
from .model import TAINT_EFFECTS, Offer, Pool, Taint, node_name
from .providers import registry

NAME_RULE = "lower-case letters, digits and inner dashes, at most 63 characters"
"""What names of fleets, clusters and pools are made of: they become parts of host names and labels."""
LABEL_KEY_RULE = "an optional DNS prefix and a slash, then letters, digits, dashes, dots and underscores, at most 63"
LABEL_VALUE_RULE = "letters, digits, inner dashes, dots and underscores, at most 63 characters"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_LONGEST_NAME = 63

POOL_SPEC: dict[str, Any] = {
    "pools": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "count": {"type": "int", "required": True},
            "offers": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "provider": {"type": "str", "required": True},
                    "location": {"type": "str", "required": True},
                    "type": {"type": "str", "required": True},
                    "image": {"type": "str"},
                },
            },
            "labels": {"type": "dict"},
            "taints": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "key": {"type": "str", "required": True, "no_log": False},
                    "value": {"type": "str"},
                    "effect": {"type": "str", "required": True, "choices": list(TAINT_EFFECTS)},
                },
            },
            "max_price_hour": {"type": "float"},
            "ssh_keys": {"type": "list", "elements": "str", "no_log": False},
            **ACCESS_SPEC,
        },
    },
}
"""The argument spec of the option ``pools``."""

_POOL_KEYS = tuple(POOL_SPEC["pools"]["options"])
_OFFER_KEYS = tuple(POOL_SPEC["pools"]["options"]["offers"]["options"])
_TAINT_KEYS = tuple(POOL_SPEC["pools"]["options"]["taints"]["options"])


def merge(*specs: Mapping[str, Any]) -> dict[str, Any]:
    """One argument spec out of several."""
    return {name: option for spec in specs for name, option in spec.items()}


def parse_name(path: str, value: Any) -> str:
    """A name of a fleet, cluster or pool, or Permanent with the path, the value and the rule."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refused(path, value, NAME_RULE)
    return value


def parse_pools(pools: Any, cluster: str = "") -> tuple[Pool, ...]:
    """The pools of one cluster. Raises Permanent, with the path, the value and what is allowed, before any request."""
    if not isinstance(pools, Sequence) or isinstance(pools, (str, bytes)):
        raise refused("pools", pools, "a list of pools")
    parsed = tuple(_pool(f"pools[{index}]", item, cluster) for index, item in enumerate(pools))
    first: dict[str, int] = {}
    for index, pool in enumerate(parsed):
        if pool.name in first:
            raise Permanent(
                f"pools[{index}].name is {pool.name!r}, which pools[{first[pool.name]}] is called already; every pool "
                "of a cluster needs a name of its own.",
                code="invalid_option",
            )
        first[pool.name] = index
    return parsed


def parse_user_data(user_data: Any, pools: Sequence[Pool]) -> dict[str, str]:
    """User data by key; a key that fits no pool is refused. The texts are never repeated, they may hold tokens."""
    if user_data is None:
        return {}
    if not isinstance(user_data, Mapping):
        raise Permanent("user_data must be a mapping from pools to texts.", code="invalid_option")
    allowed = {"*"}
    for pool in pools:
        allowed |= {pool.name, *(f"{pool.name}/{offer.provider}/{offer.location}" for offer in pool.offers)}
    for key, content in user_data.items():
        if key not in allowed:
            raise Permanent(
                f"user_data has the unknown key {key!r}; allowed are: {', '.join(sorted(allowed))}.",
                code="invalid_option",
            )
        if not isinstance(content, str):
            raise Permanent(f"user_data[{key!r}] must be text, not {type(content).__name__}.", code="invalid_option")
    for pool in pools:
        for offer in pool.offers:
            _check_size(pool, offer, user_data)
    return dict(user_data)


def user_data_for(user_data: Mapping[str, str], pool: str, offer: Offer) -> str:
    """The text for a server: that of its pool and place, else that of its pool, else the one for all."""
    for key in (f"{pool}/{offer.provider}/{offer.location}", pool, "*"):
        if key in user_data:
            return user_data[key]
    return ""


def _check_size(pool: Pool, offer: Offer, user_data: Mapping[str, str]) -> None:
    size = len(user_data_for(user_data, pool.name, offer).encode())
    caps = registry.capabilities(offer.provider)
    if size > caps.max_user_data:
        raise Permanent(
            f"The user data of pool {pool.name!r} is {size} bytes; {caps.title} takes at most {caps.max_user_data}.",
            provider=offer.provider,
            code="invalid_option",
        )


def _pool(path: str, item: Any, cluster: str) -> Pool:
    check_keys(path, item, _POOL_KEYS, ("name", "count", "offers"))
    name = parse_name(f"{path}.name", item["name"])
    count = _count(f"{path}.count", item["count"])
    longest = node_name(cluster, name, max(count, 1))
    if len(longest) > _LONGEST_NAME:
        raise Permanent(
            f"{path}.name is {name!r}, which makes the node name {longest!r} {len(longest)} characters long; "
            f"{_LONGEST_NAME} are allowed. Shorten the name of the pool or of the cluster.",
            code="invalid_option",
        )
    offers = sequence(f"{path}.offers", item["offers"])
    if not offers:
        raise Permanent(
            f"{path}.offers is empty; a pool needs at least one offer with {', '.join(_OFFER_KEYS[:3])}.",
            code="invalid_option",
        )
    pool = Pool(
        name=name,
        count=count,
        offers=tuple(_offer(f"{path}.offers[{index}]", offer) for index, offer in enumerate(offers)),
        labels=_labels(f"{path}.labels", item.get("labels")),
        taints=tuple(
            _taint(f"{path}.taints[{index}]", taint)
            for index, taint in enumerate(sequence(f"{path}.taints", item.get("taints")))
        ),
        max_price_hour=_price(f"{path}.max_price_hour", item.get("max_price_hour")),
        ssh_keys=tuple(
            text(f"{path}.ssh_keys[{index}]", key)
            for index, key in enumerate(sequence(f"{path}.ssh_keys", item.get("ssh_keys")))
        ),
        network=parse_network(f"{path}.network", item.get("network")),
        firewall=parse_firewall(f"{path}.firewall", item.get("firewall")),
        spread=truth(f"{path}.spread", item.get("spread")),
    )
    _check_able(path, pool)
    return pool


def _check_able(path: str, pool: Pool) -> None:
    """Refuse what one of the pool's providers cannot do, rather than buy a node without it there."""
    for provider in sorted({offer.provider for offer in pool.offers}):
        caps = registry.capabilities(provider)
        for wanted, able, option in (
            (pool.network, caps.networks, "network"),
            (pool.firewall, caps.firewalls, "firewall"),
            (pool.spread, caps.placement_groups, "spread"),
        ):
            if wanted and not able:
                raise Permanent(
                    f"{path}.{option} is set, which {caps.title} does not have; leave it out, or put the offers of "
                    f"{provider} into a pool of their own.",
                    provider=provider,
                    code="invalid_option",
                )
        if caps.max_ssh_keys and len(pool.ssh_keys) > caps.max_ssh_keys:
            raise refused(
                f"{path}.ssh_keys", list(pool.ssh_keys), f"at most {caps.max_ssh_keys}, because of provider {provider}"
            )


def _offer(path: str, item: Any) -> Offer:
    check_keys(path, item, _OFFER_KEYS, ("provider", "location", "type"))
    provider = text(f"{path}.provider", item["provider"])
    if provider not in registry.known():
        raise refused(f"{path}.provider", provider, ", ".join(registry.known()))
    location = text(f"{path}.location", item["location"])
    locations = registry.capabilities(provider).locations
    if location not in locations:
        raise refused(f"{path}.location", location, f"{', '.join(locations)} (provider {provider})")
    image = item.get("image")
    return Offer(
        provider=provider,
        location=location,
        type=text(f"{path}.type", item["type"]),
        image="" if image is None else text(f"{path}.image", image),
    )


def _taint(path: str, item: Any) -> Taint:
    check_keys(path, item, _TAINT_KEYS, ("key",))
    key = _label_key(f"{path}.key", item["key"])
    value = _label_value(f"{path}.value", "" if item.get("value") is None else item["value"])
    if item.get("effect") not in TAINT_EFFECTS:
        raise refused(f"{path}.effect", item.get("effect"), ", ".join(TAINT_EFFECTS))
    return Taint(key, value, item["effect"])


def _labels(path: str, item: Any) -> dict[str, str]:
    if item is None:
        return {}
    if not isinstance(item, Mapping):
        raise refused(path, item, "a mapping of labels")
    return {_label_key(path, key): _label_value(f"{path}[{key!r}]", value) for key, value in item.items()}


def _label_key(path: str, key: Any) -> str:
    prefix, slash, name = key.rpartition("/") if isinstance(key, str) else ("", "", "")
    if not _LABEL_PART.fullmatch(name) or (slash and not _LABEL_PREFIX.fullmatch(prefix)):
        raise refused(f"{path}: the key", key, LABEL_KEY_RULE)
    return str(key)


def _label_value(path: str, value: Any) -> str:
    if not isinstance(value, str) or (value and not _LABEL_PART.fullmatch(value)):
        raise refused(path, value, f"text of {LABEL_VALUE_RULE} (put it in quotes if it is a number or true)")
    return value


def _count(path: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise refused(path, value, "a whole number of zero or more")
    return value


def _price(path: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal(0)
    if isinstance(value, bool) or not price.is_finite() or price <= 0:
        raise refused(path, value, "a price per hour above zero")
    return price
