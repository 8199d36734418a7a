# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Flux and lets it manage itself from then on, as `flux bootstrap` does."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..kube_apply import check_objects, differs, title
from .cluster import Cluster, Document
from .flux import LOGIN_SECRET, NAMESPACE, patched, sync

ESSENTIAL = ("source-controller", "kustomize-controller")
"""With these two at work, Flux puts everything else of itself right."""


class Api(Protocol):
    """What is needed of a cluster."""

    def get(self, path: str, **params: str) -> Document: ...
    def find(self, wanted: Document) -> Document | None: ...
    def apply(self, objects: Sequence[Document]) -> None: ...


@dataclass(frozen=True)
class Login:
    """User name and password of the Git repository; both empty for a public one."""

    username: str = ""
    password: str = ""


@dataclass(frozen=True)
class Bootstrap:
    """What has to be applied. ``install`` is the release, ``sync`` what Flux shall follow."""

    install: tuple[Document, ...]
    sync: tuple[Document, ...]

    def titles(self) -> list[str]:
        """The objects as people name them."""
        return [title(each) for each in (*self.install, *self.sync)]


def plan(api: Api, cluster: Cluster, login: Login, read_manifest: Callable[[], Sequence[Any]]) -> Bootstrap:
    """What a cluster lacks. ``read_manifest`` gives the objects of the release; called only when Flux is missing."""
    if not _is_installed(api):
        install = patched(cluster, check_objects(read_manifest(), "The install manifest of Flux"))
        return Bootstrap(tuple(install), tuple(_followed(cluster, login)))
    return Bootstrap((), tuple(each for each in _followed(cluster, login) if _is_other(each, api.find(each))))


def predict_new(cluster: Cluster, login: Login) -> Bootstrap:
    """What a cluster lacks that does not exist yet; the release stands as its namespace."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return Bootstrap((namespace,), tuple(_followed(cluster, login)))


def carry_out(api: Api, bootstrap: Bootstrap) -> None:
    """Applies what was planned."""
    if bootstrap.install:
        api.apply(bootstrap.install)
    if bootstrap.sync:
        api.apply(bootstrap.sync)


def _is_installed(api: Api) -> bool:
    deployments = api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments").get("items") or []
    return {each["metadata"]["name"] for each in deployments}.issuperset(ESSENTIAL)


def _followed(cluster: Cluster, login: Login) -> list[Document]:
    if not login.password:
        return sync(cluster)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": LOGIN_SECRET, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {"username": _encoded(login.username or "git"), "password": _encoded(login.password)},
    }
    return [secret, *sync(cluster)]


def _is_other(wanted: Document, found: Document | None) -> bool:
    """Only what the object must have is compared: Flux and its people may add to it."""
    if found is None:
        return True
    return any(differs(wanted[key], found.get(key)) for key in ("spec", "data") if key in wanted)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
