from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.images import cache, catalogue, oci
from lab.images.catalogue import CATALOGUE, Folder, Program, Recipe
from lab.tools import families


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def built(recipe: Recipe) -> Recipe:
    """Puts stand-ins where the built programs of a recipe would lie."""
    for content in recipe.contents:
        if isinstance(content, Program):
            path = families.program(content.name)
        else:
            path = families.data(content.family, content.name) / "file"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.name)
    return recipe


@pytest.mark.parametrize("recipe", [pytest.param(recipe, id=recipe.name) for recipe in CATALOGUE])
def test_an_image_has_a_full_name_a_numeric_user_and_contents_that_are_built(recipe: Recipe) -> None:
    assert re.fullmatch(r"[a-z0-9.]+\.[a-z]+/[a-z0-9/-]+:[\w.-]+", recipe.name)
    user, _colon, group = recipe.settings.user.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert bool(recipe.settings.entrypoint) != bool(recipe.settings.command)
    for content in recipe.contents:
        assert content.target.startswith("/")
        if isinstance(content, Folder):
            family = families.family(content.family)
            assert content.name in {data.to for data in family.data}
    for name in recipe.families():
        assert families.family(name) in families.FAMILIES


def test_the_names_are_those_that_manifests_of_the_platform_use() -> None:
    assert {recipe.name for recipe in CATALOGUE} == {
        "registry.k8s.io/pause:3.10.1",
        "registry.k8s.io/coredns/coredns:v1.14.7",
        "ghcr.io/fluxcd/source-controller:v1.9.3",
        "ghcr.io/fluxcd/kustomize-controller:v1.9.3",
        "ghcr.io/fluxcd/helm-controller:v1.6.4",
        "ghcr.io/fluxcd/notification-controller:v1.9.3",
        "ghcr.io/stefanprodan/podinfo:6.9.2",
    }
    assert catalogue.upstream_hosts() == ["ghcr.io", "registry.k8s.io"]


def test_images_are_made_once() -> None:
    recipes = [built(recipe) for recipe in CATALOGUE[:2]]
    said: list[str] = []
    first = cache.ensure(said.append, recipes)
    assert [image.name for image in first] == [recipe.name for recipe in recipes]
    assert len(said) == 2
    assert cache.ensure(said.append, recipes) == first
    assert len(said) == 2


def test_podinfo_finds_its_page_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, oci.File] = {}

    def build(layout: Path, name: str, files: list[oci.File], settings: oci.Settings) -> None:
        layout.mkdir(parents=True)
        written.update({file.target: file for file in files})

    monkeypatch.setattr(oci, "build", build)
    monkeypatch.setattr(oci, "read", lambda layout: layout)
    recipe = next(recipe for recipe in CATALOGUE if recipe.name == catalogue.PODINFO)
    cache.ensure(lambda _line: None, [recipe])
    assert written["/home/app/ui"].source == families.data("podinfo", "ui")
    assert written["/home/app/podinfo"].source == families.program("podinfo")
    assert recipe.settings.workdir == "/home/app"


def test_another_lock_makes_the_image_anew_and_drops_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = built(CATALOGUE[0])
    cache.ensure(lambda _line: None, [recipe])
    old = cache.home(recipe)
    monkeypatch.setattr(families.Family, "lock", lambda self: "another-lock")
    built(recipe)
    cache.ensure(lambda _line: None, [recipe])
    assert cache.home(recipe) != old
    assert list(old.parent.iterdir()) == [cache.home(recipe)]


def test_an_image_that_was_being_made_when_the_power_failed_is_made_again() -> None:
    recipe = built(CATALOGUE[0])
    partial = cache.home(recipe).with_name(cache.home(recipe).name + ".partial")
    (partial / "blobs" / "sha256").mkdir(parents=True)
    (partial / "blobs" / "sha256" / "half").write_text("half")
    [image] = cache.ensure(lambda _line: None, [recipe])
    assert len(list((image.layout / "blobs" / "sha256").iterdir())) == 3
