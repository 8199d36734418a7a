"""First process of a machine: builds its own root file system in its own namespaces, then becomes its init.

Runs as `python -m lab.machines.boot HOME` inside new mount, pid, uts, ipc, cgroup and network namespaces.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.machines.mount import BIND, PRIVATE, READ_ONLY, RECURSIVE, REMOUNT, SHARED, bind, detach, mount

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse")
_MAIN_PATHS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
PYTHON_PATH = "/opt/fleet/python"


def main() -> None:
    home = Path(sys.argv[1])
    plan = json.loads((home / "boot.json").read_text())
    socket.sethostname(plan["name"])
    mount("none", "/", flags=PRIVATE | RECURSIVE)
    root = home / "root"
    mount("root", root, "tmpfs", options="mode=755")
    _system(root, home)
    _programs(root, plan)
    _kernel(root, home)
    _devices(root)
    _control_groups(root)
    _enter(root)
    python = plan["python"]
    environment = {
        "PATH": ":".join(["/usr/local/sbin:/usr/local/bin", *plan["path"], "/usr/sbin:/usr/bin:/sbin:/bin"]),
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONPATH": PYTHON_PATH,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    os.execve(python, [python, "-m", "lab.machines.init"], environment)


def _system(root: Path, home: Path) -> None:
    for name in ("usr", "etc", "var", "run", "tmp", "root", "proc", "sys", "dev", "opt/cni/bin", "mnt/old"):
        (root / name).mkdir(parents=True)
    for name in _MAIN_PATHS:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    bind("/usr", root / "usr", read_only=True)
    mount("local", root / "usr/local", "tmpfs", options="mode=755")
    (root / "usr/local/bin").mkdir()
    bind(home / "etc", root / "etc")
    bind(home / "var", root / "var")
    mount("run", root / "run", "tmpfs")
    mount("tmp", root / "tmp", "tmpfs")


def _programs(root: Path, plan: dict[str, Any]) -> None:
    for source, target in plan["read_only"]:
        place = root / target.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        mount(source, place, flags=BIND)
        mount(source, place, flags=BIND | REMOUNT | READ_ONLY)
    systemctl = root / "usr/local/bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\nPYTHONPATH={PYTHON_PATH} exec {plan["python"]} -m lab.machines.systemctl "$@"\n')
    systemctl.chmod(0o755)


def _kernel(root: Path, home: Path) -> None:
    mount("proc", root / "proc", "proc")
    mount("sysfs", root / "sys", "sysfs")
    Path(root, "proc/sys/net/ipv4/ip_forward").write_text("1")
    hardware = home / "hardware"
    for name in ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"):
        bind(hardware / Path(name).name, root / "proc/sys" / name)
    bind(hardware / "meminfo", root / "proc/meminfo")
    if (root / "sys/devices/system/node").is_dir():
        mount("none", root / "sys/devices/system/node", "tmpfs")
    bind(hardware / "cpu", root / "sys/devices/system/cpu")


def _devices(root: Path) -> None:
    dev = root / "dev"
    mount("dev", dev, "tmpfs", options="mode=755")
    for name in _DEVICES:
        if Path("/dev", name).exists():
            (dev / name).touch()
            bind(f"/dev/{name}", dev / name)
    (dev / "fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (dev / name).symlink_to(f"/proc/self/fd/{number}")
    for name in ("pts", "shm", "mqueue"):
        (dev / name).mkdir()
    mount("devpts", dev / "pts", "devpts", options="newinstance,ptmxmode=0666,mode=0620")
    (dev / "ptmx").symlink_to("pts/ptmx")
    mount("shm", dev / "shm", "tmpfs")
    mount("mqueue", dev / "mqueue", "mqueue")


def _control_groups(root: Path) -> None:
    """The cgroup namespace makes this machine's own group look like the root of each hierarchy."""
    place = root / "sys/fs/cgroup"
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        mount("cgroup", place, "cgroup2")
        return
    mount("cgroup", place, "tmpfs", options="mode=755")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _number, controllers, _path = line.split(":", 2)
        if controllers.startswith("name="):
            _mount_cgroup(place / controllers.removeprefix("name="), f"none,{controllers}")
        elif controllers:
            _mount_cgroup(place / controllers, controllers)
    (place / "unified").mkdir()
    mount("cgroup2", place / "unified", "cgroup2")


def _mount_cgroup(target: Path, options: str) -> None:
    target.mkdir()
    mount("cgroup", target, "cgroup", options=options)


def _enter(root: Path) -> None:
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "mnt/old"], check=True)
    os.chdir("/")
    # kubelet and containerd expect shared propagation; it stays within this machine's own mount namespace.
    mount("none", "/", flags=SHARED | RECURSIVE)
    detach("/mnt/old")


if __name__ == "__main__":
    main()
