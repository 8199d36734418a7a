# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which providers there are. To add one: a driver file, and a line here.

The imports are written out, inside functions: a module is packed with what its source names, and a driver is loaded
only where it is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..errors import Permanent
from .base import Capabilities, Clock, DriverModule, NodeDriver, Setting, Sleep


def _hetzner() -> DriverModule:
    from . import hetzner

    return hetzner


def _infomaniak() -> DriverModule:
    from . import openstack, openstack_presets

    return openstack.OpenStackModule(openstack_presets.INFOMANIAK)


def _ovhcloud() -> DriverModule:
    from . import openstack, openstack_presets

    return openstack.OpenStackModule(openstack_presets.OVHCLOUD)


def _scaleway() -> DriverModule:
    from . import scaleway

    return scaleway


def _stackit() -> DriverModule:
    from . import stackit

    return stackit


_DRIVERS: dict[str, Callable[[], DriverModule]] = {
    "hetzner": _hetzner,
    "infomaniak": _infomaniak,
    "ovhcloud": _ovhcloud,
    "scaleway": _scaleway,
    "stackit": _stackit,
}


def known() -> tuple[str, ...]:
    """The names of all providers, sorted."""
    return tuple(sorted(_DRIVERS))


def capabilities(name: str) -> Capabilities:
    """What is known about a provider without an account."""
    return _driver_module(name).CAPS


def setting_list(name: str) -> tuple[Setting, ...]:
    """The keys that ``providers.<name>`` takes."""
    return _driver_module(name).SETTINGS


def driver(
    name: str,
    settings: Mapping[str, str],
    *,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
    deadline: float | None = None,
) -> NodeDriver:
    """The driver of a provider for the account in ``settings``.

    ``deadline`` is a reading of ``clock``: no call waits beyond it. Raises Auth when a credential is missing or
    malformed.
    """
    return _driver_module(name).connect(settings, clock=clock, sleep=sleep, deadline=deadline)


def _driver_module(name: str) -> DriverModule:
    if name not in _DRIVERS:
        raise Permanent(f"Unknown provider {name!r}; known are: {', '.join(known())}.", code="unknown_provider")
    return _DRIVERS[name]()
