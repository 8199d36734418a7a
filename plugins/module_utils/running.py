# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every step of a run works with: the accounts, the clock, the deadline, and somebody to tell how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from .budget import fan_out, retry
from .errors import Ambiguous, PlatformError, RateLimited, Transient
from .model import Event, Pending
from .providers.base import Clock, NodeDriver, Sleep

T = TypeVar("T")

FIRST_INTERVAL = 1.0
LONGEST_INTERVAL = 5.0
GROWTH = 1.2


@dataclass(frozen=True)
class Run:
    """One run. ``deadline`` is a reading of ``clock``; ``tell`` takes a line about something that has happened.

    ``wall`` gives seconds since 1970, to compare with times that others wrote down. ``unopened`` are accounts that
    cannot even be asked (provider -> why): they count as providers that do not answer. ``insist`` is called before
    everything that changes something and raises a PlatformError when this run may not do so any more.
    """

    fleet: str
    cluster: str
    drivers: Mapping[str, NodeDriver]
    clock: Clock
    sleep: Sleep
    deadline: float
    tell: Callable[[str], None]
    wall: Clock = time.time
    unopened: Mapping[str, PlatformError] = field(default_factory=dict)
    insist: Callable[[], None] = lambda: None

    def time_left(self) -> float:
        """Seconds until the deadline, never below zero."""
        return max(0.0, self.deadline - self.clock())

    def retry(self, call: Callable[[], T]) -> T:
        """Make a call that may be repeated, within the deadline; for calls that do not go through a driver."""
        return retry(call, sleep=self.sleep, clock=self.clock, deadline=self.deadline)

    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.clock() >= self.deadline


class Turn(Protocol):
    """The time in which no other run works on the cluster."""

    @property
    def warning(self) -> str:
        """Why nothing keeps others from it, if nothing does."""

    def insist(self) -> None:
        """Raise a PlatformError when another run may have the turn by now."""


class Pace:
    """How long to wait between two looks: longer each time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._interval = FIRST_INTERVAL

    def quicken(self) -> None:
        """Something has happened, so more may happen soon."""
        self._interval = FIRST_INTERVAL

    def wait(self) -> None:
        """Sleep until the next look, but not beyond the deadline."""
        self._run.sleep(min(self._interval, max(self._run.time_left(), 0.05)))
        self._interval = min(LONGEST_INTERVAL, self._interval * GROWTH)


def look(run: Run, pendings: Sequence[Pending]) -> list[Event]:
    """Ask every provider once for all its servers under way; one event for each, in the same order.

    A look that fails in passing shows nothing new but its error; one that fails for good ends the servers of its
    provider with it.
    """
    groups: dict[str, list[int]] = {}
    for index, pending in enumerate(pendings):
        groups.setdefault(pending.provider, []).append(index)
    polls = [_poll(run, name, [pendings[index] for index in indexes]) for name, indexes in groups.items()]
    events: dict[int, Event] = {}
    for indexes, outcome in zip(groups.values(), fan_out(polls), strict=True):
        if isinstance(outcome, PlatformError):
            final = not isinstance(outcome, (Ambiguous, RateLimited, Transient))
            events.update((index, Event(pendings[index], final, error=outcome)) for index in indexes)
        else:
            events.update(zip(indexes, outcome, strict=True))
    return [events[index] for index in range(len(pendings))]


def _poll(run: Run, provider: str, pendings: Sequence[Pending]) -> Callable[[], list[Event]]:
    def poll() -> list[Event]:
        run.insist()  # a look may take a server's next step
        return run.drivers[provider].poll(pendings)

    return poll
