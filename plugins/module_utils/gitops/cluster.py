# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as a renderer sees it, and what a renderer makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..errors import Permanent

PROVIDER_LABEL = "node.cloudprovider"
"""Label of nodes, and key of their taint, that names the provider."""
POD_LABEL = "fleet/provider"
"""Label of everything that an overlay puts at a provider."""
EXISTING_NAMESPACES = frozenset(("", "kube-system", "default"))

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

Document = dict[str, Any]
Content: TypeAlias = "str | list[Document]"
"""A text as it is, or YAML documents."""


@dataclass(frozen=True)
class Pace:
    """How often the engine looks, as durations such as ``1m``: at Git, at the cluster, after a failure; and how long a
    component may take to become healthy."""

    interval: str = "1m"
    heal_interval: str = "10m"
    retry_interval: str = "30s"
    timeout: str = "5m"


@dataclass(frozen=True)
class Cluster:
    """A cluster and where its repository is.

    ``manifest`` is the text of Flux's release manifest; ``arguments`` are added to the containers of its Deployments,
    by their names. ``titles`` are the providers' names as people write them. ``home`` is the provider that keeps the
    volumes of what the cluster has once; the first one if it is empty. ``central`` is the cluster that carries what the
    fleet has once; this one if it is empty. ``settings`` are values for the settings of components, ``values`` values
    for charts by the names of components.
    """

    name: str
    providers: tuple[str, ...]
    url: str
    branch: str
    manifest: str
    has_login: bool = False
    pace: Pace = Pace()
    arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    age_recipients: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    environment: str = "production"
    home: str = ""
    central: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, names in (("cluster", (self.name,)), ("provider", self.providers)):
            for name in names:
                if not _NAME.fullmatch(name):
                    raise Permanent(
                        f"{name!r} cannot be the name of a {kind} in Git. Use small letters, digits and dashes, "
                        "63 of them at most."
                    )
        if self.home and self.home not in self.providers:
            known = ", ".join(self.providers)
            raise Permanent(f"Cluster {self.name} has no nodes at its home provider {self.home!r}, only at {known}.")

    def title(self, provider: str) -> str:
        """A provider's name as people write it."""
        return self.titles.get(provider) or provider.capitalize()

    @property
    def home_provider(self) -> str:
        """Provider of the volumes of what the cluster has once; empty while it has no nodes."""
        return self.home or (self.providers[0] if self.providers else "")

    @property
    def is_central(self) -> bool:
        """Whether it carries what the fleet has once."""
        return self.central in ("", self.name)


@dataclass(frozen=True)
class Layout:
    """The repository: ``files`` are generated, ``seeds`` written once; ``secrets`` are options of a secret file;
    ``kustomizations`` are the names of what the engine reconciles, ``places`` the providers of those that have one."""

    files: Mapping[str, Content]
    seeds: Mapping[str, str]
    secrets: tuple[Mapping[str, Any], ...]
    kustomizations: tuple[str, ...]
    places: Mapping[str, str] = field(default_factory=dict)
