# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the catalogue: each component is a folder `<layer>/<component>` with a `component.yml` and its manifests.

A wrong or unknown key is refused with its place, its value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ..errors import NotFound, Permanent

LAYERS = ("crds", "infrastructure", "platform", "observability", "apps")
"""Folders of the catalogue and of the repository, in the order in which a cluster gets them."""
PER_PROVIDER = "per-provider"
PER_CLUSTER = "per-cluster"

_RUNS = (PER_PROVIDER, PER_CLUSTER)
_HEALTH = ("all", "none")
_LAB = ("runs", "simulated", "no")
_REQUIRED = ("layer", "description", "source", "namespace", "runs", "placement", "jurisdiction", "licence", "lab")
_OPTIONAL = ("needs", "own_files", "secrets", "storage_classes", "health_checks")
KEYS = (*_REQUIRED, *_OPTIONAL)
"""Keys of a component.yml."""

Parse = Callable[[str], Any]


@dataclass(frozen=True)
class Workload:
    """Something that runs pods, and where in it the specification of its pods stands."""

    kind: str
    name: str
    path: str


@dataclass(frozen=True)
class OwnFile:
    """A file of a provider's overlay that belongs to the user once it exists; it becomes a ConfigMap of environment
    variables. ``$provider`` in its text stands for the provider's name as people write it."""

    name: str
    config_map: str
    text: str


@dataclass(frozen=True)
class SecretNeed:
    """A Secret of the component. Keys in ``random`` get a random value unless the user gives one."""

    name: str
    random: tuple[str, ...]


@dataclass(frozen=True)
class Component:
    """One building block of the platform. ``manifests`` are texts by file name, ``health`` is ``all`` or ``none``."""

    name: str
    layer: str
    version: str
    namespace: str
    needs: tuple[str, ...]
    runs: str
    manifests: Mapping[str, str]
    workloads: tuple[Workload, ...]
    own_files: tuple[OwnFile, ...]
    secrets: tuple[SecretNeed, ...]
    health: str


def load(catalogue: Path, names: Iterable[str], parse: Parse) -> list[Component]:
    """The named components, those that others need first. ``parse`` reads YAML."""
    folders = {
        file.parent.name: file.parent for layer in LAYERS for file in sorted(catalogue.glob(f"{layer}/*/component.yml"))
    }
    components = {}
    for name in names:
        if name not in folders:
            known = ", ".join(sorted(folders)) or "nothing"
            raise NotFound(f"There is no component {name!r} in the catalogue {catalogue}; it holds {known}.")
        components[name] = _component(folders[name], parse)
    return _ordered(components)


