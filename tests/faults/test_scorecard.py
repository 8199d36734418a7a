"""Every fault at every provider that can have it, held to eight invariants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.profiles import DRIVERS, Profile
from tests.faults import plays
from tests.faults.cases import CASES
from tests.faults.conftest import OpenStage
from tests.faults.scorecard import FaultCase


def _runs() -> list[Any]:
    return [
        pytest.param(case, profile, id=f"{case.group}: {case.title} at {profile.provider}")
        for case in CASES
        for profile in DRIVERS
        if case.applies(profile)
    ]


@pytest.mark.parametrize(("case", "profile"), _runs())
def test_fault(
    case: FaultCase,
    profile: Profile,
    open_stage: OpenStage,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    record_property("score", (case.group, profile.provider))
    partner = DRIVERS[(DRIVERS.index(profile) + 1) % len(DRIVERS)]
    profiles = (profile, partner) if case.offers == "elsewhere" else (profile,)
    with open_stage(*profiles, kubernetes=case.kubernetes) as stage:
        (case.play or plays.pools)(stage, case)
        printed = capfd.readouterr()
        assert stage.leaks(caplog.text, printed.out, printed.err) == [], "I5"


def test_there_are_as_many_cases_as_promised() -> None:
    assert len(CASES) >= 60
    assert len({(case.group, case.title) for case in CASES}) == len(CASES)
