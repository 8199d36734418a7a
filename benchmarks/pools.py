"""Buying servers: a hundred against one, and one more where a thousand are against one more where ten are.

    python benchmarks/pools.py [--servers 100] [--latency-ms 200]

Every provider is emulated in this process; each run of the module is a process of its own, so that its processor time
can be told apart. What counts is the ratio of two rows, and the number of requests.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab.cloud.testing import Emulator, emulator  # noqa: E402 - the repository is not installed

OFFERS = {
    "hetzner": {"provider": "hetzner", "location": "nbg1", "type": "cx33"},
    "scaleway": {"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L"},
    "ovhcloud": {"provider": "ovhcloud", "location": "GRA11", "type": "b3-8"},
    "stackit": {"provider": "stackit", "location": "eu01-1", "type": "g2i.1"},
}
CHILD = """
import json, sys
from ansible_collections.sovereign.fleet.plugins.modules import node_pool
result = node_pool.run(json.load(sys.stdin))
if result.get("failed"):
    sys.exit(result["msg"])
"""


@dataclass(frozen=True)
class Run:
    """One run of the module: seconds on the clock, seconds of CPU, requests at the provider."""

    wall: float
    cpu: float
    requests: int


def run(cloud: Emulator, provider: str, count: int) -> Run:
    """Bring a pool to a count."""
    params: dict[str, Any] = {
        "fleet": "bench",
        "cluster": "bench",
        "pools": [{"name": "web", "count": count, "offers": [OFFERS[provider]]}],
        "providers": {provider: dict(cloud.providers[provider])},
        "user_data": {"*": "#cloud-config\n"},
        "timeout": 900,
    }
    cloud.requests.clear()
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, env=environment(), text=True)
    assert process.stdin is not None
    with process.stdin as inbox:
        json.dump(params, inbox)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, cloud.requests.count(provider))


def environment() -> Mapping[str, str]:
    """Ours alone: no account of the person who measures."""
    foreign = ("ANSIBLE_", "HCLOUD_", "SCW_", "OS_", "STACKIT_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**plain, "PYTHONPATH": str(ROOT / ".collections")}


def bought(provider: str, servers: int, latency_ms: float) -> None:
    """One server, many servers, and the same again."""
    with emulator(latency_ms=latency_ms) as cloud:
        one = run(cloud, provider, 1)
    with emulator(latency_ms=latency_ms) as cloud:
        many, again = run(cloud, provider, servers), run(cloud, provider, servers)
    each, ratio = many.requests / servers, many.wall / one.wall
    print(
        f"{provider:<10}{one.wall:>7.1f}{many.wall:>9.1f}{ratio:>8.1f}x{each:>12.2f}{many.cpu:>8.1f}"
        f"{again.wall:>10.1f}{again.requests:>10}"
    )


def one_more(provider: str, few: int, many: int) -> None:
    """One node more in a small pool and in a large one."""
    with emulator() as cloud:
        run(cloud, provider, few)
        small = run(cloud, provider, few + 1)
    with emulator() as cloud:
        run(cloud, provider, many)
        large = run(cloud, provider, many + 1)
    print(
        f"{provider:<10}{small.requests:>9}{large.requests:>9}{large.requests / small.requests:>8.2f}x"
        f"{small.cpu:>9.2f}{large.cpu:>9.2f}{large.cpu / small.cpu:>8.2f}x"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=100)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    parser.add_argument("--fleet", type=int, default=1000, help="nodes of the large pool")
    arguments = parser.parse_args()
    print(f"{arguments.servers} servers against one, {arguments.latency_ms:g} ms per answer\n")
    print(f"{'':<10}{'one s':>7}{'many s':>9}{'ratio':>9}{'requests':>12}{'CPU s':>8}{'again s':>10}{'requests':>10}")
    for provider in OFFERS:
        bought(provider, arguments.servers, arguments.latency_ms)
    print(f"\none node more: where 10 are, and where {arguments.fleet} are\n")
    print(f"{'':<10}{'req. 10':>9}{'large':>9}{'ratio':>9}{'CPU 10':>9}{'large':>9}{'ratio':>9}")
    for provider in OFFERS:
        one_more(provider, 10, arguments.fleet)


if __name__ == "__main__":
    main()
