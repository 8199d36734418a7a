"""Time as the suites have it: hours pass in a blink."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

BLINK = 0.002
"""What a sleep really takes: time for the emulator's thread to go on with what it was told."""
SLOW_MACHINE = 10.0
"""Real seconds that an answer may take while nothing is broken."""
SILENCE = 0.2
"""Real seconds after which a socket that is silent on purpose is given up."""


class HurriedClock:
    """A clock that only sleeping moves. Threads that sleep side by side move it once, as real time would."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()
        self._happening = threading.RLock()
        self._plans: list[tuple[Callable[[], bool], Callable[[], object]]] = []
        self.slept: list[float] = []
        self.patience = SLOW_MACHINE
        """Real seconds to wait for an answer; whoever sets the fault `stall` makes it SILENCE."""

    def clock(self) -> float:
        """Seconds since the beginning."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        begun = self.clock()
        self.slept.append(seconds)
        time.sleep(BLINK)
        self.pass_until(begun + seconds)

    def pass_until(self, moment: float) -> None:
        """Move on to a moment, unless it is over; whatever was planned for until then happens."""
        # Whoever sleeps meanwhile wakes up after it has happened.
        with self._happening:
            with self._lock:
                self._now = max(self._now, moment)
            due = [plan for plan in self._plans if plan[0]()]
            self._plans = [plan for plan in self._plans if plan not in due]
            for _condition, action in due:
                action()

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Plan something for a moment."""
        self.when(lambda: self.clock() >= moment, action)

    def when(self, condition: Callable[[], bool], action: Callable[[], object]) -> None:
        """Plan something for the first time that somebody sleeps after a condition has come true."""
        with self._happening:
            self._plans.append((condition, action))


def hurry_silence(monkeypatch: pytest.MonkeyPatch, clock: HurriedClock) -> None:
    """A socket that stays silent costs the run all of its time limit, and the test a blink."""
    send = requests.adapters.HTTPAdapter.send

    def hurried(adapter: requests.adapters.HTTPAdapter, request: Any, **options: Any) -> requests.Response:
        limits = options.get("timeout")
        assert isinstance(limits, tuple), "every request has a time limit to connect and one to read"
        begun = clock.clock()
        try:
            return send(adapter, request, **{**options, "timeout": (limits[0], clock.patience)})
        except requests.exceptions.ReadTimeout:
            clock.pass_until(begun + limits[1])
            raise

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", hurried)
