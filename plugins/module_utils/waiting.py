# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something to become true, with a deadline and the last state in the error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import Transient

T = TypeVar("T")

FIRST_INTERVAL = 1.0
LONGEST_INTERVAL = 5.0
GROWTH = 1.3


def wait_for(
    read: Callable[[], T],
    ready: Callable[[T], bool],
    timeout: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    describe: Callable[[T], str] = str,
    what: str = "the change",
) -> T:
    """Read until ready, less often as time goes by; the last reading is returned.

    A reading that fails in passing (Transient) counts as not ready. After ``timeout`` seconds Transient with the code
    ``deadline`` is raised: "Waited 60 s for <what>; last seen: <describe(last)>".
    """
    deadline = clock() + timeout
    interval = FIRST_INTERVAL
    while True:
        try:
            state = read()
        except Transient as error:
            seen = str(error)
        else:
            if ready(state):
                return state
            seen = describe(state)
        left = deadline - clock()
        if left <= 0:
            raise Transient(f"Waited {timeout:.0f} s for {what}; last seen: {seen}", code="deadline")
        sleep(min(interval, left))
        interval = min(LONGEST_INTERVAL, interval * GROWTH)
