"""The whole emulator in a thread, on free ports, with machines in memory: for tests and benchmarks.

with emulator(boot_seconds=0.1) as cloud:
    client = hcloud.Client(cloud.credentials["hetzner"]["token"], cloud.endpoints["hetzner"])
    cloud.faults.add("hetzner", "429", count=2, method="POST")
    assert [server.name for server in cloud.store.servers("hetzner")] == []
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lab.cloud import seed
from lab.cloud.faults import Fault, parse
from lab.cloud.front import ServerView
from lab.cloud.memory import MemoryControlPlanes, MemoryMachines
from lab.cloud.ports import ControlPlanes, Machines
from lab.cloud.request_log import Request
from lab.cloud.service import CloudService
from lab.cloud.settings import CLOUDS, CONTROL, CloudSettings
from lab.cloud.wire import JsonObject

T = TypeVar("T")
_DEADLINE = 60.0
_PLENTY = 10_000_000


class _Loop:
    """An event loop in a thread; `call` runs something in it and waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cloud-emulator", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return self.wait(run)

    def wait(self, work: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_DEADLINE)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_DEADLINE)
        self._loop.close()


class StoreView:
    """What really is in the clouds, read past their APIs and faults."""

    def __init__(self, loop: _Loop, service: CloudService, machines: Machines) -> None:
        self._loop = loop
        self._service = service
        self._machines = machines

    def servers(self, cloud: str = "") -> list[ServerView]:
        """Give the servers of one cloud, or of all."""
        return self._loop.call(lambda: self._service.servers(cloud))

    def names(self, cloud: str = "") -> list[str]:
        """Give the sorted names of the servers."""
        return sorted(view.name for view in self.servers(cloud))

    def counts(self, cloud: str) -> JsonObject:
        """Count the objects of each kind, for a proof that nothing is left."""
        return self._loop.call(self._service.apis[cloud].counts)

    def seed(self, cloud: str, count: int, **options: Any) -> None:
        """Put `count` running servers there, as quickly as the disk allows; options of `lab.cloud.seed.seed`."""
        self._loop.call(lambda: seed.seed(self._service, self._machines, cloud, count, **options))


class FaultSwitch:
    """Sets faults and takes them away; each holds when the call returns."""

    def __init__(self, loop: _Loop, service: CloudService) -> None:
        self._loop = loop
        self._service = service

    def add(self, cloud: str, kind: str, **options: Any) -> Fault:
        """Set a fault; the options are the fields of `lab.cloud.faults.Fault`."""
        fault = parse({"cloud": cloud, "kind": kind, **options})
        return self._loop.wait(lambda: self._service.inject(fault))

    def clear(self, cloud: str = "", kind: str = "", fault_id: int = 0) -> int:
        """Take faults away, all or those that fit."""
        return self._loop.wait(lambda: self._service.clear_faults(cloud, kind, fault_id))

    def active(self, cloud: str = "") -> list[Fault]:
        """Give the faults that hold."""
        return self._loop.call(lambda: self._service.faults.active(cloud))


class Requests:
    """What was asked."""

    def __init__(self, loop: _Loop, service: CloudService) -> None:
        self._loop = loop
        self._service = service

    def entries(self, cloud: str = "", method: str = "", path: str = "") -> list[Request]:
        """Give the requests, oldest first; `path` is a prefix."""
        entries = self._loop.call(lambda: self._service.requests.entries(cloud))
        return [entry for entry in entries if method in ("", entry.method) and entry.path.startswith(path)]

    def writes(self, cloud: str = "") -> list[Request]:
        """Give the requests that are not reads."""
        return [entry for entry in self.entries(cloud) if entry.method not in ("GET", "HEAD")]

    def count(self, cloud: str = "") -> int:
        """Give how many came since the last `clear`."""
        return self._loop.call(lambda: self._service.requests.count(cloud))

    def peak(self, cloud: str) -> int:
        """Give the highest concurrency since the last `clear`."""
        return self._loop.call(lambda: self._service.requests.peak(cloud))

    def clear(self) -> None:
        """Forget all."""
        self._loop.call(self._service.requests.clear)


