"""The lab's one long-running process: emulated clouds, Git, release mirror; it owns machines and control planes."""

from __future__ import annotations

import asyncio
import signal

from lab import mode, paths, plan
from lab.cloud.ports import Machines
from lab.cloud.service import CloudService
from lab.control_plane.planes import LocalControlPlanes
from lab.git.server import GitServer
from lab.machines.machines import NamespaceMachines
from lab.machines.simulated import SimulatedMachines
from lab.machines.spec import known
from lab.network.pods import PodNetwork
from lab.release import flux
from lab.release.server import serve

NAME = "lab"


def run() -> None:
    """Serves until SIGTERM or SIGINT. Machines and control planes go on without it."""
    asyncio.run(_serve())


async def _serve() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    network = PodNetwork()
    machines: Machines = SimulatedMachines() if mode.simulated() else NamespaceMachines(network)
    planes = LocalControlPlanes(network)
    await planes.resume()
    git = GitServer(paths.state() / "git", plan.host_address(), plan.GIT_PORT)
    git.start()
    mirror = None if mode.simulated() else serve(plan.host_address(), plan.RELEASE_PORT, flux.ensure())
    clouds = CloudService(paths.state() / "clouds", machines, planes, plan.PORTS)
    await clouds.start()
    await _end_strays(clouds, machines)
    try:
        await stop.wait()
    finally:
        await clouds.stop()
        await planes.close()
        if mirror:
            mirror.stop()
        git.stop()


async def _end_strays(clouds: CloudService, machines: Machines) -> None:
    """Ends machines that no cloud knows: a crash between booting one and writing it down leaves such."""
    wanted = {server.id for server in clouds.servers()}
    for spec in known():
        if spec.id not in wanted:
            await machines.destroy(spec.id)
            machines.release(spec.id)
