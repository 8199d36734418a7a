"""What a person reads whose machine is not ready for the lab."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from lab import plan, processes
from tests.lab import console

pytestmark = pytest.mark.lab


def test_a_full_disk_below_the_cache_folder_is_said(tmp_path: Path) -> None:
    console.lab("down")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", folder], check=True)
    try:
        (folder / "filler").write_bytes(bytes(900_000))
        done = subprocess.run(
            [console.BIN / "python", "-m", "lab", "up"],
            cwd=console.ROOT,
            env={**console.environment(), "XDG_CACHE_HOME": str(folder), "XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        subprocess.run(["umount", folder], check=True)
    assert done.returncode == 1
    sentence = f"lab: Building the tools needs 20 GiB free below {folder}/sovereign-fleet and there are 0.0;"
    assert done.stderr.startswith(sentence)


def test_a_taken_port_is_named_and_nothing_is_started() -> None:
    console.lab("down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((plan.LOOPBACK, plan.PORTS["scaleway"]))
        other.listen()
        up = console.lab("up")
    assert up.code == 1
    assert up.output.startswith("lab: Port 18002, on which the lab serves scaleway, is taken by another program;")
    assert processes.remembered() == []


def test_a_machine_that_has_everything_is_left_as_it_is() -> None:
    prepared = console.lab("prepare")
    assert (prepared.code, prepared.output) == (0, "")