def _ordered(components: Mapping[str, Component]) -> list[Component]:
    for component in components.values():
        missing = [need for need in component.needs if need not in components]
        if missing:
            raise Permanent(f"Component {component.name} needs {', '.join(missing)}. Add it to the components.")
    graph = {name: sorted(component.needs) for name, component in sorted(components.items())}
    try:
        return [components[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as cycle:
        raise Permanent(f"Components need each other in a circle: {' -> '.join(cycle.args[1])}.") from None


def _component(folder: Path, parse: Parse) -> Component:
    file = folder / "component.yml"
    given = _Fields(str(file), "", parse(file.read_text(encoding="utf-8")))
    given.only(_REQUIRED, _OPTIONAL)
    source = given.fields("source")
    source.only(("manifests", "version"))
    component = Component(
        name=folder.name,
        layer=given.choice("layer", LAYERS),
        version=str(source.value("version")),
        namespace=given.text("namespace"),
        needs=tuple(given.texts("needs")),
        runs=given.choice("runs", _RUNS),
        manifests=_manifests(folder / source.text("manifests")),
        workloads=tuple(_workload(each) for each in given.each("placement")),
        own_files=tuple(_own_file(name, fields) for name, fields in given.named("own_files")),
        secrets=tuple(_secret(name, fields) for name, fields in given.named("secrets")),
        health=given.choice("health_checks", _HEALTH, default="all"),
    )
    for key in ("description", "jurisdiction", "licence"):
        given.text(key)
    given.choice("lab", _LAB)
    given.texts("storage_classes")
    if component.layer != folder.parent.name:
        raise Permanent(f"{file}: layer is {component.layer!r}, but the folder stands in {folder.parent.name!r}.")
    if component.own_files and component.runs != PER_PROVIDER:
        raise Permanent(f"{file}: own_files are for components that run {PER_PROVIDER}.")
    _check_placement(component, file, parse)
    return component


def _manifests(folder: Path) -> dict[str, str]:
    if not (folder / "kustomization.yaml").is_file():
        raise NotFound(f"{folder} must hold the manifests of the component and a kustomization.yaml that lists them.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def _check_placement(component: Component, file: Path, parse: Parse) -> None:
    """Every workload of the manifests must be told, or it would run on the nodes of any provider."""
    told = {(workload.kind, workload.name) for workload in component.workloads}
    found = set()
    for text in component.manifests.values():
        for part in text.split("\n---"):
            manifest = parse(part)
            if isinstance(manifest, dict) and manifest.get("kind") in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
                found.add((manifest["kind"], manifest["metadata"]["name"]))
    for kind, name in sorted(told ^ found):
        known = "is not in the manifests" if (kind, name) in told else "is in the manifests and must be told"
        raise Permanent(f"{file}: placement: {kind}/{name} {known}.")


def _workload(given: _Fields) -> Workload:
    given.only(("workload", "path"))
    kind, slash, name = given.text("workload").partition("/")
    if not (kind and slash and name):
        raise given.wrong("workload", "a kind and a name, such as Deployment/podinfo")
    return Workload(kind, name, given.text("path"))


def _own_file(name: str, given: _Fields) -> OwnFile:
    given.only(("config_map", "text"))
    return OwnFile(name, given.text("config_map"), given.text("text"))


def _secret(name: str, given: _Fields) -> SecretNeed:
    given.only((), ("random",))
    return SecretNeed(name, tuple(given.texts("random")))


class _Fields:
    """A mapping of component.yml that knows where it stands."""

    def __init__(self, file: str, place: str, content: Any) -> None:
        self._file = file
        self._place = place
        if not isinstance(content, dict):
            raise Permanent(f"{file}: {place or 'the file'} must be a mapping, not {content!r}.")
        self._content = content

    def only(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        """Refuses keys that are not known and the lack of those that are required."""
        allowed = (*required, *optional)
        for key in self._content:
            if key not in allowed:
                raise Permanent(f"{self._file}: {self._path(key)} is not known. Allowed: {', '.join(allowed)}.")
        for key in required:
            if key not in self._content:
                raise Permanent(f"{self._file}: {self._path(key)} is missing.")

    def value(self, key: str, default: Any = None) -> Any:
        """Whatever stands there."""
        return self._content.get(key, default)

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.value(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of a few texts."""
        value = self.value(key, default)
        if value not in choices:
            raise self.wrong(key, " or ".join(choices))
        return str(value)

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty when it is left out."""
        value = self.value(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(key, "a list of texts")
        return value

    def fields(self, key: str) -> _Fields:
        """A mapping."""
        return _Fields(self._file, self._path(key), self.value(key))

    def each(self, key: str) -> list[_Fields]:
        """A list of mappings."""
        value = self.value(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return [_Fields(self._file, f"{self._path(key)}[{number}]", each) for number, each in enumerate(value)]

    def named(self, key: str) -> list[tuple[str, _Fields]]:
        """Mappings by their names; none when it is left out."""
        value = _Fields(self._file, self._path(key), self.value(key, {}))
        return [(str(name), value.fields(name)) for name in value._content]

    def wrong(self, key: str, expected: str) -> Permanent:
        """The error for a value that is not what it should be."""
        return Permanent(f"{self._file}: {self._path(key)} is {self.value(key)!r}, but must be {expected}.")

    def _path(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else str(key)
