# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply of many objects at once."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import NotFound, Permanent
from .kube_api import CONNECTIONS, Json, KubeApi, segment

MANAGER = "kubectl"
"""Our name as a field manager. Flux takes over what this one applied: what leaves Git leaves the cluster too."""
PATIENCE = 30.0
"""Seconds in which the API server must begin to serve the kinds of a CRD that was just applied."""

_APPLY = "application/apply-patch+yaml"
_FIRST = ("Namespace", "CustomResourceDefinition")


class ApplyApi(KubeApi):
    """The API server as something that objects are applied to."""

    def __init__(
        self,
        kubeconfig_path: str | Path,
        timeout: float = 30,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(kubeconfig_path, timeout)
        self._sleep = sleep
        self._clock = clock
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}

    def find(self, wanted: Json) -> Json | None:
        """The object of the same kind and name as it is in the cluster, or None."""
        try:
            return self.get(self._path(wanted))
        except NotFound:
            return None

    def apply(self, objects: Sequence[Json]) -> None:
        """Creates or changes the objects, namespaces and CRDs before the rest. Fields that others set stay."""
        self._learn(each for each in objects if each["kind"] == "CustomResourceDefinition")
        first = [each for each in objects if each["kind"] in _FIRST]
        with ThreadPoolExecutor(CONNECTIONS) as workers:
            list(workers.map(self._apply, first))
            list(workers.map(self._apply, (each for each in objects if each not in first)))

    def _apply(self, wanted: Json) -> None:
        deadline = self._clock() + PATIENCE
        while True:
            try:
                self._json("PATCH", self._path(wanted), {"fieldManager": MANAGER, "force": "true"}, wanted, _APPLY)
                return
            except NotFound:
                if self._clock() >= deadline:
                    raise
                self._resources.pop(_kind(wanted), None)
                self._sleep(0.2)

    def _learn(self, definitions: Iterable[Json]) -> None:
        """Kinds that the API server does not serve yet, because we are about to teach it."""
        for each in definitions:
            spec = each["spec"]
            for version in spec["versions"]:
                kind = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                self._resources[kind] = (spec["names"]["plural"], spec["scope"] == "Namespaced")

    def _path(self, wanted: Json) -> str:
        plural, namespaced = self._resource(*_kind(wanted))
        metadata = wanted["metadata"]
        place = f"/namespaces/{segment(metadata.get('namespace') or 'default')}" if namespaced else ""
        return f"{_group_path(wanted['apiVersion'])}{place}/{plural}/{segment(metadata['name'])}"

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        """Plural name of a kind, and whether its objects live in namespaces."""
        if (version, kind) not in self._resources:
            for each in self.get(_group_path(version)).get("resources") or []:
                if "/" not in each["name"]:
                    self._resources[(version, each["kind"])] = (each["name"], bool(each["namespaced"]))
        if (version, kind) not in self._resources:
            raise NotFound(f"The cluster knows no kind {kind} in {version}.", provider="kubernetes", code="NoKind")
        return self._resources[(version, kind)]


def differs(wanted: t.Any, found: t.Any) -> bool:
    """Whether something in ``wanted`` is missing or other in ``found``; what else is in ``found`` does not matter."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return any(differs(value, found.get(key)) for key, value in wanted.items())
    return bool(wanted != found)


def title(wanted: Json) -> str:
    """An object as people name it: ``Secret flux-system/sops-age``."""
    metadata = wanted["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{wanted['kind']} {place}{metadata['name']}"


def check_objects(objects: Sequence[t.Any], origin: str) -> list[Json]:
    """The objects, or Permanent when one of them is no Kubernetes object."""
    for each in objects:
        if not (isinstance(each, dict) and each.get("apiVersion") and each.get("kind") and each.get("metadata")):
            raise Permanent(f"{origin} holds something that is not a Kubernetes object. Is it really a manifest?")
    return list(objects)


def _kind(wanted: Json) -> tuple[str, str]:
    return wanted["apiVersion"], wanted["kind"]


def _group_path(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
