"""The collector is off inside, and afterwards as it was before."""

from __future__ import annotations

import gc

import pytest

from ansible_collections.sovereign.fleet.plugins.plugin_utils.garbage import collector_paused


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_paused_and_put_back(was_on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with collector_paused():
            assert not gc.isenabled()
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()
