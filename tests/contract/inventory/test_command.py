"""`ansible-inventory` against the emulated clouds, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import yaml

from lab.cloud.testing import Emulator
from tests.contract.inventory.conftest import TIMEOUT, Commands, load

HOSTS = {
    "development-hetzner-workers-1",
    "development-scaleway-workers-1",
    "of-others-at-hetzner-1",
    "of-others-at-scaleway-1",
}
GRAPH = """\
@all:
  |--@ungrouped:
  |--@clusters:
  |  |--development
  |--@cluster_development:
  |  |--@pool_hetzner_workers:
  |  |  |--development-hetzner-workers-1
  |  |--@pool_scaleway_workers:
  |  |  |--development-scaleway-workers-1
  |--@country_de:
  |  |--@location_nbg1:
  |  |  |--development-hetzner-workers-1
  |  |  |--of-others-at-hetzner-1
  |--@country_fr:
  |  |--@location_fr_par_2:
  |  |  |--development-scaleway-workers-1
  |  |  |--of-others-at-scaleway-1
  |--@nodes:
  |  |--@provider_hetzner:
  |  |  |--development-hetzner-workers-1
  |  |  |--of-others-at-hetzner-1
  |  |--@provider_scaleway:
  |  |  |--development-scaleway-workers-1
  |  |  |--of-others-at-scaleway-1
"""


def with_cluster(folder: Path) -> None:
    (folder / "clusters.yml").write_text(yaml.safe_dump({"clusters": {"hosts": {"development": {}}}}))


def test_graph_is_a_map_of_the_fleet_without_a_warning(commands: Commands) -> None:
    with_cluster(commands.folder)
    graph = commands.run("--graph")
    assert (graph.code, graph.err) == (0, "")
    assert graph.out == GRAPH


def test_one_listing_request_for_each_place(commands: Commands, cloud: Emulator) -> None:
    assert commands.run("--graph").code == 0
    assert len(cloud.requests.entries("hetzner")) == 1
    zones = [request.path for request in cloud.requests.entries("scaleway") if "/servers?" in request.path]
    listings = [path for path in zones if "/products/" not in path]
    assert len(listings) == len(set(listings)) == 10
    assert cloud.requests.writes() == []


def test_variables_are_the_same_for_every_provider(commands: Commands) -> None:
    hosts = commands.hosts()
    assert set(hosts) == HOSTS
    assert len({frozenset(variables) for variables in hosts.values()}) == 1
    ours = hosts["development-scaleway-workers-1"]
    expected = {
        "provider": "scaleway",
        "cluster": "development",
        "pool": "scaleway-workers",
        "location": "fr-par-2",
        "region": "fr-par",
        "country": "FR",
        "state": "running",
        "stale": False,
    }
    assert {key: ours[key] for key in expected} == expected
    assert ours["ansible_host"] == ours["public_ipv4"]
    assert ours["provider_id"].startswith("scaleway://instance/fr-par-2/")
    assert "ansible_connection" not in ours


def test_fleet_lists_only_its_own_servers(commands: Commands) -> None:
    commands.configure(fleet="acme")
    assert set(commands.hosts()) == {"development-hetzner-workers-1", "development-scaleway-workers-1"}


def test_an_outage_leaves_the_last_known_hosts_marked(commands: Commands, cloud: Emulator) -> None:
    before = commands.hosts()
    cloud.faults.add("scaleway", "outage")
    listed = commands.run("--list")
    assert listed.code == 0
    after = load(listed.out)
    hosts = after["_meta"]["hostvars"]
    assert set(hosts) == HOSTS
    stale = {"development-scaleway-workers-1", "of-others-at-scaleway-1"}
    assert {name for name, variables in hosts.items() if variables["stale"]} == stale
    assert set(after["stale"]["hosts"]) == set(after["unreachable_provider"]["hosts"]) == stale
    for name in HOSTS:
        kept = {key: value for key, value in hosts[name].items() if key not in ("stale", "last_seen")}
        assert kept == {key: value for key, value in before[name].items() if key != "stale"}
    assert "scaleway" in listed.err
    assert "marked stale" in listed.err
    cloud.faults.clear()
    assert commands.hosts() == before


def test_an_outage_of_a_cloud_never_seen_ends_with_an_error(commands: Commands, cloud: Emulator) -> None:
    cloud.faults.add("hetzner", "outage")
    listed = commands.run("--list")
    assert listed.code == 4
    assert listed.out == ""
    assert "connection refused" in listed.err
    assert "-e fleet_accept_missing=hetzner" in listed.err
    assert "Traceback" not in listed.err
    accepted = commands.run("--list", "-e", "fleet_accept_missing=hetzner")
    assert accepted.code == 0
    assert set(load(accepted.out)["_meta"]["hostvars"]) == {name for name in HOSTS if "scaleway" in name}


def test_no_secret_in_any_output_or_file(commands: Commands, cloud: Emulator) -> None:
    secrets = [commands.providers["hetzner"]["token"], commands.providers["scaleway"]["secret_key"]]
    cloud.faults.add("hetzner", "unauthorized")
    cloud.faults.add("scaleway", "5xx", path="/instance/v1/zones/nl-ams-1")
    told = commands.run("--list", "-vvvv")
    cloud.faults.clear()
    seen = commands.run("--list", "-vvvv")
    assert told.code == 4
    assert seen.code == 0
    kept = [path.read_text() for path in (commands.folder / "cache").rglob("*.json")]
    assert len(kept) == 2
    for text in (told.out, told.err, seen.out, seen.err, *kept):
        assert [secret for secret in secrets if secret in text] == []


def test_a_run_ends_soon_after_its_deadline_although_a_cloud_stalls(commands: Commands, cloud: Emulator) -> None:
    commands.hosts()
    cloud.faults.add("hetzner", "stall")
    ran = commands.run("--graph")
    assert ran.code == 0
    assert "hetzner" in ran.err
    assert ran.seconds < TIMEOUT + 5.0
