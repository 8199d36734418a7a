"""Runs `ip` and says what it said when it fails."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from lab.errors import LabError


def ip(*words: str, namespace: str = "", check: bool = True) -> str:
    """Runs one `ip` command, in a network namespace when named."""
    command = ["ip", *(("-n", namespace) if namespace else ()), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if check and done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def batch(lines: list[str], namespace: str = "", force: bool = False) -> None:
    """Runs several `ip` commands in one process; with `force` it goes on after a failed one and stays silent."""
    if not lines:
        return
    command = ["ip", *(("-n", namespace) if namespace else ()), *(("-force",) if force else ()), "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0 and not force:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def listing(*words: str) -> list[dict[str, Any]]:
    """The parsed answer of `ip -json ...`; empty when there is nothing to list."""
    text = ip("-json", *words, check=False).strip()
    return json.loads(text) if text else []
