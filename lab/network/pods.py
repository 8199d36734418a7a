"""The network plugin of the lab's clusters: each node's pod range, routed to it from host and machines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lab.machines.spec import Disk, known
from lab.network.cable import Cable
from lab.network.commands import batch, ip


@dataclass(frozen=True)
class Range:
    """A node's pod addresses and the machine that has them."""

    pods: str
    address: str
    machine_id: str


class PodNetwork:
    """Knows every node's pod range. Ranges of different clusters do not overlap, so one table serves all."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[str, str], Range] = {}

    def assign(self, cluster: str, node: str, pods: str, address: str) -> None:
        """Gives a node its pod range; does nothing when it has it already."""
        machine_id = next((spec.id for spec in known() if spec.address == address), "")
        entry = Range(pods, address, machine_id)
        if not machine_id or self._ranges.get((cluster, node)) == entry:
            return
        self._ranges[(cluster, node)] = entry
        ip("route", "replace", pods, "via", address, check=False)
        for other in self._neighbours(cluster, node):
            batch([f"route replace {pods} via {address}"], _namespace(other), force=True)
        self.booted(machine_id)

    def booted(self, machine_id: str) -> None:
        """Gives a machine's new network namespace its routes, then the machine the plugin's file."""
        for (cluster, node), entry in self._ranges.items():
            if entry.machine_id == machine_id:
                routes = [f"route replace {o.pods} via {o.address}" for o in self._neighbours(cluster, node)]
                batch(routes, _namespace(entry), force=True)
                _configure(Disk(machine_id), entry.pods)

    def forget(self, cluster: str, node: str) -> None:
        """Takes the routes to a node that is no more."""
        entry = self._ranges.pop((cluster, node), None)
        if entry is None:
            return
        ip("route", "delete", entry.pods, check=False)
        for other in self._neighbours(cluster, node):
            batch([f"route delete {entry.pods}"], _namespace(other), force=True)

    def forget_cluster(self, cluster: str) -> None:
        for owner, node in list(self._ranges):
            if owner == cluster:
                self.forget(cluster, node)

    def _neighbours(self, cluster: str, node: str) -> list[Range]:
        return [entry for (owner, name), entry in self._ranges.items() if owner == cluster and name != node]


def _namespace(entry: Range) -> str:
    return Cable(entry.machine_id, entry.address).namespace


def _configure(disk: Disk, pods: str) -> None:
    folder = disk.etc / "cni/net.d"
    document = {
        "cniVersion": "1.0.0",
        "name": "lab",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "nftables"},
        ],
    }
    partial = folder / ".lab.partial"
    partial.write_text(json.dumps(document))
    partial.rename(folder / "10-lab.conflist")
