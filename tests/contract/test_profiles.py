"""Every driver is under contract."""

from __future__ import annotations

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.profiles import PROFILES


def test_every_driver_has_a_profile() -> None:
    assert sorted(PROFILES) == sorted(registry.known())
