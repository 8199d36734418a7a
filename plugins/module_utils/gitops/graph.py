# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph of a cluster: every component at every provider where it runs, and what each has to wait for.

Both engines render from it, so they bring up the same things in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Permanent
from .cluster import Cluster
from .component import CENTRAL, PER_PROVIDER, Component
from .values import filled


@dataclass(frozen=True)
class Instance:
    """A component of a cluster, at one provider if it runs per provider. ``needs`` are names of instances, ``level`` is
    the longest way to it from one that needs nothing."""

    component: Component
    provider: str
    needs: tuple[str, ...]
    level: int

    @property
    def name(self) -> str:
        """Name that no other instance of the cluster has."""
        return self.component.instance(self.provider)


def instances(cluster: Cluster, components: Sequence[Component], engine: str) -> list[Instance]:
    """Every instance, those that others need first. ``components`` come in the order of the catalogue's ``load``."""
    chosen = [each for each in components if each.runs != CENTRAL or cluster.is_central]
    for component in chosen:
        _check_engine(component, engine)
        _check_providers(cluster, component)
    places = {each.name: _places(cluster, each) for each in chosen}
    known = {each.name: each for each in chosen}
    makers = {made.name: each for each in chosen for made in each.makes_classes}
    levels: dict[str, int] = {}
    found: list[Instance] = []
    for component in chosen:
        for provider in places[component.name]:
            needs = _needs(component, provider, places, known)
            needs += [name for name in _class_makers(cluster, component, provider, makers) if name not in needs]
            level = 1 + max((levels[name] for name in needs), default=-1)
            levels[component.instance(provider)] = level
            found.append(Instance(component, provider, tuple(needs), level))
    return found


def classes_of(cluster: Cluster, component: Component, provider: str) -> list[str]:
    """Names of the storage classes that a component's volumes use at a provider."""
    variables = {"provider": provider or cluster.home_provider, "cluster": cluster.name}
    variables |= {"environment": cluster.environment}
    return [filled(text, {**variables, **cluster.settings}) for text in component.storage_classes]


def _places(cluster: Cluster, component: Component) -> list[str]:
    if component.runs != PER_PROVIDER:
        return [""]
    return [each for each in cluster.providers if not component.providers or each in component.providers]


def _needs(
    component: Component, provider: str, places: Mapping[str, list[str]], known: Mapping[str, Component]
) -> list[str]:
    """What runs per provider waits for the same provider only, so that the loss of one does not keep the others."""
    names: list[str] = []
    for need in component.needs:
        if need not in known:  # it runs in the central cluster
            continue
        there = places[need]
        if provider and provider in there:
            there = [provider]
        elif provider and known[need].runs == PER_PROVIDER:
            there = []
        names += [known[need].instance(each) for each in there]
    return names


def _class_makers(cluster: Cluster, component: Component, provider: str, makers: Mapping[str, Component]) -> list[str]:
    names: list[str] = []
    for used in classes_of(cluster, component, provider):
        if used not in makers:
            made = ", ".join(sorted(makers)) or "none at all"
            raise Permanent(
                f"Component {component.name} uses storage class {used}, but the components of cluster {cluster.name} "
                f"make {made}. Add the storage driver of {provider or cluster.home_provider} to the components."
            )
        maker = makers[used]
        name = maker.instance(maker.providers[0])
        if maker.name != component.name and name not in names:
            names.append(name)
    return names


def _check_engine(component: Component, engine: str) -> None:
    if engine not in component.engines:
        raise Permanent(f"Component {component.name} is for {' and '.join(component.engines)}, not for {engine}.")


def _check_providers(cluster: Cluster, component: Component) -> None:
    if component.providers and not set(component.providers) & set(cluster.providers):
        raise Permanent(
            f"Component {component.name} is for {', '.join(component.providers)}, but cluster {cluster.name} has "
            f"nodes at {', '.join(cluster.providers) or 'no provider'} only."
        )
