"""What the emulated clouds need from the rest of the lab: something that boots machines and control planes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class MachineSpec:
    """One machine to boot. `address` is what `Machines.reserve` gave; `user_data` is cloud-init text or empty."""

    id: str
    name: str
    provider: str
    zone: str
    cpus: int
    memory_gib: int
    address: str
    user_data: str


class Machines(Protocol):
    """Boots, stops and destroys machines; every id is unique over all providers."""

    def reserve(self, provider: str, machine_id: str) -> str:
        """Give the machine's IPv4 address in the lab's range, stable per id and kept over restarts."""

    def release(self, machine_id: str) -> None:
        """Give the address back; unknown ids are ignored."""

    async def boot(self, spec: MachineSpec) -> None:
        """Return when power is on. The machine carries out its user data by itself afterwards."""

    async def power_off(self, machine_id: str) -> None:
        """Stop the machine; its disk stays."""

    async def destroy(self, machine_id: str) -> None:
        """Stop the machine and drop its disk."""

    def running(self, machine_id: str) -> bool:
        """Say whether power is on."""

    async def set_network(self, provider: str, up: bool) -> None:
        """Take the link of all machines of a provider away (outage), or give it back."""


class ControlPlanes(Protocol):
    """Makes Kubernetes control planes for the emulated Cloudfleet."""

    async def create(self, cluster_id: str, name: str) -> None:
        """Return when the API server is ready and its add-ons are applied."""

    def kubeconfig(self, cluster_id: str) -> str:
        """Give an administrator's kubeconfig as YAML text."""

    def join_user_data(self, cluster_id: str, region: str, zone: str, node_labels: Mapping[str, str]) -> str:
        """Give the cloud-init text with which a machine joins the cluster."""

    async def destroy(self, cluster_id: str) -> None:
        """Stop the control plane and drop its data."""

    def running(self, cluster_id: str) -> bool:
        """Say whether the API server is up."""
