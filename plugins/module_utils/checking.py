# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a person wrote, checked one by one; Permanent says the path, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import Permanent


def text(path: str, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise refused(path, value, "text")
    return value


def sequence(path: str, value: Any) -> Sequence[Any]:
    """A list; nothing is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise refused(path, value, "a list")
    return value


def check_keys(path: str, item: Any, allowed: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a thing that is no mapping, has a key that is not allowed, or lacks a needed one."""
    if not isinstance(item, Mapping):
        raise refused(path, item, f"a mapping with the keys {', '.join(allowed)}")
    for key in item:
        if key not in allowed:
            raise Permanent(f"Unknown key {path}.{key}; allowed are: {', '.join(allowed)}.", code="invalid_option")
    for key in needed:
        if item.get(key) is None:
            raise Permanent(f"{path}.{key} is missing; {path} needs {', '.join(needed)}.", code="invalid_option")


def truth(path: str, value: Any) -> bool:
    """True or false; nothing is false."""
    if value is not None and not isinstance(value, bool):
        raise refused(path, value, "true or false")
    return bool(value)


def refused(path: str, value: Any, allowed: str) -> Permanent:
    """The error for a value that cannot be meant."""
    return Permanent(f"{path} is {value!r}; allowed: {allowed}.", code="invalid_option")
