from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.control_plane.addons import manifests


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], dict[str, Any]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # where a lab with simulated machines would leave its mark
    found = manifests("198.18.128.10", "fleet.test")
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_no_object_stands_twice(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert len(objects) == len(manifests("198.18.128.10"))


def test_cluster_dns_has_the_address_that_kubelets_give_to_pods(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    service = objects["Service", "kube-dns"]
    assert service["spec"]["clusterIP"] == "198.18.128.10"
    assert {(port["port"], port["protocol"]) for port in service["spec"]["ports"]} >= {(53, "UDP"), (53, "TCP")}
    pod = objects["Deployment", "coredns"]["spec"]["template"]
    assert pod["metadata"]["labels"].items() >= service["spec"]["selector"].items()


def test_the_zones_are_the_cluster_the_lab_and_nothing_outside(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    corefile = objects["ConfigMap", "coredns"]["data"]["Corefile"]
    zones = [line for line in corefile.splitlines() if line.endswith("{") and not line.startswith(" ")]
    names = "git.lab.internal registry.lab.internal releases.lab.internal"
    assert zones == ["fleet.test in-addr.arpa ip6.arpa {", f"{names} {{", ". {"]
    assert f"198.18.0.1 {names}" in corefile
    assert "forward" not in corefile
    assert "$" not in corefile


def test_cluster_dns_starts_on_nodes_of_a_tainted_provider_but_leaves_a_drained_node(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    tolerations = objects["Deployment", "coredns"]["spec"]["template"]["spec"]["tolerations"]
    keys = {toleration.get("key") for toleration in tolerations}
    assert "node.cloudprovider" in keys
    assert None not in keys  # a toleration without a key is for every taint, that of a cordoned node among them
    assert "node.kubernetes.io/unschedulable" not in keys
    for toleration in tolerations:
        if toleration.get("effect") == "NoExecute":
            assert toleration["tolerationSeconds"] == 5


def test_two_name_servers_are_on_two_nodes(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    spec = objects["Deployment", "coredns"]["spec"]
    [apart] = spec["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert spec["replicas"] == 2
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert apart["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"]


@pytest.mark.parametrize(
    ("role", "kind", "subject"),
    [
        pytest.param("system:node-proxier", "User", "system:kube-proxy", id="kube-proxy reads services"),
        pytest.param("system:node-bootstrapper", "Group", "system:bootstrappers", id="a token asks for a certificate"),
        pytest.param(
            "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
            "Group",
            "system:bootstrappers",
            id="and gets it",
        ),
        pytest.param(
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            "Group",
            "system:nodes",
            id="a node renews its own",
        ),
    ],
)
def test_nodes_may_join(objects: dict[tuple[str, str], dict[str, Any]], role: str, kind: str, subject: str) -> None:
    bound = {
        (each["roleRef"]["name"], subject["kind"], subject["name"])
        for each in objects.values()
        if each["kind"] == "ClusterRoleBinding"
        for subject in each["subjects"]
    }
    assert (role, kind, subject) in bound
