# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user writes about a cluster, checked as a whole before anything is touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import settings
from .errors import Permanent, PlatformError
from .options import parse_name, parse_pools, parse_user_data

TIERS = ("basic", "pro", "enterprise")
_VERSION = re.compile(r"\d+\.\d+|.*cfke.*")


@dataclass(frozen=True)
class Kind:
    """One kind of control plane: the keys it needs, and those it may have."""

    needed: tuple[str, ...]
    possible: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys, `kind` first."""
        return ("kind", *self.needed, *self.possible)


KINDS = {
    "cloudfleet": Kind(("region", "version"), ("tier",)),
    "existing": Kind(("kubeconfig",), ("context", "join")),
}


def fault(given: Mapping[str, Any], cluster: str = "") -> str:
    """The first fault in `control_plane`, `pools` and `providers` (those that are given), as a sentence; else empty."""
    try:
        if cluster:
            parse_name("the name of the cluster", cluster)
        for key, check in _CHECKS.items():
            if key in given:
                check(given, cluster)
    except PlatformError as found:
        return str(found)
    return ""


def _check_providers(given: Mapping[str, Any], _cluster: str) -> None:
    settings.resolve(given, environ={})


def _check_pools(given: Mapping[str, Any], cluster: str) -> None:
    parse_pools(given["pools"], cluster)


def _check_control_plane(given: Mapping[str, Any], cluster: str) -> None:
    plane = given["control_plane"]
    if not isinstance(plane, Mapping):
        raise _refused("control_plane", plane, "a mapping with the key kind")
    if plane.get("kind") not in KINDS:
        raise _refused("control_plane.kind", plane.get("kind"), ", ".join(KINDS))
    kind = KINDS[plane["kind"]]
    for key in plane:
        if key not in kind.keys:
            allowed = ", ".join(kind.keys)
            raise _permanent(f"Unknown key control_plane.{key}; allowed for kind {plane['kind']} are: {allowed}.")
    missing = [key for key in kind.needed if not plane.get(key)]
    if missing:
        raise _permanent(f"control_plane.{missing[0]} is missing; kind {plane['kind']} needs {', '.join(kind.needed)}.")
    for key in ("region", "kubeconfig", "context"):
        _check_text(f"control_plane.{key}", plane.get(key))
    if "version" in plane and not (isinstance(plane["version"], str) and _VERSION.fullmatch(plane["version"])):
        raise _refused("control_plane.version", plane["version"], 'a version in quotes, such as "1.36"')
    if plane.get("tier", TIERS[0]) not in TIERS:
        raise _refused("control_plane.tier", plane["tier"], ", ".join(TIERS))
    _check_join(plane, given.get("pools") or (), cluster)


def _check_join(plane: Mapping[str, Any], pools: Sequence[Any], cluster: str) -> None:
    if plane["kind"] != "existing":
        return
    join = plane.get("join") or {}
    if not isinstance(join, Mapping) or set(join) - {"user_data"}:
        raise _permanent("control_plane.join must be a mapping with the key user_data.")
    user_data = parse_user_data(join.get("user_data"), parse_pools(pools, cluster))
    if pools and not user_data:
        raise _permanent(
            "control_plane.join.user_data is missing: there are pools, and nothing says how their servers join."
        )


_CHECKS: Mapping[str, Callable[[Mapping[str, Any], str], None]] = {
    "providers": _check_providers,
    "pools": _check_pools,
    "control_plane": _check_control_plane,
}


def _check_text(path: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise _refused(path, value, "text")


def _refused(path: str, value: Any, allowed: str) -> Permanent:
    return _permanent(f"{path} is {value!r}; allowed: {allowed}.")


def _permanent(text: str) -> Permanent:
    return Permanent(text, code="invalid_option")
