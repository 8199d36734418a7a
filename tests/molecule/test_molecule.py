"""Every molecule scenario, each by `molecule test` against the lab."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from lab import lifecycle
from tests.gates.project import ROOT, run

SCENARIOS = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))


@pytest.fixture(scope="module")
def running_lab() -> Iterator[None]:
    """A lab that is up; it is ended afterwards unless it was up before."""
    was_up = lifecycle.answering()
    run(sys.executable, "-m", "lab", "up", timeout=3600)
    yield
    if not was_up:
        run(sys.executable, "-m", "lab", "down")


@pytest.mark.lab
@pytest.mark.molecule
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_converges_stays_and_verifies(running_lab: None, scenario: str) -> None:
    output = run("molecule", "-c", "molecule/config.yml", "test", "--scenario-name", scenario, timeout=1800)
    for step in ("converge", "idempotence", "verify"):
        succeeded = re.search(rf"{scenario} \S+ {step}\b.*Executed: Successful", output)
        assert succeeded, f"{step} did not succeed:\n{output}"
