"""One suite for every driver: each case runs against every provider's emulator over real HTTP on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from lab.cloud.testing import emulator
from tests.contract.case import CLUSTER, FLEET, LABELS, POOL, Case
from tests.contract.clock import HurriedClock, hurry_silence
from tests.contract.profiles import PROFILES, Profile

__all__ = ["CLUSTER", "FLEET", "LABELS", "POOL", "Case", "HurriedClock"]


@pytest.fixture(params=registry.known())
def profile(request: pytest.FixtureRequest) -> Profile:
    """Every provider in turn."""
    return PROFILES[request.param]


@pytest.fixture(autouse=True)
def accounts_from_options_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account of the person who runs the tests may come into play."""
    for name in registry.known():
        for setting in registry.setting_list(name):
            if setting.env:
                monkeypatch.delenv(setting.env, raising=False)


@pytest.fixture
def case(profile: Profile) -> Iterator[Case]:
    """A provider with an empty account."""
    with emulator() as cloud:
        yield Case(profile, cloud)


@pytest.fixture
def impatient(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent sockets do not hold up the suite."""
    hurry_silence(monkeypatch, case.time)
