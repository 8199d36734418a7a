# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mapping read from a YAML file that knows where it stands, so that what is wrong in it is named with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import Permanent


class Fields:
    """A mapping of the file ``file``; ``place`` is its path in the file, empty for the whole of it."""

    def __init__(self, file: str, place: str, content: Any) -> None:
        self.file = file
        self.place = place
        if not isinstance(content, dict):
            raise Permanent(f"{file}: {place or 'the file'} must be a mapping, not {content!r}.")
        self.content: dict[str, Any] = content

    def only(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Refuses keys that are not known and the lack of those that are required."""
        allowed = (*required, *optional)
        for key in self.content:
            if key not in allowed:
                raise Permanent(f"{self.file}: {self.path(key)} is not known. Allowed: {', '.join(allowed)}.")
        for key in required:
            if key not in self.content:
                raise Permanent(f"{self.file}: {self.path(key)} is missing.")

    def has(self, key: str) -> bool:
        """Whether the key stands there."""
        return key in self.content

    def value(self, key: str, default: Any = None) -> Any:
        """Whatever stands there."""
        return self.content.get(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty, unless it is the default."""
        if default is not None and key not in self.content:
            return default
        value = self.value(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of a few texts."""
        value = self.value(key, default)
        if value not in choices:
            raise self.wrong(key, " or ".join(choices))
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.value(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def texts(self, key: str, allowed: Sequence[str] | None = None) -> list[str]:
        """A list of texts; empty when it is left out."""
        value = self.value(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(key, "a list of texts")
        for each in value:
            if allowed is not None and each not in allowed:
                known = ", ".join(allowed)
                raise Permanent(f"{self.file}: {self.path(key)} holds {each!r}, which is not known. Allowed: {known}.")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A mapping as it is; empty when it is left out."""
        value = self.value(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "a mapping")
        return value

    def fields(self, key: str) -> Fields:
        """A mapping."""
        return Fields(self.file, self.path(key), self.value(key))

    def each(self, key: str) -> list[Fields]:
        """A list of mappings; empty when it is left out."""
        value = self.value(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return [Fields(self.file, f"{self.path(key)}[{number}]", each) for number, each in enumerate(value)]

    def named(self, key: str) -> list[tuple[str, Fields]]:
        """Mappings by their names; none when it is left out."""
        value = Fields(self.file, self.path(key), self.value(key, {}))
        return [(str(name), value.fields(name)) for name in value.content]

    def wrong(self, key: str, expected: str) -> Permanent:
        """The error for a value that is not what it should be."""
        return Permanent(f"{self.file}: {self.path(key)} is {self.value(key)!r}, but must be {expected}.")

    def path(self, key: object) -> str:
        """Where a key stands in the file."""
        return f"{self.place}.{key}" if self.place else str(key)
