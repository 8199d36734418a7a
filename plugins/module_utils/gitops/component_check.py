# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a component as a whole: what its parts say of each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import Permanent
from . import known_values, manifests, values
from .component import PER_PROVIDER, VAULT_AUTH, Chart, Component, GitBase, Manifests
from .fields import Fields

BUILT_IN = ("cluster", "environment", "provider")
"""Variables that every component may use."""

_ONLY_CHART = ("values", "provider_values", "environment_values", "value_keys", "drift_ignore")


def check(component: Component, given: Fields, objects: list[dict[str, Any]]) -> None:
    """Permanent with one sentence unless the component is sound. ``objects`` are those of its own manifests."""
    _check_layer(component)
    _check_source(component, given)
    _check_runs(component)
    _check_manifests(component, objects)
    _check_values(component)
    _check_variables(component)
    _check_secrets(component)


def _check_layer(component: Component) -> None:
    layer = Path(component.file).parts[-3]
    if component.layer != layer:
        raise Permanent(f"{component.file}: layer is {component.layer!r}, but the folder stands in {layer!r}.")


def _check_source(component: Component, given: Fields) -> None:
    file = component.file
    if not isinstance(component.source, Chart):
        for key in _ONLY_CHART:
            if given.has(key):
                raise Permanent(f"{file}: {key} is for charts, but source is none.")
    if not component.namespace and (component.secrets or not isinstance(component.source, Manifests)):
        raise Permanent(f"{file}: namespace may be 'none' only for manifests without secrets.")
    if isinstance(component.source, Manifests) and component.objects:
        raise Permanent(f"{file}: objects is for charts and git; put them into the manifests.")


def _check_runs(component: Component) -> None:
    file = component.file
    once = component.runs != PER_PROVIDER
    if component.own_files and (once or component.environment_values):
        raise Permanent(f"{file}: own_files are for components that run {PER_PROVIDER}.")
    if once and (component.provider_values or component.providers):
        key = "provider_values" if component.provider_values else "providers"
        raise Permanent(f"{file}: {key} is for components that run {PER_PROVIDER}.")
    for name in component.provider_values:
        if component.providers and name not in component.providers:
            raise Permanent(f"{file}: provider_values.{name} is for a provider that is not among providers.")
    if component.makes_classes and (once or len(component.providers) != 1):
        raise Permanent(f"{file}: makes_storage_classes is for components of one provider: name it in providers.")
    for each in component.makes_classes:
        if not each.name.startswith(f"{component.providers[0]}-"):
            raise Permanent(
                f"{file}: makes_storage_classes.{each.name} must begin with the provider: {component.providers[0]}-…"
            )


def _check_manifests(component: Component, objects: list[dict[str, Any]]) -> None:
    # The workloads of a chart or of somebody else's manifests are not here to be compared.
    told = component.workloads if isinstance(component.source, Manifests) else ()
    manifests.check(objects, told, component.file)
    for number, patch in enumerate(component.patches):
        place = f"{component.file}: patches[{number}]"
        if (patch.kind, patch.name) not in component.own:
            if isinstance(component.source, GitBase):
                continue  # it is for one of the objects there
            raise Permanent(f"{place}.target: {patch.kind}/{patch.name} is not among the manifests.")
        if not (patch.provider or patch.environment or values.placeholders(patch.change)):
            raise Permanent(f"{place} is the same everywhere: write it into the manifest.")


def _check_values(component: Component) -> None:
    if not isinstance(component.source, Chart):
        return
    chart = f"{component.source.name} {component.source.version}"
    places: dict[str, Mapping[str, Any]] = {"values": component.values}
    places |= {f"provider_values.{name}": each for name, each in component.provider_values.items()}
    places |= {f"environment_values.{name}": each for name, each in component.environment_values.items()}
    for place, given in places.items():
        known_values.refuse_unknown(given, component.known_values, component.file, place, chart)
    for number, workload in enumerate(component.workloads):
        wanted: dict[str, Any] = {}
        for path in workload.requests:
            values.put(wanted, f"{path}.requests", {"cpu": "1m"})
        if workload.tolerate != "as-shipped":
            values.put(wanted, workload.tolerations, [])
        values.put(wanted, workload.node_selector, {})
        known_values.refuse_unknown(wanted, component.known_values, component.file, f"placement[{number}]", chart)


def _check_variables(component: Component) -> None:
    allowed = {*BUILT_IN, *component.settings}
    places: dict[str, Any] = {"values": component.values, "storage_classes": list(component.storage_classes)}
    places |= {f"provider_values.{name}": each for name, each in component.provider_values.items()}
    places |= {f"environment_values.{name}": each for name, each in component.environment_values.items()}
    places |= {f"patches[{number}]": each.change for number, each in enumerate(component.patches)}
    places |= {f"adds_values.{name}": each for name, each in component.adds_values.items()}
    for place, content in places.items():
        for name in sorted(values.placeholders(content) - allowed):
            known = ", ".join(sorted(allowed))
            raise Permanent(
                f"{component.file}: {place} uses ${{{name}}}, which is not known. Allowed: {known}; write $$ for a "
                "dollar sign."
            )


def _check_secrets(component: Component) -> None:
    from_vault = [each.name for each in component.secrets if each.vault]
    if from_vault and VAULT_AUTH not in component.needs:
        raise Permanent(f"{component.file}: secrets.{from_vault[0]} comes from Vault: add {VAULT_AUTH} to needs.")
    if from_vault and component.is_suffixed:
        raise Permanent(
            f"{component.file}: secrets.{from_vault[0]} comes from Vault, but every provider would make it: let the "
            "component run per-cluster or at one provider."
        )
