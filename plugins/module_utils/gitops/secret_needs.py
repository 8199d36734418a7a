# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every engine needs beside the components: their namespaces, and files for their Secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import Permanent
from .cluster import EXISTING_NAMESPACES, Cluster, Document
from .component import Component
from .sops import ENCRYPTED_KEYS


def namespaces(components: Sequence[Component], *others: str) -> list[Document]:
    """Namespaces that the components need, except those that exist already and ``others``."""
    names = sorted({each.namespace for each in components} - EXISTING_NAMESPACES - set(others))
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]


def sops_rules(cluster: Cluster) -> Document:
    """How people encrypt further files of the repository."""
    rule = {"path_regex": r"\.sops\.ya?ml$", "encrypted_regex": ENCRYPTED_KEYS, "age": ",".join(cluster.age_recipients)}
    return {"creation_rules": [rule]}


def secret_files(
    cluster: Cluster, components: Sequence[Component], values: Mapping[str, Mapping[str, str]]
) -> tuple[Mapping[str, Any], ...]:
    """Options of the secret files of a cluster, one for each Secret. ``values`` are given by the user.

    Permanent when a value is missing that cannot be made up, or when one is given for a Secret that nobody has.
    """
    found: dict[str, dict[str, Any]] = {}
    for component in components:
        for need in component.secrets:
            if need.vault:
                continue
            given = values.get(need.name, {})
            missing = [key for key in need.keys if key not in given]
            if missing:
                raise Permanent(
                    f"Secret {need.name} of component {component.name} lacks {', '.join(missing)} in cluster "
                    f"{cluster.name}. Give it in the secrets, best from a vault."
                )
            file = found.setdefault(need.name, _file(cluster, component, need.name, given))
            if file["namespace"] != component.namespace:
                raise Permanent(
                    f"Secret {need.name} is wanted in the namespaces {file['namespace']} and {component.namespace}. "
                    "Let one of the components use another name."
                )
            file["random"] += [key for key in need.random if key not in given and key not in file["random"]]
    unknown = sorted(set(values) - set(found))
    if unknown:
        raise Permanent(f"No component of cluster {cluster.name} has a Secret {', '.join(unknown)}.")
    return tuple(found.values())


def _file(cluster: Cluster, component: Component, name: str, given: Mapping[str, str]) -> dict[str, Any]:
    return {
        "path": f"clusters/{cluster.name}/{name}.sops.yaml",
        "namespace": component.namespace,
        "name": name,
        "data": dict(given),
        "random": [],
    }
