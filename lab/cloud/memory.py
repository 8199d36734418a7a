"""Machines and control planes that are only remembered: for tests and benchmarks of everything around them."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping

from lab.cloud.ports import MachineSpec

_FIRST_ADDRESS = int(ipaddress.IPv4Address("198.18.32.1"))
_LAST_ADDRESS = int(ipaddress.IPv4Address("198.19.255.254"))

Sleep = Callable[[float], Awaitable[None]]


class MemoryMachines:
    """Machines that boot in `boot_seconds` and do nothing. `booted` holds every spec that was booted, in order."""

    def __init__(self, boot_seconds: float = 0.0, sleep: Sleep = asyncio.sleep) -> None:
        self._boot_seconds = boot_seconds
        self._sleep = sleep
        self._addresses: dict[str, str] = {}
        self._free: list[str] = []
        self._next = _FIRST_ADDRESS
        self._running: dict[str, str] = {}
        self.booted: list[MachineSpec] = []
        self.network_down: set[str] = set()

    def reserve(self, provider: str, machine_id: str) -> str:
        """Give an address."""
        if machine_id not in self._addresses:
            self._addresses[machine_id] = self._free.pop() if self._free else self._fresh()
        return self._addresses[machine_id]

    def _fresh(self) -> str:
        if self._next > _LAST_ADDRESS:
            raise RuntimeError("all addresses of the lab are in use")
        address = str(ipaddress.IPv4Address(self._next))
        self._next += 1
        return address

    def release(self, machine_id: str) -> None:
        """Take the address back."""
        address = self._addresses.pop(machine_id, None)
        if address is not None:
            self._free.append(address)

    async def boot(self, spec: MachineSpec) -> None:
        """Pretend to boot."""
        if self._boot_seconds:
            await self._sleep(self._boot_seconds)
        self.booted.append(spec)
        self.power(spec.provider, spec.id)

    def power(self, provider: str, machine_id: str) -> None:
        """Say that a machine runs, without a boot."""
        self._running[machine_id] = provider

    async def power_off(self, machine_id: str) -> None:
        """Pretend to stop."""
        self._running.pop(machine_id, None)

    async def destroy(self, machine_id: str) -> None:
        """Pretend to destroy."""
        self._running.pop(machine_id, None)

    def running(self, machine_id: str) -> bool:
        """Say whether it runs."""
        return machine_id in self._running

    async def set_network(self, provider: str, up: bool) -> None:
        """Note the state of the provider's network."""
        (self.network_down.discard if up else self.network_down.add)(provider)


class MemoryControlPlanes:
    """Control planes that are ready after `create_seconds` and serve nothing."""

    def __init__(self, create_seconds: float = 0.0, sleep: Sleep = asyncio.sleep) -> None:
        self._create_seconds = create_seconds
        self._sleep = sleep
        self._running: set[str] = set()

    async def create(self, cluster_id: str, name: str) -> None:
        """Pretend to create."""
        if self._create_seconds:
            await self._sleep(self._create_seconds)
        self._running.add(cluster_id)

    def kubeconfig(self, cluster_id: str) -> str:
        """Give a kubeconfig of the right shape."""
        return (
            "apiVersion: v1\nkind: Config\n"
            f"clusters:\n- name: {cluster_id}\n  cluster: {{server: 'https://127.0.0.1:1'}}\n"
            f"users:\n- name: {cluster_id}\n  user: {{token: none}}\n"
            f"contexts:\n- name: {cluster_id}\n  context: {{cluster: {cluster_id}, user: {cluster_id}}}\n"
            f"current-context: {cluster_id}\n"
        )

    def join_user_data(self, cluster_id: str, region: str, zone: str, node_labels: Mapping[str, str]) -> str:
        """Give cloud-init of the right shape."""
        given = ",".join(f"{key}={value}" for key, value in sorted(node_labels.items()))
        words = f"join, {cluster_id}, --region={region}, --zone={zone}, '--node-labels={given}'"
        return f"#cloud-config\nruncmd:\n- [{words}]\n"

    async def destroy(self, cluster_id: str) -> None:
        """Forget it."""
        self._running.discard(cluster_id)

    def running(self, cluster_id: str) -> bool:
        """Say whether it runs."""
        return cluster_id in self._running
