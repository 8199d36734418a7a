"""A provider is added by a driver and one line: everything above it follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import settings
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import Setting
from ansible_collections.sovereign.fleet.plugins.modules import node_pool, node_pool_info
from tests.unit.plugins.fake_cloud import FakeDriver


@pytest.fixture
def west(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver([], "west")
    module = SimpleNamespace(
        SETTINGS=(Setting("key", "WEST_KEY", "key of the account", secret=True),),
        CAPS=driver.caps,
        connect=lambda values, **_options: driver if values["key"] == "open sesame" else None,
    )
    monkeypatch.setitem(registry._DRIVERS, "west", lambda: module)
    return driver


def test_a_new_driver_sells_nodes_and_lists_them(west: FakeDriver, time: Any) -> None:
    assert registry.known() == ("hetzner", "infomaniak", "ovhcloud", "scaleway", "stackit", "west")
    pool = {"name": "web", "count": 2, "offers": [{"provider": "west", "location": "n1", "type": "small"}]}
    arguments = {"fleet": "lab", "cluster": "dev", "pools": [pool], "providers": {"west": {"key": "open sesame"}}}

    made = node_pool.run(arguments, clock=time.clock, sleep=time.sleep)
    there = node_pool_info.run({"fleet": "lab", "providers": arguments["providers"]})

    assert (made.get("msg"), made["created"]) == (None, ["dev-web-1", "dev-web-2"])
    assert [node["name"] for node in there["nodes"]] == ["dev-web-1", "dev-web-2"]


def test_its_account_and_its_places_are_checked_like_those_of_the_others(west: FakeDriver) -> None:
    assert settings.resolve({}, {"WEST_KEY": "k"})["west"] == {"key": "k"}
    offer = {"provider": "west", "location": "nowhere", "type": "small"}
    arguments = {"fleet": "lab", "cluster": "dev", "pools": [{"name": "web", "count": 1, "offers": [offer]}]}

    assert "is 'nowhere'; allowed: n1, n2 (provider west)." in node_pool.run(arguments)["msg"]
