"""The part of systemd that a node's user-data uses: units with ExecStart, started, stopped, enabled and kept alive."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
WANTS = UNITS / "multi-user.target.wants"
LOGS = Path("/var/log")
RESTART_SECONDS = 1.0


class UnknownUnit(Exception):
    """There is no such unit file."""


def _lines(path: Path) -> list[tuple[str, str]]:
    pairs = (line.strip().partition("=") for line in path.read_text().splitlines())
    return [(key, value) for key, separator, value in pairs if separator and not key.startswith("#")]


def command(name: str) -> tuple[list[str], dict[str, str]]:
    """The words of a unit's ExecStart and its environment; `$NAME` as a word of its own is split, as systemd does."""
    path = UNITS / f"{name}.service"
    if not path.exists():
        raise UnknownUnit(f"Unit {name}.service could not be found.")
    environment, line = dict(os.environ), ""
    for key, value in _lines(path):
        if key == "EnvironmentFile":
            file = Path(value.removeprefix("-"))
            if file.exists():
                environment.update({key: " ".join(shlex.split(text)) for key, text in _lines(file)})
        elif key == "Environment":
            environment.update(word.partition("=")[::2] for word in shlex.split(value))
        elif key == "ExecStart":
            line = value
    words: list[str] = []
    for word in shlex.split(line):
        words += shlex.split(environment.get(word[1:], "")) if word.startswith("$") else [word]
    return words, environment


class Services:
    """Running units of one machine."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._due: dict[str, float] = {}

    def start(self, name: str) -> None:
        if name in self._running:
            return
        words, environment = command(name)
        self._due.pop(name, None)
        with (LOGS / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> None:
        self._due.pop(name, None)
        process = self._running.pop(name, None)
        if process:
            process.terminate()
            process.wait()

    def enable(self, name: str) -> None:
        command(name)
        WANTS.mkdir(parents=True, exist_ok=True)
        (WANTS / name).touch()

    def disable(self, name: str) -> None:
        (WANTS / name).unlink(missing_ok=True)

    def active(self, name: str) -> bool:
        return name in self._running

    def start_enabled(self) -> None:
        for path in sorted(WANTS.glob("*")):
            self.start(path.name)

    def ended(self, pid: int) -> bool:
        """Notes that a process has ended; True when it was a unit, which is then due for a restart."""
        for name, process in list(self._running.items()):
            if process.pid == pid:
                process.wait()
                del self._running[name]
                self._due[name] = time.monotonic() + RESTART_SECONDS
                return True
        return False

    def restart_due(self) -> float | None:
        """Starts what is due and gives the seconds until the next one is, None when nothing waits."""
        now = time.monotonic()
        for name, due in list(self._due.items()):
            if due <= now:
                self.start(name)
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None
