"""The catalogue: what stands in it is sound, and what is wrong in one is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.catalogue import KEYS, LAYERS, load

from .tools import CATALOGUE

NAMES = sorted(file.parent.name for layer in LAYERS for file in CATALOGUE.glob(f"{layer}/*/component.yml"))


@pytest.fixture(name="catalogue")
def _catalogue(tmp_path: Path) -> Path:
    copy = tmp_path / "catalogue"
    shutil.copytree(CATALOGUE, copy)
    return copy


def change(catalogue: Path, component: str = "podinfo", **given: Any) -> None:
    """Sets keys of a component.yml; None takes one away."""
    file = catalogue / "apps" / component / "component.yml"
    content = {**yaml.safe_load(file.read_text()), **given}
    file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))


def second(catalogue: Path, name: str, **given: Any) -> None:
    """Another component, otherwise like podinfo."""
    shutil.copytree(catalogue / "apps/podinfo", catalogue / "apps" / name)
    change(catalogue, name, **given)


def test_the_readme_explains_every_key() -> None:
    text = (CATALOGUE / "README.md").read_text()
    assert [key for key in KEYS if f"| `{key}` |" not in text] == []
    assert [layer for layer in LAYERS if f"`{layer}`" not in text] == []


def test_podinfo_is_there() -> None:
    assert "podinfo" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_component_can_be_loaded_and_pins_its_images(name: str) -> None:
    needed = {name}
    while more := {need for each in needed for need in description(each).get("needs", [])} - needed:
        needed |= more
    component = next(each for each in load(CATALOGUE, sorted(needed), yaml.safe_load) if each.name == name)
    lines = [line for text in component.manifests.values() for line in text.splitlines()]
    images = [line.partition("image:")[2].strip() for line in lines if "image:" in line]
    assert all(f":{component.version}" in image for image in images), images


def description(name: str) -> dict[str, Any]:
    (file,) = CATALOGUE.glob(f"*/{name}/component.yml")
    return dict(yaml.safe_load(file.read_text()))


def test_components_come_after_what_they_need(catalogue: Path) -> None:
    second(catalogue, "aaa", needs=["podinfo"])
    names = [component.name for component in load(catalogue, ["aaa", "podinfo"], yaml.safe_load)]
    assert names == ["podinfo", "aaa"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({"layers": "apps"}, r"layers is not known\. Allowed: layer, ", id="a misspelt key"),
        pytest.param({"layer": None}, "layer is missing", id="a key that is missing"),
        pytest.param({"layer": "app"}, "layer is 'app', but must be crds or", id="a wrong choice"),
        pytest.param({"layer": "platform"}, "the folder stands in 'apps'", id="another folder"),
        pytest.param({"runs": "everywhere"}, "runs is 'everywhere', but must be per-provider or", id="runs nowhere"),
        pytest.param({"needs": "csi"}, "needs is 'csi', but must be a list of texts", id="no list"),
        pytest.param({"needs": ["csi"]}, "podinfo needs csi. Add it", id="a need that is not among the components"),
        pytest.param({"needs": ["podinfo"]}, "in a circle: podinfo -> podinfo", id="a circle"),
        pytest.param({"source": {"manifests": "x", "version": "1"}}, "must hold the manifests", id="no manifests"),
        pytest.param(
            {"source": {"manifests": "manifests", "v": "1"}}, r"source\.v is not known", id="a wrong key inside"
        ),
        pytest.param({"placement": []}, "Deployment/podinfo is in the manifests and must be told", id="not placed"),
        pytest.param(
            {"placement": [{"workload": "podinfo", "path": "spec"}]},
            r"placement\[0\]\.workload is 'podinfo', but must be a kind and a name",
            id="a workload without a kind",
        ),
        pytest.param({"own_files": {"a.env": {"text": "x"}}}, r"own_files\.a\.env\.config_map is missing", id="no map"),
        pytest.param({"secrets": ["x"]}, r"secrets must be a mapping, not \['x'\]", id="a list of secrets"),
        pytest.param({"runs": "per-cluster"}, "own_files are for components that run per-provider", id="own files"),
    ],
)
def test_what_is_wrong_is_named(catalogue: Path, given: dict[str, Any], sentence: str) -> None:
    change(catalogue, **given)
    with pytest.raises(PlatformError, match=sentence):
        load(catalogue, ["podinfo"], yaml.safe_load)


def test_an_unknown_component_is_named_with_the_known_ones() -> None:
    with pytest.raises(PlatformError, match="no component 'podinf' in the catalogue .* it holds .*podinfo"):
        load(CATALOGUE, ["podinf"], yaml.safe_load)
