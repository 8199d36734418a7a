"""What runs, for a person or a program."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict, dataclass, field
from typing import Any

from lab import lifecycle, paths, plan, processes
from lab.control_plane.planes import all_planes
from lab.machines import power
from lab.machines.spec import Disk, known


@dataclass(frozen=True)
class Status:
    """The lab at this moment. `clouds` maps a cloud to its address, `clusters` and `machines` to what they are."""

    up: bool
    state: str
    cache: str
    clouds: dict[str, str]
    git: str
    registry: str
    clusters: list[dict[str, Any]] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    processes: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def as_text(self) -> str:
        lines = [f"lab       {'up' if self.up else 'down'}", f"state     {self.state}", f"cache     {self.cache}"]
        if not self.up:
            return "\n".join(lines)
        lines += [f"cloud     {name:<11}{url}" for name, url in self.clouds.items()]
        lines += [f"git       {self.git}", f"registry  {self.registry}"]
        lines += [f"cluster   {c['name']:<24}{c['server']}  {_word(c['running'])}" for c in self.clusters]
        for machine in self.machines:
            size = f"{machine['cpus']} CPU {machine['memory_gib']} GiB"
            lines.append(
                f"machine   {machine['name']:<36}{machine['provider']:<10}{machine['zone']:<10}"
                f"{machine['address']:<15}{size:<14}{_word(machine['running'])}"
            )
        lines += [f"fault     {fault['cloud']} {fault['kind']}" for fault in self.faults]
        return "\n".join(lines)


def _word(running: bool) -> str:
    return "running" if running else "off"


def read() -> Status:
    """Reads the state on disk and asks the lab's process for active faults."""
    up = lifecycle.answering()
    return Status(
        up=up,
        state=str(paths.state()),
        cache=str(paths.cache()),
        clouds={name: f"http://{plan.LOOPBACK}:{port}" for name, port in plan.PORTS.items() if name != "control"},
        git=plan.git_url(),
        registry=plan.registry_url(),
        clusters=[
            {
                "id": plane.identity.cluster_id,
                "name": plane.identity.name,
                "server": plane.plan.api_url,
                "kubeconfig": str(plane.admin_kubeconfig),
                "running": plane.running(),
            }
            for plane in all_planes()
        ],
        machines=[
            {
                "id": spec.id,
                "name": spec.name,
                "provider": spec.provider,
                "zone": spec.zone,
                "address": spec.address,
                "cpus": spec.cpus,
                "memory_gib": spec.memory_gib,
                "running": power.running(spec.id),
                "log": str(Disk(spec.id).var / "log"),
            }
            for spec in known()
        ],
        faults=_faults() if up else [],
        processes={process.name: process.pid for process in processes.remembered()},
    )


def _faults() -> list[dict[str, Any]]:
    with urllib.request.urlopen(lifecycle.control_url("/faults"), timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["faults"]
    return found
