"""Labels and taints of a thousand nodes: the module against one LIST and a thousand PATCHes on eight connections.

    python benchmarks/placement.py [--nodes 1000] [--runs 3]

Ends a lab that is up, measures on the API server of a new one with simulated machines, and ends that too. The nodes are
objects of a real API server that no kubelet stands behind. The floor uses nothing but the standard library.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab import environment  # noqa: E402 - the repository is not installed

CONNECTIONS = 8
POOL = "web"
CHILD = """
import json, resource, sys, time
from ansible_collections.sovereign.fleet.plugins.modules import {module}
params = json.load(sys.stdin)
started = time.perf_counter()
result = {module}.run(params)
wall = time.perf_counter() - started
if result.get("failed"):
    sys.exit(result["msg"])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "changed": len(result.get("patched", []))}}))
"""


class Api:
    """A cluster's API server, spoken to without any library."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._address = urllib.parse.urlsplit(cluster["server"]).netloc
        self._context = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
            pair.flush()
            self._context.load_cert_chain(pair.name)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._address, context=self._context, timeout=60)


def ask(connection: http.client.HTTPSConnection, method: str, path: str, body: Any = None) -> Any:
    """One request; JSON merge patches for PATCH."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")
    return json.loads(text)


def side_by_side(api: Api, names: Sequence[str], work: Callable[[http.client.HTTPSConnection, str], object]) -> None:
    """Do the work for every name, on a few connections that are kept."""

    def part(share: Sequence[str]) -> None:
        connection = api.connect()
        for name in share:
            work(connection, name)
        connection.close()

    threads = [threading.Thread(target=part, args=(names[index::CONNECTIONS],)) for index in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def make(api: Api, names: Sequence[str]) -> None:
    body = {"apiVersion": "v1", "kind": "Node"}
    side_by_side(
        api,
        names,
        lambda connection, name: ask(connection, "POST", "/api/v1/nodes", {**body, "metadata": {"name": name}}),
    )


def floor(api: Api, names: Sequence[str], value: str) -> tuple[float, float]:
    """One LIST and a PATCH for each node; seconds on the clock and of CPU."""
    started, cpu = time.perf_counter(), time.process_time()
    connection = api.connect()
    ask(connection, "GET", "/api/v1/nodes?resourceVersion=0")
    patch = {
        "metadata": {"labels": {f"bench/{index}": value for index in range(7)}},
        "spec": {"taints": [{"key": "bench", "value": value, "effect": "PreferNoSchedule"}]},
    }
    side_by_side(api, names, lambda open_one, name: ask(open_one, "PATCH", f"/api/v1/nodes/{name}", patch))
    return time.perf_counter() - started, time.process_time() - cpu


def module(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """A module in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(module=name)],
        input=json.dumps(params),
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def wanted(names: Sequence[str], kubeconfig: Path, value: str) -> dict[str, Any]:
    """Options of node_placement."""
    offer = {"provider": "hetzner", "location": "nbg1", "type": "cx33"}
    taint = {"key": "bench", "value": value, "effect": "PreferNoSchedule"}
    nodes = [
        {
            "name": name,
            "pool": POOL,
            "provider": "hetzner",
            "location": "nbg1",
            "zone": "nbg1",
            "region": "eu-central",
            "country": "DE",
            "type": "cx33",
            "state": "running",
            "provider_id": f"hcloud://{number}",
        }
        for number, name in enumerate(names, 1)
    ]
    pool = {"name": POOL, "count": len(names), "offers": [offer], "labels": {"bench/value": value}, "taints": [taint]}
    return {"kubeconfig": str(kubeconfig), "nodes": nodes, "pools": [pool]}


def lab(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "lab", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def cluster(folder: Path) -> Path:
    """A control plane, and where its kubeconfig lies."""
    os.environ.update(environment.variables())
    path = folder / "kubeconfig"
    module(
        "cloudfleet_cluster",
        {
            "name": "bench",
            "region": "europe-central-1a",
            "version": "1.36",
            "tier": "basic",
            "state": "present",
            "wait": True,
            "timeout": 120,
            "kubeconfig": str(path),
        },
    )
    return path


def measured(count: int, runs: int) -> None:
    """Measure on a lab that is up, and print."""
    names = [f"bench-{POOL}-{number}" for number in range(1, count + 1)]
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = cluster(Path(folder))
        api = Api(kubeconfig)
        make(api, names)
        floors, ours = [], []
        for number in range(runs):
            floors.append(floor(api, names, f"floor-{number}"))
            ours.append(module("node_placement", wanted(names, kubeconfig, f"ours-{number}")))
        again = module("node_placement", wanted(names, kubeconfig, f"ours-{runs - 1}"))
    if {run["changed"] for run in ours} != {count} or again["changed"]:
        raise SystemExit(f"patched {[run['changed'] for run in ours]} of {count} nodes, and again {again['changed']}")
    wall, cpu = min(wall for wall, _cpu in floors), min(cpu for _wall, cpu in floors)
    mine, mine_cpu = min(run["wall"] for run in ours), min(run["cpu"] for run in ours)
    print(f"{count} nodes, best of {runs}\n")
    print(f"{'':<34}{'wall s':>8}{'CPU s':>8}")
    print(f"{f'one LIST, {count} PATCHes':<34}{wall:>8.2f}{cpu:>8.2f}")
    print(f"{'node_placement':<34}{mine:>8.2f}{mine_cpu:>8.2f}   {mine / wall:.2f}x the floor")
    print(f"{'node_placement, without change':<34}{again['wall']:>8.2f}{again['cpu']:>8.2f}   0 nodes patched")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    lab("down")
    lab("up", "--simulated")
    try:
        measured(arguments.nodes, arguments.runs)
    finally:
        lab("down")


if __name__ == "__main__":
    main()
