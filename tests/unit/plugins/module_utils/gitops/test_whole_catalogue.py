"""Everything that the catalogue can become: every component at every provider, in every environment, for both engines.

A new component is in it without a line here.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.gitops import argocd, catalogue, flux, manifests
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.cluster import Cluster, Layout
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.component import (
    PER_PROVIDER,
    Chart,
    Component,
    GitBase,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.folder import Folder
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.request import Request
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.stages import Embedded
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.versions import is_mutable_image, is_mutable_tag
from ansible_collections.sovereign.fleet.plugins.plugin_utils.repository_tree import text_of

from .small_catalogue import documents, works, written
from .tools import CATALOGUE, KUBECTL, needs_kubectl

PROVIDERS = ("hetzner", "scaleway", "ovhcloud", "stackit")
ENVIRONMENTS = ("development", "production")
ENGINES = {"flux": flux.layout, "argocd": argocd.layout}
CLUSTERS = [(engine, environment) for engine in ENGINES for environment in ENVIRONMENTS]
WHERE = [*((provider,) for provider in PROVIDERS), PROVIDERS]
LAYOUTS = [(engine, environment, where) for engine, environment in CLUSTERS for where in WHERE]
SECRET = "plain-secret-value"
DEFAULT_CLASS = re.compile(r"(?i)is-?default(-?class)?$|default(storage)?class$")
URL = "https://git.example.org/fleet.git"


@cache
def components() -> tuple[Component, ...]:
    return tuple(catalogue.load(CATALOGUE, catalogue.names(CATALOGUE), yaml.safe_load))


def chosen(engine: str, providers: tuple[str, ...], without: str = "") -> list[Component]:
    """Those that can be there, with what they need."""
    found: dict[str, Component] = {}
    for each in components():
        fits = engine in each.engines and (not each.providers or set(each.providers) & set(providers))
        if fits and each.name != without and all(need in found for need in each.needs):
            found[each.name] = each
    return list(found.values())


def cluster(environment: str, providers: tuple[str, ...], parts: list[Component]) -> Cluster:
    wanted = {name: setting for each in parts for name, setting in each.settings.items()}
    settings = {name: f"a-{name.replace('_', '-')}" for name, each in wanted.items() if each.default is None}
    return Cluster(
        "berlin", providers, URL, "main", "kind: List\n", environment=environment, settings=settings, home=providers[0]
    )


def layout(engine: str, environment: str, providers: tuple[str, ...], without: str = "") -> Layout:
    parts = chosen(engine, providers, without)
    secrets = {
        need.name: {key: f"{SECRET}-{key}" for key in need.keys}
        for each in parts
        for need in each.secrets
        if not need.vault
    }
    return ENGINES[engine](cluster(environment, providers, parts), parts, secrets)


@cache
def tree(engine: str, environment: str, providers: tuple[str, ...]) -> dict[str, Any]:
    made = layout(engine, environment, providers)
    files = {path: text_of(content) for path, content in made.files.items()}
    return {"files": files, "seeds": dict(made.seeds), "secrets": made.secrets, "layout": made}


def contents(made: Layout) -> Iterator[tuple[str, Any]]:
    """Every object by the path of its file."""
    for path, content in made.files.items():
        for document in documents(content) if isinstance(content, str) else content:
            yield path, document


def items(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every key, where it stands and its value, texts of patches included."""
    if isinstance(value, Embedded):
        value = value.content
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{path}.{key}", str(key), inner
            yield from items(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from items(inner, f"{path}[{number}]")


def trimmed(value: Any) -> Any:
    """Without the last line end of texts: Kustomize drops it at the end of a patch."""
    if isinstance(value, Mapping):
        return {key: trimmed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [trimmed(inner) for inner in value]
    return value.rstrip("\n") if isinstance(value, str) else value


def at(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def applications(environment: str, providers: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Sources of every Application by its name."""
    found = works(tree("argocd", environment, providers), "berlin")
    return {name: each["spec"].get("sources") or [each["spec"]["source"]] for name, each in found.items()}


def instances(where: tuple[str, ...]) -> Iterator[tuple[Component, str, str]]:
    """Component, provider and name."""
    for each in chosen("argocd", where):
        places = [p for p in where if not each.providers or p in each.providers] if each.runs == PER_PROVIDER else [""]
        for provider in places:
            yield each, provider, each.instance(provider)


def test_every_component_can_be_rendered_somewhere() -> None:
    for engine in ENGINES:
        assert {each.name for each in chosen(engine, PROVIDERS)} == {
            each.name for each in components() if engine in each.engines
        }


def test_no_two_components_have_the_same_object() -> None:
    owners: dict[tuple[str, str], list[str]] = {}
    for each in components():
        for kind, name in each.own:
            owners.setdefault((kind, name), []).append(each.name)
    assert {what: names for what, names in owners.items() if len(names) > 1} == {}


@pytest.mark.parametrize(("engine", "environment", "where"), LAYOUTS)
def test_no_image_version_or_tag_moves(engine: str, environment: str, where: tuple[str, ...]) -> None:
    faults = []
    for path, document in contents(tree(engine, environment, where)["layout"]):
        for place, key, value in items(document):
            if not isinstance(value, str):
                continue
            moves = key == "image" and is_mutable_image(value)
            moves = moves or (key in ("tag", "newTag", "version") and value != "" and is_mutable_tag(value))
            if moves:
                faults.append(f"{path}: {place}: {value}")
    assert faults == []


@pytest.mark.parametrize(("engine", "environment", "where"), LAYOUTS)
def test_no_storage_class_is_the_default_and_every_volume_names_its_own(
    engine: str, environment: str, where: tuple[str, ...]
) -> None:
    made = tree(engine, environment, where)["layout"]
    classes = {}
    for path, document in contents(made):
        if document.get("kind") == "StorageClass":
            classes[document["metadata"]["name"]] = document
        for place, key, value in items(document):
            assert not (DEFAULT_CLASS.search(key) and value in (True, "true")), f"{path}: {place}"
            if key in ("storageClassName", "storageClass") and isinstance(value, str):
                assert value.startswith(tuple(f"{provider}-" for provider in where)), f"{path}: {place}: {value}"
    assert {name.partition("-")[0] for name in classes} == set(where)
    for name, each in classes.items():
        assert each["volumeBindingMode"] == "WaitForFirstConsumer", name
        assert each["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "false", name


@pytest.mark.parametrize(("engine", "environment", "where"), LAYOUTS)
def test_no_secret_stands_in_plain_text(engine: str, environment: str, where: tuple[str, ...]) -> None:
    made = tree(engine, environment, where)
    assert [path for path, text in made["files"].items() if SECRET in text] == []
    assert [path for path, document in contents(made["layout"]) if document.get("kind") == "Secret"] == []
    assert {secret["path"] for secret in made["secrets"]}.isdisjoint(made["files"])
    assert made["secrets"]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_container_requests_and_every_workload_has_its_nodes(environment: str, where: tuple[str, ...]) -> None:
    found = applications(environment, where)
    for component, provider, name in instances(where):
        if isinstance(component.source, Chart):
            values = found[name][0]["helm"]["valuesObject"]
            for workload in component.workloads:
                for path in workload.requests:
                    assert set(at(values, f"{path}.requests") or ()) >= {"cpu", "memory"}, f"{name}: {path}"
                selector = at(values, workload.node_selector) or {}
                assert selector.get("node.cloudprovider", "") in ((provider,) if provider else ("", where[0])), name
                if workload.tolerate != "as-shipped":
                    assert at(values, workload.tolerations), f"{name}: {workload.tolerations}"
        elif isinstance(component.source, GitBase):
            patches = [yaml.safe_load(each["patch"]) for each in found[name][0].get("kustomize", {}).get("patches", [])]
            for workload in component.workloads:
                pods = [manifests.pod_of(each) for each in patches if each["metadata"]["name"] == workload.name]
                assert any(pod.get("nodeSelector") == {"node.cloudprovider": provider} for pod in pods), name
                asked = {each["name"] for pod in pods for each in pod["containers"] if "resources" in each}
                assert asked == set(workload.requests), name


def test_no_storage_driver_runs_on_foreign_nodes() -> None:
    drivers = [each for each in instances(PROVIDERS) if each[0].makes_classes]
    assert {provider for _component, provider, _name in drivers} == set(PROVIDERS)
    for component, provider, name in drivers:
        daemons = [each for each in component.workloads if each.kind == "DaemonSet"]
        assert daemons, name
        source = applications("production", PROVIDERS)[name][0]
        for each in daemons:
            if isinstance(component.source, Chart):
                selector = at(source["helm"]["valuesObject"], each.node_selector)
                assert selector["node.cloudprovider"] == provider, name
            else:
                patches = [yaml.safe_load(patch["patch"]) for patch in source["kustomize"]["patches"]]
                pods = [manifests.pod_of(patch) for patch in patches if patch["metadata"]["name"] == each.name]
                assert {"node.cloudprovider": provider} in [pod.get("nodeSelector") for pod in pods], name


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_both_engines_have_the_same_components_in_the_same_order(environment: str, where: tuple[str, ...]) -> None:
    ours = works(tree("flux", environment, where), "berlin")
    theirs = works(tree("argocd", environment, where), "berlin")
    assert set(theirs) - set(ours) == {argocd.ITSELF}
    assert set(ours) <= set(theirs)
    wave = {name: int(each["metadata"]["annotations"][argocd.WAVE]) for name, each in theirs.items()}
    for name, each in ours.items():
        needs = [need["name"] for need in each["spec"].get("dependsOn", [])]
        assert set(needs) <= set(ours), name
        assert wave[name] == max((wave[need] + argocd.WAVES_PER_LEVEL for need in needs), default=0), name


def test_secrets_that_are_needed_before_vault_come_from_git() -> None:
    before = {"vault-auth"}
    while more := {need for each in components() if each.name in before for need in each.needs} - before:
        before |= more
    assert "openbao" in before
    assert [each.name for each in components() if each.name in before and any(s.vault for s in each.secrets)] == []


@pytest.mark.parametrize(("engine", "environment"), CLUSTERS)
def test_a_second_rendering_changes_nothing(engine: str, environment: str, tmp_path: Path) -> None:
    made = tree(engine, environment, PROVIDERS)
    again = layout(engine, environment, PROVIDERS)
    assert {path: text_of(content) for path, content in again.files.items()} == made["files"]
    request = Request.of(
        {
            "files": made["files"],
            "seeds": made["seeds"],
            "secrets": [],
            "sops": None,
            "manifest": "clusters/berlin/.fleet-manifest.json",
            "overwrite": [],
        }
    )
    folder = Folder(str(tmp_path))
    folder.apply(request.plan(folder, check_mode=False).changes)
    assert request.plan(folder, check_mode=False).changes == ()


@pytest.mark.parametrize(("engine", "environment"), CLUSTERS)
def test_removing_a_component_removes_exactly_its_files(engine: str, environment: str) -> None:
    before = layout(engine, environment, PROVIDERS).files
    parts = chosen(engine, PROVIDERS)
    needed = {need for each in parts for need in each.needs} | {argocd.ITSELF}
    made_classes = {each.name for each in parts if each.makes_classes}
    for component in parts:
        if component.name in needed | made_classes:
            continue
        after = layout(engine, environment, PROVIDERS, without=component.name).files
        own = {path for path in before if f"/{component.name}/" in path or path.endswith(f"/{component.name}.yaml")}
        shared = {f"components/provider-{provider}/kustomization.yaml" for provider in PROVIDERS}
        assert before.keys() - after.keys() - shared == own, component.name
        assert after.keys() <= before.keys()
        may_differ = {"clusters/berlin/namespaces.yaml", f"clusters/berlin/argocd/{argocd.ROOT}.yaml"}
        may_differ |= {f"clusters/berlin/{taker}.yaml" for taker in component.adds_values}
        assert {path for path in after if after[path] != before[path]} <= may_differ, component.name


def test_everything_is_rendered_in_seconds() -> None:
    begin = time.process_time()
    loaded = catalogue.load(CATALOGUE, catalogue.names(CATALOGUE), yaml.safe_load)
    assert loaded
    for engine, environment in CLUSTERS:
        made = layout(engine, environment, PROVIDERS)
        assert all(text_of(content) for content in made.files.values())
    assert time.process_time() - begin < 20


@needs_kubectl
@pytest.mark.parametrize(("engine", "environment"), CLUSTERS)
def test_kustomize_builds_every_path_and_flux_ends_up_with_the_values_of_argo_cd(
    engine: str, environment: str, tmp_path: Path
) -> None:
    folder = written(tree(engine, environment, PROVIDERS), tmp_path)
    paths = []
    for each in works(tree(engine, environment, PROVIDERS), "berlin").values():
        spec = each["spec"]
        if engine == "flux":
            paths.append((spec["path"], spec.get("patches", [])))
        else:
            sources = spec.get("sources") or [spec["source"]]
            own = [source for source in sources if source["repoURL"] == URL]
            paths += [(source["path"], source.get("kustomize", {}).get("patches", [])) for source in own]
    for path, patches in paths:  # both engines add their patches to the file of the path
        file = folder / path / "kustomization.yaml"
        content = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**content, "patches": [*content.get("patches", []), *patches]}))
    root = folder / "root"
    root.mkdir()
    resources = [f"../{path.removeprefix('./')}" for path, _patches in paths]
    (root / "kustomization.yaml").write_text(yaml.safe_dump({"resources": resources}))
    done = subprocess.run([KUBECTL, "kustomize", str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects = documents(done.stdout)
    assert {each["kind"] for each in objects} >= {"StorageClass", "ClusterIssuer", "ValidatingPolicy", "Deployment"}
    if engine != "flux":
        return
    sources = applications(environment, PROVIDERS)
    releases = {each["metadata"]["name"]: each for each in objects if each["kind"] == "HelmRelease"}
    charts = {name for name, (first, *_more) in sources.items() if "helm" in first} - {argocd.ITSELF}
    assert set(releases) == charts
    for name, each in releases.items():
        assert trimmed(each["spec"]["values"]) == trimmed(sources[name][0]["helm"]["valuesObject"]), name


def test_the_policy_knows_every_provider() -> None:
    file = CATALOGUE / "platform/fleet-policies/manifests/volumes-follow-their-pod.yaml"
    known = "|".join(catalogue.titles(CATALOGUE, "providers", yaml.safe_load))
    assert f"'^({known})-'" in file.read_text()


def test_argo_cd_tells_the_health_of_applications() -> None:
    values = applications("production", PROVIDERS)[argocd.ITSELF][0]["helm"]["valuesObject"]
    assert "obj.status.health" in values["configs"]["cm"]["resource.customizations.health.argoproj.io_Application"]
