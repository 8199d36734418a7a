# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that describe a tree, the same for every module that writes one, and what is planned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import Permanent
from . import tree
from .secret_files import SecretFile, encrypted
from .sops import Sops

TREE_SPEC: dict[str, Any] = {
    "files": {"type": "dict", "required": True},
    "seeds": {"type": "dict", "default": {}},
    "secrets": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,  # only the values are secret
        "options": {
            "path": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "data": {"type": "dict", "default": {}, "no_log": True},
            "random": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
    },
    "sops": {
        "type": "dict",
        "options": {
            "program": {"type": "str", "default": "sops"},
            "age_key_file": {"type": "path", "no_log": False},
            "age_recipients": {"type": "list", "elements": "str", "default": []},
        },
    },
    "manifest": {"type": "str", "default": tree.MANIFEST_NAME},
    "overwrite": {"type": "list", "elements": "str", "default": []},
}
"""Argument specification shared by the modules; documented in the fragment ``generated_tree``."""


class Place(Protocol):
    """Where a tree stands: a folder, or a commit."""

    def manifests(self) -> Mapping[str, tree.Manifest]:
        """Every manifest in the tree by its path."""

    def read(self, paths: set[str]) -> dict[str, bytes]:
        """Content of those of the files that exist."""

    def blame(self, path: str) -> str:
        """Who changed a file last, or an empty string."""

    @property
    def name(self) -> str:
        """What a person calls the place."""


@dataclass(frozen=True)
class Request:
    """What a person asked for, secrets not encrypted yet."""

    files: Mapping[str, str]
    seeds: Mapping[str, str]
    secrets: tuple[SecretFile, ...]
    sops: Sops
    manifest: str
    overwrite: frozenset[str]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Request:
        """The request of a module's parameters that follow TREE_SPEC."""
        sops = params["sops"] or {}
        request = cls(
            files=_texts("files", params["files"]),
            seeds=_texts("seeds", params["seeds"]),
            secrets=tuple(_secret(each) for each in params["secrets"]),
            sops=Sops(
                recipients=tuple(sops.get("age_recipients") or ()),
                key_file=sops.get("age_key_file") or "",
                program=sops.get("program") or "sops",
            ),
            manifest=params["manifest"],
            overwrite=frozenset(params["overwrite"]),
        )
        taken = sorted(request.hidden & {*request.files, *request.seeds})
        if taken or len(request.hidden) < len(request.secrets):
            paths = ", ".join(taken or sorted(request.hidden))
            raise Permanent(f"The file of a secret must have a path of its own: {paths}.")
        return request

    @property
    def hidden(self) -> frozenset[str]:
        """Paths of encrypted files."""
        return frozenset(secret.path for secret in self.secrets)

    def plan(self, place: Place, *, check_mode: bool) -> tree.Plan:
        """What has to change in the place; Conflict when a person's work would be lost."""
        manifests = place.manifests()
        interesting = {*self.files, *self.seeds, *self.hidden, self.manifest}
        own = manifests.get(self.manifest)
        present = place.read(interesting | set(own.files if own else ()))
        sealed = {
            secret.path: encrypted(secret, present.get(secret.path), self.sops, check_mode=check_mode)
            for secret in self.secrets
        }
        wanted = tree.Wanted({**self.files, **sealed}, self.seeds, self.manifest, self.overwrite)
        planned = tree.plan(wanted, tree.Present(present, manifests))
        blame = {path: who for path in planned.edited if (who := place.blame(path))}
        tree.refuse_lost_work(planned, place.name, blame)
        return planned


def _texts(option: str, given: Mapping[str, Any]) -> dict[str, str]:
    for path, text in given.items():
        tree.check_path(path)
        if not isinstance(text, str):
            raise Permanent(f"{option}[{path!r}] must be the text of the file, not a {type(text).__name__}.")
    return dict(given)


def _secret(given: Mapping[str, Any]) -> SecretFile:
    tree.check_path(given["path"])
    return SecretFile(
        path=given["path"],
        namespace=given["namespace"],
        name=given["name"],
        data={key: str(value) for key, value in given["data"].items()},
        random=tuple(given["random"]),
    )
