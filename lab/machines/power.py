"""Turns one machine on and off: cgroup, cable, namespaces, first process."""

from __future__ import annotations

import json
import os
import signal
import site
import sys
import sysconfig
from pathlib import Path

from lab import paths, processes
from lab.cloud.ports import MachineSpec
from lab.machines import image
from lab.machines.boot import PYTHON_PATH
from lab.machines.cgroups import Cgroup
from lab.machines.cloud_init import USER_DATA
from lab.machines.spec import Disk
from lab.network.cable import Cable
from lab.tools.families import family

_TOOLS = "/opt/fleet/tools"
_GUEST_FAMILIES = ("kubernetes", "containerd")
# Joins every control group first, so that the cgroup namespace made by `unshare` has the machine's group as its root.
_JOIN_THEN_EXEC = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@"'


def process_name(machine_id: str) -> str:
    return f"machine-{machine_id}"


def running(machine_id: str) -> bool:
    return processes.Process.read(process_name(machine_id)) is not None


def on(spec: MachineSpec) -> None:
    """Boots a machine from its disk, making the disk first when there is none. Does nothing when it runs."""
    if running(spec.id):
        return
    disk = Disk(spec.id)
    disk.save(spec)
    image.install(disk, spec)
    _seed(disk, spec)
    _write_boot_plan(disk, spec)
    cgroup, cable = Cgroup(spec.id, spec.cpus, spec.memory_gib), Cable(spec.id, spec.address)
    joins = [str(path) for path in cgroup.create()]
    cable.lay()
    unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child"]
    command = ["nsenter", f"--net=/run/netns/{cable.namespace}", *unshare]
    command += [sys.executable, "-m", "lab.machines.boot", str(disk.home)]
    environment = {**os.environ, "PYTHONPATH": str(paths.PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    processes.start(process_name(spec.id), ["sh", "-c", _JOIN_THEN_EXEC, "sh", *joins, "--", *command], environment)


def off(machine_id: str) -> None:
    """Cuts the power: everything inside dies at once, the disk stays."""
    process = processes.Process.read(process_name(machine_id))
    if process:
        # `unshare` dies with its child and the child with it; nothing in the namespace survives its process 1.
        process.signal(signal.SIGKILL)
        process.wait_gone(5.0)
        process.forget()
    spec = Disk(machine_id).load()
    if spec:
        Cgroup(spec.id, spec.cpus, spec.memory_gib).remove()
        Cable(spec.id, spec.address).remove()


def destroy(machine_id: str) -> None:
    """Power off, and the disk is gone."""
    off(machine_id)
    Disk(machine_id).delete()
    (processes.logs() / f"{process_name(machine_id)}.log").unlink(missing_ok=True)


def _seed(disk: Disk, spec: MachineSpec) -> None:
    target = disk.home / str(USER_DATA.relative_to("/"))
    if spec.user_data and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_text(spec.user_data)


def _write_boot_plan(disk: Disk, spec: MachineSpec) -> None:
    read_only = [(str(family(name).home() / "bin"), f"{_TOOLS}/{name}") for name in _GUEST_FAMILIES]
    read_only.append((str(family("cni").home() / "bin"), "/opt/cni/bin"))
    read_only.append((str(paths.PACKAGE), f"{PYTHON_PATH}/lab"))
    read_only.append((str(_yaml_package()), f"{PYTHON_PATH}/yaml"))
    if not sys.base_prefix.startswith("/usr"):
        read_only.append((sys.base_prefix, sys.base_prefix))
    (disk.home / "boot.json").write_text(
        json.dumps(
            {
                "name": spec.name,
                "python": str(Path(sys.base_prefix, "bin", f"python{sysconfig.get_python_version()}")),
                "path": [f"{_TOOLS}/{name}" for name in _GUEST_FAMILIES],
                "read_only": read_only,
            }
        )
    )


def _yaml_package() -> Path:
    return next(Path(folder, "yaml") for folder in site.getsitepackages() if Path(folder, "yaml").is_dir())
