"""Retries, the rate budget, work side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.budget import TRIES, Budget, backoff, fan_out, retry
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Auth,
    Capacity,
    PlatformError,
    RateLimited,
    Transient,
)


class Time(Protocol):
    now: float
    slept: list[float]

    def clock(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Call:
    """Raises what it was given, one after the other, then answers."""

    def __init__(self, *errors: PlatformError) -> None:
        self._errors = list(errors)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


def _retry(call: Callable[[], str], time: Time, deadline: float | None = None) -> str:
    return retry(call, sleep=time.sleep, clock=time.clock, deadline=deadline, rand=lambda: 1.0)


def test_passing_errors_are_retried_with_growing_pauses(time: Time) -> None:
    call = Call(Transient("a"), RateLimited("b"), Transient("c"))

    assert _retry(call, time) == "answer"
    assert time.slept == [0.5, 1.0, 2.0]


def test_six_tries_are_made_and_no_more(time: Time) -> None:
    call = Call(*[Transient(str(number)) for number in range(10)])

    with pytest.raises(Transient, match="5"):
        _retry(call, time)
    assert call.count == TRIES == 6


@pytest.mark.parametrize("error", [Ambiguous("?"), Auth("?"), Capacity("?")])
def test_other_errors_are_raised_at_once(time: Time, error: PlatformError) -> None:
    call = Call(error)

    with pytest.raises(type(error)):
        _retry(call, time)
    assert (call.count, time.slept) == (1, [])


def test_a_told_pause_is_obeyed(time: Time) -> None:
    _retry(Call(RateLimited("slow", retry_after=33)), time)

    assert time.slept == [33]


@pytest.mark.parametrize(
    ("told", "deadline", "waits"),
    [
        pytest.param(121, None, False, id="too long for a caller without a deadline"),
        pytest.param(121, 200, True, id="within the deadline"),
        pytest.param(121, 100, False, id="beyond the deadline"),
    ],
)
def test_a_pause_beyond_the_deadline_is_not_begun(time: Time, told: float, deadline: float | None, waits: bool) -> None:
    call = Call(RateLimited("slow", retry_after=told))

    if waits:
        assert _retry(call, time, deadline) == "answer"
    else:
        with pytest.raises(RateLimited):
            _retry(call, time, deadline)
        assert time.slept == []


def test_jitter_spreads_over_the_whole_pause() -> None:
    assert backoff(3, lambda: 0.0) == 0.0
    assert backoff(3, lambda: 0.5) == 1.0
    assert backoff(30, lambda: 1.0) == 20.0


def test_an_empty_bucket_lets_requests_through_one_by_one(time: Time) -> None:
    budget = Budget(per_second=2, burst=3, clock=time.clock, sleep=time.sleep)

    for _request in range(5):
        budget.call(lambda: None)

    assert time.slept == [0.5, 0.5]


def test_what_the_provider_counts_lowers_the_bucket_and_never_raises_it(time: Time) -> None:
    budget = Budget(per_second=1, burst=10, clock=time.clock, sleep=time.sleep)

    budget.remaining(100)
    for _request in range(10):
        budget.call(lambda: None)
    assert time.slept == []
    budget.remaining(0)
    budget.call(lambda: None)
    assert time.slept == [1.0]


def test_one_told_pause_holds_back_everybody(time: Time) -> None:
    budget = Budget(per_second=100, burst=100, clock=time.clock, sleep=time.sleep)
    with pytest.raises(RateLimited):
        budget.call(Call(*[RateLimited("slow", retry_after=500)] * 1))

    budget.call(lambda: None)

    assert time.slept == [500]


def test_a_bucket_that_fills_after_the_deadline_is_an_error(time: Time) -> None:
    budget = Budget(per_second=0.1, burst=1, clock=time.clock, sleep=time.sleep, deadline=5)
    budget.call(lambda: None)

    with pytest.raises(RateLimited, match="after the time given for this run"):
        budget.call(lambda: None)
    assert budget.time_left() == 5


def test_results_come_in_the_order_of_the_tasks_with_errors_in_place() -> None:
    error = Transient("no")

    def fail() -> int:
        raise error

    assert fan_out([lambda: 1, fail, lambda: 3]) == [1, error, 3]
    assert fan_out([]) == []
    assert fan_out([fail]) == [error]


def test_tasks_run_at_once_up_to_the_bound() -> None:
    bound, gate, lock = 4, threading.Barrier(4), threading.Lock()
    running, peak = 0, 0

    def task() -> None:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        gate.wait(5)
        with lock:
            running -= 1

    fan_out([task] * 8, workers=bound)

    assert peak == bound


def test_a_fault_of_ours_is_not_swallowed() -> None:
    def fault() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        fan_out([fault, lambda: None])
