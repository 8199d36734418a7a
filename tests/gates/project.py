"""The checkout as the gates see it: its files and its tools."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent


def files() -> list[Path]:
    """Paths, relative to the root, of every file that is tracked or would be: what git ignores is not ours."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return [path for path in paths if (ROOT / path).is_file()]


def environment(**more: str) -> dict[str, str]:
    """The caller's environment, with the tools of this interpreter first and the collection to be found."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(TOOLS), os.environ["PATH"]]),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        **more,
    }


def run(
    *command: str,
    cwd: Path = ROOT,
    timeout: float = 900,
    env: Mapping[str, str] | None = None,
    show: Callable[[str], str] = str,
) -> str:
    """Output of a tool that must succeed; when it does not, the test fails with what `show` leaves of that output."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"`{' '.join(command)}` ended with {done.returncode}:\n{show(done.stdout)}", pytrace=False)
    return done.stdout
