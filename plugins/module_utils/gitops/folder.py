# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files in a folder: reads what is there, writes what a plan says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import Conflict
from .tree import MANIFEST_NAME, Change, Manifest


class Folder:
    """The folder need not exist. Its ``.git`` is never looked into."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    @property
    def name(self) -> str:
        """What a person calls the place."""
        return str(self.root)

    def manifests(self) -> dict[str, Manifest]:
        """Every manifest in the folder by its path."""
        found = {}
        for folder, inner, files in os.walk(self.root):
            inner[:] = [name for name in inner if name != ".git"]
            if MANIFEST_NAME in files:
                file = Path(folder, MANIFEST_NAME)
                path = file.relative_to(self.root).as_posix()
                found[path] = Manifest.parse(str(file), file.read_bytes())
        return found

    def read(self, paths: set[str]) -> dict[str, bytes]:
        """Content of those of the files that exist."""
        return {path: file.read_bytes() for path in paths if (file := self._inside(path)).is_file()}

    def blame(self, path: str) -> str:
        """A folder does not remember who changed a file."""
        return ""

    def apply(self, changes: Iterable[Change]) -> None:
        """Writes and removes files, manifests last. A reader sees the old or the new content, never half of it."""
        for change in sorted(changes, key=lambda change: change.path.endswith(MANIFEST_NAME)):
            file = self._inside(change.path)
            if change.after is None:
                file.unlink(missing_ok=True)
                self._remove_empty_folders(file.parent)
            else:
                _write(file, change.after)

    def _inside(self, path: str) -> Path:
        """The file of a path; Conflict when a symbolic link leads out of the folder or a folder bears its name."""
        file = self.root / path
        if file.is_symlink() or not file.parent.resolve().is_relative_to(self.root.resolve()):
            raise Conflict(f"{file} is reached through a symbolic link. Replace the link by a plain file or folder.")
        if file.is_dir():
            raise Conflict(f"{file} is a folder, but a file of this name is to be written. Move the folder elsewhere.")
        return file

    def _remove_empty_folders(self, folder: Path) -> None:
        while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=".fleet-")
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(content)
        os.chmod(scratch, 0o644)
        os.replace(scratch, file)
    except BaseException:
        os.unlink(scratch)
        raise
