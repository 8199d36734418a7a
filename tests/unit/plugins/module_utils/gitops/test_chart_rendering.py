"""What becomes of a chart: shared files that know no cluster, and patches that lose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError

from .small_catalogue import SmallCatalogue, built, documents, works, written
from .tools import needs_kubectl

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config", "namespace": "shop"}}


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallCatalogue:
    return SmallCatalogue(tmp_path / "catalogue")


def rich(small: SmallCatalogue) -> None:
    """A chart that says something for everything that it can."""
    small.driver("hetzner")
    small.driver("scaleway")
    small.chart(
        runs="per-provider",
        values={"args": ["--all"], "name": "${provider}", "labels": {"cluster": "${cluster}", "kept": "yes"}},
        provider_values={"hetzner": {"args": ["--at-hetzner"], "zones": ["${zone}", "b"]}},
        environment_values={
            "development": {"args": ["--in-development"], "controller": {"replicas": 1}},
            "production": {"labels": {"place": "${provider}-${environment}"}, "controller": {"replicas": 3}},
        },
        settings={"zone": {"description": "a zone"}},
        storage_classes=["${provider}-block"],
    )


def release(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == "HelmRelease"]
    return found


@needs_kubectl
@pytest.mark.parametrize("environment", ["development", "production"])
def test_flux_ends_up_with_the_values_that_argo_cd_gets_at_once(
    small: SmallCatalogue, tmp_path: Path, environment: str
) -> None:
    rich(small)
    options: dict[str, Any] = {
        "environment": environment,
        "settings": {"zone": "a"},
        "values": {"shop": {"args": ["--mine"], "labels": {"mine": "yes"}}},
    }
    tree = small.render(**options)
    applications = works(small.argocd(**options))
    folder = written(tree, tmp_path / "tree")
    for name, work in works(tree).items():
        made = release(built(folder / work["spec"]["path"], work["spec"].get("patches")))
        source = applications[name]["spec"].get("source") or applications[name]["spec"]["sources"][0]
        assert made["spec"]["values"] == source["helm"]["valuesObject"], name
        assert made["metadata"]["name"] == source["helm"]["releaseName"] == name


def test_no_list_is_lost(small: SmallCatalogue) -> None:
    rich(small)
    works_of = works(small.argocd(settings={"zone": "a"}, values={"shop": {"args": ["--mine"]}}))
    found = {
        name: works_of[name]["spec"]["source"]["helm"]["valuesObject"] for name in ("shop-hetzner", "shop-scaleway")
    }
    assert found["shop-hetzner"]["args"] == ["--all", "--at-hetzner", "--in-development", "--mine"]
    assert found["shop-scaleway"]["args"] == ["--all", "--in-development", "--mine"]
    assert found["shop-hetzner"]["zones"] == ["a", "b"]
    assert "zones" not in found["shop-scaleway"]


def test_only_the_clusters_own_files_know_the_cluster(small: SmallCatalogue) -> None:
    rich(small)
    first = small.render(settings={"zone": "a"})["files"]
    other = small.render(settings={"zone": "b"}, cluster="berlin", values={"shop": {"name": "x"}})["files"]
    shared = {path for path in first if not path.startswith("clusters/")}
    assert shared == {path for path in other if not path.startswith("clusters/")}
    assert {path: first[path] for path in shared} == {path: other[path] for path in shared}


def test_clusters_of_two_environments_and_engines_can_share_a_repository(small: SmallCatalogue) -> None:
    rich(small)
    trees = [
        small.render(settings={"zone": "a"}),
        small.render(settings={"zone": "a"}, cluster="production", environment="production"),
        small.argocd(settings={"zone": "a"}, cluster="argo", environment="production"),
    ]
    seen: dict[str, str] = {}
    for tree in trees:
        for path, text in tree["files"].items():
            assert seen.setdefault(path, text) == text, path


def test_a_release_is_pinned_upgrades_its_crds_and_is_put_right(small: SmallCatalogue) -> None:
    small.chart()
    (made,) = documents(small.render()["files"]["apps/base/shop/release.yaml"])
    spec = made["spec"]
    assert spec["chart"]["spec"]["version"] == "1.2.3"
    assert (spec["install"]["crds"], spec["upgrade"]["crds"]) == ("CreateReplace", "CreateReplace")
    assert spec["upgrade"]["remediation"] == {"retries": 3, "remediateLastFailure": True}
    assert spec["driftDetection"] == {"mode": "enabled"}


def test_crds_that_another_component_brings_are_left_alone(small: SmallCatalogue) -> None:
    source = {"repository": "oci://registry.example.org/charts", "chart": "shop", "version": "1.2.3", "crds": "skip"}
    small.chart(source=source, drift_ignore=[{"kind": "Secret", "paths": ["/data"]}], health_checks="none")
    files = small.render()["files"]
    (made,) = documents(files["apps/base/shop/release.yaml"])
    assert made["spec"]["install"] == {"crds": "Skip", "disableWait": True, "remediation": {"retries": 3}}
    assert made["spec"]["chartRef"] == {"kind": "OCIRepository", "name": "shop"}
    ignored = [{"paths": ["/data"], "target": {"kind": "Secret"}}]
    assert made["spec"]["driftDetection"] == {"mode": "enabled", "ignore": ignored}
    (repository,) = documents(files["apps/base/shop/source.yaml"])
    assert repository["spec"]["url"] == "oci://registry.example.org/charts/shop"
    assert repository["spec"]["ref"] == {"tag": "1.2.3"}
    spec = works(small.argocd())["shop"]["spec"]
    assert spec["source"]["repoURL"] == "oci://registry.example.org/charts/shop"
    assert (spec["source"]["path"], spec["source"]["helm"]["skipCrds"]) == (".", True)
    assert spec["ignoreDifferences"] == [{"kind": "Secret", "jsonPointers": ["/data"]}]


@pytest.mark.parametrize(
    ("given", "selector", "tolerations"),
    [
        pytest.param(
            {"runs": "per-provider", "providers": ["hetzner"]},
            {"node.cloudprovider": "hetzner"},
            [{"key": "node.cloudprovider", "operator": "Equal", "value": "hetzner"}],
            id="at a provider",
        ),
        pytest.param({}, None, [{"key": "node.cloudprovider", "operator": "Exists"}], id="once, anywhere"),
        pytest.param(
            {"storage_classes": ["${provider}-block"]},
            {"node.cloudprovider": "hetzner"},
            [{"key": "node.cloudprovider", "operator": "Exists"}],
            id="once, where its volumes are",
        ),
        pytest.param({"tolerate": "everything"}, None, [{"operator": "Exists"}], id="on every node"),
        pytest.param({"tolerate": "as-shipped"}, None, None, id="as the chart has it"),
    ],
)
def test_a_workload_gets_its_nodes(
    small: SmallCatalogue, given: dict[str, Any], selector: Any, tolerations: Any
) -> None:
    tolerate = {"tolerate": given.pop("tolerate")} if "tolerate" in given else {}
    requests = {"controller.resources": {"cpu": "10m", "memory": "32Mi"}}
    placement = [{"workload": "Deployment/shop", "path": "controller", "requests": requests, **tolerate}]
    small.driver("hetzner")
    small.chart(placement=placement, **given)
    controller = works(small.argocd())["shop"]["spec"]["source"]["helm"]["valuesObject"]["controller"]
    assert controller.get("nodeSelector") == selector
    assert controller.get("tolerations") == tolerations
    assert controller["resources"]["requests"] == {"cpu": "10m", "memory": "32Mi"}


def test_the_home_provider_keeps_the_volumes_of_what_runs_once(small: SmallCatalogue) -> None:
    small.driver("hetzner")
    small.driver("scaleway")
    small.chart(storage_classes=["${provider}-block"], values={"name": "${provider}-block"})
    found = works(small.render(home_provider="scaleway"))["shop"]["spec"]
    assert found["dependsOn"] == [{"name": "scaleway-csi"}]
    (patch,) = (yaml.safe_load(each["patch"]) for each in found["patches"])
    assert patch["spec"]["values"]["name"] == "scaleway-block"
    assert patch["spec"]["values"]["controller"]["nodeSelector"] == {"node.cloudprovider": "scaleway"}
    with pytest.raises(PlatformError, match="no nodes at its home provider 'stackit', only at hetzner, scaleway"):
        small.render(home_provider="stackit")


def test_a_storage_class_waits_and_is_never_the_default(small: SmallCatalogue) -> None:
    small.driver(
        "hetzner",
        makes_storage_classes={
            "hetzner-block": {"provisioner": "csi.x"},
            "hetzner-keep": {
                "provisioner": "csi.x",
                "reclaim": "Retain",
                "parameters": {"type": 1},
                "expandable": False,
            },
        },
    )
    first, other = documents(small.render()["files"]["infrastructure/objects/hetzner-csi/storage-classes.yaml"])
    for each in (first, other):
        assert each["volumeBindingMode"] == "WaitForFirstConsumer"
        assert each["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "false"}
    assert (first["reclaimPolicy"], first["allowVolumeExpansion"]) == ("Delete", True)
    assert (other["reclaimPolicy"], other["parameters"], other["allowVolumeExpansion"]) == (
        "Retain",
        {"type": "1"},
        False,
    )


def test_a_storage_class_that_nobody_makes_is_refused(small: SmallCatalogue) -> None:
    small.driver("hetzner")
    small.chart(runs="per-provider", storage_classes=["${provider}-block"])
    sentence = "shop uses storage class scaleway-block, but .* make hetzner-block. Add the storage driver of scaleway"
    with pytest.raises(PlatformError, match=sentence):
        small.render()


def test_a_component_for_another_provider_is_refused(small: SmallCatalogue) -> None:
    small.driver("stackit")
    with pytest.raises(PlatformError, match="stackit-csi is for stackit, but cluster development has nodes at hetzner"):
        small.render()


def test_a_component_of_one_provider_is_waited_for_at_that_provider_only(small: SmallCatalogue) -> None:
    small.driver("hetzner")
    small.chart(runs="per-provider", needs=["hetzner-csi"])
    found = works(small.render())
    assert found["shop-hetzner"]["spec"]["dependsOn"] == [{"name": "hetzner-csi"}]
    assert "dependsOn" not in found["shop-scaleway"]["spec"]


def test_a_central_component_runs_in_one_cluster(small: SmallCatalogue) -> None:
    small.chart("hub", runs="central")
    small.chart(needs=["hub"])
    assert set(works(small.render())) == {"hub", "shop"}
    assert set(works(small.render(central_cluster="development"))) == {"hub", "shop"}
    elsewhere = works(small.render(central_cluster="production"))
    assert set(elsewhere) == {"shop"}
    assert "dependsOn" not in elsewhere["shop"]["spec"]


def test_a_setting_must_be_given_where_it_is_used(small: SmallCatalogue) -> None:
    rich(small)
    sentence = "Component shop needs the setting zone in cluster development: a zone. Give it in the settings"
    with pytest.raises(PlatformError, match=sentence):
        small.render()
    small.render("scaleway-csi", "shop", providers=["scaleway"])  # only Hetzner uses it
    with pytest.raises(PlatformError, match="has a setting zoen. They take: zone"):
        small.render(settings={"zone": "a", "zoen": "b"})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({"shop": {"nmae": "x"}}, r"values of component shop\.nmae is not a known value", id="a value"),
        pytest.param({"shpo": {"name": "x"}}, "has values for shpo, which is no chart", id="a component"),
    ],
)
def test_values_of_the_user_are_checked_too(small: SmallCatalogue, given: dict[str, Any], sentence: str) -> None:
    small.chart()
    with pytest.raises(PlatformError, match=sentence):
        small.render(values=given)


def test_a_component_adds_values_to_the_chart_of_another(small: SmallCatalogue) -> None:
    small.chart(values={"args": ["--own"]})
    added = {"shop": {"args": ["--${flag}"], "name": "${cluster}"}}
    small.chart("guard", adds_values=added, settings={"flag": {"description": "a flag"}})
    alone = works(small.argocd("shop"))["shop"]["spec"]["source"]["helm"]["valuesObject"]
    assert alone["args"] == ["--own"]
    options: dict[str, Any] = {"settings": {"flag": "x"}, "values": {"shop": {"name": "mine"}}}
    both = works(small.argocd("shop", "guard", **options))["shop"]["spec"]["source"]["helm"]["valuesObject"]
    assert (both["args"], both["name"]) == (["--own", "--x"], "mine")
    small.render("guard", settings={"flag": "x"})  # without the other, nothing is missing
    small.chart("wrong", adds_values={"shop": {"nmae": "x"}})
    with pytest.raises(PlatformError, match=r"wrong/component\.yml: adds_values\.shop\.nmae is not a known value"):
        small.render("shop", "wrong")


def test_an_environment_that_the_catalogue_does_not_know_is_refused(small: SmallCatalogue) -> None:
    with pytest.raises(PlatformError, match="'test' is no environment .* Allowed: development, production"):
        small.render(environment="test")


def test_secrets_are_given_made_up_or_read_from_vault(small: SmallCatalogue) -> None:
    small.chart("vault-auth")
    small.chart("a", secrets={"token": {"keys": ["key"], "random": ["salt"]}})
    small.chart("b", secrets={"token": {"random": ["pepper"]}})
    small.chart("c", needs=["vault-auth"], secrets={"other": {"vault": {"mount": "kv", "path": "c/other"}}})
    with pytest.raises(PlatformError, match="Secret token of component a lacks key in cluster development"):
        small.render()
    tree = small.render(secrets={"token": {"key": "k"}})
    assert tree["secrets"] == [
        {
            "path": "clusters/development/token.sops.yaml",
            "namespace": "shop",
            "name": "token",
            "data": {"key": "k"},
            "random": ["salt", "pepper"],
        }
    ]
    reader, read = documents(tree["files"]["apps/objects/c/vault-secrets.yaml"])
    assert (reader["kind"], reader["metadata"]) == ("ServiceAccount", {"name": "vault-reader", "namespace": "shop"})
    assert read["spec"]["path"] == "c/other"
    assert read["spec"]["destination"] == {"name": "other", "create": True}
    small.chart("d", namespace="elsewhere", secrets={"token": {}})
    with pytest.raises(PlatformError, match="Secret token is wanted in the namespaces shop and elsewhere"):
        small.render(secrets={"token": {"key": "k"}})


@needs_kubectl
def test_patches_reach_manifests_at_their_provider_environment_and_cluster(
    small: SmallCatalogue, tmp_path: Path
) -> None:
    target = "ConfigMap/config"
    small.manifests(
        "app",
        CONFIG,
        runs="per-provider",
        settings={"mail": {"description": "an address"}},
        patches=[
            {"target": target, "provider": "hetzner", "change": {"data": {"place": "Falkenstein"}}},
            {"target": target, "environment": "production", "change": {"data": {"grade": "high"}}},
            {"target": target, "change": {"data": {"both": "${provider} ${environment}"}}},
            {"target": target, "change": {"data": {"mail": "${mail}", "cluster": "${cluster}"}}},
        ],
    )
    for engine, render in (("flux", small.render), ("argocd", small.argocd)):
        tree = render("app", environment="production", settings={"mail": "a@example.org"})
        folder = written(tree, tmp_path / engine)
        found = {}
        for name in ("app-hetzner", "app-scaleway"):
            spec = works(tree)[name]["spec"]
            path, patches = (
                (spec["path"], spec["patches"])
                if engine == "flux"
                else (spec["source"]["path"], spec["source"]["kustomize"]["patches"])
            )
            (made,) = built(folder / path, patches)
            assert made["metadata"]["name"] == f"config-{name.removeprefix('app-')}"
            found[name] = made["data"]
        common = {"grade": "high", "mail": "a@example.org", "cluster": "development"}
        assert found == {
            "app-hetzner": {**common, "place": "Falkenstein", "both": "hetzner production"},
            "app-scaleway": {**common, "both": "scaleway production"},
        }


@needs_kubectl
def test_somebodys_manifests_are_pinned_placed_and_patched(small: SmallCatalogue, tmp_path: Path) -> None:
    requests = {"driver": {"cpu": "10m", "memory": "32Mi"}}
    small.chart(
        source={"git": "https://git.example.org/csi", "path": "deploy", "version": "v1.0.0"},
        runs="per-provider",
        providers=["hetzner"],
        value_keys=None,
        placement=[
            {"workload": "DaemonSet/node", "path": "spec.template.spec", "tolerate": "as-shipped", "requests": requests}
        ],
        patches=[{"target": "ConfigMap/cloud", "change": {"data": {"region": "${region}"}}}],
        settings={"region": {"description": "a region", "default": "eu01"}},
    )
    tree = small.render()
    folder = written(tree, tmp_path / "tree")
    spec = works(tree)["shop"]["spec"]
    objects = {each["kind"]: each for each in built(folder / spec["path"], spec["patches"])}
    assert objects["GitRepository"]["spec"]["ref"] == {"tag": "v1.0.0"}
    work = objects["Kustomization"]["spec"]
    assert (work["path"], work["sourceRef"]["name"], work["wait"]) == ("./deploy", "shop", True)
    placed, region = (yaml.safe_load(each["patch"]) for each in work["patches"])
    assert placed["spec"]["template"]["spec"] == {
        "nodeSelector": {"node.cloudprovider": "hetzner"},
        "containers": [{"name": "driver", "resources": {"requests": requests["driver"]}}],
    }
    assert region["data"] == {"region": "eu01"}
    source = works(small.argocd())["shop"]["spec"]["source"]
    assert (source["repoURL"], source["targetRevision"]) == ("https://git.example.org/csi", "v1.0.0")
    assert [yaml.safe_load(each["patch"]) for each in source["kustomize"]["patches"]] == [placed, region]


def test_health_is_waited_for_as_the_component_says(small: SmallCatalogue) -> None:
    one = {"api": "apps/v1", "kind": "Deployment", "name": "shop", "namespace": "shop"}
    told = {"api": "example.org/v1", "kind": "Shop", "current": "status.open"}
    small.chart("a", health_checks="none")
    small.chart("b", health_checks={"objects": [one]})
    small.chart("c", health_checks={"expressions": [told]})
    found = {name: each["spec"] for name, each in works(small.render()).items()}
    assert "wait" not in found["a"]
    assert "wait" not in found["b"]
    assert found["b"]["healthChecks"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "namespace": "shop"}
    ]
    assert found["c"]["wait"] is True
    assert found["c"]["healthCheckExprs"] == [
        {"apiVersion": "example.org/v1", "kind": "Shop", "current": "status.open"}
    ]
