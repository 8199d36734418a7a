"""Machines without root: a boot registers the Node that the user-data asks for, and kwok keeps it alive.

What this does not prove: kubelet, containerd, networks, and anything that a pod does.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import yaml

from lab import paths
from lab.cloud.ports import MachineSpec
from lab.control_plane.plane import FAKE_NODE, Plane
from lab.control_plane.planes import all_planes, kubectl
from lab.machines.addresses import Addresses
from lab.machines.spec import Disk, known

# Taking the annotation away is what a power cut looks like: kwok no longer renews the node's lease.
FAKE, _SEPARATOR, VALUE = FAKE_NODE.partition("=")


class SimulatedMachines:
    """Keeps the same records on disk as real machines do."""

    def __init__(self) -> None:
        self._addresses = Addresses(paths.state() / "addresses.json")

    def reserve(self, provider: str, machine_id: str) -> str:
        return self._addresses.reserve(provider, machine_id)

    def release(self, machine_id: str) -> None:
        self._addresses.release(machine_id)

    async def boot(self, spec: MachineSpec) -> None:
        Disk(spec.id).save(spec)
        joined = _join(spec.user_data)
        if joined:
            plane, labels = joined
            await asyncio.to_thread(
                kubectl, plane, ["apply", "--server-side", "-f", "-"], json.dumps(_node(spec, labels))
            )
        _power(spec.id).touch()

    async def power_off(self, machine_id: str) -> None:
        _power(machine_id).unlink(missing_ok=True)
        spec = Disk(machine_id).load()
        joined = _join(spec.user_data) if spec else None
        if spec and joined:
            await asyncio.to_thread(kubectl, joined[0], ["annotate", "node", spec.name, f"{FAKE}-"], "", False)

    async def destroy(self, machine_id: str) -> None:
        await self.power_off(machine_id)
        Disk(machine_id).delete()

    def running(self, machine_id: str) -> bool:
        return _power(machine_id).exists()

    async def set_network(self, provider: str, up: bool) -> None:
        for spec in known():
            if spec.provider == provider and self.running(spec.id) and (joined := _join(spec.user_data)):
                words = ["annotate", "node", spec.name, "--overwrite", FAKE_NODE if up else f"{FAKE}-"]
                await asyncio.to_thread(kubectl, joined[0], words, "", False)


def _power(machine_id: str) -> Path:
    return Disk(machine_id).home / "power"


def _join(user_data: str) -> tuple[Plane, dict[str, str]] | None:
    """The control plane and the labels that join information names."""
    if not user_data.startswith("#cloud-config"):
        return None
    document = yaml.safe_load(user_data)
    files = {entry["path"]: entry["content"] for entry in document.get("write_files", [])}
    bootstrap = yaml.safe_load(files.get("/etc/kubernetes/bootstrap-kubelet.conf", "")) or {}
    servers = [entry["cluster"]["server"] for entry in bootstrap.get("clusters", [])]
    plane = next((plane for plane in all_planes() if plane.plan.api_url in servers), None)
    found = re.search(r"--node-labels=([^\s\"]+)", json.dumps(document.get("runcmd", [])))
    if plane is None or found is None:
        return None
    pairs = (pair.partition("=") for pair in found[1].rstrip("\\").split(","))
    return plane, {key: value for key, _equals, value in pairs}


def _node(spec: MachineSpec, labels: dict[str, str]) -> dict[str, Any]:
    size = {"cpu": str(spec.cpus), "memory": f"{spec.memory_gib}Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": spec.name,
            "annotations": {FAKE: VALUE},
            "labels": {"kubernetes.io/hostname": spec.name, "kubernetes.io/os": "linux", "type": "kwok", **labels},
        },
        "status": {
            "allocatable": size,
            "capacity": size,
            "addresses": [{"type": "InternalIP", "address": spec.address}],
        },
    }
