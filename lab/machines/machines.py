"""The machines as the emulated clouds see them: boot, power off, destroy, cut the network."""

from __future__ import annotations

import asyncio

from lab import paths
from lab.cloud.ports import MachineSpec
from lab.machines import power
from lab.machines.addresses import Addresses
from lab.machines.spec import known
from lab.network.cable import Cable
from lab.network.pods import PodNetwork


class NamespaceMachines:
    """Real machines in namespaces. All state is on disk: a new object finds the machines of the one before it."""

    def __init__(self, network: PodNetwork) -> None:
        self._network = network
        self._addresses = Addresses(paths.state() / "addresses.json")
        self._cut: set[str] = set()

    def reserve(self, provider: str, machine_id: str) -> str:
        return self._addresses.reserve(provider, machine_id)

    def release(self, machine_id: str) -> None:
        self._addresses.release(machine_id)

    async def boot(self, spec: MachineSpec) -> None:
        await asyncio.to_thread(power.on, spec)
        await asyncio.to_thread(self._network.booted, spec.id)
        if spec.provider in self._cut:
            Cable(spec.id, spec.address).plug(False)

    async def power_off(self, machine_id: str) -> None:
        await asyncio.to_thread(power.off, machine_id)

    async def destroy(self, machine_id: str) -> None:
        await asyncio.to_thread(power.destroy, machine_id)

    def running(self, machine_id: str) -> bool:
        return power.running(machine_id)

    async def set_network(self, provider: str, up: bool) -> None:
        (self._cut.discard if up else self._cut.add)(provider)
        for spec in known():
            if spec.provider == provider and power.running(spec.id):
                Cable(spec.id, spec.address).plug(up)
