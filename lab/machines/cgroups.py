"""The control groups of machines, in version 1 hierarchies (one folder per controller) or the one of version 2."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

ROOT = Path("/sys/fs/cgroup")
PARENT = "sovereign-fleet"
_V1 = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified")
_PATIENCE_SECONDS = 5.0


def unified() -> bool:
    """True on a machine whose controllers are all in one version 2 tree."""
    return (ROOT / "cgroup.controllers").exists()


def trees() -> list[Path]:
    """Mounted hierarchies in which every machine gets a folder."""
    if unified():
        return [ROOT]
    found = [ROOT / name for name in _V1 if (ROOT / name / "cgroup.procs").exists()]
    if not found:
        raise LabError(f"No control groups are mounted below {ROOT}; run the lab on a host that has them.")
    return found


@dataclass(frozen=True)
class Cgroup:
    """The control group of one machine, limited to its size."""

    machine_id: str
    cpus: int
    memory_gib: int

    def folders(self) -> list[Path]:
        return [tree / PARENT / self.machine_id for tree in trees()]

    def create(self) -> list[Path]:
        """Makes the folders with their limits; gives the files into which the first process writes its pid."""
        for tree in trees():
            parent, own = tree / PARENT, tree / PARENT / self.machine_id
            for folder in (parent, own):
                folder.mkdir(exist_ok=True)
                if tree.name == "cpuset":
                    for name in ("cpuset.cpus", "cpuset.mems"):
                        (folder / name).write_text((tree / name).read_text())
        memory, quota = self.memory_gib * 2**30, self.cpus * 100_000
        if unified():
            for folder in (ROOT, ROOT / PARENT):
                (folder / "cgroup.subtree_control").write_text("+cpu +cpuset +memory +pids +io")
            (ROOT / PARENT / self.machine_id / "memory.max").write_text(str(memory))
            (ROOT / PARENT / self.machine_id / "cpu.max").write_text(f"{quota} 100000")
        else:
            (ROOT / "memory" / PARENT / self.machine_id / "memory.limit_in_bytes").write_text(str(memory))
            (ROOT / "cpu" / PARENT / self.machine_id / "cpu.cfs_quota_us").write_text(str(quota))
        return [folder / "cgroup.procs" for folder in self.folders()]

    def remove(self) -> None:
        for folder in self.folders():
            _remove_tree(folder)


def _remove_tree(folder: Path) -> None:
    """Removes a control group and those below it; the kernel needs a moment after the last process has gone."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while folder.exists():
        for inner, _folders, _files in os.walk(folder, topdown=False):
            try:
                os.rmdir(inner)
            except OSError:
                continue
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def remove_all() -> None:
    """Removes every control group of the lab."""
    for tree in trees():
        _remove_tree(tree / PARENT)


def leftovers() -> list[str]:
    return [f"control group {tree / PARENT}" for tree in trees() if (tree / PARENT).exists()]
