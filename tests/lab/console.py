"""What a person does at the terminal: runs a playbook, reads what it says, asks the cluster and the clouds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import lifecycle
from lab.control_plane.planes import all_planes
from lab.tools.families import program

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv/bin"
_PLAYBOOK_SECONDS = 600
_ACCOUNTS = ("ANSIBLE_", "HCLOUD_", "SCW_", "OS_", "STACKIT_", "CLOUDFLEET_")
_LAB_SECONDS = 3600  # the first `lab up` on a machine compiles Kubernetes


@dataclass(frozen=True)
class Run:
    """A finished command: exit code and everything it said."""

    code: int
    output: str

    def recap(self, key: str) -> dict[str, int]:
        """One column of the play recap, per host, for example `recap("changed")`."""
        lines = re.findall(r"^(\S+)\s+: (ok=.*)$", self.output, re.MULTILINE)
        return {host: int(re.findall(rf"{key}=(\d+)", line)[0]) for host, line in lines}


def environment() -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(_ACCOUNTS)}
    return {**plain, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}


def command(*words: str | Path, timeout: float = _PLAYBOOK_SECONDS, cwd: Path = ROOT) -> Run:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout,
    )
    return Run(done.returncode, done.stdout)


def playbook(name: str, *words: str) -> Run:
    """Runs one of playbooks/ against the lab's inventory, or the one that `words` name."""
    return command(BIN / "ansible-playbook", f"playbooks/{name}.yml", *words)


def inventory(*words: str) -> Run:
    return command(BIN / "ansible-inventory", *words)


def lab(*words: str) -> Run:
    return command(BIN / "python", "-m", "lab", *words, timeout=_LAB_SECONDS)


def kubectl(*words: str) -> str:
    """kubectl as administrator of the one cluster; the check beside the project's own modules."""
    kubeconfig = next(plane.admin_kubeconfig for plane in all_planes())
    done = command(program("kubectl"), f"--kubeconfig={kubeconfig}", *words, timeout=60)
    assert done.code == 0, done.output
    return done.output


def objects(*words: str) -> list[dict[str, Any]]:
    """The items of `kubectl get ... -o json`."""
    found = json.loads(kubectl("get", *words, "-o", "json"))
    items: list[dict[str, Any]] = found["items"]
    return items


def ask(path: str, method: str = "GET") -> Any:
    """One request to the lab's control API."""
    request = urllib.request.Request(lifecycle.control_url(path), method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def servers() -> list[dict[str, Any]]:
    """Every server in the emulators' own stores."""
    found: list[dict[str, Any]] = ask("/servers")["servers"]
    return found


def requests(*methods: str) -> list[dict[str, Any]]:
    """The request log, only of these methods when named."""
    found: list[dict[str, Any]] = ask("/requests")["requests"]
    return [request for request in found if not methods or request["method"] in methods]


def forget_requests() -> None:
    ask("/requests", "DELETE")


def greeting(provider: str) -> str:
    """What Podinfo of a provider answers over HTTP at its pod's own address."""
    pods = objects("pods", "-n", "podinfo", "-l", f"fleet/provider={provider}")
    address = pods[0]["status"]["podIP"]
    with urllib.request.urlopen(f"http://{address}:9898/", timeout=5) as answer:
        message: str = json.load(answer)["message"]
    return message


def eventually(read: Callable[[], bool], seconds: float) -> bool:
    """True as soon as `read` is, within a bound. A cluster needs time; a test must not wait for ever."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if read():
                return True
        except (OSError, AssertionError, IndexError, KeyError):
            pass
        time.sleep(0.2)
    return False


def clear_faults() -> None:
    """Mends every emulated cloud, if the lab is up."""
    if lifecycle.answering():
        ask("/faults", "DELETE")
