"""`ansible-inventory` against the emulated clouds, as a user runs it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from lab.cloud.testing import Emulator
from tests.contract.inventory.conftest import HOSTS, NAMES, OURS, THEIRS, TIMEOUT, Commands, load
from tests.contract.profiles import PROFILES

GRAPH = """\
@all:
  |--@ungrouped:
  |--@clusters:
  |  |--development
  |--@cluster_development:
  |  |--@pool_hetzner_workers:
  |  |  |--development-hetzner-workers-1
  |  |--@pool_ovhcloud_workers:
  |  |  |--development-ovhcloud-workers-1
  |  |--@pool_scaleway_workers:
  |  |  |--development-scaleway-workers-1
  |  |--@pool_stackit_workers:
  |  |  |--development-stackit-workers-1
  |--@country_de:
  |  |--@location_eu01_2:
  |  |  |--development-stackit-workers-1
  |  |  |--of-others-at-stackit-1
  |  |--@location_nbg1:
  |  |  |--development-hetzner-workers-1
  |  |  |--of-others-at-hetzner-1
  |--@country_fr:
  |  |--@location_GRA9:
  |  |  |--development-ovhcloud-workers-1
  |  |  |--of-others-at-ovhcloud-1
  |  |--@location_fr_par_2:
  |  |  |--development-scaleway-workers-1
  |  |  |--of-others-at-scaleway-1
  |--@nodes:
  |  |--@provider_hetzner:
  |  |  |--development-hetzner-workers-1
  |  |  |--of-others-at-hetzner-1
  |  |--@provider_ovhcloud:
  |  |  |--development-ovhcloud-workers-1
  |  |  |--of-others-at-ovhcloud-1
  |  |--@provider_scaleway:
  |  |  |--development-scaleway-workers-1
  |  |  |--of-others-at-scaleway-1
  |  |--@provider_stackit:
  |  |  |--development-stackit-workers-1
  |  |  |--of-others-at-stackit-1
"""


def with_cluster(folder: Path) -> None:
    (folder / "clusters.yml").write_text(yaml.safe_dump({"clusters": {"hosts": {"development": {}}}}))


def test_graph_is_a_map_of_the_fleet_without_a_warning(commands: Commands) -> None:
    with_cluster(commands.folder)
    graph = commands.run("--graph")
    assert (graph.code, graph.err) == (0, "")
    assert graph.out == GRAPH


def test_one_listing_request_for_each_part_and_nothing_else(commands: Commands, cloud: Emulator) -> None:
    assert commands.run("--graph").code == 0
    for provider in NAMES:
        profile = PROFILES[provider]
        entries = cloud.requests.entries(profile.cloud)
        asked = [entry for entry in entries if not entry.path.startswith(profile.reading or ("\0",))]
        assert {entry.method for entry in asked} == {"GET"}
        assert max(Counter(entry.path for entry in asked).values()) == 1
        assert all("servers" in entry.path for entry in asked)
        parts = {scope.region for scope in registry.capabilities(provider).locations.values()}
        assert len(asked) == 1 or len(asked) >= len(parts)


def test_variables_are_the_same_for_every_provider(commands: Commands) -> None:
    hosts = commands.hosts()
    assert set(hosts) == HOSTS
    assert len({frozenset(variables) for variables in hosts.values()}) == 1
    for provider in NAMES:
        ours, theirs = hosts[OURS[provider]], hosts[THEIRS[provider]]
        places = registry.capabilities(provider).locations
        expected = {
            "provider": provider,
            "cluster": "development",
            "pool": f"{provider}-workers",
            "region": places[ours["location"]].region,
            "country": places[ours["location"]].country,
            "state": "running",
            "stale": False,
        }
        assert {key: ours[key] for key in expected} == expected
        assert ours["ansible_host"] == ours["public_ipv4"]
        assert ours["provider_id"].startswith(registry.capabilities(provider).provider_id_prefix)
        assert "ansible_connection" not in ours
        assert (theirs["cluster"], theirs["pool"], theirs["labels"]["team"]) == ("", "", "ops")


def test_fleet_lists_only_its_own_servers(commands: Commands) -> None:
    commands.configure(fleet="acme")
    assert set(commands.hosts()) == set(OURS.values())


def test_an_outage_leaves_the_last_known_hosts_marked(commands: Commands, cloud: Emulator) -> None:
    before = commands.hosts()
    cloud.faults.add("scaleway", "outage")
    listed = commands.run("--list")
    assert listed.code == 0
    after = load(listed.out)
    hosts = after["_meta"]["hostvars"]
    assert set(hosts) == HOSTS
    stale = {OURS["scaleway"], THEIRS["scaleway"]}
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
    hosts = set(load(accepted.out)["_meta"]["hostvars"])
    assert hosts == HOSTS - {OURS["hetzner"], THEIRS["hetzner"]}


def test_no_secret_in_any_output_or_file(commands: Commands, cloud: Emulator) -> None:
    secrets = [
        commands.providers[provider][setting.name]
        for provider in NAMES
        for setting in registry.setting_list(provider)
        if setting.secret and setting.name in commands.providers[provider]
    ]
    assert len(secrets) == len(NAMES)
    cloud.faults.add("hetzner", "unauthorized")
    cloud.faults.add("scaleway", "5xx", path="/instance/v1/zones/nl-ams-1")
    told = commands.run("--list", "-vvvv")
    cloud.faults.clear()
    seen = commands.run("--list", "-vvvv")
    assert told.code == 4
    assert seen.code == 0
    kept = [path.read_text() for path in (commands.folder / "cache").rglob("*.json")]
    assert len(kept) == len(NAMES)
    for text in (told.out, told.err, seen.out, seen.err, *kept):
        assert [secret for secret in secrets if secret in text] == []


def test_a_run_ends_soon_after_its_deadline_although_a_cloud_stalls(commands: Commands, cloud: Emulator) -> None:
    commands.hosts()
    cloud.faults.add("hetzner", "stall")
    ran = commands.run("--graph")
    assert ran.code == 0
    assert "hetzner" in ran.err
    assert ran.seconds < TIMEOUT + 5.0
