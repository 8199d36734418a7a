"""A run in a process of its own, which can be killed like any other process: no handler, no farewell.

It is forked from a server process that has loaded everything once, so that a hundred of them cost little.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import web

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.modules import node_pool
from lab.cloud.front import Front
from lab.cloud.request_log import Request
from tests.contract.clock import HurriedClock

for _name in registry.known():
    registry.capabilities(_name)


class Axe:
    """Kills a process as soon as its request number `index` was carried out, before its answer is on its way."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.pid = 0
        self.seen = 0
        self.fell = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Every request to an emulated cloud goes past this axe."""
        answer, axe = Front._answer, self

        async def answered(front: Front, request: web.Request, handler: Any, entry: Request) -> web.StreamResponse:
            response = await answer(front, request, handler, entry)
            axe._strike()
            return response

        Front._answer = answered  # type: ignore[assignment,method-assign]
        try:
            yield
        finally:
            Front._answer = answer  # type: ignore[method-assign]

    def _strike(self) -> None:
        self.seen += 1
        if self.seen > self.index and not self.fell:
            self.fell = True
            os.kill(self.pid, signal.SIGKILL)


def run_and_kill(params: Mapping[str, Any], axe: Axe) -> int:
    """Run the module with these options under the axe; give the exit code of its process: -9 when it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, dict(params)), daemon=True)
    process.start()
    assert process.pid is not None
    axe.pid = process.pid
    with axe.raised():
        ours.send("go")
        process.join(120)
    code = process.exitcode
    assert code is not None, "the run does not end"
    process.close()
    return code


def _work(start: Connection, params: Mapping[str, Any]) -> None:
    start.recv()
    time = HurriedClock()
    result = node_pool.run(params, clock=time.clock, sleep=time.sleep)
    if result.get("failed"):
        raise SystemExit(result["msg"])
