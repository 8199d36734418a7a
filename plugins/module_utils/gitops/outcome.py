# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what can go wrong in a module's work into a result that says so in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Permanent, PlatformError
from ..reporting import failure


def outcome(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of the work, or one with ``failed`` when it raises one of our errors or cannot use a file."""
    try:
        return work()
    except PlatformError as error:
        return {"changed": False, **failure([error])}
    except OSError as error:
        named = f"Cannot use {error.filename}: {error.strerror}." if error.filename else f"{error}."
        return {"changed": False, **failure([Permanent(f"{named} Check that the file or folder may be used.")])}
