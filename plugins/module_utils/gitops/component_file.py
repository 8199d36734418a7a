# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one component.yml. A wrong or unknown key is refused with its place, its value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import NotFound, Permanent
from . import component_check, known_values, manifests, values
from .component import (
    ENGINES,
    LAYERS,
    RUNS,
    Chart,
    Component,
    GitBase,
    Health,
    Manifests,
    OwnFile,
    Patch,
    SecretNeed,
    Setting,
    Source,
    StorageClass,
    Workload,
)
from .component_check import BUILT_IN
from .fields import Fields
from .manifests import Parse
from .versions import exact

REQUIRED = ("layer", "description", "source", "namespace", "runs", "placement", "jurisdiction", "licence", "lab")
OPTIONAL = (
    "needs",
    "providers",
    "engines",
    "values",
    "provider_values",
    "environment_values",
    "value_keys",
    "adds_values",
    "settings",
    "objects",
    "patches",
    "own_files",
    "secrets",
    "storage_classes",
    "makes_storage_classes",
    "health_checks",
    "drift_ignore",
)
KEYS = (*REQUIRED, *OPTIONAL)
"""Keys of a component.yml."""
NO_NAMESPACE = "none"
AS_SHIPPED = "as-shipped"
"""What a chart or somebody's manifests say themselves is left as it is."""

_HEALTH = ("all", "none")
_TOLERATE = ("provider", "everything", AS_SHIPPED)
_RECLAIM = ("Delete", "Retain")
_JURISDICTION = re.compile(r"none|EU|[A-Z]{2}")
_SETTING = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Surroundings:
    """What the catalogue knows beside its components."""

    providers: tuple[str, ...]
    environments: tuple[str, ...]


def read(folder: Path, surroundings: Surroundings, parse: Parse) -> Component:
    """The component of a folder."""
    file = folder / "component.yml"
    given = Fields(str(file), "", parse(file.read_text(encoding="utf-8")))
    given.only(REQUIRED, OPTIONAL)
    source = _source(given.fields("source"), folder)
    namespace = given.text("namespace")
    component = Component(
        name=folder.name,
        file=str(file),
        layer=given.choice("layer", LAYERS),
        description=given.text("description"),
        source=source,
        namespace="" if namespace == NO_NAMESPACE else namespace,
        needs=tuple(given.texts("needs")),
        runs=given.choice("runs", RUNS),
        workloads=tuple(_workload(each, source) for each in given.each("placement")),
        own_files=tuple(_own_file(name, fields) for name, fields in given.named("own_files")),
        secrets=tuple(_secret(name, fields) for name, fields in given.named("secrets")),
        health=_health(given),
        objects=manifests.read(folder / given.text("objects")) if given.has("objects") else {},
        providers=tuple(given.texts("providers", surroundings.providers)),
        engines=tuple(given.texts("engines", ENGINES)) or ENGINES,
        values=given.mapping("values"),
        provider_values=_variants(given, "provider_values", surroundings.providers),
        environment_values=_variants(given, "environment_values", surroundings.environments),
        patches=tuple(_patch(each, surroundings) for each in given.each("patches")),
        settings={name: _setting(name, fields) for name, fields in given.named("settings")},
        storage_classes=tuple(given.texts("storage_classes")),
        makes_classes=tuple(_storage_class(name, fields) for name, fields in given.named("makes_storage_classes")),
        drift_ignore=tuple(_drift(each) for each in given.each("drift_ignore")),
        jurisdiction=_jurisdiction(given),
        licence=given.text("licence"),
        lab=_lab(given)[0],
        lab_note=_lab(given)[1],
        known_values=_known_values(given, folder, source) if isinstance(source, Chart) else frozenset(),
        adds_values={name: fields.content for name, fields in given.named("adds_values")},
    )
    objects = list(manifests.documents(component.manifests or component.objects, parse))
    component = replace(component, own=frozenset((each["kind"], each["metadata"]["name"]) for each in objects))
    component_check.check(component, given, objects)
    return component


def _source(given: Fields, folder: Path) -> Source:
    kinds = [key for key in ("chart", "git", "manifests") if given.has(key)]
    if len(kinds) != 1:
        raise Permanent(f"{given.file}: source must have exactly one of chart, git and manifests.")
    if kinds == ["chart"]:
        given.only(("chart", "repository", "version"), ("crds",))
        repository = given.text("repository").rstrip("/")
        if not repository.startswith(("https://", "oci://")):
            raise given.wrong("repository", "a URL that begins with https:// or oci://")
        crds = given.choice("crds", ("replace", "skip"), "replace")
        return Chart(repository, given.text("chart"), exact(given, "version"), crds == "replace")
    if kinds == ["git"]:
        given.only(("git", "path", "version"))
        if not given.text("git").startswith("https://"):
            raise given.wrong("git", "a URL that begins with https://")
        return GitBase(given.text("git"), given.text("path").strip("/"), exact(given, "version"))
    given.only(("manifests", "version"))
    texts = manifests.read(folder / given.text("manifests"))
    return Manifests(exact(given, "version"), texts)


