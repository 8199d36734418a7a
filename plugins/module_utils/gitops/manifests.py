# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into manifests: which workloads they hold, and whether their pods ask for resources and name fixed images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..errors import NotFound, Permanent
from .component import Workload
from .versions import is_mutable_image

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
KUSTOMIZATION = "kustomization.yaml"


class Parse(Protocol):
    """Reads one YAML document."""

    def __call__(self, text: str, /) -> Any: ...


def read(folder: Path) -> dict[str, str]:
    """Texts of a folder of manifests by their paths in it."""
    if not (folder / KUSTOMIZATION).is_file():
        raise NotFound(f"{folder} must hold the manifests of the component and a {KUSTOMIZATION} that lists them.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def documents(texts: Mapping[str, str], parse: Parse) -> Iterator[dict[str, Any]]:
    """Every object in the texts."""
    for path, text in texts.items():
        if path.endswith((".yaml", ".yml")) and path != KUSTOMIZATION:
            for part in text.split("\n---"):
                document = parse(part)
                if isinstance(document, dict) and document.get("kind"):
                    yield document


def pod_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Specification of the pods of a workload."""
    spec = document.get("spec") or {}
    if document.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return dict((spec.get("template") or {}).get("spec") or {})


def containers_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every container of the pods of a workload."""
    pod = pod_of(document)
    return [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]


def check(objects: list[dict[str, Any]], workloads: tuple[Workload, ...], file: str) -> None:
    """Permanent unless every workload is told, asks for resources and names fixed images.

    A workload that is not told would run on the nodes of any provider.
    """
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects if each["kind"] in WORKLOADS}
    told = {(workload.kind, workload.name) for workload in workloads}
    for kind, name in sorted(told ^ found.keys()):
        known = "is not in the manifests" if (kind, name) in told else "is in the manifests and must be told"
        raise Permanent(f"{file}: placement: {kind}/{name} {known}.")
    for (kind, name), workload in found.items():
        for container in containers_of(workload):
            _check_container(container, f"{file}: container {container.get('name')} of {kind}/{name}")


def _check_container(container: Mapping[str, Any], where: str) -> None:
    requests = (container.get("resources") or {}).get("requests") or {}
    missing = [key for key in ("cpu", "memory") if key not in requests]
    if missing:
        raise Permanent(f"{where} has no request for {' and '.join(missing)}. Add resources.requests.")
    if is_mutable_image(str(container.get("image", ""))):
        raise Permanent(f"{where} has the image {container.get('image')!r}, which may change. Name an exact tag.")
