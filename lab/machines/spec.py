"""What a machine is, and the folder that is its disk."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import paths
from lab.cloud.ports import MachineSpec

__all__ = ["Disk", "MachineSpec", "folder"]


def folder() -> Path:
    return paths.state() / "machines"


@dataclass(frozen=True)
class Disk:
    """The folder of one machine: etc and var are its disk, the rest is how the host sees it."""

    machine_id: str

    @property
    def home(self) -> Path:
        return folder() / self.machine_id

    @property
    def etc(self) -> Path:
        return self.home / "etc"

    @property
    def var(self) -> Path:
        return self.home / "var"

    @property
    def console(self) -> Path:
        return self.home / "console.log"

    @property
    def hardware(self) -> Path:
        """Files that show the machine's size to whoever reads /proc/meminfo and /sys/devices/system/cpu."""
        return self.home / "hardware"

    @property
    def root(self) -> Path:
        return self.home / "root"

    def save(self, spec: MachineSpec) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        partial = self.home / "spec.partial"
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(spec)))
        partial.rename(self.home / "spec.json")

    def delete(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def load(self) -> MachineSpec | None:
        try:
            return MachineSpec(**json.loads((self.home / "spec.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None


def known() -> list[MachineSpec]:
    """Every machine that has a disk, running or not."""
    specs = [Disk(path.name).load() for path in sorted(folder().glob("*"))]
    return [spec for spec in specs if spec]