def _workload(given: Fields, source: Source) -> Workload:
    optional = {Chart: ("node_selector", "tolerations", "tolerate", "requests"), GitBase: ("tolerate", "requests")}
    given.only(("workload", "path"), optional.get(type(source), ()))
    kind, slash, name = given.text("workload").partition("/")
    if not (kind and slash and name):
        raise given.wrong("workload", "a kind and a name, such as Deployment/podinfo")
    shipped = given.value("requests") == AS_SHIPPED
    requests = {} if shipped else {where: _request(fields) for where, fields in given.named("requests")}
    if not (requests or shipped) and not isinstance(source, Manifests):
        raise Permanent(f"{given.file}: {given.path('requests')} is missing: every container asks for cpu and memory.")
    path = given.text("path")
    above = "" if path == "." else f"{path}."
    return Workload(
        kind=kind,
        name=name,
        path=path,
        node_selector=given.text("node_selector", f"{above}nodeSelector"),
        tolerations=given.text("tolerations", f"{above}tolerations"),
        tolerate=given.choice("tolerate", _TOLERATE, "provider"),
        requests=requests,
    )


def _request(given: Fields) -> dict[str, str]:
    given.only(("cpu", "memory"))
    return {"cpu": str(given.value("cpu")), "memory": given.text("memory")}


def _own_file(name: str, given: Fields) -> OwnFile:
    given.only(("config_map", "text"))
    return OwnFile(name, given.text("config_map"), given.text("text"))


def _secret(name: str, given: Fields) -> SecretNeed:
    given.only((), ("random", "keys", "vault"))
    if not given.has("vault"):
        return SecretNeed(name, tuple(given.texts("random")), tuple(given.texts("keys")))
    vault = given.fields("vault")
    vault.only(("mount", "path"))
    if given.has("random") or given.has("keys"):
        raise Permanent(f"{given.file}: {given.place} comes from Vault: random and keys are for secrets in Git.")
    return SecretNeed(name, vault=vault.text("path"), mount=vault.text("mount"))


def _health(given: Fields) -> Health:
    value = given.value("health_checks", "all")
    if not isinstance(value, dict):
        return Health(wait=given.choice("health_checks", _HEALTH, "all") == "all")
    checks = given.fields("health_checks")
    checks.only((), ("objects", "expressions"))
    objects = [_texts_of(each, ("api", "kind", "name"), ("namespace",)) for each in checks.each("objects")]
    expressions = [_texts_of(each, ("api", "kind", "current"), ("failed",)) for each in checks.each("expressions")]
    return Health(wait=not objects, objects=tuple(objects), expressions=tuple(expressions))


def _texts_of(given: Fields, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, str]:
    given.only(required, optional)
    return {key: given.text(key) for key in (*required, *optional) if given.has(key)}


def _variants(given: Fields, key: str, allowed: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    if not given.has(key):
        return {}
    fields = given.fields(key)
    fields.only((), tuple(allowed))
    found = {name: fields.mapping(name) for name in fields.content}
    for name, content in found.items():
        empty = [path for path, value in values.leaves(content) if value is None]
        if empty:
            raise Permanent(f"{given.file}: {key}.{name}.{empty[0]} is empty. A patch cannot take a value away.")
    return found


def _patch(given: Fields, surroundings: Surroundings) -> Patch:
    given.only(("target", "change"), ("provider", "environment"))
    kind, slash, name = given.text("target").partition("/")
    if not (kind and slash and name):
        raise given.wrong("target", "a kind and a name, such as Deployment/podinfo")
    provider = given.choice("provider", (*surroundings.providers, ""), "")
    environment = given.choice("environment", (*surroundings.environments, ""), "")
    return Patch(kind, name, given.fields("change").content, provider, environment)


def _setting(name: str, given: Fields) -> Setting:
    given.only(("description",), ("default",))
    if not _SETTING.fullmatch(name) or name in BUILT_IN:
        raise Permanent(
            f"{given.file}: settings.{name} is no name of a setting: small letters, digits and _, and not "
            f"{', '.join(BUILT_IN)}."
        )
    return Setting(name, given.text("description"), given.value("default"))


def _storage_class(name: str, given: Fields) -> StorageClass:
    given.only(("provisioner",), ("parameters", "reclaim", "expandable"))
    parameters = {str(key): str(value) for key, value in given.mapping("parameters").items()}
    reclaim = given.choice("reclaim", _RECLAIM, "Delete")
    return StorageClass(name, given.text("provisioner"), parameters, reclaim, given.flag("expandable", True))


def _drift(given: Fields) -> dict[str, Any]:
    given.only(("kind", "paths"), ("group", "name"))
    found: dict[str, Any] = {key: given.text(key) for key in ("group", "kind", "name") if given.has(key)}
    return {**found, "paths": given.texts("paths")}


def _jurisdiction(given: Fields) -> str:
    value = given.text("jurisdiction")
    if not _JURISDICTION.fullmatch(value):
        raise given.wrong("jurisdiction", "none, EU or the two capital letters of a country")
    return value


def _lab(given: Fields) -> tuple[str, str]:
    """``runs`` or ``renders``, and how or why."""
    if given.value("lab") == "runs":
        return "runs", ""
    if not isinstance(given.value("lab"), dict) or len(given.value("lab")) != 1:
        raise given.wrong("lab", "runs, or one of {runs: how} and {renders: why}")
    lab = given.fields("lab")
    lab.only((), ("runs", "renders"))
    ((key, _note),) = lab.content.items()
    return key, lab.text(key)


def _known_values(given: Fields, folder: Path, chart: Chart) -> frozenset[str]:
    file = folder / given.text("value_keys")
    if not file.is_file():
        raise NotFound(f"{given.file}: value_keys names {file}, which is not there.")
    return known_values.parsed(file.read_text(encoding="utf-8"), str(file), chart)
