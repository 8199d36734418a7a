"""`python -m lab.cloud`: the emulated clouds alone, with machines in memory, for benchmarks and experiments."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from lab.cloud.memory import MemoryControlPlanes, MemoryMachines
from lab.cloud.seed import seed
from lab.cloud.service import CloudService
from lab.cloud.settings import CLOUDS, CONTROL, CloudSettings
from lab.errors import LabError

_PORTS = dict(zip((CONTROL, *CLOUDS), range(18000, 18001 + len(CLOUDS)), strict=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.cloud", description=__doc__)
    for name, port in _PORTS.items():
        parser.add_argument(
            f"--{name}-port", type=int, default=port, metavar="PORT", help=f"default {port}, 0 = any free"
        )
    parser.add_argument("--state", type=Path, help="folder that keeps the clouds over restarts; default: in memory")
    parser.add_argument("--boot-seconds", type=float, default=2.0, help="from power-on to running")
    parser.add_argument("--create-seconds", type=float, default=2.0, help="from order to deployed, for a control plane")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="time that every answer takes longer")
    parser.add_argument("--requests-per-hour", type=int, default=3600, help="Hetzner's budget")
    parser.add_argument(
        "--datacenters", action="store_true", help="let Hetzner servers have the datacenter of former times"
    )
    parser.add_argument(
        "--seed", action="append", default=[], metavar="CLOUD=COUNT", help="put running servers there first"
    )
    return parser.parse_args()


def _seeds(words: list[str]) -> dict[str, int]:
    seeds = {}
    for word in words:
        cloud, _equals, count = word.partition("=")
        if not count.isdigit():
            raise LabError(f"--seed wants something like hetzner=1000, not {word!r}.")
        seeds[cloud] = int(count)
    return seeds


async def _serve(arguments: argparse.Namespace) -> None:
    machines = MemoryMachines(arguments.boot_seconds)
    settings = CloudSettings(
        latency_seconds=arguments.latency_ms / 1000,
        hetzner_requests_per_hour=arguments.requests_per_hour,
        hetzner_datacenters=arguments.datacenters,
    )
    ports = {name: getattr(arguments, f"{name}_port") for name in _PORTS}
    planes = MemoryControlPlanes(arguments.create_seconds)
    service = CloudService(arguments.state, machines, planes, ports, settings)
    for cloud, count in _seeds(arguments.seed).items():
        seed(service, machines, cloud, count)
    await service.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Of our own, because a process that a shell puts into the background starts with SIGINT ignored.
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(json.dumps({"ports": service.ports}), flush=True)
    try:
        await stop.wait()
    finally:
        await service.stop()


def main() -> None:
    """Serve until interrupted; the first line on standard output is the ports as JSON."""
    try:
        asyncio.run(_serve(_arguments()))
    except LabError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
