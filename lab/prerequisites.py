"""What the lab needs from the machine it runs on; each missing thing is one sentence with the command that mends it."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab import plan
from lab.errors import LabError

# Program -> Debian package.
_PACKAGES = {
    "age-keygen": "age",
    "git": "git",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "pivot_root": "util-linux",
    "runc": "runc",
    "unshare": "util-linux",
}
# containerd, kubelet and kube-proxy of one machine, and one control plane, measured.
INOTIFY_PER_MACHINE, INOTIFY_PER_CONTROL_PLANE = 9, 13
Say = Callable[[str], None]


def check(say: Say = print) -> None:
    """Raises LabError with the first thing that is missing; as root on Debian missing packages are installed."""
    if platform.system() != "Linux":
        raise LabError("The lab runs Linux machines in namespaces and this is not Linux; run it in a Linux VM.")
    if os.geteuid() != 0:
        raise LabError(
            "The lab makes namespaces, links and control groups and needs root: run `sudo make lab`, "
            "or `python -m lab up --simulated` for Kubernetes without real machines."
        )
    missing = missing_packages()
    if missing:
        install(missing, say)


def missing_packages() -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for program, package in _PACKAGES.items() if not shutil.which(program, path=path)})


def install(packages: list[str], say: Say) -> None:
    """Installs Debian packages, or says which command would."""
    command = f"apt-get install {' '.join(packages)}"
    if not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        raise LabError(f"Missing: {', '.join(packages)}. Install them with your package manager (Debian: `{command}`).")
    say(f"Installing {', '.join(packages)} …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *words],
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabError(f"`{command}` failed: {reason} Install the packages yourself and run the command again.")


def check_ports() -> None:
    """Raises LabError when another program listens where the lab would."""
    for name, port in {**plan.PORTS, "git": plan.GIT_PORT, "registry": plan.REGISTRY_PORT}.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((plan.LOOPBACK, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise LabError(
                    f"Port {port}, on which the lab serves {name}, is taken by another program; "
                    f"`ss -ltnp 'sport = :{port}'` names it. Stop it and run `make lab` again."
                ) from None