class Emulator:
    """A running emulator. `providers` is what a user would write under `providers`: endpoints and credentials."""

    def __init__(self, loop: _Loop, service: CloudService, machines: Machines, control_planes: ControlPlanes) -> None:
        self.machines = machines
        self.control_planes = control_planes
        self._loop = loop
        self._service = service
        self.store = StoreView(loop, service, machines)
        self.faults = FaultSwitch(loop, service)
        self.requests = Requests(loop, service)
        urls = {name: f"http://127.0.0.1:{port}" for name, port in service.ports.items()}
        self.endpoints: Mapping[str, str] = {
            "hetzner": f"{urls['hetzner']}/v1",
            "scaleway": urls["scaleway"],
            "ovhcloud": f"{urls['ovhcloud']}/identity/v3",
            "stackit": urls["stackit"],
            "cloudfleet": f"{urls['cloudfleet']}/v1",
            CONTROL: urls[CONTROL],
        }
        settings = service.settings
        self.credentials: Mapping[str, Mapping[str, str]] = {
            "hetzner": {"token": settings.hetzner_token},
            "scaleway": {
                "access_key": settings.scaleway_access_key,
                "secret_key": settings.scaleway_secret_key,
                "project_id": settings.scaleway_project_id,
            },
            "ovhcloud": {
                "username": settings.ovhcloud_username,
                "password": settings.ovhcloud_password,
                "project_id": settings.ovhcloud_project_id,
                "price_endpoint": f"{urls['ovhcloud']}/v1",
            },
            "stackit": {
                "token": settings.stackit_token,
                "project_id": settings.stackit_project_id,
                "price_endpoint": f"{urls['stackit']}/pim/v2",
            },
            "cloudfleet": {
                "token_id": settings.cloudfleet_token_id,
                "token_secret": settings.cloudfleet_token_secret,
                "organization_id": settings.cloudfleet_organization_id,
            },
        }
        self.providers: Mapping[str, Mapping[str, str]] = {
            name: {"endpoint": self.endpoints[name], **given} for name, given in self.credentials.items()
        }

    def settle(self) -> None:
        """Return when nothing is under way behind the answers: all boots, stops and deletions have ended."""

        async def settled() -> None:
            for api in self._service.apis.values():
                await api.settled()

        self._loop.wait(settled)

    def outages_over(self) -> None:
        """Return when the last timed outage has ended."""
        self._loop.wait(self._service.outages_over)


@contextmanager
def emulator(
    *,
    state: Path | None = None,
    machines: Machines | None = None,
    control_planes: ControlPlanes | None = None,
    boot_seconds: float = 0.0,
    create_seconds: float = 0.0,
    latency_ms: float = 0.0,
    seeded: Mapping[str, int] | None = None,
    requests_per_hour: int = _PLENTY,
    ports: Mapping[str, int] | None = None,
    datacenters: bool = False,
) -> Iterator[Emulator]:
    """Run the emulator for as long as the block runs.

    `state` None keeps all in memory; the same folder and `machines` again is a restart. `boot_seconds` is the time of a
    server from power-on to running, `create_seconds` that of a control plane, `latency_ms` that of every answer,
    `seeded` puts servers there first, as {cloud: count}.
    """
    machines = machines or MemoryMachines(boot_seconds)
    control_planes = control_planes or MemoryControlPlanes(create_seconds)
    settings = CloudSettings(
        latency_seconds=latency_ms / 1000, hetzner_requests_per_hour=requests_per_hour, hetzner_datacenters=datacenters
    )
    chosen = {name: (ports or {}).get(name, 0) for name in (*CLOUDS, CONTROL)}
    loop = _Loop()
    try:
        service = loop.call(lambda: CloudService(state, machines, control_planes, chosen, settings))
        loop.wait(service.start)
        try:
            running = Emulator(loop, service, machines, control_planes)
            for cloud, count in (seeded or {}).items():
                running.store.seed(cloud, count)
            yield running
        finally:
            loop.wait(service.stop)
    finally:
        loop.close()
