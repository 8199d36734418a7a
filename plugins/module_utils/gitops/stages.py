# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a component says for one provider, one environment and one cluster, split by what it depends on.

Clusters share a repository, so whatever is the same for all of them must stand in a file that knows nothing of the
cluster. Each stage is said with the variables that are known there; the next stage is the patch that leads on from it.
So the patches, applied in their order, give exactly what the component says for the cluster: nothing is lost, lists
included.

    base          what every provider and environment has
    provider      what one provider adds                      a Kustomize Component of its own
    environment   what one environment adds                   a Kustomize Component of its own
    overlay       what takes both to say, such as a list that both add to
    cluster       what takes the cluster and the user's settings to say
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Permanent
from . import known_values
from .cluster import PROVIDER_LABEL, Cluster, Document
from .component import PER_PROVIDER, Chart, Component, GitBase, Patch, Workload
from .graph import Instance
from .values import difference, filled, joined, known_part, patched, placeholders, put

_APPS = ("DaemonSet", "Deployment", "StatefulSet")


@dataclass(frozen=True)
class Embedded:
    """A document that stands as a text in another one."""

    content: Document


@dataclass(frozen=True)
class Stages:
    """Parts of the specification of a release or of somebody else's manifests: ``values`` or ``patches``.

    ``base`` and ``final`` are whole, the others are patches.
    """

    base: Document
    provider: Document
    environment: Document
    overlay: Document
    cluster: Document
    final: Document


def stages(cluster: Cluster, instance: Instance) -> Stages:
    """The stages of an instance; Permanent when a setting is missing or a value of the user's is not known."""
    component, provider, environment = instance.component, instance.provider, cluster.environment
    at_provider = {"provider": provider} if provider else {}
    in_environment = {"environment": environment}
    base = _said(component, {})
    provided = _said(component, at_provider)
    environed = _said(component, in_environment)
    shared = _said(component, {**at_provider, **in_environment})
    to_provider, to_environment = difference(base, provided), difference(base, environed)
    together = patched(patched(base, to_provider), to_environment)
    to_overlay = difference(together, shared)
    shared = patched(together, to_overlay)
    final = _said(component, variables(cluster, instance), whole=True)
    if isinstance(component.source, Chart):
        final = joined(final, {"values": _user_values(cluster, component)})
    return Stages(base, to_provider, to_environment, to_overlay, difference(shared, final), final)


def with_contributions(cluster: Cluster, instances: Sequence[Instance]) -> Cluster:
    """The cluster with the values that its components add to the charts of others; those of the user win.

    Permanent when the other chart does not know such a value. A component that is not there misses nothing.
    """
    charts = {each.component.name: each.component for each in instances}
    values = dict(cluster.values)
    for instance in instances:
        giver = instance.component
        for name, given in giver.adds_values.items():
            taker = charts.get(name)
            if taker is None:
                continue
            source = taker.source
            chart = f"{source.name} {source.version}" if isinstance(source, Chart) else name
            known_values.refuse_unknown(given, taker.known_values, giver.file, f"adds_values.{name}", chart)
            values[name] = joined(filled(given, variables(cluster, instance)), values.get(name, {}))
    return replace(cluster, values=values)


def variables(cluster: Cluster, instance: Instance) -> dict[str, Any]:
    """Everything that placeholders of an instance can stand for; Permanent when a setting is missing."""
    component = instance.component
    known: dict[str, Any] = {name: each.default for name, each in component.settings.items()}
    known |= {name: value for name, value in cluster.settings.items() if name in component.settings}
    known |= {"cluster": cluster.name, "environment": cluster.environment}
    known |= {"provider": instance.provider or cluster.home_provider}
    used = placeholders(_applicable(component, instance.provider, cluster.environment))
    for name in sorted(used):
        if known.get(name) is None and name in component.settings:
            raise Permanent(
                f"Component {component.name} needs the setting {name} in cluster {cluster.name}: "
                f"{component.settings[name].description}. Give it in the settings of the cluster."
            )
    return known


def object_patches(component: Component, stage: str, provider: str, environment: str) -> list[Patch]:
    """Patches of the component's own objects that belong to a stage, filled in except for ``cluster``."""
    known = {"provider": provider, "environment": environment}
    chosen = [each for each in _own_patches(component, provider, environment) if stage_of(component, each) == stage]
    if stage == "cluster":
        return chosen
    return [Patch(each.kind, each.name, filled(each.change, known), each.provider, each.environment) for each in chosen]


def final_patches(cluster: Cluster, instance: Instance, stages_wanted: tuple[str, ...]) -> list[Patch]:
    """Patches of own objects of these stages, filled in for the cluster."""
    component = instance.component
    known = variables(cluster, instance)
    chosen = _own_patches(component, instance.provider, cluster.environment)
    return [
        Patch(each.kind, each.name, filled(each.change, known))
        for each in chosen
        if stage_of(component, each) in stages_wanted
    ]


def stage_of(component: Component, patch: Patch) -> str:
    """The first stage at which a patch can be said."""
    used = placeholders(patch.change)
    once = component.runs != PER_PROVIDER
    if used - {"provider", "environment"} or (once and "provider" in used):
        return "cluster"
    needs_provider = bool(patch.provider) or "provider" in used
    needs_environment = bool(patch.environment) or "environment" in used
    if needs_provider and needs_environment:
        return "overlay"
    return "environment" if needs_environment else "provider" if needs_provider else "base"


