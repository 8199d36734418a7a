# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a component of the catalogue is: frozen, without I/O. docs/catalogue-schema.md explains every part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

LAYERS = ("crds", "infrastructure", "platform", "observability", "apps")
"""Folders of the catalogue and of the repository, in the order in which a cluster gets them."""
PER_PROVIDER = "per-provider"
PER_CLUSTER = "per-cluster"
CENTRAL = "central"
RUNS = (PER_PROVIDER, PER_CLUSTER, CENTRAL)
ENGINES = ("flux", "argocd")
VAULT_AUTH = "vault-auth"
"""Component that lets others read from Vault, and name of the VaultAuth that they share."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """A Helm chart of exactly one version. ``replaces_crds`` tells whether its CRDs follow the chart on an upgrade."""

    repository: str
    name: str
    version: str
    replaces_crds: bool = True

    @property
    def is_oci(self) -> bool:
        """Whether the chart lies in a registry of images."""
        return self.repository.startswith("oci://")


@dataclass(frozen=True)
class GitBase:
    """A folder with a kustomization.yaml in somebody else's Git repository, at exactly one tag."""

    url: str
    path: str
    version: str


@dataclass(frozen=True)
class Manifests:
    """Manifests that stand in the catalogue, texts by file name, and the version of what they run."""

    version: str
    texts: Mapping[str, str]


Source: TypeAlias = "Chart | GitBase | Manifests"


@dataclass(frozen=True)
class Workload:
    """Something that runs pods, and where its nodes are chosen.

    ``path`` is the path of the pod specification in the manifest, or the path in a chart's values that takes
    ``nodeSelector`` and ``tolerations``. ``tolerate`` is ``provider``, ``everything`` or ``as-shipped``. ``requests``
    are requests of containers, by paths in the chart's values or by the containers' names.
    """

    kind: str
    name: str
    path: str
    node_selector: str = ""
    tolerations: str = ""
    tolerate: str = "provider"
    requests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnFile:
    """A file of a provider's overlay that belongs to the user once it exists; it becomes a ConfigMap of environment
    variables. ``$provider`` in its text stands for the provider's name as people write it."""

    name: str
    config_map: str
    text: str


@dataclass(frozen=True)
class SecretNeed:
    """A Secret of the component. Keys in ``random`` get a random value unless the user gives one; those in ``keys``
    must be given. ``vault`` is the path in Vault that it comes from instead, ``mount`` the secret engine there."""

    name: str
    random: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    vault: str = ""
    mount: str = ""


@dataclass(frozen=True)
class StorageClass:
    """A class of volumes that the component makes. It always waits for the first consumer and is never the default."""

    name: str
    provisioner: str
    parameters: Mapping[str, str]
    reclaim: str
    expandable: bool


@dataclass(frozen=True)
class Patch:
    """A change to one object. ``provider`` and ``environment`` say where it applies; empty means everywhere."""

    kind: str
    name: str
    change: Values
    provider: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Setting:
    """Something that only the user knows. Without ``default`` it must be given where it is used."""

    name: str
    description: str
    default: Any = None


@dataclass(frozen=True)
class Health:
    """``wait``: everything must be healthy. ``objects`` are waited for instead; ``expressions`` tell for kinds that do
    not follow the customs of Kubernetes what healthy means."""

    wait: bool
    objects: tuple[Mapping[str, str], ...] = ()
    expressions: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Component:
    """One building block of the platform.

    ``objects`` are texts of further manifests beside a chart or somebody else's manifests; ``own`` are kind and name of
    every object of ours. ``adds_values`` are values for the charts of other components. ``providers`` are those that it
    is for, empty for all. ``storage_classes`` are those that its volumes use, with placeholders; ``makes_classes``
    those that it brings. ``file`` names it in errors.
    """

    name: str
    file: str
    layer: str
    description: str
    source: Source
    namespace: str
    needs: tuple[str, ...]
    runs: str
    workloads: tuple[Workload, ...]
    own_files: tuple[OwnFile, ...]
    secrets: tuple[SecretNeed, ...]
    health: Health
    objects: Mapping[str, str] = field(default_factory=dict)
    providers: tuple[str, ...] = ()
    engines: tuple[str, ...] = ENGINES
    values: Values = field(default_factory=dict)
    provider_values: Mapping[str, Values] = field(default_factory=dict)
    environment_values: Mapping[str, Values] = field(default_factory=dict)
    known_values: frozenset[str] = frozenset()
    adds_values: Mapping[str, Values] = field(default_factory=dict)
    own: frozenset[tuple[str, str]] = frozenset()
    patches: tuple[Patch, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    storage_classes: tuple[str, ...] = ()
    makes_classes: tuple[StorageClass, ...] = ()
    drift_ignore: tuple[Mapping[str, Any], ...] = ()
    jurisdiction: str = "none"
    licence: str = ""
    lab: str = "runs"
    lab_note: str = ""

    @property
    def version(self) -> str:
        """The exact version of what it runs."""
        return self.source.version

    @property
    def manifests(self) -> Mapping[str, str]:
        """Texts of its manifests by file name, if it consists of manifests."""
        return self.source.texts if isinstance(self.source, Manifests) else {}

    @property
    def is_suffixed(self) -> bool:
        """Whether a cluster can have it more than once, so that the provider must be part of the names."""
        return self.runs == PER_PROVIDER and len(self.providers) != 1

    def instance(self, provider: str) -> str:
        """Name of the component at a provider; ``provider`` is empty for one that a cluster has once."""
        return f"{self.name}-{provider}" if provider and self.is_suffixed else self.name
