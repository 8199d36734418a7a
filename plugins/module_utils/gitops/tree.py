# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what has to change in a tree of generated files so that it holds what is wanted. Pure: no files, no Git.

A manifest in the tree lists every generated file with the checksum of what was written. A file whose checksum is
another one was edited by a person; a file that no manifest lists belongs to a person. Neither is overwritten unasked.
Several clusters may share a tree, each with a manifest of its own: what another manifest lists as well is not removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import Conflict, Permanent

MANIFEST_NAME = ".fleet-manifest.json"
"""Name of a manifest; one file of this name marks what one cluster generates."""

_ABOUT = (
    "Files that sovereign.fleet generates, with their SHA-256. Change the inventory, not them; other files are yours."
)


@dataclass(frozen=True)
class Wanted:
    """What the tree shall hold. Keys are paths relative to its root.

    ``files`` are generated, ``seeds`` are written only where they are missing and belong to the user from then on.
    ``manifest`` is the path of the manifest. A path in ``overwrite`` may lose what a person wrote there.
    """

    files: Mapping[str, str]
    seeds: Mapping[str, str] = field(default_factory=dict)
    manifest: str = MANIFEST_NAME
    overwrite: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        both = sorted(set(self.files) & set(self.seeds))
        if both:
            raise Permanent(f"{_listed(both)} cannot be a generated file and a file of the user's at the same time.")
        paths = [*self.files, *self.seeds, self.manifest]
        for path in paths:
            check_path(path)
        if self.manifest.rpartition("/")[2] != MANIFEST_NAME:
            raise Permanent(f"The manifest {self.manifest!r} must be named {MANIFEST_NAME}, in whatever folder.")
        _check_that_no_file_is_a_folder(paths)


@dataclass(frozen=True)
class Manifest:
    """Generated files and the SHA-256 of what was written to them."""

    files: Mapping[str, str]

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Manifest:
        """The manifest of these texts."""
        return cls({path: checksum(text.encode()) for path, text in files.items()})

    @classmethod
    def parse(cls, path: str, content: bytes) -> Manifest:
        """Reads a manifest; Permanent when it is none."""
        try:
            files = json.loads(content)["files"]
            return cls({str(name): str(digest) for name, digest in files.items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Permanent(
                f"{path} is damaged, so nobody knows which files were generated. Put back the version before."
            ) from None

    def text(self) -> str:
        """The manifest as it is stored."""
        return json.dumps({"about": _ABOUT, "files": dict(sorted(self.files.items()))}, indent=1) + "\n"


@dataclass(frozen=True)
class Present:
    """What the tree holds now: the files of ``concerned``, and every manifest by its path."""

    files: Mapping[str, bytes]
    manifests: Mapping[str, Manifest]


@dataclass(frozen=True)
class Change:
    """One file and what happens to it; None stands for a file that does not exist."""

    path: str
    before: bytes | None
    after: bytes | None

    @property
    def verb(self) -> str:
        """``created``, ``updated`` or ``removed``."""
        if self.before is None:
            return "created"
        return "removed" if self.after is None else "updated"


@dataclass(frozen=True)
class Plan:
    """The changes in order of their paths, and the files that a person's work keeps us from writing."""

    changes: tuple[Change, ...]
    edited: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def checksum(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def check_path(path: str) -> None:
    """Permanent unless ``path`` is a plain relative path inside the tree."""
    parts = path.split("/")
    plain = path.isprintable() and not set('\\"') & set(path)
    if not plain or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise Permanent(
            f"{path!r} cannot be a file of the tree. "
            "Use a relative path with '/', without '..', '.git', quotes or backslashes."
        )


def concerned(wanted: Wanted, manifests: Mapping[str, Manifest]) -> set[str]:
    """Paths whose content has to be known to plan."""
    own = manifests.get(wanted.manifest)
    return {*wanted.files, *wanted.seeds, wanted.manifest, *(own.files if own else ())}


def plan(wanted: Wanted, present: Present) -> Plan:
    """What has to change. Nothing is decided about files that a person has edited: they are only named."""
    own = present.manifests.get(wanted.manifest, Manifest({}))
    others = [manifest for path, manifest in present.manifests.items() if path != wanted.manifest]
    changes: list[Change] = []
    edited: list[str] = []
    foreign: list[str] = []

    def decide(path: str, after: bytes | None) -> None:
        before = present.files.get(path)
        if before == after:
            return
        known = {manifest.files[path] for manifest in (own, *others) if path in manifest.files}
        if before is not None and checksum(before) not in known and path not in wanted.overwrite:
            (edited if known else foreign).append(path)
        else:
            changes.append(Change(path, before, after))

    for path, text in wanted.files.items():
        decide(path, text.encode())
    for path, text in wanted.seeds.items():
        if path not in present.files:
            changes.append(Change(path, None, text.encode()))
    for path in own.files:
        shared = any(path in manifest.files for manifest in others)
        if path not in wanted.files and path not in wanted.seeds and not shared:
            decide(path, None)
    manifest = _manifest_change(wanted, present.files.get(wanted.manifest))
    if manifest:
        changes.append(manifest)
    return Plan(tuple(sorted(changes, key=lambda change: change.path)), tuple(sorted(edited)), tuple(sorted(foreign)))


def refuse_lost_work(planned: Plan, where: str, blame: Mapping[str, str]) -> None:
    """Conflict when the plan would overwrite what a person wrote.

    ``where`` names the tree, ``blame`` says for a path who changed it ("commit 1a2b3c4 of Ann").
    """
    if planned.edited:
        named = [f"{path} ({blame[path]})" if path in blame else path for path in planned.edited]
        raise Conflict(
            f"Generated files were edited by hand in {where}: {', '.join(named)}. Move the change to the inventory or "
            "to a file of your own, then delete the edited file or take the edit back, and run again. "
            f"To lose the edit instead, list the file in overwrite: {list(planned.edited)}.",
            code="HandEdited",
        )
    if planned.foreign:
        raise Conflict(
            f"Files that were not generated are in the way in {where}: {', '.join(planned.foreign)}. Move them "
            f"elsewhere, or list them in overwrite to replace them: {list(planned.foreign)}.",
            code="InTheWay",
        )


def _manifest_change(wanted: Wanted, before: bytes | None) -> Change | None:
    after = Manifest.of(wanted.files).text().encode() if wanted.files else None
    return None if before == after else Change(wanted.manifest, before, after)


def _check_that_no_file_is_a_folder(paths: Iterable[str]) -> None:
    files = set(paths)
    for path in sorted(files):
        parts = path.split("/")
        for end in range(1, len(parts)):
            folder = "/".join(parts[:end])
            if folder in files:
                raise Permanent(f"{folder!r} cannot be a file and the folder of {path!r} at the same time.")


def _listed(paths: Iterable[str]) -> str:
    return ", ".join(repr(path) for path in paths)
