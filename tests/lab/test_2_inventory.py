"""The fleet as Ansible sees it."""

from __future__ import annotations

import json

import pytest

from tests.lab import console

pytestmark = pytest.mark.lab


def test_the_graph_is_a_map_of_the_fleet(fleet: console.Run) -> None:
    graph = console.inventory("--graph")
    assert graph.code == 0, graph.output
    providers = ("provider_hetzner", "provider_scaleway", "provider_ovhcloud", "provider_stackit")
    places = ("location_nbg1", "location_fr_par_1", "location_GRA11", "location_eu01_1", "country_de", "country_fr")
    for group in (*providers, *places, "cluster_development", "pool_hetzner_workers"):
        assert f"@{group}:" in graph.output


def test_a_host_has_normalised_variables(fleet: console.Run) -> None:
    found = json.loads(console.inventory("--host", "development-scaleway-workers-1").output)
    assert found["provider"] == "scaleway"
    assert found["cluster"] == "development"
    assert found["pool"] == "scaleway-workers"
    assert found["country"].lower() == "fr"
    assert found["state"] == "running"


def test_a_query_can_be_limited_to_a_provider(fleet: console.Run) -> None:
    run = console.command(
        console.BIN / "ansible", "all", "--limit", "provider_hetzner", "-m", "debug", "-a", "var=location"
    )
    assert run.code == 0, run.output
    assert "development-hetzner-workers-1" in run.output
    assert "scaleway" not in run.output


def test_a_dead_api_is_not_an_empty_cloud(fleet: console.Run) -> None:
    console.inventory("--list")
    assert console.lab("fault", "hetzner", "outage").code == 0
    listing = console.inventory("--list")
    found = json.loads(listing.output[listing.output.index("{") :])
    hosts = {host for host in found["_meta"]["hostvars"] if host.startswith("development-hetzner")}
    assert len(hosts) == 2
    assert set(found["stale"]["hosts"]) == hosts
