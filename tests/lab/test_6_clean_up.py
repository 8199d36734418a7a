"""What is left when all is over: nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import lifecycle, paths, processes
from tests.lab import console

pytestmark = pytest.mark.lab


def test_down_leaves_no_process_link_mount_route_or_control_group(fleet: console.Run) -> None:
    pids = [process.pid for process in processes.remembered()]
    assert len(pids) > 8
    down = console.lab("down")
    assert down.code == 0, down.output
    assert lifecycle.leftovers() == []
    assert not paths.state().exists()
    assert "sovereign-fleet" not in Path("/proc/self/mounts").read_text()
    assert _said("ip", "route", "show", "root", "198.18.0.0/15") == ""
    assert str(paths.cache() / "tools") not in _said("ps", "-eo", "args")


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
