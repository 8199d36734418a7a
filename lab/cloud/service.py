"""All emulated clouds in one process: an API per port, the control API, and the faults that they obey."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from lab.cloud.cloudfleet import CloudfleetApi
from lab.cloud.control import Control
from lab.cloud.faults import Fault, Faults
from lab.cloud.front import Api, Front, ServerView
from lab.cloud.hetzner.api import HetznerApi
from lab.cloud.listener import Listener
from lab.cloud.openstack.api import OpenStackApi
from lab.cloud.ports import ControlPlanes, Machines
from lab.cloud.request_log import RequestLog
from lab.cloud.scaleway.api import ScalewayApi
from lab.cloud.settings import CLOUDS, CONTROL, CloudSettings
from lab.cloud.stackit.api import StackitApi
from lab.cloud.store import Store
from lab.errors import LabError

_LOG = logging.getLogger(__name__)
_FIRST_ID = {"hetzner": 10_000_001}


class CloudService:
    """`start` opens all ports and picks up what the last process left; `stop` leaves everything as it is on disk."""

    def __init__(
        self,
        state: Path | None,
        machines: Machines,
        control_planes: ControlPlanes,
        ports: Mapping[str, int],
        settings: CloudSettings | None = None,
    ) -> None:
        """`state`: a folder, None keeps all in memory. `ports`: one per cloud and one for `control`; 0: any."""
        self.settings = settings or CloudSettings()
        self.faults = Faults()
        self.requests = RequestLog()
        self._machines = machines
        self._stores = {
            name: Store(state / f"{name}.sqlite" if state else None, _FIRST_ID.get(name, 1)) for name in CLOUDS
        }
        self.apis: dict[str, Api] = {
            "hetzner": HetznerApi(self._stores["hetzner"], machines, self.faults, self.settings),
            "scaleway": ScalewayApi(self._stores["scaleway"], machines, self.faults, self.settings),
            "ovhcloud": OpenStackApi(self._stores["ovhcloud"], machines, self.faults, self.settings),
            "stackit": StackitApi(self._stores["stackit"], machines, self.faults, self.settings),
            "cloudfleet": CloudfleetApi(self._stores["cloudfleet"], control_planes, self.faults, self.settings),
        }
        self._fronts = {
            name: Front(api, self.faults, self.requests, self.settings.latency_seconds)
            for name, api in self.apis.items()
        }
        applications = {name: front.application() for name, front in self._fronts.items()}
        applications[CONTROL] = Control(self).application()
        self._listeners = {name: Listener(application, ports[name]) for name, application in applications.items()}
        self._down: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()
        self._calm = asyncio.Event()
        self._calm.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ports(self) -> dict[str, int]:
        """The ports in use, known once started."""
        return {name: listener.port for name, listener in self._listeners.items()}

    def store(self, cloud: str) -> Store:
        """Give the store of one cloud."""
        return self._stores[cloud]

    async def start(self) -> None:
        """Take the ports, restore, then listen. Faults end with the process that had them: networks come back."""
        for name, listener in self._listeners.items():
            try:
                await listener.take()
            except OSError as problem:
                await self.stop()
                raise LabError(f"The emulated {name} API cannot use its port: {problem}; free it.") from problem
        for name, api in self.apis.items():
            await self._link(name, True)
            await api.restore()
        for listener in self._listeners.values():
            await listener.open()

    async def stop(self) -> None:
        """Stop listening and working."""
        if self._timer is not None:
            self._timer.cancel()
        for front in self._fronts.values():
            front.stop()
        for listener in self._listeners.values():
            await listener.stop()
        for api in self.apis.values():
            await api.close()

    def servers(self, cloud: str = "") -> list[ServerView]:
        """Give the servers in the stores, whatever the APIs say at the moment."""
        return [view for name, api in self.apis.items() if cloud in ("", name) for view in api.servers()]

    # ---- faults

    async def inject(self, fault: Fault) -> Fault:
        """Set a fault; it holds when this returns."""
        self.faults.add(fault)
        await self._settle()
        return fault

    async def clear_faults(self, cloud: str = "", kind: str = "", fault_id: int = 0) -> int:
        """Take faults away; give their number."""
        gone = self.faults.clear(cloud, kind, fault_id)
        await self._settle()
        return gone

    async def outages_over(self) -> None:
        """Return when no outage holds any more: right away, or after the last timed one."""
        await self._calm.wait()

    async def _settle(self) -> None:
        """Bring listeners and networks in line with the outages, now and when the next one ends."""
        async with self._turn:
            wanted = {fault.cloud for fault in self.faults.active(kind="outage")}
            for name in sorted(wanted - self._down):
                await self._listeners[name].close()
                self._down.add(name)
                await self._link(name, False)
            for name in sorted(self._down - wanted):
                await self._link(name, True)
                await self._listeners[name].open()
                self._down.discard(name)
            (self._calm.clear if self._down else self._calm.set)()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = self.faults.seconds_left("outage")
        if left is not None:
            self._timer = asyncio.get_running_loop().call_later(left + 0.001, self._settle_later)

    def _settle_later(self) -> None:
        task = asyncio.get_running_loop().create_task(self._settle())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _link(self, provider: str, up: bool) -> None:
        (problem,) = await asyncio.gather(self._machines.set_network(provider, up), return_exceptions=True)
        if problem is not None:
            wanted = "up" if up else "down"
            _LOG.error("The network of the machines of %s could not be set %s", provider, wanted, exc_info=problem)
