"""The inventory of the fleet, read from files by Ansible's own manager, with clouds in memory."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from ansible.cli.inventory import InventoryCLI
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.loader import inventory_loader
from ansible.vars.reserved import is_reserved_name

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Scope
from tests.unit.plugins.inventory.clouds import Cloud, down, node, owner
from tests.unit.plugins.inventory.conftest import Fleet
from tests.unit.plugins.inventory.reading import stale_hosts

GOLDEN = Path(__file__).with_name("golden.json")
FLEET_NODES = [
    "development-hetzner-workers-1",
    "bastion",
    "development-hetzner-workers-2",
    "development-scaleway-workers-1",
    "production-workers-1",
    "production-workers-2",
]
HETZNER_NODES = {"development-hetzner-workers-1", "development-hetzner-workers-2", "bastion"}


def as_list(inventory: InventoryManager) -> dict[str, object]:
    """What `ansible-inventory --list` holds, without the paths of this machine."""
    groups = {
        name: {
            "hosts": [host.name for host in group.hosts],
            "children": sorted(child.name for child in group.child_groups),
        }
        for name, group in sorted(inventory.groups.items())
    }
    variables = {
        name: {key: value for key, value in host.vars.items() if key not in ("inventory_file", "inventory_dir")}
        for name, host in inventory.hosts.items()
    }
    return {"groups": groups, "hostvars": variables}


def members(inventory: InventoryManager, group: str) -> set[str]:
    return {host.name for host in inventory.groups[group].get_hosts()}


# What it looks like


def test_whole_inventory_is_the_golden_one(fleet: Fleet) -> None:
    assert as_list(fleet.read()) == json.loads(GOLDEN.read_text())
    assert fleet.spoken.warnings == []


def test_graph_reads_like_a_map(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.write("clusters.yml", {"clusters": {"hosts": {"development": {}, "production": {}}}})
    monkeypatch.setattr("ansible.context.CLIARGS", {"show_vars": False})
    cli = InventoryCLI(["ansible-inventory", "--graph"])
    cli.inventory = fleet.read()
    graph = "\n".join(cli._graph_group(cli.inventory.groups["all"], 0))
    assert graph == (Path(__file__).with_name("graph.txt")).read_text().rstrip("\n")


def test_order_does_not_depend_on_which_cloud_is_faster(fleet: Fleet) -> None:
    first = as_list(fleet.read())
    for cloud in fleet.clouds.values():
        cloud.scope_list.reverse()
        for nodes in cloud.nodes.values():
            nodes.reverse()
    assert json.dumps(as_list(fleet.read())) == json.dumps(first)


def test_a_server_of_others_is_in_no_cluster_and_no_pool(fleet: Fleet) -> None:
    host = fleet.read().hosts["bastion"]
    assert {group.name for group in host.groups} == {"all", "nodes", "provider_hetzner", "location_hel1", "country_fi"}


def test_pools_of_one_name_in_two_clusters_stay_apart(fleet: Fleet) -> None:
    fleet.clouds["hetzner"].nodes["global"].append(
        node("hetzner", "development-workers-1", location="fsn1", country="DE", owner=owner("development", "workers"))
    )
    inventory = fleet.read()
    workers = {"development-workers-1", "production-workers-1", "production-workers-2"}
    assert members(inventory, "pool_workers") == workers
    assert members(inventory, "cluster_production") == {"production-workers-1", "production-workers-2"}
    assert "production-workers-1" not in members(inventory, "cluster_development")


def test_no_variable_is_a_word_ansible_keeps_for_itself(fleet: Fleet) -> None:
    inventory = fleet.read()
    assert [key for host in inventory.hosts.values() for key in host.vars if is_reserved_name(key)] == []


def test_prefix_stands_before_every_variable_but_ansible_host(fleet: Fleet) -> None:
    host = fleet.read(hostvars_prefix="cloud_", keyed_groups=[{"key": "cloud_type", "prefix": "kind"}]).hosts["bastion"]
    ours = set(host.vars) - {"inventory_file", "inventory_dir", "ansible_host"}
    assert {"cloud_node_name", "cloud_stale", "cloud_labels"} <= ours
    assert all(key.startswith("cloud_") for key in ours)
    assert "kind_small" in {group.name for group in host.groups}


@pytest.mark.parametrize(
    ("connect_with", "addresses", "expected"),
    [
        pytest.param("public", {}, "198.18.1.1", id="public first"),
        pytest.param("public", {"public_ipv4": ""}, "10.0.0.1", id="private where there is no public one"),
        pytest.param(
            "public", {"public_ipv4": "", "private_ipv4": "", "public_ipv6": "2001:db8::1"}, "2001:db8::1", id="last v6"
        ),
        pytest.param("private", {}, "10.0.0.1", id="private first"),
        pytest.param("private", {"private_ipv4": ""}, "198.18.1.1", id="public where there is no private one"),
        pytest.param("public_ipv6", {}, None, id="no v6, no address"),
        pytest.param("name", {}, "lone", id="by name"),
    ],
)
def test_address(fleet: Fleet, connect_with: str, addresses: dict[str, str], expected: str | None) -> None:
    fleet.clouds["hetzner"].nodes["global"] = [node("hetzner", "lone", location="fsn1", country="DE", **addresses)]
    assert fleet.read(connect_with=connect_with).hosts["lone"].vars.get("ansible_host") == expected


# Names


def test_same_name_in_two_clouds_keeps_both_servers(fleet: Fleet) -> None:
    for cloud, place in (("hetzner", "global"), ("scaleway", "fr-par-1")):
        fleet.clouds[cloud].nodes[place].append(node(cloud, "web", location="x1", country="DE"))
    inventory = fleet.read()
    assert {"web.hetzner", "web.scaleway"} <= set(inventory.hosts)
    assert "web" not in inventory.hosts
    assert inventory.hosts["web.scaleway"].vars["node_name"] == "web"


def test_a_node_keeps_its_name_when_a_server_of_others_takes_it_too(fleet: Fleet) -> None:
    fleet.clouds["hetzner"].nodes["global"].append(
        node("hetzner", "production-workers-1", location="fsn1", country="DE")
    )
    inventory = fleet.read()
    assert inventory.hosts["production-workers-1"].vars["cluster"] == "production"
    assert inventory.hosts["production-workers-1.hetzner"].vars["cluster"] == ""


def test_same_name_twice_in_one_cloud_is_told_apart_by_id(fleet: Fleet) -> None:
    fleet.clouds["scaleway"].nodes["fr-par-1"] += [
        node("scaleway", "web", location="fr-par-1", country="FR", id="a"),
        node("scaleway", "web", location="fr-par-1", country="FR", id="b"),
    ]
    assert {"web.scaleway.a", "web.scaleway.b"} <= set(fleet.read().hosts)


def test_a_server_called_like_a_cluster_does_not_become_its_control_plane(fleet: Fleet) -> None:
    fleet.write("clusters.yml", {"clusters": {"hosts": {"development": {"pools": []}}}})
    fleet.clouds["hetzner"].nodes["global"].append(node("hetzner", "development", location="fsn1", country="DE"))
    inventory = fleet.read()
    assert members(inventory, "clusters") == {"development"}
    assert "provider" not in inventory.hosts["development"].vars
    assert inventory.hosts["development.hetzner"].vars["provider"] == "hetzner"


def test_variables_that_another_file_gives_a_node_are_kept(fleet: Fleet) -> None:
    fleet.write("extra.yml", {"all": {"hosts": {"bastion": {"jump": True}}}})
    assert fleet.read().hosts["bastion"].vars["jump"] is True


# A provider that does not answer


def test_a_dead_provider_serves_its_last_known_hosts_marked_stale(fleet: Fleet) -> None:
    before = fleet.read()
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    after = fleet.read()
    assert list(after.hosts) == list(before.hosts)
    assert stale_hosts(after) == members(after, "stale") == members(after, "unreachable_provider") == HETZNER_NODES
    assert after.hosts["bastion"].vars["last_seen"].endswith("Z")
    assert "last_seen" not in after.hosts["production-workers-1"].vars
    (warning,) = fleet.spoken.warnings
    assert "hetzner did not list its servers: hetzner at https://api.example: connection refused" in warning
    assert "3 last known hosts" in warning


def test_a_provider_that_is_back_is_not_stale_any_more(fleet: Fleet) -> None:
    fleet.read()
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    fleet.read()
    fleet.clouds["hetzner"].faults.clear()
    inventory = fleet.read()
    assert stale_hosts(inventory) == set()
    assert {"stale", "unreachable_provider"} & set(inventory.groups) == set()


def test_a_provider_that_cannot_even_be_opened_serves_its_last_known_hosts(fleet: Fleet) -> None:
    fleet.read()
    fleet.clouds["scaleway"].opening_fault = down("scaleway")
    inventory = fleet.read()
    assert stale_hosts(inventory) == set(FLEET_NODES) - HETZNER_NODES


def test_only_the_scope_that_fails_is_stale(fleet: Fleet) -> None:
    fleet.read()
    fleet.clouds["scaleway"].faults["fr-par-1"] = down("scaleway")
    fleet.clouds["scaleway"].fault_after = 1  # the second page
    inventory = fleet.read()
    assert set(inventory.hosts) == set(FLEET_NODES)
    assert stale_hosts(inventory) == {"development-scaleway-workers-1", "production-workers-1"}
    assert "scaleway (fr-par-1)" in fleet.spoken.warnings[0]


def test_a_scope_that_fails_twice_is_still_known(fleet: Fleet) -> None:
    fleet.read()
    fleet.clouds["scaleway"].faults["fr-par-1"] = down("scaleway")
    fleet.read()
    assert stale_hosts(fleet.read()) == {"development-scaleway-workers-1", "production-workers-1"}


def test_a_dead_provider_that_was_never_seen_ends_the_command(fleet: Fleet) -> None:
    fleet.clouds["hetzner"].opening_fault = down("hetzner")
    error = fleet.refused()
    assert "connection refused. Check the endpoint. Nothing is known of servers there from an earlier run." in error
    assert "-e fleet_accept_missing=hetzner" in error


def test_a_scope_that_was_never_seen_ends_the_command(fleet: Fleet) -> None:
    fleet.clouds["scaleway"].faults["nl-ams-1"] = down("scaleway")
    assert "scaleway (nl-ams-1) did not list its servers" in fleet.refused()


def test_missing_hosts_can_be_accepted_by_an_extra_variable(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ansible.plugins.inventory.load_extra_vars", lambda _loader: {"fleet_accept_missing": "hetzner"}
    )
    fleet.clouds["hetzner"].opening_fault = down("hetzner")
    inventory = fleet.read()
    assert set(inventory.hosts) == set(FLEET_NODES) - HETZNER_NODES
    assert members(inventory, "provider_hetzner") == members(inventory, "unreachable_provider") == set()
    assert len(fleet.spoken.warnings) == 1


def test_strict_providers_end_the_command_although_hosts_are_known(fleet: Fleet) -> None:
    fleet.read()
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    assert "strict_providers is on" in fleet.refused(strict_providers=True)


def test_a_provider_with_no_servers_is_no_fault(fleet: Fleet) -> None:
    fleet.clouds["hetzner"].nodes["global"] = []
    assert set(fleet.read().hosts) == set(FLEET_NODES) - HETZNER_NODES
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    assert stale_hosts(fleet.read()) == set()
    assert "0 last known hosts" in fleet.spoken.warnings[0]


def test_a_stalled_provider_holds_up_nobody_beyond_its_time(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.sovereign.fleet.plugins.plugin_utils.fetching.GRACE", 0.0)
    fleet.read()
    fleet.clouds["scaleway"].stalled.add("nl-ams-1")
    inventory = fleet.read(timeout=0.1)
    assert stale_hosts(inventory) == {"production-workers-2"}
    assert "scaleway did not answer within 0.1 s" in fleet.spoken.warnings[0]


def test_an_error_that_quotes_the_token_does_not_show_it(fleet: Fleet) -> None:
    fleet.clouds["hetzner"].opening_fault = ValueError("Invalid header value b'Bearer hetzner-canary-0123456789'")
    error = fleet.refused()
    assert "ValueError: Invalid header value b'Bearer ***'" in error
    assert "canary" not in error


# The last known hosts


def test_last_known_hosts_are_private_and_hold_no_credentials(fleet: Fleet) -> None:
    fleet.read()
    folder = fleet.folder.parent / "cache" / "sovereign.fleet" / "inventory"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = sorted(folder.iterdir())
    assert [path.name.split("-")[0] for path in files] == ["hetzner", "scaleway"]
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        assert "canary" not in path.read_text() + path.name


def test_hosts_of_another_account_are_never_served(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.read()
    monkeypatch.setenv("HETZNER_TOKEN", "another-project-0123456789")
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    assert "Nothing is known of servers there" in fleet.refused()


def test_damaged_last_known_hosts_are_named_and_not_used(fleet: Fleet) -> None:
    fleet.read()
    for path in (fleet.folder.parent / "cache" / "sovereign.fleet" / "inventory").iterdir():
        path.write_text("{")
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    fleet.refused()
    assert "The last known hosts of hetzner cannot be read" in fleet.spoken.warnings[0]


def test_a_cache_folder_that_cannot_be_written_is_a_warning(fleet: Fleet) -> None:
    (fleet.folder.parent / "cache").write_text("a file where the folder should be")
    assert set(fleet.read().hosts) == set(FLEET_NODES)
    assert len(fleet.spoken.warnings) == 2
    assert "cannot be kept for the day it is down" in fleet.spoken.warnings[0]


# Options


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param({"filterz": {}}, "filterz: there is no such option. Allowed: accept_missing", id="unknown option"),
        pytest.param(
            {"filters": {"zone": "x"}},
            "filters.zone: there is no such filter. Allowed: provider, location",
            id="unknown filter",
        ),
        pytest.param(
            {"filters": {"pool": {"a": 1}}}, "filters.pool: {'a': 1} is neither a text", id="wrong type of filter"
        ),
        pytest.param(
            {"filters": {"location": "nbg9"}},
            "filters.location: nbg9 is at none of hetzner, scaleway. Allowed: fr-par-1",
            id="unknown location",
        ),
        pytest.param(
            {"filters": {"provider": "hetzer"}},
            "filters.provider: hetzer is not a provider. Allowed: hetzner",
            id="unknown provider in filter",
        ),
        pytest.param(
            {"providers": {"hetzer": {}}},
            "Unknown key providers.hetzer; allowed are: cloudfleet, hetzner, scaleway.",
            id="unknown provider",
        ),
        pytest.param(
            {"providers": {"hetzner": {"tokn": "x"}}},
            "Unknown key providers.hetzner.tokn; allowed are: endpoint, token.",
            id="unknown setting",
        ),
        pytest.param(
            {"providers": {"hetzner": "x"}},
            "providers.hetzner must be a mapping with the keys endpoint, token.",
            id="settings that are no mapping",
        ),
        pytest.param({"providers_file": "nowhere.yml"}, "providers_file: there is no file ", id="no such file"),
        pytest.param({"providers_file": "nodes.fleet.yml"}, "has no mapping `providers`", id="file of something else"),
        pytest.param(
            {"providers": {"hetzner": {"token": "{{ vault_token }}"}}},
            "'vault_token' is undefined",
            id="variable an inventory cannot see",
        ),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(
    fleet: Fleet, options: dict[str, object], sentence: str
) -> None:
    assert sentence in fleet.refused(**options)
    assert [cloud.settings_seen for cloud in fleet.clouds.values()] == [[], []]


def test_no_credentials_at_all_are_refused_with_the_variables_to_set(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HETZNER_TOKEN")
    monkeypatch.delenv("SCALEWAY_TOKEN")
    assert "(hetzner: HETZNER_TOKEN; scaleway: SCALEWAY_TOKEN)" in fleet.refused()


def test_only_providers_with_credentials_are_asked(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCALEWAY_TOKEN")
    assert set(fleet.read().hosts) == HETZNER_NODES


def test_a_seller_of_control_planes_in_the_same_file_is_no_error(fleet: Fleet) -> None:
    fleet.write("group_vars/clusters/providers.yml", {"providers": {"hetzner": {}, "cloudfleet": {"token_id": "x"}}})
    assert set(fleet.read(providers_file="group_vars/clusters/providers.yml").hosts) == set(FLEET_NODES)


def test_providers_file_may_be_in_a_vault_and_hold_templates(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_SCALEWAY", "from-the-environment")
    plain = (
        "vault_token: from-the-vault\n"
        "providers:\n"
        "  hetzner: {token: '{{ vault_token }}', endpoint: https://inline.example}\n"
        "  scaleway: {token: \"{{ lookup('ansible.builtin.env', 'SECRET_OF_SCALEWAY') }}\"}\n"
    )
    secrets = [("default", VaultSecret(b"password"))]
    fleet.write("secrets/providers.yml", VaultLib(secrets).encrypt(plain).decode())
    path = fleet.write("nodes.fleet.yml", "plugin: sovereign.fleet.nodes\nproviders_file: secrets/providers.yml\n")
    loader = DataLoader()
    loader.set_vault_secrets(secrets)
    InventoryManager(loader=loader, sources=[str(path)])
    assert fleet.clouds["hetzner"].settings_seen == [{"token": "from-the-vault", "endpoint": "https://inline.example"}]
    assert fleet.clouds["scaleway"].settings_seen[0]["token"] == "from-the-environment"


def test_inline_settings_win_over_the_file(fleet: Fleet) -> None:
    fleet.write("providers.yml", {"providers": {"hetzner": {"token": "of-the-file"}}})
    fleet.read(providers_file="providers.yml", providers={"hetzner": {"token": "inline-{{ 1 + 1 }}"}})
    assert fleet.clouds["hetzner"].settings_seen[0]["token"] == "inline-2"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"provider": "hetzner"}, HETZNER_NODES, id="provider"),
        pytest.param(
            {"location": ["fsn1", "nl-ams-1"]},
            {"development-hetzner-workers-1", "production-workers-2"},
            id="locations",
        ),
        pytest.param({"cluster": "production"}, {"production-workers-1", "production-workers-2"}, id="cluster"),
        pytest.param({"pool": ["workers"], "location": "fr-par-1"}, {"production-workers-1"}, id="two filters"),
        pytest.param({"labels": {"team": "ops", "stage": "live"}}, {"bastion"}, id="labels"),
        pytest.param({"labels": {"team": "ops", "stage": "test"}}, set(), id="labels that do not all fit"),
    ],
)
def test_filters(fleet: Fleet, filters: dict[str, object], expected: set[str]) -> None:
    assert set(fleet.read(filters=filters).hosts) == expected


def test_filters_hold_for_last_known_hosts_too(fleet: Fleet) -> None:
    fleet.read()
    fleet.clouds["hetzner"].opening_fault = down("hetzner")
    assert set(fleet.read(filters={"labels": {"team": "ops"}}).hosts) == {"bastion"}


def test_scopes_that_cannot_hold_a_wanted_server_are_not_asked(fleet: Fleet) -> None:
    fleet.read(filters={"location": "nl-ams-1"})
    assert fleet.clouds["scaleway"].listed == [("nl-ams-1", None)]
    assert fleet.clouds["hetzner"].listed == []


def test_a_filtered_run_does_not_forget_the_other_scopes(fleet: Fleet) -> None:
    fleet.read()
    fleet.read(filters={"location": "nl-ams-1"})
    fleet.clouds["scaleway"].opening_fault = down("scaleway")
    assert stale_hosts(fleet.read()) == set(FLEET_NODES) - HETZNER_NODES


def test_fleet_is_asked_for_by_its_label(fleet: Fleet) -> None:
    inventory = fleet.read(fleet="acme")
    assert set(inventory.hosts) == set(FLEET_NODES) - {"bastion"}
    assert {labels["fleet.id"] for cloud in fleet.clouds.values() for _scope, labels in cloud.listed} == {"acme"}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("nodes.fleet.yml", True),
        ("eu.fleet.yaml", True),
        ("nodes.yml", True),
        ("hosts.yml", False),
        ("fleet.json", False),
    ],
)
def test_files_are_ours_by_name(fleet: Fleet, name: str, ours: bool) -> None:
    assert inventory_loader.get("sovereign.fleet.nodes").verify_file(str(fleet.write(name, "{}"))) is ours


def test_a_plain_inventory_called_nodes_yml_is_left_to_ansible(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.constants.INVENTORY_ENABLED", ["sovereign.fleet.nodes", "yaml"])
    path = fleet.write("nodes.yml", {"all": {"hosts": {"static": {}}}})
    assert set(InventoryManager(loader=DataLoader(), sources=[str(path)]).hosts) == {"static"}


def test_a_broken_file_of_ours_is_an_error_and_not_an_empty_inventory(fleet: Fleet) -> None:
    path = fleet.write("broken.fleet.yml", "plugin: [")
    with pytest.raises(SystemExit):
        InventoryManager(loader=DataLoader(), sources=[str(path)])
    assert str(path) in fleet.spoken.errors[0]


# Concurrency


def test_all_scopes_of_all_providers_are_asked_at_once(fleet: Fleet) -> None:
    together = threading.Barrier(3)
    for cloud in fleet.clouds.values():
        cloud.barrier = together
    assert set(fleet.read().hosts) == set(FLEET_NODES)


def test_threads_of_one_provider_are_bounded(fleet: Fleet) -> None:
    cloud: Cloud = fleet.clouds["scaleway"]
    cloud.scope_list = [Scope("scaleway", f"zone-{number}", "zone", "FR") for number in range(40)]
    cloud.nodes = {
        scope.name: [node("scaleway", f"n-{scope.name}", location=scope.name, country="FR")]
        for scope in cloud.scope_list
    }
    assert len(fleet.read().hosts) == 43
    assert len(cloud.threads) <= 8
    assert threading.main_thread().ident not in cloud.threads


# Ansible's own cache


@pytest.fixture
def caching(fleet: Fleet) -> dict[str, object]:
    folder = str(fleet.folder.parent / "ansible-cache")
    return {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": folder}


def test_users_cache_saves_the_requests(fleet: Fleet, caching: dict[str, object]) -> None:
    first = fleet.read(**caching)
    requests = len(fleet.clouds["scaleway"].listed)
    second = fleet.read(**caching)
    assert len(fleet.clouds["scaleway"].listed) == requests
    assert as_list(second) == as_list(first)
    second.refresh_inventory()
    assert len(fleet.clouds["scaleway"].listed) == 2 * requests


def test_users_cache_of_some_places_is_not_taken_for_all(fleet: Fleet, caching: dict[str, object]) -> None:
    fleet.read(filters={"location": "nl-ams-1"}, **caching)
    assert set(fleet.read(**caching).hosts) == set(FLEET_NODES)


def test_an_incomplete_answer_is_not_put_into_the_users_cache(fleet: Fleet, caching: dict[str, object]) -> None:
    fleet.read()
    fleet.clouds["hetzner"].faults["global"] = down("hetzner")
    assert stale_hosts(fleet.read(**caching)) == HETZNER_NODES
    fleet.clouds["hetzner"].faults.clear()
    assert stale_hosts(fleet.read(**caching)) == set()
