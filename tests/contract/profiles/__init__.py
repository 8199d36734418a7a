"""Every provider's profile. A new driver gets a file here and a line, and so every case of the suites."""

from __future__ import annotations

from tests.contract.profiles import hetzner, openstack, scaleway, stackit
from tests.contract.profiles.profile import Profile

__all__ = ["DRIVERS", "PROFILES", "Profile"]

PROFILES: dict[str, Profile] = {
    profile.provider: profile
    for profile in (hetzner.PROFILE, openstack.INFOMANIAK, openstack.OVHCLOUD, scaleway.PROFILE, stackit.PROFILE)
}
DRIVERS = tuple(profile for profile in PROFILES.values() if profile.provider == profile.cloud)
"""One for each emulated cloud: a second preset of the same driver is the same code."""
