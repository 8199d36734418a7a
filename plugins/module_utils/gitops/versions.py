# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact versions: what is rendered today must be what is rendered in a year."""

from __future__ import annotations

import re

from .fields import Fields

_EXACT = re.compile(r"(?:[a-z][a-z0-9-]*/)*v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_MUTABLE = frozenset(("latest", "main", "master", "stable", "edge", "nightly", "dev"))


def exact(given: Fields, key: str) -> str:
    """The version at ``key``; Permanent unless it names exactly one release."""
    value = given.value(key)
    if not isinstance(value, str) or not _EXACT.fullmatch(value):
        raise given.wrong(
            key, "one exact version in quotes such as '1.2.3' or 'v1.2.3', without ranges, wildcards and 'latest'"
        )
    return value


def is_mutable_image(image: str) -> bool:
    """Whether the name of an image may mean another image tomorrow: no tag, or a tag that moves."""
    if "@sha256:" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    return not tag or is_mutable_tag(tag)


def is_mutable_tag(tag: str) -> bool:
    """Whether a tag is one that moves."""
    return tag in _MUTABLE or tag.startswith("latest-")
