"""A catalogue of made-up components, to be filled by a test, and what is rendered from it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.gitops import argocd, catalogue, flux
from ansible_collections.sovereign.fleet.plugins.plugin_utils.repository_tree import render

from .tools import CATALOGUE, KUBECTL

VALUE_KEYS = """\
# chart: {chart}
# version: {version}
# read from: nowhere
args
controller.replicas
controller.nodeSelector.**
controller.tolerations
controller.resources.**
labels.**
name
zones
"""
CHART: dict[str, Any] = {
    "description": "A chart",
    "namespace": "shop",
    "runs": "per-cluster",
    "value_keys": "value-keys.txt",
    "placement": [
        {
            "workload": "Deployment/shop",
            "path": "controller",
            "requests": {"controller.resources": {"cpu": "10m", "memory": "32Mi"}},
        }
    ],
    "jurisdiction": "none",
    "licence": "MIT",
    "lab": {"renders": "it does not exist"},
}
MANIFESTS: dict[str, Any] = {**CHART, "source": {"manifests": "manifests", "version": "1.0.0"}, "placement": []}
del MANIFESTS["value_keys"]
OPTIONS: dict[str, Any] = {
    "cluster": "development",
    "environment": "development",
    "providers": ["hetzner", "scaleway"],
    "repository": {"url": "https://git.example.org/fleet.git"},
    "manifest": "",
    "secrets": {},
    "age_recipients": [],
    "interval": "1m",
    "heal_interval": "10m",
    "retry_interval": "30s",
    "timeout": "5m",
}


class SmallCatalogue:
    """A catalogue in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("providers.yml", "environments.yml"):
            shutil.copy(CATALOGUE / name, folder)

    def chart(self, name: str = "shop", layer: str = "apps", **given: Any) -> None:
        """A component of a chart; None takes a key away."""
        source = {"repository": "https://charts.example.org", "chart": name, "version": "1.2.3"}
        content = {"layer": layer, "source": source, **CHART, **given}
        folder = self._write(layer, name, content)
        version = content["source"].get("version", "") if isinstance(content["source"], dict) else ""
        (folder / "value-keys.txt").write_text(VALUE_KEYS.format(chart=name, version=version))

    def manifests(self, name: str, *objects: dict[str, Any], layer: str = "apps", **given: Any) -> None:
        """A component of manifests."""
        folder = self._write(layer, name, {"layer": layer, **MANIFESTS, **given})
        self.folder_of(folder / "manifests", *objects)

    def folder_of(self, folder: Path, *objects: dict[str, Any]) -> None:
        """A folder of manifests, one file each."""
        folder.mkdir()
        names = [f"{each['kind'].lower()}-{each['metadata']['name']}.yaml" for each in objects]
        for name, each in zip(names, objects, strict=True):
            (folder / name).write_text(yaml.safe_dump(each))
        (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": names}))

    def driver(self, provider: str, **given: Any) -> None:
        """A storage driver that makes the class `<provider>-block`."""
        made = {f"{provider}-block": {"provisioner": f"csi.{provider}"}}
        self.chart(
            f"{provider}-csi",
            "infrastructure",
            **{"runs": "per-provider", "providers": [provider], "makes_storage_classes": made, **given},
        )

    def load(self, *names: str) -> list[catalogue.Component]:
        """Components as the renderers get them."""
        return catalogue.load(self.folder, names or catalogue.names(self.folder), yaml.safe_load)

    def render(self, *names: str, engine: str = flux.ENGINE, **options: Any) -> dict[str, Any]:
        """The tree of these components, all if none is named."""
        components = list(names or catalogue.names(self.folder))
        return render({"catalogue": str(self.folder), "components": components, **OPTIONS, **options}, engine)

    def argocd(self, *names: str, **options: Any) -> dict[str, Any]:
        """The same for Argo CD, which itself is a chart."""
        if "argo-cd" not in catalogue.names(self.folder):
            self.chart(argocd.ITSELF, "infrastructure", engines=["argocd"])
        components = [*names, argocd.ITSELF] if names else catalogue.names(self.folder)
        return self.render(*components, engine=argocd.ENGINE, **options)

    def _write(self, layer: str, name: str, content: dict[str, Any]) -> Path:
        folder = self.folder / layer / name
        folder.mkdir(parents=True)
        given = {key: value for key, value in content.items() if value is not None}
        (folder / "component.yml").write_text(yaml.safe_dump(given))
        return folder


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [each for each in yaml.safe_load_all(text) if each]


def works(tree: dict[str, Any], cluster: str = "development") -> dict[str, dict[str, Any]]:
    """What the engine reconciles, by name: Kustomizations of Flux or Applications of Argo CD."""
    found = {}
    for path, text in tree["files"].items():
        if path.startswith(f"clusters/{cluster}/") and path.count("/") == 2:
            found |= {each["metadata"]["name"]: each for each in documents(text) if each["kind"] != "Namespace"}
    return found


def written(tree: dict[str, Any], folder: Path) -> Path:
    """The tree on disk, without its Secrets."""
    for path, text in {**tree["files"], **tree["seeds"]}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def built(folder: Path, patches: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """What Flux and Argo CD make of a folder: they add their patches to its kustomization.yaml, then build it."""
    file = folder / "kustomization.yaml"
    before = file.read_text()
    try:
        if patches:
            content = yaml.safe_load(before)
            file.write_text(yaml.safe_dump({**content, "patches": [*content.get("patches", []), *patches]}))
        done = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    finally:
        file.write_text(before)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    return documents(done.stdout)
