"""From nothing to greetings: predicted first, then done, then done again without a change."""

from __future__ import annotations

import pytest

from tests.lab import console

pytestmark = pytest.mark.lab
NODES = [
    "development-hetzner-workers-1",
    "development-hetzner-workers-2",
    "development-ovhcloud-workers-1",
    "development-scaleway-workers-1",
    "development-scaleway-workers-2",
    "development-stackit-workers-1",
]
TITLES = {"hetzner": "Hetzner", "scaleway": "Scaleway", "ovhcloud": "OVHcloud", "stackit": "STACKIT"}
PROVIDER_IDS = {
    "hetzner": "hcloud://",
    "scaleway": "scaleway://instance/",
    "ovhcloud": "openstack:///",
    "stackit": "stackit://",
}


def test_check_mode_on_nothing_predicts_the_nodes_and_writes_nothing(fresh_lab: None) -> None:
    console.forget_requests()
    run = console.playbook("site", "--check", "--diff")
    assert run.code == 0, run.output
    for name in NODES:
        assert name in run.output
    assert console.requests("POST", "PUT", "PATCH", "DELETE") == []
    assert console.servers() == []


def test_the_first_run_buys_what_it_predicted(fleet: console.Run) -> None:
    assert sorted(server["name"] for server in console.servers()) == NODES


def test_each_greeting_comes_from_a_pod_on_a_node_of_that_provider(fleet: console.Run) -> None:
    nodes = {node["metadata"]["name"]: node for node in console.objects("nodes")}
    bought = {server["name"]: server["cloud"] for server in console.servers()}
    for provider, title in TITLES.items():
        words = f"Hello from {title}!"
        assert words in fleet.output
        assert console.greeting(provider) == words
        for pod in console.objects("pods", "-n", "podinfo", "-l", f"fleet/provider={provider}"):
            node = nodes[pod["spec"]["nodeName"]]
            assert node["metadata"]["labels"]["node.cloudprovider"] == provider
            assert bought[node["metadata"]["name"]] == provider


def test_nodes_carry_labels_taints_and_provider_ids(fleet: console.Run) -> None:
    for node in console.objects("nodes"):
        labels, provider = node["metadata"]["labels"], node["metadata"]["labels"]["node.cloudprovider"]
        assert labels["fleet/pool"] == f"{provider}-workers"
        assert labels["topology.kubernetes.io/region"]
        assert labels["node.kubernetes.io/instance-type"]
        assert node["spec"]["providerID"].startswith(PROVIDER_IDS[provider])
        tainted = [taint["value"] for taint in node["spec"].get("taints", []) if taint["key"] == "node.cloudprovider"]
        assert tainted == (["hetzner"] if provider == "hetzner" else [])


def test_a_second_run_changes_nothing(fleet: console.Run) -> None:
    console.forget_requests()
    run = console.playbook("site")
    assert run.code == 0, run.output
    assert set(run.recap("changed").values()) == {0}, run.output
    assert console.requests("POST", "PUT", "PATCH", "DELETE") == []


def test_plan_and_verify_say_that_all_is_well(fleet: console.Run) -> None:
    for name in ("plan", "verify"):
        run = console.playbook(name)
        assert run.code == 0, run.output
        assert set(run.recap("changed").values()) == {0}, run.output
