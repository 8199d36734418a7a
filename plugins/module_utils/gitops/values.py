# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of Helm charts as data: joined without losing lists, compared, filled in.

Pure. A *patch* is what Kustomize does to a kind that it has no schema of: mappings are joined key by key, everything
else, lists included, is replaced. So the joining happens here, and a patch carries whole lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from ..errors import Permanent

_PLACEHOLDER = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<braced>[a-z][a-z0-9_]*)\}|(?P<named>[a-z][a-z0-9_]*))")
_WHOLE = re.compile(r"\$(?:\{([a-z][a-z0-9_]*)\}|([a-z][a-z0-9_]*))")
_UNKNOWN = object()


def joined(first: Any, second: Any) -> Any:
    """Both, the second winning. Lists keep what the first has: entries of the same ``name`` are joined, others appended
    unless they are there already."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        both = dict(first)
        for key, value in second.items():
            both[key] = joined(both[key], value) if key in both else deepcopy(value)
        return both
    if isinstance(first, list) and isinstance(second, list):
        return _joined_lists(first, second)
    return deepcopy(second)


def _joined_lists(first: list[Any], second: list[Any]) -> list[Any]:
    result = deepcopy(first)
    places = {each["name"]: at for at, each in enumerate(first) if isinstance(each, Mapping) and "name" in each}
    for each in second:
        if isinstance(each, Mapping) and each.get("name") in places:
            at = places[each["name"]]
            result[at] = joined(result[at], each)
        elif each not in result:
            result.append(deepcopy(each))
    return result


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that makes ``before`` say what ``after`` says; what only ``before`` has stays."""
    patch: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key, _UNKNOWN)
        if old == value and type(old) is type(value):
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = difference(old, value)
            if inner:
                patch[key] = inner
        else:
            patch[key] = deepcopy(value)
    return patch


def patched(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What Kustomize makes of both."""
    result = dict(before)
    for key, value in patch.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = patched(old, value)
        else:
            result[key] = deepcopy(value)
    return result


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Joins ``value`` to what stands at a dotted path."""
    *folders, last = path.split(".")
    for folder in folders:
        inner = values.get(folder)
        values[folder] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[folder]
    values[last] = joined(values[last], value) if last in values else deepcopy(value)


def leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths of everything that is set, and what it is. A list is one value, and so is an empty mapping."""
    for key, value in values.items():
        path = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def placeholders(value: Any) -> frozenset[str]:
    """Names of the variables that stand in the texts of a value."""
    if isinstance(value, str):
        found = _PLACEHOLDER.finditer(value)
        return frozenset(each["braced"] or each["named"] for each in found if not each["escaped"])
    if isinstance(value, Mapping):
        return frozenset().union(*(placeholders(each) for each in value.values()))
    if isinstance(value, list):
        return frozenset().union(*(placeholders(each) for each in value))
    return frozenset()


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """The value with its placeholders filled in; a text that is one placeholder takes the variable as it is, lists and
    numbers included. Permanent when a variable is not there."""
    if isinstance(value, Mapping):
        return {key: filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, variables) for each in value]
    if not isinstance(value, str):
        return value
    whole = _WHOLE.fullmatch(value)
    if whole:
        return deepcopy(_variable(whole[1] or whole[2], variables))
    return _PLACEHOLDER.sub(
        lambda found: "$" if found["escaped"] else str(_variable(found["braced"] or found["named"], variables)), value
    )


def known_part(values: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """What can be said with these variables only, filled in; a list is there as a whole or not at all."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            inner = known_part(value, variables)
            if inner:
                result[key] = inner
        elif placeholders(value) <= variables.keys():
            result[key] = filled(value, variables)
    return result


def _variable(name: str, variables: Mapping[str, Any]) -> Any:
    if name not in variables:
        raise Permanent(f"The variable {name} has no value here.")
    return variables[name]
