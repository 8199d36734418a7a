"""Our inventory against that of hetzner.hcloud, on the same emulated cloud, in one run: ratios, not seconds.

    python benchmarks/inventory.py [--servers 1000] [--latency-ms 30] [--runs 3]

Needs the development requirements. At its first run it fetches the community's `ansible` package from PyPI (51 MB) for
the one collection it compares with, and keeps that collection in the user's cache folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from lab.cloud.testing import Emulator, emulator  # noqa: E402 - the repository is not installed

BUNDLE = "14.5.0"
COLLECTION = "ansible_collections/hetzner/hcloud/"
COLLECTION_VERSION = "6.12.0"
PEER, OURS_TITLE = "hetzner.hcloud", "sovereign.fleet"
FLOOR = "a plugin that only sets variables"
FLOOR_PLUGIN = """
from ansible.plugins.inventory import BaseInventoryPlugin
class InventoryModule(BaseInventoryPlugin):
    NAME = "floor"
    def verify_file(self, path):
        return path.endswith("floor.yml")
    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        names = ["v%d" % number for number in range(22)]
        for number in range(int(self._read_config_data(path)["hosts"])):
            inventory.add_host("seed-%d" % number)
            inventory.hosts["seed-%d" % number].vars.update({name: number for name in names})
"""
FLOOR_DOCUMENTATION = """
DOCUMENTATION = r'''
name: floor
short_description: Hosts with variables and nothing else
description: [For comparison.]
options:
  plugin: {description: [Name.], required: true}
  hosts: {description: [How many.], type: int}
'''
"""

OURS = {
    "compose": {"city": "location", "kind": "type"},
    "groups": {"up": "state == 'running'"},
    "keyed_groups": [
        {"key": "location", "prefix": "place"},
        {"key": "type", "prefix": "kind"},
        {"key": "state", "prefix": "state"},
    ],
}
THEIRS = {
    "compose": {"city": "hcloud_location", "kind": "hcloud_type"},
    "groups": {"up": "hcloud_status == 'running'"},
    "keyed_groups": [
        {"key": "hcloud_location", "prefix": "place"},
        {"key": "hcloud_type", "prefix": "kind"},
        {"key": "hcloud_status", "prefix": "state"},
    ],
}


@dataclass(frozen=True)
class Run:
    """One command: seconds on the clock, seconds of CPU, requests, how many of them at once, hosts listed."""

    wall: float
    cpu: float
    requests: int = 0
    peak: int = 0
    hosts: int = 0


def peer_collection() -> Path:
    """The folder to put on Ansible's collection path; fetched once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sovereign.fleet" / "benchmarks"
    folder = cache / f"ansible-{BUNDLE}"
    manifest = folder / COLLECTION / "MANIFEST.json"
    if not manifest.exists():
        print(f"Fetching ansible=={BUNDLE} for hetzner.hcloud {COLLECTION_VERSION} into {folder}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as draft:
            wanted = ["--no-deps", "--only-binary=:all:", "--python-version", "3.13", "--dest", draft]
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", *wanted, f"ansible=={BUNDLE}"], check=True)
            (wheel,) = Path(draft).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                names = [name for name in archive.namelist() if name.startswith(COLLECTION)]
                # The manifest marks a complete copy, so it comes last.
                names.sort(key=lambda name: name.endswith("MANIFEST.json"))
                archive.extractall(folder, names)
    version = json.loads(manifest.read_text())["collection_info"]["version"]
    if version != COLLECTION_VERSION:
        raise SystemExit(f"{folder} holds hetzner.hcloud {version}, not {COLLECTION_VERSION}; remove it and run again.")
    return folder


def sources(folder: Path, cloud: Emulator, servers: int) -> dict[str, str]:
    """Inventory files by what they are called in the table."""
    provider = cloud.providers["hetzner"]
    peer = {"plugin": "hetzner.hcloud.hcloud", "api_endpoint": provider["endpoint"], "api_token": provider["token"]}
    ours = {"plugin": "sovereign.fleet.nodes", "providers": {"hetzner": dict(provider)}}
    contents: dict[str, tuple[str, Mapping[str, object]]] = {
        PEER: ("plain.hcloud.yml", peer),
        OURS_TITLE: ("plain.fleet.yml", ours),
        f"{PEER}, constructed": ("constructed.hcloud.yml", {**peer, "hostvars_prefix": "hcloud_", **THEIRS}),
        f"{OURS_TITLE}, constructed": ("constructed.fleet.yml", {**ours, **OURS}),
    }
    for name, content in contents.values():
        (folder / name).write_text(json.dumps(content))
    (folder / "plugins").mkdir()
    (folder / "plugins" / "floor.py").write_text(FLOOR_DOCUMENTATION + FLOOR_PLUGIN)
    floor = folder / "floor.yml"
    floor.write_text(json.dumps({"plugin": "floor", "hosts": servers}))
    return {
        "start-up": "localhost,",
        FLOOR: str(floor),
        **{title: str(folder / name) for title, (name, _content) in contents.items()},
    }


def measure(source: str, environment: Mapping[str, str], cloud: Emulator) -> Run:
    """List all hosts of an inventory with Ansible's own command."""
    cloud.requests.clear()
    command = [str(Path(sys.executable).with_name("ansible")), "-i", source, "all", "--list-hosts"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    hosts = next(
        (int(line.split("(")[1].rstrip("):")) for line in output.splitlines() if line.strip().startswith("hosts (")), 0
    )
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, cloud.requests.count("hetzner"), cloud.requests.peak("hetzner"), hosts)


def constructed_groups(source: str, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """The hosts of every group that the user's expressions make."""
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", source, "--list"]
    listed = json.loads(subprocess.run(command, env=dict(environment), capture_output=True, check=True).stdout)
    made = ("place_", "kind_", "state_", "up")
    return {name: sorted(group.get("hosts", [])) for name, group in listed.items() if name.startswith(made)}


def best(runs: list[Run]) -> Run:
    """The least of each time; everything else is the same in all runs or comes from the fastest."""
    fastest = min(runs, key=lambda run: run.wall)
    return Run(fastest.wall, min(run.cpu for run in runs), fastest.requests, fastest.peak, fastest.hosts)


def report(results: Mapping[str, Run]) -> None:
    """A table, and the ratios with and without what Ansible itself needs to start."""
    print(f"{'inventory':<36}{'wall s':>8}{'CPU s':>8}{'requests':>10}{'at once':>9}{'hosts':>8}")
    for title, run in results.items():
        print(f"{title:<36}{run.wall:>8.2f}{run.cpu:>8.2f}{run.requests:>10}{run.peak:>9}{run.hosts:>8}")
    start, floor = results["start-up"], results[FLOOR]
    ours = results[f"{OURS_TITLE}, constructed"]
    print(f"\n{OURS_TITLE}, constructed, against {FLOOR}: CPU {ours.cpu / floor.cpu:.2f}x")
    print(f"\n{'hetzner.hcloud : sovereign.fleet':<34}{'wall':>7}{'CPU':>7}   net of start-up:{'wall':>7}{'CPU':>7}")
    for suffix in ("", ", constructed"):
        peer, ours = results[PEER + suffix], results[OURS_TITLE + suffix]
        gross = f"{peer.wall / ours.wall:>6.1f}x{peer.cpu / ours.cpu:>6.1f}x"
        net = f"{_net(peer.wall, ours.wall, start.wall)}{_net(peer.cpu, ours.cpu, start.cpu)}"
        print(f"{'with 2 compose, 1 group, 3 keyed' if suffix else 'plain':<34}{gross}{'':>19}{net}")


def _net(peer: float, ours: float, start: float) -> str:
    return f"{(peer - start) / (ours - start):>6.1f}x" if ours > start else f"{'-':>7}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    peer = peer_collection()
    with tempfile.TemporaryDirectory() as folder, emulator(latency_ms=arguments.latency_ms) as cloud:
        cloud.store.seed("hetzner", arguments.servers)
        (Path(folder) / "ansible.cfg").write_text("[defaults]\n")
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("ANSIBLE_", "HCLOUD_", "SCW_"))
            },
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / '.collections'}:{peer}",
            "ANSIBLE_CONFIG": str(Path(folder) / "ansible.cfg"),
            "ANSIBLE_INVENTORY_PLUGINS": str(Path(folder) / "plugins"),
            "ANSIBLE_INVENTORY_ENABLED": "host_list,auto,floor",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "XDG_CACHE_HOME": folder,
        }
        files = sources(Path(folder), cloud, arguments.servers)
        runs: dict[str, list[Run]] = {title: [] for title in files}
        # Round by round, so that whatever else this machine does meets all of them alike.
        for _number in range(arguments.runs):
            for title, source in files.items():
                runs[title].append(measure(source, environment, cloud))
        both = [constructed_groups(files[f"{title}, constructed"], environment) for title in (PEER, OURS_TITLE)]
        if both[0] != both[1] or len(both[0]) < 4:
            raise SystemExit(f"The two inventories differ in their groups: {sorted(both[0])} and {sorted(both[1])}")
    results = {title: best(taken) for title, taken in runs.items()}
    short = {
        title: run.hosts for title, run in results.items() if title != "start-up" and run.hosts != arguments.servers
    }
    if short:
        raise SystemExit(f"Not all of {arguments.servers} servers were listed: {short}")
    print(f"{arguments.servers} servers, {arguments.latency_ms:g} ms per answer, best of {arguments.runs}\n")
    report(results)


if __name__ == "__main__":
    main()
