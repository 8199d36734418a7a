# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``providers``: its argument spec, and the accounts it describes together with the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import env_fallback  # type: ignore[import-untyped]

from .errors import Auth, Permanent
from .providers import registry
from .providers.base import Setting

CLOUDFLEET = "cloudfleet"
_CLOUDFLEET_SETTINGS = (
    Setting(
        "endpoint", "CLOUDFLEET_ENDPOINT", "base URL of the API", required=False, default="https://api.cloudfleet.ai/v1"
    ),
    Setting("token_id", "CLOUDFLEET_ACCESS_TOKEN_ID", "id of an access token"),
    Setting("token_secret", "CLOUDFLEET_ACCESS_TOKEN_SECRET", "secret of an access token", secret=True),
    Setting("organization_id", "CLOUDFLEET_ORGANIZATION_ID", "id of the organization"),
)


def names() -> tuple[str, ...]:
    """Every key that ``providers`` may have: the sellers of nodes, and Cloudfleet."""
    return tuple(sorted((*registry.known(), CLOUDFLEET)))


def setting_list(provider: str) -> tuple[Setting, ...]:
    """The keys that ``providers.<provider>`` may have."""
    return _CLOUDFLEET_SETTINGS if provider == CLOUDFLEET else registry.setting_list(provider)


def _argument(setting: Setting) -> dict[str, Any]:
    # no_log is said either way: the sanity tests take any name with "token" or "secret" in it for one.
    return {"type": "str", "no_log": setting.secret, "fallback": (env_fallback, [setting.env] if setting.env else [])}


PROVIDER_OPTIONS: dict[str, Any] = {
    "providers": {
        "type": "dict",
        "apply_defaults": True,
        "options": {
            provider: {
                "type": "dict",
                "apply_defaults": True,
                "options": {setting.name: _argument(setting) for setting in setting_list(provider)},
            }
            for provider in names()
        },
    },
}
"""The argument spec of the option ``providers``."""


def resolve(params: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """The settings of every provider from ``params["providers"]``, then the environment, then the defaults.

    A setting that is given nowhere is an empty string; ``missing`` names those that are needed. An unknown provider or
    key is refused with its path and what is allowed; values are never repeated, they may be secrets.
    """
    environ = os.environ if environ is None else environ
    given = params.get("providers") or {}
    _refuse_unknown("providers", given, names())
    resolved = {}
    for provider in names():
        settings = setting_list(provider)
        values = given.get(provider) or {}
        _refuse_unknown(f"providers.{provider}", values, [setting.name for setting in settings])
        resolved[provider] = {setting.name: _value(provider, setting, values, environ) for setting in settings}
    return resolved


def missing(provider: str, values: Mapping[str, str]) -> list[Setting]:
    """The needed settings that have no value."""
    return [
        setting
        for setting in setting_list(provider)
        if setting.required and not values.get(setting.name) and not (setting.unless and values.get(setting.unless))
    ]


def require(provider: str, values: Mapping[str, str]) -> None:
    """Raise Auth unless the account is complete; the sentence says where to write what is missing."""
    absent = missing(provider, values)
    if absent:
        wanted = "; ".join(f"{setting.description}: set {_places(provider, setting)}" for setting in absent)
        raise Auth(
            f"The account at {provider} is incomplete, it lacks the {wanted}.", provider=provider, code="no_credentials"
        )


def _places(provider: str, setting: Setting) -> str:
    """Where a setting can be written."""
    return " or ".join(name for name in (setting.env, f"providers.{provider}.{setting.name}") if name)


def _value(provider: str, setting: Setting, values: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    value = values.get(setting.name)
    if value is not None and not isinstance(value, str):
        raise Permanent(
            f"providers.{provider}.{setting.name} must be text, not {type(value).__name__}.", code="invalid_option"
        )
    return (value or "").strip() or (environ.get(setting.env, "").strip() if setting.env else "") or setting.default


def _refuse_unknown(path: str, given: Any, allowed: Any) -> None:
    if not isinstance(given, Mapping):
        raise Permanent(f"{path} must be a mapping with the keys {', '.join(allowed)}.", code="invalid_option")
    for key in given:
        if key not in allowed:
            raise Permanent(f"Unknown key {path}.{key}; allowed are: {', '.join(allowed)}.", code="invalid_option")
