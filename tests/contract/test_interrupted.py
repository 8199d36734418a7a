"""A run that is killed at any request, before it was sent or before its answer was read, is healed by the next one."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
import requests

from tests.contract.conftest import Case

REACH = 60
"""More requests than any of these runs makes; indexes beyond the last one end the test early."""


class Killed(BaseException):
    """The process is no more. Not an Exception, so that no handler can survive it."""


class Axe:
    """Lets ``index`` requests through, cuts the next one, and nothing gets out after that."""

    def __init__(self, index: int, after: bool) -> None:
        self._index = index
        self._after = after
        self._lock = threading.Lock()
        self._count = 0
        self.fell = False
        self._send = requests.adapters.HTTPAdapter.send

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        axe = self

        def send(adapter: requests.adapters.HTTPAdapter, request: Any, **options: Any) -> requests.Response:
            with axe._lock:
                mine = axe._count
                axe._count += 1
                if mine == axe._index:
                    axe.fell = True
                elif mine > axe._index:
                    raise Killed
            if mine == axe._index and not axe._after:
                raise Killed
            response = axe._send(adapter, request, **options)
            if mine == axe._index:
                raise Killed
            return response

        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "before its answer is read"])
@pytest.mark.parametrize("index", range(REACH))
@pytest.mark.parametrize(
    ("start", "goal"), [pytest.param(0, 3, id="buying three"), pytest.param(3, 1, id="removing two of three")]
)
def test_killed_at_a_request_the_next_run_converges(
    case: Case, monkeypatch: pytest.MonkeyPatch, start: int, goal: int, index: int, after: bool
) -> None:
    if start:
        case.run(start)
    axe = Axe(index, after)
    with monkeypatch.context() as patch:
        axe.install(patch)
        with contextlib.suppress(Killed):
            case.run(goal)
    if not axe.fell:
        pytest.skip("the run has fewer requests")

    healed = case.run(goal)

    assert healed.get("msg") is None
    case.assert_exactly(goal)
    case.assert_settled(goal)


@pytest.mark.parametrize("index", range(12))
def test_killed_while_removing_servers_that_are_off_leaves_no_disk(
    case: Case, monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    case.run(2)
    second = next(server for server in case.cloud.store.servers(case.name) if server.name.endswith("-2"))
    case.profile.power_off(case.cloud, second.id)
    case.quiet()
    writes = _writes_only(index)
    with monkeypatch.context() as patch:
        writes.install(patch)
        with contextlib.suppress(Killed):
            case.run(1)
    if not writes.fell:
        pytest.skip("the run has fewer writing requests")

    assert case.run(1).get("msg") is None

    case.assert_exactly(1)


class _WriteAxe(Axe):
    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        axe = self

        def send(adapter: requests.adapters.HTTPAdapter, request: Any, **options: Any) -> requests.Response:
            response = axe._send(adapter, request, **options) if not axe.fell else None
            if request.method != "GET":
                axe.fell = axe.fell or axe._count == axe._index
                axe._count += 1
            if axe.fell or response is None:
                raise Killed
            return response

        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)


def _writes_only(index: int) -> Axe:
    """Falls after the writing request of this index was answered: between it and whatever comes next."""
    return _WriteAxe(index, after=True)
