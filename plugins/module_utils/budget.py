# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often and how fast we may ask: retries, the rate budget of an account, and work side by side.

This is the only place that repeats a call. What it repeats is decided by the class of the error alone: Transient and
RateLimited mean that another try is harmless, everything else is passed on at once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import PlatformError, RateLimited, Transient

T = TypeVar("T")

TRIES = 6
"""How often one call is made at most."""
WORKERS = 16
"""How many things are done at once."""
FIRST_PAUSE = 0.5
LONGEST_BACKOFF = 20.0
LONGEST_PAUSE = 120.0
"""A caller without a deadline does not wait longer than this, whatever Retry-After says."""


def backoff(attempt: int, rand: Callable[[], float] = random.random) -> float:
    """Seconds before try ``attempt`` + 1: anything up to a bound that doubles, so that callers do not march in step."""
    return float(rand() * min(LONGEST_BACKOFF, FIRST_PAUSE * 2 ** (attempt - 1)))


def retry(
    call: Callable[[], T],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    deadline: float | None = None,
    tries: int = TRIES,
    rand: Callable[[], float] = random.random,
) -> T:
    """Make the call until it answers, its error is final, or ``tries`` or the deadline (a reading of ``clock``) end.

    A told Retry-After is obeyed; when it reaches beyond the deadline, the error is raised at once instead.
    """
    for attempt in range(1, max(1, tries)):
        try:
            return call()
        except (RateLimited, Transient) as error:
            pause = backoff(attempt, rand) if error.retry_after is None else error.retry_after
            if (pause > LONGEST_PAUSE) if deadline is None else (clock() + pause > deadline):
                raise
            sleep(pause)
    return call()


class Budget:
    """The requests one account may make. Shared by all threads: when the provider slows one down, all slow down.

    A bucket of ``burst`` requests that fills with ``per_second``.
    """

    def __init__(
        self,
        *,
        per_second: float,
        burst: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        deadline: float | None = None,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._deadline = deadline
        self._rand = rand
        self._lock = threading.Lock()
        self._left = burst
        self._seen = clock()
        self._not_before = self._seen

    def call(self, request: Callable[[], T]) -> T:
        """Make a request within the budget, again when its error allows that."""

        def one_try() -> T:
            self._spend()
            try:
                return request()
            except RateLimited as error:
                if error.retry_after is not None:
                    self._hold(error.retry_after)
                raise

        return retry(one_try, sleep=self._sleep, clock=self._clock, deadline=self._deadline, rand=self._rand)

    def time_left(self) -> float | None:
        """Seconds until the deadline, never below zero; None without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def remaining(self, requests: float) -> None:
        """The provider's own count of what is left, which others may have spent too."""
        with self._lock:
            self._fill()
            self._left = min(self._left, max(requests, 0.0))

    def _spend(self) -> None:
        with self._lock:
            now = self._fill()
            self._left -= 1
            short = max(0.0, -self._left) / self._per_second
            pause = max(short, self._not_before - now)
            if self._deadline is not None and now + pause > self._deadline:
                self._left += 1
                raise RateLimited(
                    f"The provider's rate limit allows the next request in {pause:.0f} s, after the time given for "
                    "this run. Run again later, or with a longer timeout.",
                    code="rate_budget",
                    retry_after=pause,
                )
        if pause > 0:
            self._sleep(pause)

    def _hold(self, seconds: float) -> None:
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def _fill(self) -> float:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        return now


def fan_out(tasks: Sequence[Callable[[], T]], workers: int = WORKERS) -> list[T | PlatformError]:
    """Do all tasks, at most ``workers`` at once; results in the order of the tasks.

    A PlatformError takes its result's place. Any other exception is a fault of ours and is raised, after the tasks that
    have begun have ended.
    """

    def outcome(task: Callable[[], T]) -> T | PlatformError:
        try:
            return task()
        except PlatformError as error:
            return error

    if len(tasks) <= 1:
        return [outcome(task) for task in tasks]
    with ThreadPoolExecutor(min(workers, len(tasks)), thread_name_prefix="fleet") as pool:
        futures = [pool.submit(outcome, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
