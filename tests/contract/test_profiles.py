"""Every driver is under contract."""

from __future__ import annotations

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.profiles import PROFILES


def test_every_driver_has_a_profile() -> None:
    assert sorted(PROFILES) == sorted(registry.known())


def test_every_profile_names_places_that_there_are() -> None:
    for name, profile in PROFILES.items():
        places = registry.capabilities(name).locations
        assert profile.provider == name
        assert profile.first[0] in places
        assert profile.second[0] in places
        assert profile.first != profile.second
