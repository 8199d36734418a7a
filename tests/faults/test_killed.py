"""SIGKILL at every request of "three nodes in every cloud": one more run heals it, at about its own price."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.profiles import DRIVERS
from tests.faults import plays
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage
from tests.faults.victim import Axe, run_and_kill

ROOT = Path(__file__).resolve().parents[2]
NODES = 3
DEARER = 1.2
"""How many requests the run after a killed one may make, in terms of a clean run."""
NEVER = 10**9


def _clean(open_stage: OpenStage) -> int:
    """Requests of a run that nobody disturbs."""
    with open_stage(*DRIVERS, lonely=True) as stage:
        axe = Axe(NEVER)
        assert run_and_kill(stage.params(stage.pools(NODES)), axe) == 0
        assert stage.amiss(stage.pools(NODES)) == []
        return axe.seen


def _heals(stage: Stage, index: int) -> int | None:
    """Kill a run, run again; give the requests of that run, or None when the first one ended before its time."""
    wish, axe = stage.pools(NODES), Axe(index)
    code = run_and_kill(stage.params(wish), axe)
    if not axe.fell:
        assert code == 0
        return None
    assert code == -signal.SIGKILL
    assert stage.harm(wish) == [], f"killed after request {index}"
    stage.cloud.requests.clear()
    healed = stage.run(wish)
    asked = stage.cloud.requests.count()
    assert healed.get("msg") is None, f"killed after request {index}"
    assert stage.amiss(wish) == [], f"killed after request {index}"
    plays.settled(stage, wish)
    return asked


def test_killed_at_every_request_the_next_run_heals_everything(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / ".collections")]))
    clean = _clean(open_stage)
    dearest, index = 0, 0
    while True:
        with open_stage(*DRIVERS, lonely=True) as stage:
            asked = _heals(stage, index)
        if asked is None:
            break
        assert asked <= clean * DEARER, f"killed after request {index}: {asked} requests, a clean run makes {clean}"
        dearest = max(dearest, asked)
        index += 1
    assert index > len(DRIVERS) * NODES, "the axe must have fallen at every request of a whole run"
    record_property(
        "note",
        f"killed at each of {index} requests of {NODES} nodes in {len(DRIVERS)} clouds: healed by one run of at most "
        f"{dearest / clean:.2f} times the requests of a clean one ({dearest} to {clean})",
    )
