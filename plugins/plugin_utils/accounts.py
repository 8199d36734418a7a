# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the settings a user wrote to the accounts to ask, and from the filters to the parts of them to ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from ..module_utils import settings
from ..module_utils.errors import Permanent
from ..module_utils.model import LABEL_FLEET, Scope
from ..module_utils.providers import registry
from ..module_utils.providers.base import NodeDriver
from .fetching import Account, Request
from .last_known import fingerprint

SHORTEST_SECRET = 8


def configured(
    providers: Mapping[str, Any], environment: Mapping[str, str], *, fleet: str, only: Collection[str]
) -> list[Account]:
    """Accounts of all providers with credentials, in the mapping or in the environment; `only` these if any are named.

    Raises PlatformError for an unknown provider, an unknown or missing key, and if no account is left.
    """
    for name in sorted(set(only) - set(registry.known())):
        raise Permanent(f"filters.provider: {name} is not a provider. Allowed: {_listed(registry.known())}.")
    wanted = [name for name in registry.known() if not only or name in only]
    resolved = settings.resolve({"providers": providers}, environment)
    in_use = [name for name in wanted if any(_secrets(name, resolved[name]))]
    for name in in_use:
        settings.require(name, resolved[name])
    if not in_use:
        needs = "; ".join(f"{name}: {_listed(_variables(name))}" for name in wanted)
        raise Permanent(f"providers: none has credentials, neither here nor in the environment ({needs}).")
    return [_account(name, resolved[name], fleet) for name in in_use]


def request(fleet: str, locations: Collection[str], providers: Collection[str]) -> Request:
    """What to ask the providers for. Raises Permanent for a location that none of them has."""
    places = {place: scope for name in providers for place, scope in registry.capabilities(name).locations.items()}
    for place in sorted(set(locations) - set(places)):
        raise Permanent(f"filters.location: {place} is at none of {_listed(providers)}. Allowed: {_listed(places)}.")
    return Request(labels={LABEL_FLEET: fleet} if fleet else None, wants=partial(_holds, frozenset(locations)))


def _holds(locations: frozenset[str], driver: NodeDriver, scope: Scope) -> bool:
    """Whether a scope can hold a server in one of these locations. A scope that is no location's own spans them all."""
    places = driver.caps.locations
    if not locations:
        return True
    if scope.name not in {own.name for own in places.values()}:
        return not locations.isdisjoint(places)
    return any(places[place].name == scope.name for place in locations if place in places)


def _account(name: str, values: Mapping[str, str], fleet: str) -> Account:
    return Account(
        provider=name,
        open=lambda deadline: registry.driver(name, values, deadline=deadline),
        # All settings count, so that the hosts of one project are never served for another at the same endpoint.
        key=fingerprint({"provider": name, "fleet": fleet, **values}),
        secrets=tuple(secret for secret in _secrets(name, values) if len(secret) >= SHORTEST_SECRET),
    )


def _secrets(name: str, values: Mapping[str, str]) -> list[str]:
    return [values[setting.name] for setting in settings.setting_list(name) if setting.secret and values[setting.name]]


def _variables(name: str) -> list[str]:
    return [setting.env for setting in settings.setting_list(name) if setting.required and not setting.default]


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
