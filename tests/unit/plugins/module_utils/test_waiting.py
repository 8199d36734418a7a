"""Waiting with a deadline."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.waiting import wait_for


def test_the_reading_that_is_ready_is_returned(time: Any) -> None:
    readings = iter([1, 2, 3])

    assert wait_for(lambda: next(readings), lambda n: n == 3, 60, sleep=time.sleep, clock=time.clock) == 3
    assert time.slept == [1.0, 1.3]


def test_what_is_ready_at_once_costs_no_sleep(time: Any) -> None:
    wait_for(lambda: True, bool, 0, sleep=time.sleep, clock=time.clock)

    assert time.slept == []


def test_the_deadline_is_kept_and_tells_the_last_state(time: Any) -> None:
    with pytest.raises(Transient, match="Waited 10 s for the node; last seen: state creating") as caught:
        wait_for(
            lambda: "creating",
            lambda _state: False,
            10,
            sleep=time.sleep,
            clock=time.clock,
            describe=lambda state: f"state {state}",
            what="the node",
        )
    assert caught.value.code == "deadline"
    assert time.now == 10


def test_a_reading_that_fails_in_passing_is_not_ready_and_another_error_ends_it(time: Any) -> None:
    def flaky() -> bool:
        if time.now < 2:
            raise Transient("not now")
        return True

    assert wait_for(flaky, bool, 60, sleep=time.sleep, clock=time.clock)

    def refused() -> bool:
        raise Auth("never")

    with pytest.raises(Auth):
        wait_for(refused, bool, 60, sleep=time.sleep, clock=time.clock)
