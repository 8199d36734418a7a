# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets one run at a time use a folder; the clusters of a fleet are worked on side by side and share some."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Transient


@contextmanager
def alone(
    folder: Path,
    timeout: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Waits up to ``timeout`` seconds for others to finish, then raises Transient. The folder must exist."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = clock() + timeout
        while not _taken(handle):
            if clock() > deadline:
                raise Transient(f"Another run has been using {folder} for {timeout:g} seconds. Run again later.")
            sleep(0.1)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