def depends_on_environment(component: Component) -> bool:
    """Whether the component is another one in another environment."""
    used = placeholders(_all_values(component))
    in_patches = any(stage_of(component, each) in ("environment", "overlay") for each in component.patches)
    selected = any(each.environment for each in component.patches)
    return bool(component.environment_values) or "environment" in used or in_patches or selected


def _all_values(component: Component) -> dict[str, Any]:
    return {"base": component.values, **component.provider_values, **component.environment_values}


def _own_patches(component: Component, provider: str, environment: str) -> Iterator[Patch]:
    for each in _selected(component, provider, environment):
        if (each.kind, each.name) in component.own:
            yield each


def _selected(component: Component, provider: str | None, environment: str | None) -> Iterator[Patch]:
    for each in component.patches:
        if each.provider in ("", provider) and each.environment in ("", environment):
            yield each


def _applicable(component: Component, provider: str, environment: str) -> dict[str, Any]:
    """Everything of a component that is said at a provider in an environment, placeholders and all."""
    return {
        "values": _unfilled(component, provider, environment),
        "patches": [each.change for each in _selected(component, provider, environment)],
        "classes": list(component.storage_classes),
        "adds": list(component.adds_values.values()),
    }


def _unfilled(component: Component, provider: str, environment: str) -> Any:
    values = joined({}, component.values)
    values = joined(values, component.provider_values.get(provider, {}))
    return joined(values, component.environment_values.get(environment, {}))


def _said(component: Component, known: Mapping[str, Any], whole: bool = False) -> Document:
    """The part of a specification that can be said with these variables; ``whole`` when they are all there are."""
    provider, environment = known.get("provider", ""), known.get("environment", "")
    if isinstance(component.source, Chart):
        values = joined(_placement(component, provider, whole), _unfilled(component, provider, environment))
        return {"values": filled(values, known) if whole else known_part(values, known)}
    if isinstance(component.source, GitBase):
        return {"patches": list(_vendor_patches(component, provider, environment, known))}
    return {}


def _placement(component: Component, provider: str, whole: bool) -> Document:
    """Values that choose nodes and ask for resources."""
    values: Document = {}
    for workload in component.workloads:
        for path, request in workload.requests.items():
            put(values, f"{path}.requests", dict(request))
        selector, tolerations = _nodes(component, workload, provider, whole)
        if selector:
            put(values, workload.node_selector, selector)
        if tolerations:
            put(values, workload.tolerations, tolerations)
    return values


def _nodes(
    component: Component, workload: Workload, provider: str, whole: bool
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Labels that a workload's nodes must have, and the taints that it tolerates."""
    selector: dict[str, str] = {}
    tolerations: list[dict[str, str]] = []
    if component.runs == PER_PROVIDER:
        if provider:
            selector = {PROVIDER_LABEL: provider}
            tolerations = [{"key": PROVIDER_LABEL, "operator": "Equal", "value": provider}]
    else:
        tolerations = [{"key": PROVIDER_LABEL, "operator": "Exists"}]
        if whole and component.storage_classes and workload.kind != "DaemonSet":
            selector = {PROVIDER_LABEL: provider}
    if workload.tolerate == "everything":
        tolerations = [{"operator": "Exists"}]
    return selector, [] if workload.tolerate == "as-shipped" else tolerations


def _vendor_patches(
    component: Component, provider: str, environment: str, known: Mapping[str, Any]
) -> Iterator[Document]:
    for workload in component.workloads:
        selector, tolerations = _nodes(component, workload, provider, False)
        pod: Document = {}
        if selector:
            pod["nodeSelector"] = selector
        if tolerations:
            pod["tolerations"] = tolerations
        if workload.requests:
            pod["containers"] = [
                {"name": name, "resources": {"requests": dict(request)}} for name, request in workload.requests.items()
            ]
        change: Document = {}
        put(change, workload.path, pod)
        yield as_patch(Patch(workload.kind, workload.name, change))
    for each in _selected(component, provider or None, environment or None):
        if (each.kind, each.name) not in component.own and placeholders(each.change) <= known.keys():
            yield as_patch(Patch(each.kind, each.name, filled(each.change, known)))


def as_patch(patch: Patch) -> Document:
    """A patch as Kustomize, Flux and Argo CD write it. The target alone says which object it is for."""
    api = {"apiVersion": "apps/v1"} if patch.kind in _APPS else {}
    head = {**api, "kind": patch.kind, "metadata": {"name": patch.name}}
    return {"target": {"kind": patch.kind, "name": patch.name}, "patch": Embedded(joined(head, patch.change))}


def _user_values(cluster: Cluster, component: Component) -> Mapping[str, Any]:
    given = cluster.values.get(component.name, {})
    if given and isinstance(component.source, Chart):
        chart = f"{component.source.name} {component.source.version}"
        place = f"values of component {component.name}"
        known_values.refuse_unknown(given, component.known_values, f"Cluster {cluster.name}", place, chart)
    return given
