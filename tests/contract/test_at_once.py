"""Several runs at the same time end with exactly the wished servers, and none of them fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.case import Case
from tests.contract.clock import HurriedClock


def _runs(case: Case, counts: list[int]) -> list[dict[str, Any]]:
    cases = [Case(case.profile, case.cloud, HurriedClock()) for _count in counts]
    with ThreadPoolExecutor(len(counts)) as pool:
        futures = [pool.submit(one.run, count) for one, count in zip(cases, counts, strict=True)]
        return [future.result() for future in futures]


@pytest.mark.parametrize("repeat", range(5))
@pytest.mark.parametrize("runs", [2, 4, 8])
def test_runs_that_want_the_same_buy_it_once(case: Case, runs: int, repeat: int) -> None:
    results = _runs(case, [2] * runs)

    assert [result.get("msg") for result in results] == [None] * runs
    case.assert_exactly(2)
    case.assert_settled(2)


@pytest.mark.parametrize("repeat", range(3))
def test_runs_that_remove_the_same_both_succeed(case: Case, repeat: int) -> None:
    case.run(4)

    results = _runs(case, [1, 1, 1])

    assert [result.get("msg") for result in results] == [None, None, None]
    case.assert_exactly(1)
    case.assert_settled(1)
