"""The reading module: filters, and no silence about a provider that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import running
from ansible_collections.sovereign.fleet.plugins.modules import node_pool, node_pool_info
from lab.cloud.testing import Emulator, emulator

HETZNER = {"provider": "hetzner", "location": "nbg1", "type": "cx33"}
SCALEWAY = {"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L"}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr(running, "FIRST_INTERVAL", 0.01)
    with emulator() as clouds:
        for cluster, pools in (
            (
                "dev",
                [{"name": "web", "count": 2, "offers": [HETZNER]}, {"name": "db", "count": 1, "offers": [SCALEWAY]}],
            ),
            ("prod", [{"name": "web", "count": 1, "offers": [HETZNER]}]),
        ):
            made = node_pool.run(_arguments(clouds, cluster=cluster, pools=pools))
            assert made.get("msg") is None
        yield clouds


def _arguments(cloud: Emulator, **more: Any) -> dict[str, Any]:
    return {
        "fleet": "lab",
        "providers": {name: dict(cloud.providers[name]) for name in ("hetzner", "scaleway")},
        **more,
    }


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param({}, ["dev-db-1", "dev-web-1", "prod-web-1", "dev-web-2"], id="a fleet"),
        pytest.param({"cluster": "dev"}, ["dev-db-1", "dev-web-1", "dev-web-2"], id="a cluster"),
        pytest.param({"cluster": "dev", "pool": "web"}, ["dev-web-1", "dev-web-2"], id="a pool"),
        pytest.param({"fleet": "other"}, [], id="nothing"),
    ],
)
def test_nodes_are_listed_by_fleet_cluster_and_pool(cloud: Emulator, wanted: dict[str, str], names: list[str]) -> None:
    result = node_pool_info.run(_arguments(cloud, **wanted))

    assert result.get("msg") is None
    assert sorted(node["name"] for node in result["nodes"]) == sorted(names)
    assert result["changed"] is False


def test_a_provider_that_is_silent_fails_the_listing_and_the_others_are_told(cloud: Emulator, time: Any) -> None:
    cloud.faults.add("scaleway", "5xx", status=503)

    result = node_pool_info.run(_arguments(cloud, cluster="dev"), clock=time.clock, sleep=time.sleep)

    assert result["failed"]
    assert "Scaleway" in result["msg"]
    assert [node["name"] for node in result["nodes"]] == ["dev-web-1", "dev-web-2"]


def test_without_any_account_the_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HCLOUD_TOKEN", "SCW_ACCESS_KEY", "SCW_SECRET_KEY", "SCW_DEFAULT_PROJECT_ID"):
        monkeypatch.delenv(variable, raising=False)

    result = node_pool_info.run({"fleet": "lab"})

    assert "hetzner: HCLOUD_TOKEN;" in result["msg"]
    assert "infomaniak: providers.infomaniak.username," in result["msg"]
    assert "scaleway: SCW_ACCESS_KEY, SCW_SECRET_KEY, SCW_DEFAULT_PROJECT_ID;" in result["msg"]


def test_a_pool_without_its_cluster_is_refused(cloud: Emulator) -> None:
    assert "pool is given without cluster" in node_pool_info.run(_arguments(cloud, pool="web"))["msg"]
