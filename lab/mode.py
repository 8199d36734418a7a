"""Whether machines are real or simulated; on disk, so that every process of one lab agrees."""

from __future__ import annotations

from pathlib import Path

from lab import paths


def simulated() -> bool:
    """True when nodes are kwok's: the API server is real, pods only say that they run."""
    return _marker().exists()


def choose(simulated_machines: bool) -> None:
    """Remembers the choice until `down`."""
    _marker().parent.mkdir(parents=True, exist_ok=True)
    if simulated_machines:
        _marker().touch()
    else:
        _marker().unlink(missing_ok=True)


def _marker() -> Path:
    return paths.state() / "simulated"
