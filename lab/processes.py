"""Processes of the lab: started detached, remembered by pid and start time, ended by pid and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import paths


def folder() -> Path:
    return paths.state() / "processes"


def logs() -> Path:
    return paths.state() / "logs"


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which the process began; tells a reused pid from ours. None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


@dataclass(frozen=True)
class Process:
    """A process that the lab started, as remembered on disk."""

    name: str
    pid: int
    started: int

    @classmethod
    def read(cls, name: str) -> Process | None:
        """The remembered process of that name when it still runs."""
        try:
            process = cls(name, **json.loads((folder() / f"{name}.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return process if process.running() else None

    def running(self) -> bool:
        return start_time(self.pid) == self.started

    def remember(self) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        target = folder() / f"{self.name}.json"
        partial = target.with_suffix(".partial")
        partial.write_text(json.dumps({"pid": self.pid, "started": self.started}))
        partial.rename(target)

    def signal(self, number: int) -> None:
        if self.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait_gone(self, seconds: float) -> bool:
        """Waits until the process has ended; also reaps it where it is our child."""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return True

    def forget(self) -> None:
        (folder() / f"{self.name}.json").unlink(missing_ok=True)


def start(name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Process:
    """Starts a command detached from the terminal, its output in logs/NAME.log; returns a running one as it is."""
    running = Process.read(name)
    if running:
        return running
    logs().mkdir(parents=True, exist_ok=True)
    with (logs() / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [str(word) for word in command],
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process = Process(name, child.pid, start_time(child.pid) or 0)
    process.remember()
    return process


def remembered() -> list[Process]:
    """Every process on record that still runs."""
    names = sorted(path.stem for path in folder().glob("*.json"))
    return [process for name in names if (process := Process.read(name))]


def stop(process: Process, patience: float = 5.0) -> None:
    """SIGTERM, then SIGKILL when it takes longer than `patience` seconds."""
    process.signal(signal.SIGTERM)
    if not process.wait_gone(patience):
        process.signal(signal.SIGKILL)
        process.wait_gone(patience)
    process.forget()


def tail(name: str, lines: int = 5) -> str:
    """The last lines of a process's log, for an error message."""
    try:
        text = (logs() / f"{name}.log").read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
