"""Makes the images that the cache lacks; each lies in a folder keyed by the locks of what is in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from lab import paths
from lab.images import oci
from lab.images.catalogue import CATALOGUE, Folder, Program, Recipe
from lab.tools import families

_FORMAT = "1"  # raise it when oci.py writes something else from the same files
Say = Callable[[str], None]


def home(recipe: Recipe) -> Path:
    """Folder of an image's OCI layout in the cache; another lock or another recipe is another folder."""
    locks = [families.family(name).lock() for name in recipe.families()]
    key = hashlib.sha256(repr((_FORMAT, recipe, locks)).encode()).hexdigest()[:12]
    return paths.cache() / "images" / recipe.name.partition(":")[0].replace("/", "_") / key


def ensure(say: Say = print, recipes: Iterable[Recipe] = CATALOGUE) -> list[oci.Image]:
    """Every image of the catalogue, made now where it is missing. Wants the tool families built."""
    todo = [recipe for recipe in recipes if not home(recipe).is_dir()]
    for number, recipe in enumerate(todo, 1):
        say(f"  [{number}/{len(todo)}] image {recipe.name}")
        _make(recipe)
    return [oci.read(home(recipe)) for recipe in recipes]


def _make(recipe: Recipe) -> None:
    folder = home(recipe)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    oci.build(partial, recipe.name, [_file(each) for each in recipe.contents], recipe.settings)
    partial.rename(folder)
    for old in folder.parent.iterdir():
        if old != folder:
            shutil.rmtree(old)


def _file(content: Program | Folder) -> oci.File:
    if isinstance(content, Program):
        return oci.File(families.program(content.name), content.target)
    return oci.File(families.data(content.family, content.name), content.target)
