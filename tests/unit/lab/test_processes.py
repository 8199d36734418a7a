from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lab import processes
from lab.processes import Process


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def _sleeper(name: str = "sleeper") -> Process:
    return processes.start(name, [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"])


def test_a_started_process_is_remembered_and_stopped_by_its_pid() -> None:
    process = _sleeper()
    assert [each.pid for each in processes.remembered()] == [process.pid]
    processes.stop(process)
    assert not process.running()
    assert processes.remembered() == []


def test_starting_again_gives_the_running_process() -> None:
    first = _sleeper()
    try:
        assert _sleeper().pid == first.pid
    finally:
        processes.stop(first)


def test_a_pid_that_another_process_has_now_is_not_taken_for_ours() -> None:
    processes.folder().mkdir(parents=True)
    (processes.folder() / "old.json").write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    assert Process.read("old") is None
    assert processes.remembered() == []


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = processes.start("deaf", [sys.executable, "-c", code])
    while "deaf" not in processes.tail("deaf"):
        pass
    processes.stop(process, patience=0.2)
    assert not process.running()
