"""What was asked of the emulated clouds: a ring of the newest requests, and counts that never forget."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

_KEPT = 100_000


@dataclass
class Request:
    """One request. `started` is Unix time, `duration` seconds, `concurrency` how many of this cloud ran then (with it).

    `status` is 0 while it runs, and when the connection was cut instead of answered.
    """

    index: int
    cloud: str
    method: str
    path: str
    started: float
    concurrency: int
    status: int = 0
    duration: float = 0.0
    fault: str = ""

    def as_json(self) -> dict[str, object]:
        """Plain data for the control API."""
        return asdict(self)


class RequestLog:
    """Ring buffer and counters; an object of this class belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.time, kept: int = _KEPT) -> None:
        self._clock = clock
        self._kept: deque[Request] = deque(maxlen=kept)
        self._running: dict[str, int] = {}
        self._peak: dict[str, int] = {}
        self._count: dict[str, int] = {}
        self._index = 0

    @contextmanager
    def record(self, cloud: str, method: str, path: str) -> Iterator[Request]:
        """Note a request for as long as the block runs; the block sets `status` and `fault`."""
        running = self._running.get(cloud, 0) + 1
        self._running[cloud] = running
        self._peak[cloud] = max(self._peak.get(cloud, 0), running)
        self._count[cloud] = self._count.get(cloud, 0) + 1
        self._index += 1
        request = Request(self._index, cloud, method, path, self._clock(), running)
        self._kept.append(request)
        try:
            yield request
        finally:
            request.duration = self._clock() - request.started
            self._running[cloud] -= 1

    def entries(self, cloud: str = "", since: int = 0) -> list[Request]:
        """Give the kept requests of one cloud (or all) with an index above `since`, oldest first."""
        return [entry for entry in self._kept if entry.index > since and cloud in ("", entry.cloud)]

    def count(self, cloud: str = "") -> int:
        """Give how many requests came since the last `clear`, kept or not."""
        return self._count.get(cloud, 0) if cloud else sum(self._count.values())

    def peak(self, cloud: str) -> int:
        """Give the highest concurrency since the last `clear`."""
        return self._peak.get(cloud, 0)

    def clear(self) -> None:
        """Forget all requests and counts; the index goes on."""
        self._kept.clear()
        self._count.clear()
        self._peak.clear()
