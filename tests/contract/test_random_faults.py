"""Random faults while pools change: a run succeeds with exactly the wish, or says why and harms nothing.

The first seeds are always the same; the others differ from run to run. The id of a test names its seed, so that
`FAULT_SEED=<seed> pytest tests/contract/test_random_faults.py` plays just that again. FAULT_SEEDS=<number> plays more.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import pytest

from tests.contract.case import Case

OF_REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("429", {"retry_after": 3}),
    ("429", {}),
    ("5xx", {"status": 500}),
    ("5xx", {"status": 502}),
    ("5xx", {"status": 503}),
    ("5xx", {"status": 504}),
    ("html-502", {}),
    ("html-200", {}),
    ("cut-json", {}),
    ("reset-before", {}),
    ("reset-after-commit", {"method": "write"}),
    ("unauthorized", {}),
    ("read-only", {"method": "write"}),
)
OF_SERVERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("capacity", {}),
    ("quota", {}),
    ("boot-error", {}),
)
METHODS = ("", "GET", "write", "POST", "DELETE")
ALWAYS = 15
FRESH = int(os.environ.get("FAULT_SEEDS", "5"))


def _seeds() -> list[int]:
    if "FAULT_SEED" in os.environ:
        return [int(os.environ["FAULT_SEED"])]
    return [*range(ALWAYS), *(random.SystemRandom().randrange(ALWAYS, 10**9) for _number in range(FRESH))]


def _break(case: Case, dice: random.Random) -> None:
    kind, options = dice.choice(OF_REQUESTS if dice.random() < 0.8 else OF_SERVERS)
    if (kind, options) in OF_REQUESTS:
        options = {"method": dice.choice(METHODS), **options}
    case.break_(kind, **{**options, "count": dice.randint(1, 4), "skip": dice.randint(0, 12)})


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed {seed}") for seed in _seeds()])
def test_random_faults_never_leave_too_many_or_too_few(case: Case, impatient: None, seed: int) -> None:
    dice = random.Random(seed)
    had = goal = 0
    for _round in range(3):
        had, goal = goal, dice.randint(1, 4)
        for _fault in range(dice.randint(1, 5)):
            _break(case, dice)
        result = case.run(goal)
        case.quiet()
        doubles = [name for name, number in Counter(case.names()).items() if number > 1]
        assert doubles == [], "no name twice, whatever happened"
        assert set(case.names()) <= set(case.wished(max(had, goal))), "nothing that nobody wished"
        if not result.get("failed"):
            case.assert_exactly(goal)
        case.cloud.faults.clear()
        assert case.run(goal).get("msg") is None
        case.assert_exactly(goal)
    case.assert_settled(goal)
