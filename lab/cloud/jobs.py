"""Work behind the answers: one job at a time per object, because a machine cannot do two things at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_LOG = logging.getLogger(__name__)

Work = Callable[[str], Coroutine[Any, Any, None]]
"""What a job does; it is given the id of its object."""


class Jobs:
    """Jobs by the id of their object. `failed` is told of every job that ends in an exception, which is logged too."""

    def __init__(self, what: str, failed: Callable[[str, BaseException], None]) -> None:
        self._what = what
        self._failed = failed
        self._last: dict[str, asyncio.Task[None]] = {}
        self._all: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, number: str, work: Work) -> None:
        """Run a job after the one of the same object that still runs, if any."""
        task = asyncio.get_running_loop().create_task(_after(self._last.get(number), work, number))
        self._last[number] = task
        self._all.add(task)
        task.add_done_callback(lambda done: self._ended(number, done))

    def _ended(self, number: str, task: asyncio.Task[None]) -> None:
        self._all.discard(task)
        if self._last.get(number) is task:
            del self._last[number]
        problem = None if task.cancelled() else task.exception()
        if problem is not None and not self._closing:
            _LOG.error("Work on %s %s failed", self._what, number, exc_info=problem)
            self._failed(number, problem)

    async def settled(self) -> None:
        """Return when no job runs."""
        while self._all:
            await asyncio.wait(list(self._all))

    async def close(self) -> None:
        """Stop all jobs; whoever owns them starts them again after the next start of the process."""
        self._closing = True
        running = list(self._all)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def _after(earlier: asyncio.Task[None] | None, work: Work, number: str) -> None:
    if earlier is not None:
        await asyncio.wait([earlier])
    await work(number)
