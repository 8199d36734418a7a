"""Every molecule scenario, each by `molecule test` against the lab."""

from __future__ import annotations

import pytest

from tests.gates.project import ROOT, run

SCENARIOS = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))


@pytest.mark.molecule
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_converges_stays_and_verifies(scenario: str) -> None:
    output = run("molecule", "-c", "molecule/config.yml", "test", "--scenario-name", scenario, timeout=3000)
    for step in ("converge", "idempotence", "verify"):
        assert f"{scenario} > {step}" in output or f"{scenario} ➜ {step}" in output, f"{step} did not run:\n{output}"
