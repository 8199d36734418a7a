"""Both engines bring up the same components in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError

from .small_catalogue import SmallCatalogue, documents, works

WAVE = "argocd.argoproj.io/sync-wave"


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallCatalogue:
    small = SmallCatalogue(tmp_path / "catalogue")
    small.driver("hetzner")
    small.driver("scaleway")
    small.manifests("crds", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}, layer="crds")
    small.chart("proxy", "platform", runs="per-provider", needs=["crds"])
    small.chart("shop", runs="per-provider", needs=["proxy"], storage_classes=["${provider}-block"])
    small.chart("report", needs=["shop"])
    return small


def levels(kustomizations: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Longest way to each from one that waits for nothing, as Flux's own objects say it."""
    needs = {
        name: [need["name"] for need in each["spec"].get("dependsOn", [])] for name, each in kustomizations.items()
    }

    def level(name: str) -> int:
        return 1 + max((level(need) for need in needs[name]), default=-1)

    return {name: level(name) for name in needs}


def waves(applications: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {name: int(each["metadata"]["annotations"][WAVE]) for name, each in applications.items()}


def test_both_engines_have_the_same_graph(small: SmallCatalogue) -> None:
    flux = levels(works(small.render("crds", "hetzner-csi", "proxy", "report", "scaleway-csi", "shop")))
    argocd = waves(works(small.argocd()))
    assert argocd.pop("argo-cd") == 0
    assert argocd == {name: 10 * level for name, level in flux.items()}
    assert argocd == {
        "crds": 0,
        "hetzner-csi": 0,
        "scaleway-csi": 0,
        "proxy-hetzner": 10,
        "proxy-scaleway": 10,
        "shop-hetzner": 20,
        "shop-scaleway": 20,
        "report": 30,
    }


def test_the_root_manages_the_cluster_and_reads_no_secret(small: SmallCatalogue) -> None:
    project, root = documents(small.argocd()["files"]["clusters/development/argocd/root.yaml"])
    assert root["spec"]["source"] == {
        "repoURL": "https://git.example.org/fleet.git",
        "targetRevision": "main",
        "path": "clusters/development",
        "directory": {"recurse": True, "exclude": "{*.sops.yaml,.fleet-manifest.json}"},
    }
    assert project["spec"]["sourceRepos"] == ["https://charts.example.org", "https://git.example.org/fleet.git"]


def test_an_application_heals_prunes_and_tries_again(small: SmallCatalogue) -> None:
    found = works(small.argocd(retry_interval="7s"))["proxy-hetzner"]["spec"]
    assert found["project"] == "fleet"
    assert found["destination"] == {"server": "https://kubernetes.default.svc", "namespace": "shop"}
    assert found["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert {"ServerSideApply=true", "SkipDryRunOnMissingResource=true"} <= set(found["syncPolicy"]["syncOptions"])
    assert found["syncPolicy"]["retry"]["backoff"]["duration"] == "7s"


def test_namespaces_come_before_the_first_wave_and_stay(small: SmallCatalogue) -> None:
    (namespace,) = documents(small.argocd()["files"]["clusters/development/namespaces.yaml"])
    assert namespace["metadata"]["annotations"] == {WAVE: "-10", "argocd.argoproj.io/sync-options": "Prune=false"}


def test_storage_classes_come_with_the_driver(small: SmallCatalogue) -> None:
    chart, objects = works(small.argocd())["hetzner-csi"]["spec"]["sources"]
    assert chart["chart"] == "hetzner-csi"
    assert objects["path"] == "infrastructure/objects/hetzner-csi"


def test_no_object_of_flux_is_rendered_for_argo_cd(small: SmallCatalogue) -> None:
    files = small.argocd()["files"]
    assert [path for path, text in files.items() if "toolkit.fluxcd.io" in text] == []


def test_a_component_for_one_engine_is_refused_by_the_other(small: SmallCatalogue) -> None:
    small.chart("flagger", engines=["flux"])
    small.render("flagger")
    with pytest.raises(PlatformError, match="Component flagger is for flux, not for argocd"):
        small.argocd("flagger")
