"""A run that is killed at any request, before it was sent or before its answer was read, is healed by the next one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from lab.cloud.testing import emulator
from tests.contract.case import Case
from tests.contract.profiles import Profile


class Killed(BaseException):
    """The process is no more. Not an Exception, so that no handler can survive it."""


class Axe:
    """Lets ``index`` requests through, cuts the next one, and lets nothing out after that.

    With ``writes`` only writing requests count, and the cut one is carried out.
    """

    def __init__(self, index: int, *, after: bool, writes: bool = False) -> None:
        self._index = index
        self._after = after
        self._writes = writes
        self._lock = threading.Lock()
        self._count = 0
        self._send = requests.adapters.HTTPAdapter.send
        self.fell = False

    @contextlib.contextmanager
    def raised(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Every request goes past this axe; the death of the run is swallowed."""

        def send(adapter: requests.adapters.HTTPAdapter, request: Any, **options: Any) -> requests.Response:
            return self.send(adapter, request, **options)

        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            patch.setattr(requests.adapters.HTTPAdapter, "send", send)
            yield

    def send(self, adapter: requests.adapters.HTTPAdapter, request: Any, **options: Any) -> requests.Response:
        with self._lock:
            if self.fell:
                raise Killed
            counts = not self._writes or request.method != "GET"
            mine = counts and self._count == self._index
            self._count += counts
            self.fell = mine
        if mine and not self._after:
            raise Killed
        response = self._send(adapter, request, **options)
        if mine:
            raise Killed
        return response


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "before its answer is read"])
@pytest.mark.parametrize(
    ("start", "goal"), [pytest.param(0, 3, id="buying three"), pytest.param(3, 1, id="removing two of three")]
)
def test_killed_at_any_request_the_next_run_converges(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, start: int, goal: int, after: bool
) -> None:
    index = 0
    while True:
        with emulator() as cloud:
            case = Case(profile, cloud)
            case.run(start, confirm="")
            axe = Axe(index, after=after)
            with axe.raised(monkeypatch):
                case.run(goal)
            if not axe.fell:
                break

            healed = case.run(goal)

            assert healed.get("msg") is None, f"killed at request {index}"
            case.assert_exactly(goal)
            case.assert_settled(goal)
        index += 1
    assert index > 5, "the axe must have fallen at every request of a whole run"


def test_killed_while_removing_a_server_that_is_off_no_disk_is_left(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = 0
    while True:
        with emulator() as cloud:
            case = Case(profile, cloud)
            case.run(2)
            second = next(server for server in case.servers() if server.name.endswith("-2"))
            profile.power_off(cloud, second.id)
            case.quiet()
            axe = Axe(index, after=True, writes=True)
            with axe.raised(monkeypatch):
                case.run(1)
            if not axe.fell:
                break

            assert case.run(1).get("msg") is None, f"killed after writing request {index}"

            case.assert_exactly(1)
        index += 1
    assert index >= 1
