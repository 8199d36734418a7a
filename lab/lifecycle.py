"""Up and down: the order in which the lab comes to be, and how nothing of it stays."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from lab import daemon, mode, paths, plan, prerequisites, processes, turn
from lab.control_plane.planes import destroy_all
from lab.errors import LabError
from lab.images import cache as images
from lab.machines import cgroups, power
from lab.machines.spec import known
from lab.network import bridge
from lab.registry.push import push
from lab.registry.server import Registry, default_storage
from lab.release import flux
from lab.tools import shelf
from lab.tools.build import build
from lab.tools.families import KWOK, family

Say = Callable[[str], None]
_START_SECONDS = 60.0
_NOT_PROVEN = (
    "Machines are simulated: the API server is real and nodes join it, but no kubelet, container, pod network or Flux "
    "runs, so no pod answers and `site.yml` cannot end."
)


def up(say: Say = print, simulated: bool = False) -> None:
    """Brings the lab up. A second call changes nothing; one after a crash mends what the crash left."""
    with turn.taken(say):
        started = time.monotonic()
        if simulated:
            _check_simulated()
        else:
            prerequisites.check(say)
        if answering():
            say("The lab is up already.")
            return
        if processes.Process.read(daemon.NAME) is None:
            prerequisites.check_ports()
        mode.choose(simulated)
        if simulated:
            build(say, [family("kubernetes"), family("etcd"), KWOK])
        else:
            _make_ready(say)
        shelf.fill()
        _start_daemon()
        say(f"The lab is up ({time.monotonic() - started:.1f} s): emulated clouds on {plan.LOOPBACK}, Git, registry.")
        if simulated:
            say(_NOT_PROVEN)


def _check_simulated() -> None:
    if processes.remembered() and not mode.simulated():
        raise LabError("A lab with real machines is up; `python -m lab down` ends it.")


def _make_ready(say: Say) -> None:
    """Tools, images, network, registry: what machines need before the first one boots."""
    build(say)
    layouts = images.ensure(say)
    flux.ensure(say)
    bridge.up()
    registry = Registry(plan.host_address(), plan.REGISTRY_PORT, default_storage())
    registry.start()
    push(registry.url, layouts)


def down(say: Say = print) -> None:
    """Ends everything the lab started and removes every trace but the cache. Works on the remains of a crash, too."""
    with turn.taken(say):
        _down(say)


def _down(say: Say) -> None:
    process = processes.Process.read(daemon.NAME)
    if process:
        processes.stop(process)
    if mode.simulated():
        destroy_all()
    else:
        _end_machines()
    shutil.rmtree(paths.state(), ignore_errors=True)
    left = leftovers()
    if left:
        raise LabError("The lab is down, but this is left: " + "; ".join(left) + ".")
    say("The lab is down; nothing of it is left but the cache.")


def _end_machines() -> None:
    for spec in known():
        power.destroy(spec.id)
    destroy_all()
    for process in processes.remembered():
        processes.stop(process)
    bridge.down()
    cgroups.remove_all()


def leftovers() -> list[str]:
    """Processes, links, namespaces, routes and control groups of the lab, in words."""
    running = [f"process {process.name} ({process.pid})" for process in processes.remembered()]
    return running + bridge.leftovers() + cgroups.leftovers()


def control_url(path: str) -> str:
    return f"http://{plan.LOOPBACK}:{plan.PORTS['control']}{path}"


def answering() -> bool:
    """True when the lab's process answers on its control port."""
    try:
        with urllib.request.urlopen(control_url("/healthz"), timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _start_daemon() -> None:
    process = processes.start(daemon.NAME, [sys.executable, "-m", "lab", "serve"])
    deadline = time.monotonic() + _START_SECONDS
    while not answering():
        if not process.running():
            process.forget()
            raise LabError(f"The lab's process ended while starting: {processes.tail(daemon.NAME, 3)}")
        if time.monotonic() > deadline:
            raise LabError(f"The lab did not answer within {_START_SECONDS:.0f} s; see {processes.logs()}.")
        time.sleep(0.05)
