"""The inventory of four clouds at once, against each of them alone: the whole should take as long as the slowest.

python benchmarks/four_clouds.py [--servers 2500] [--latency-ms 30] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.inventory import Run, best, measure  # noqa: E402 - the repository is not installed
from lab.cloud.testing import emulator  # noqa: E402

CLOUDS = ("hetzner", "scaleway", "ovhcloud", "stackit")
TOGETHER = "all four"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=2500, help="in each cloud")
    parser.add_argument("--latency-ms", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, emulator(latency_ms=arguments.latency_ms) as cloud:
        folder = Path(name)
        (folder / "ansible.cfg").write_text("[defaults]\n")
        foreign = ("ANSIBLE_", "HCLOUD_", "SCW_", "OS_", "STACKIT_")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "XDG_CACHE_HOME": name,
        }
        sources = {"start-up": "localhost,"}
        for title in (*CLOUDS, TOGETHER):
            asked = CLOUDS if title == TOGETHER else (title,)
            providers = {provider: dict(cloud.providers[provider]) for provider in asked}
            path = folder / f"{title.replace(' ', '-')}.fleet.yml"
            path.write_text(json.dumps({"plugin": "sovereign.fleet.nodes", "providers": providers}))
            sources[title] = str(path)
        for provider in CLOUDS:
            cloud.store.seed(provider, arguments.servers)
        runs: dict[str, list[Run]] = {title: [] for title in sources}
        for _number in range(arguments.runs):
            for title, source in sources.items():
                taken = measure(source, environment, cloud)
                counted = sum(cloud.requests.count(provider) for provider in CLOUDS)
                runs[title].append(Run(taken.wall, taken.cpu, counted, 0, taken.hosts))
    results = {title: best(taken) for title, taken in runs.items()}
    print(
        f"{arguments.servers} servers in each cloud, {arguments.latency_ms:g} ms per answer, best of {arguments.runs}\n"
    )
    print(f"{'':<14}{'wall s':>8}{'CPU s':>8}{'requests':>10}{'hosts':>8}")
    for title, run in results.items():
        print(f"{title:<14}{run.wall:>8.2f}{run.cpu:>8.2f}{run.requests:>10}{run.hosts:>8}")
    slowest = max(results[provider].wall for provider in CLOUDS)
    hosts = max(results[provider].cpu - results["start-up"].cpu for provider in CLOUDS)
    print(f"\nall four : the slowest alone {results[TOGETHER].wall / slowest:.2f}x")
    print(f"processor time of one cloud's hosts, which cannot be done side by side: up to {hosts:.2f} s")


if __name__ == "__main__":
    main()
