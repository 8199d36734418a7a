"""Several runs at once over pools in every cloud: exactly the wished number, and none of the runs fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.profiles import DRIVERS
from tests.faults import plays
from tests.faults.conftest import OpenStage


@pytest.mark.parametrize("runs", [2, 4, 8])
def test_runs_at_once_on_one_fleet_buy_what_one_run_would(
    runs: int, open_stage: OpenStage, record_property: Callable[[str, object], None]
) -> None:
    record_property("note", f"{runs} runs at once, each of 2 nodes in {len(DRIVERS)} clouds: 2 in each, all succeed")
    with open_stage(*DRIVERS) as stage:
        wish = stage.pools(2)
        with ThreadPoolExecutor(runs) as pool:
            results = list(pool.map(lambda _number: stage.run(wish), range(runs)))

        assert [result.get("msg") for result in results] == [None] * runs
        assert stage.amiss(wish) == [], "I1"
        assert stage.strangers_touched() == [], "I7"
        assert stage.leaks() == [], "I5"
        plays.settled(stage, wish)
