"""Random faults while pools change: a run succeeds with exactly the wish, or says why and harms nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Case

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("429", {"retry_after": 3}),
    ("429", {}),
    ("5xx", {"status": 500}),
    ("5xx", {"status": 502}),
    ("5xx", {"status": 503}),
    ("html-502", {}),
    ("html-200", {}),
    ("cut-json", {}),
    ("reset-before", {}),
    ("reset-after-commit", {"method": "write"}),
)


@pytest.mark.parametrize("seed", range(25))
def test_random_faults_never_leave_too_many_or_too_few(case: Case, impatient: Callable[[], None], seed: int) -> None:
    dice = random.Random(seed)
    for _round in range(3):
        goal = dice.randint(1, 4)
        for _fault in range(dice.randint(1, 5)):
            kind, options = dice.choice(FAULTS)
            method = options.get("method") or dice.choice(["", "GET", "write", "POST", "DELETE"])
            case.cloud.faults.add(
                case.name,
                kind,
                **{**options, "method": method, "count": dice.randint(1, 4), "skip": dice.randint(0, 12)},
            )
        result = case.run(goal)
        case.quiet()
        assert len(set(case.names())) == len(case.names()), "no name twice, whatever happened"
        if not result.get("failed"):
            case.assert_exactly(goal)
        case.cloud.faults.clear()
        assert case.run(goal).get("msg") is None
        case.assert_exactly(goal)
    case.assert_settled(goal)
