"""Builds what is missing in the cache, says what it does, and leaves none of Go's own caches behind."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lab import paths
from lab.errors import LabError
from lab.tools import go
from lab.tools.families import FAMILIES, KWOK, Data, Family

MOST_GIB = 20  # Go's own caches while everything is built
Say = Callable[[str], None]


def missing(families: Iterable[Family] = FAMILIES) -> list[Family]:
    """Families whose lock has no folder in the cache yet."""
    return [family for family in families if not family.built()]


def build(say: Say = print, families: Iterable[Family] = FAMILIES) -> None:
    """Builds every missing family. A second call builds nothing and prints nothing."""
    families = tuple(families)
    todo = missing(families)
    if not todo:
        return
    _check_disk(min(MOST_GIB, 4 + 2 * len(todo)))
    scratch = paths.cache() / "go-scratch"
    program = go.toolchain()
    say(f"Building {len(todo)} of {len(families)} tool families from pinned Go modules, once (all: about 20 minutes).")
    try:
        for number, family in enumerate(todo, 1):
            started = time.monotonic()
            say(f"  [{number}/{len(todo)}] {family.name} …")
            _build_family(family, program, scratch)
            say(f"  [{number}/{len(todo)}] {family.name} built in {time.monotonic() - started:.0f} s")
    finally:
        _drop(scratch)
    _drop_old_locks()


def _check_disk(needed_gib: int) -> None:
    folder = paths.cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free / 2**30
    except OSError as error:
        raise LabError(f"The cache folder {folder} cannot be used ({error.strerror}); set XDG_CACHE_HOME.") from error
    if free < needed_gib:
        raise LabError(
            f"Building the tools needs {needed_gib} GiB free below {folder} and there are {free:.1f}; "
            "free some, or set XDG_CACHE_HOME to a larger disk."
        )


def _environment(scratch: Path) -> dict[str, str]:
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOCACHE": str(scratch / "build"),
        "GOMODCACHE": str(scratch / "mod"),
    }


def _build_family(family: Family, program: str, scratch: Path) -> None:
    home = family.home()
    partial = home.with_name(home.name + ".partial")
    _drop(partial)
    (partial / "bin").mkdir(parents=True)
    environment = _environment(scratch)
    programs = family.programs()
    if programs:
        linker = " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in family.stamps)])
        command = [program, "build", "-ldflags", linker, "-o", f"{partial}/bin/", *programs]
        _run(command, family, environment)
    for data in family.data:
        _take_data(data, family, program, environment, partial / "data")
    partial.rename(home)


def _take_data(data: Data, family: Family, program: str, environment: dict[str, str], target: Path) -> None:
    text = _run([program, "mod", "download", "-json", data.module], family, environment)
    source = Path(json.loads(text)["Dir"]) / data.path
    copy = target / data.to
    shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _run(command: list[str], family: Family, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=family.folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        reason = _reason(done.stderr or done.stdout)
        raise LabError(f"Building {family.name} failed: {reason} What was built before stays; run the command again.")
    return done.stdout


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("no space left" in line for line in lines):
        return "the disk of the cache folder is full; free some space or set XDG_CACHE_HOME."
    return (lines[-1] if lines else "go gave no reason").rstrip(".") + "."


def _drop(folder: Path) -> None:
    """Deletes a folder; Go writes its module cache read-only, so that is undone first."""

    def writable(function: Callable[[str], object], path: str, _error: object) -> None:
        os.chmod(os.path.dirname(path), stat.S_IRWXU)
        function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=writable)


def _drop_old_locks() -> None:
    for family in (*FAMILIES, KWOK):
        for old in (paths.cache() / "tools" / family.name).glob("*"):
            if old != family.home():
                _drop(old)
