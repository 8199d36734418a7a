"""The built programs that people and playbooks use, at a path that stays the same when a version changes."""

from __future__ import annotations

from pathlib import Path

from lab import paths
from lab.tools.families import family_of, program

PROGRAMS = ("kubectl", "sops")


def folder() -> Path:
    return paths.cache() / "bin"


def fill() -> None:
    """Links what is built; a link of an older build is replaced in one step."""
    folder().mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        if family_of(name).built():
            partial = folder() / f".{name}"
            partial.unlink(missing_ok=True)
            partial.symlink_to(program(name))
            partial.rename(folder() / name)
