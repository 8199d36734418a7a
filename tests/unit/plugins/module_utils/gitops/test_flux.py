"""The repository as Flux will read it, built with kustomize where kubectl is there."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.lookup.flux_tree import render
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops import catalogue, flux
from tests.unit.plugins.apply_server import crd, deployment

from .tools import CATALOGUE, KUBECTL, needs_kubectl

RELEASE = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}},
    crd("source.toolkit.fluxcd.io", "GitRepository", "gitrepositories"),
    crd("kustomize.toolkit.fluxcd.io", "Kustomization", "kustomizations"),
    deployment("source-controller", "--log-level=info"),
    deployment("kustomize-controller", "--log-level=info"),
]
PODINFO = catalogue.load(CATALOGUE, ["podinfo"], yaml.safe_load)
OPTIONS: dict[str, Any] = {
    "catalogue": str(CATALOGUE),
    "cluster": "development",
    "providers": ["hetzner", "ovhcloud", "mars"],
    "components": ["podinfo"],
    "repository": {"url": "https://git.example.org/fleet.git", "username": "fleet", "password": "s3cr3t"},
    "manifest": yaml.safe_dump_all(RELEASE),
    "arguments": {"kustomize-controller": ["--requeue-dependency=5s", "--feature-gates=A=true"]},
    "secrets": {},
    "age_recipients": ["age1abc", "age1def"],
    "interval": "10s",
    "heal_interval": "2m",
    "retry_interval": "5s",
    "timeout": "3m",
}
CLUSTER = flux.Cluster("development", ("hetzner", "scaleway"), "https://x/y.git", "main", "")


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


@pytest.fixture(name="tree", scope="module")
def _tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole repository on disk, the encrypted Secrets as Flux sees them after decrypting."""
    folder = tmp_path_factory.mktemp("tree")
    rendered = render(OPTIONS)
    secrets = {
        each["path"]: yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": each["name"], "namespace": each["namespace"]},
                "stringData": dict.fromkeys(each["random"], "x"),
            }
        )
        for each in rendered["secrets"]
    }
    for path, text in {**rendered["files"], **rendered["seeds"], **secrets}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def build(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def by_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def flux_build(tree: Path, copy: Path) -> list[dict[str, Any]]:
    """The folder of the cluster as Flux builds it: everything in it, for it has no kustomization.yaml of its own."""
    shutil.copytree(tree, copy)
    home = copy / "clusters/development"
    names = sorted(path.name for path in home.iterdir() if path.is_dir() or path.suffix in (".yaml", ".yml"))
    (home / "kustomization.yaml").write_text(yaml.safe_dump({"resources": names}))
    return build(home)


@needs_kubectl
def test_every_kustomization_of_the_cluster_can_be_built(tree: Path, tmp_path: Path) -> None:
    objects = flux_build(tree, tmp_path / "copy")
    names = {each["metadata"]["name"]: each["spec"] for each in by_kind(objects, "Kustomization")}
    assert set(names) == {"flux-system", "podinfo-hetzner", "podinfo-ovhcloud", "podinfo-mars"}
    for name, spec in names.items():
        path = tree / spec["path"]
        assert path.is_dir(), name
        assert name == "flux-system" or build(path)


@needs_kubectl
def test_flux_is_bootstrapped_as_git_will_have_it(tree: Path) -> None:
    cluster = replace(CLUSTER, arguments=OPTIONS["arguments"])
    applied = {(each["kind"], each["metadata"]["name"]): each for each in flux.patched(cluster, RELEASE)}
    built = {
        (each["kind"], each["metadata"]["name"]): each for each in build(tree / "clusters/development/flux-system")
    }
    assert {key: built[key] for key in applied} == applied
    assert set(built) - set(applied) == {("GitRepository", "flux-system"), ("Kustomization", "flux-system")}


@needs_kubectl
@pytest.mark.parametrize(
    ("provider", "greeting"),
    [("hetzner", "Hello from Hetzner!"), ("ovhcloud", "Hello from OVHcloud!"), ("mars", "Hello from Mars!")],
)
def test_podinfo_greets_from_its_provider_and_runs_there(tree: Path, provider: str, greeting: str) -> None:
    objects = build(tree / f"apps/overlays/{provider}/podinfo")
    (greetings,), (workload,), (service,) = (by_kind(objects, kind) for kind in ("ConfigMap", "Deployment", "Service"))
    assert greetings["data"] == {"PODINFO_UI_MESSAGE": greeting}
    pod = workload["spec"]["template"]
    labels = {"app.kubernetes.io/name": "podinfo", "fleet/provider": provider}
    assert pod["metadata"]["labels"] == labels
    assert workload["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert pod["spec"]["nodeSelector"] == {"node.cloudprovider": provider}
    assert pod["spec"]["tolerations"] == [{"key": "node.cloudprovider", "operator": "Equal", "value": provider}]
    (container,) = pod["spec"]["containers"]
    assert {"configMapRef": {"name": greetings["metadata"]["name"]}} in container["envFrom"]
    assert {"secretRef": {"name": "podinfo-token"}} in container["envFrom"]
    assert {each["metadata"]["namespace"] for each in objects} == {"podinfo"}
    assert {each["metadata"]["name"].startswith(f"podinfo-{provider}") for each in (workload, service)} == {True}


@needs_kubectl
def test_another_greeting_means_another_config_map_so_that_pods_start_anew(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy)
    overlay = copy / "apps/overlays/hetzner/podinfo"
    before = by_kind(build(overlay), "ConfigMap")[0]["metadata"]["name"]
    (overlay / "greeting.env").write_text("PODINFO_UI_MESSAGE=Moin, 100% grün!\n")
    (after,) = by_kind(build(overlay), "ConfigMap")
    assert after["data"] == {"PODINFO_UI_MESSAGE": "Moin, 100% grün!"}
    assert after["metadata"]["name"] != before


def test_the_greeting_is_the_users_and_the_rest_is_generated() -> None:
    rendered = render(OPTIONS)
    assert sorted(rendered["seeds"]) == [
        f"apps/overlays/{provider}/podinfo/greeting.env" for provider in ("hetzner", "mars", "ovhcloud")
    ]
    assert not set(rendered["seeds"]) & set(rendered["files"])


def test_the_password_is_in_no_file() -> None:
    rendered = render(OPTIONS)
    assert "s3cr3t" not in str(rendered)
    source, _work = documents(rendered["files"]["clusters/development/flux-system/gotk-sync.yaml"])
    assert source["spec"]["secretRef"] == {"name": "flux-system"}
    assert (source["spec"]["interval"], source["spec"]["ref"]) == ("10s", {"branch": "main"})


def test_every_kustomization_decrypts_and_prunes_and_only_components_are_waited_for() -> None:
    rendered = render(OPTIONS)
    home = "clusters/development"
    works = [
        each
        for path in (f"{home}/flux-system/gotk-sync.yaml", f"{home}/podinfo.yaml")
        for each in by_kind(documents(rendered["files"][path]), "Kustomization")
    ]
    assert [each["metadata"]["name"] for each in works] == rendered["kustomizations"]
    for each in works:
        spec = each["spec"]
        assert spec["decryption"] == {"provider": "sops", "secretRef": {"name": "sops-age"}}
        assert (spec["prune"], spec["interval"], spec["timeout"]) == (True, "2m", "3m")
        assert spec.get("wait", False) is (each["metadata"]["name"] != "flux-system")


def test_sops_rules_name_every_recipient() -> None:
    (rules,) = documents(render(OPTIONS)["files"][".sops.yaml"])
    assert rules["creation_rules"][0]["age"] == "age1abc,age1def"


def test_a_secret_is_random_unless_a_value_is_given() -> None:
    (secret,) = render(OPTIONS)["secrets"]
    assert (secret["path"], secret["random"], secret["data"]) == (
        "clusters/development/podinfo-token.sops.yaml",
        ["PODINFO_TOKEN"],
        {},
    )
    (given,) = render({**OPTIONS, "secrets": {"podinfo-token": {"PODINFO_TOKEN": "t"}}})["secrets"]
    assert (given["random"], given["data"]) == ([], {"PODINFO_TOKEN": "t"})
    with pytest.raises(Permanent, match="has a Secret podinfo-tokn"):
        render({**OPTIONS, "secrets": {"podinfo-tokn": {}}})


def test_clusters_differ_only_below_their_own_folder() -> None:
    first, other = render(OPTIONS)["files"], render({**OPTIONS, "cluster": "production", "interval": "5m"})["files"]
    shared = {path for path in first if not path.startswith("clusters/")}
    assert shared == {path for path in other if not path.startswith("clusters/")}
    assert {path: first[path] for path in shared} == {path: other[path] for path in shared}


def test_a_component_waits_for_the_same_provider_of_what_it_needs() -> None:
    (podinfo,) = PODINFO
    once = replace(podinfo, name="csi", layer="infrastructure", runs=catalogue.PER_CLUSTER, own_files=(), secrets=())
    both = replace(podinfo, name="shop", needs=("podinfo", "csi"), secrets=())
    last = replace(once, name="report", needs=("podinfo",))
    files = flux.layout(CLUSTER, [podinfo, once, both, last], {}).files
    needs = {
        each["metadata"]["name"]: [need["name"] for need in each["spec"].get("dependsOn", [])]
        for name in ("csi", "shop", "report")
        for each in files[f"clusters/development/{name}.yaml"]
        if isinstance(each, dict)
    }
    assert needs == {
        "csi": [],
        "shop-hetzner": ["podinfo-hetzner", "csi"],
        "shop-scaleway": ["podinfo-scaleway", "csi"],
        "report": ["podinfo-hetzner", "podinfo-scaleway"],
    }


@pytest.mark.parametrize("name", ["Development", "a/b", "../x", "-a", "a" * 64, ""])
def test_a_name_that_git_or_kubernetes_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(Permanent, match="cannot be the name of a"):
        replace(CLUSTER, name=name)
    with pytest.raises(Permanent, match="cannot be the name of a provider"):
        replace(CLUSTER, providers=("hetzner", name))
