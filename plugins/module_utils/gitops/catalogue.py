# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the catalogue: each component is a folder `<layer>/<component>` with a `component.yml` and its manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from ..errors import NotFound, Permanent
from .component import CENTRAL, LAYERS, PER_CLUSTER, PER_PROVIDER, Component
from .component_file import KEYS, Surroundings, read
from .manifests import Parse
from .values import filled, placeholders

__all__ = ["CENTRAL", "KEYS", "LAYERS", "PER_CLUSTER", "PER_PROVIDER", "Component", "load", "names"]


def names(catalogue: Path) -> list[str]:
    """Names of every component, by layer and name."""
    return [folder.name for folder in _folders(catalogue).values()]


def load(catalogue: Path, names: Iterable[str], parse: Parse) -> list[Component]:
    """The named components, those that others need first. ``parse`` reads YAML."""
    folders = _folders(catalogue)
    surroundings = Surroundings(
        tuple(titles(catalogue, "providers", parse)), tuple(titles(catalogue, "environments", parse))
    )
    components = {}
    for name in names:
        if name not in folders:
            known = ", ".join(sorted(folders)) or "nothing"
            raise NotFound(f"There is no component {name!r} in the catalogue {catalogue}; it holds {known}.")
        components[name] = read(folders[name], surroundings, parse)
    return _ordered(components, surroundings)


def titles(catalogue: Path, kind: str, parse: Parse) -> dict[str, str]:
    """Names of the ``providers`` or ``environments`` that the catalogue knows, and how people write them."""
    return {str(key): str(value) for key, value in parse((catalogue / f"{kind}.yml").read_text("utf-8")).items()}


def _folders(catalogue: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for layer in LAYERS:
        for file in sorted(catalogue.glob(f"{layer}/*/component.yml")):
            name = file.parent.name
            if name in found:
                raise Permanent(f"Component {name} stands in {found[name]} and in {file.parent}. Rename one of them.")
            found[name] = file.parent
    return found


def _ordered(components: Mapping[str, Component], surroundings: Surroundings) -> list[Component]:
    for component in components.values():
        missing = [need for need in component.needs if need not in components]
        if missing:
            raise Permanent(f"Component {component.name} needs {', '.join(missing)}. Add it to the components.")
    makers = {made.name: each.name for each in components.values() for made in each.makes_classes}
    graph = {
        name: sorted({*component.needs, *_makers_of(component, makers, surroundings)})
        for name, component in sorted(components.items())
    }
    try:
        return [components[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as cycle:
        raise Permanent(f"Components need each other in a circle: {' -> '.join(cycle.args[1])}.") from None


def _makers_of(component: Component, makers: Mapping[str, str], surroundings: Surroundings) -> set[str]:
    """Components that make the storage classes it may use, at whatever provider."""
    used: set[str] = set()
    for text in component.storage_classes:
        if placeholders(text) <= {"provider"}:
            used |= {filled(text, {"provider": provider}) for provider in surroundings.providers}
    return {makers[name] for name in used if name in makers}
