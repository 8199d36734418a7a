"""Two providers and perhaps a cluster in memory, one diary of what was done to them, and runs over them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node, Offer, Pool
from ansible_collections.sovereign.fleet.plugins.module_utils.reconcile import reconcile
from ansible_collections.sovereign.fleet.plugins.module_utils.running import Run
from ansible_collections.sovereign.fleet.plugins.module_utils.wishing import Wish
from tests.unit.plugins.fake_cloud import CLUSTER, FLEET, FakeDriver, FakeKube, a_kube_node, a_node

LARGE = Offer("north", "n1", "large")
NOW = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
"""The wall clock of every run: a day after the nodes of fake_cloud were made."""


def ago(minutes: float) -> str:
    """A time as Kubernetes and providers write it."""
    return datetime.fromtimestamp(NOW - 60 * minutes, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """Give it nodes, let it run, read the diary."""

    def __init__(self, time: Any) -> None:
        self.time = time
        self.diary: list[str] = []
        self.told: list[str] = []
        self.north = FakeDriver(self.diary)
        self.south = FakeDriver(self.diary, "south")
        self.kube: FakeKube | None = None
        self.unopened: Mapping[str, PlatformError] = {}
        self.turn: AbstractContextManager[Any] | None = None

    def with_kube(self, *names: str, **more: Any) -> FakeKube:
        """A cluster with these Nodes."""
        self.kube = FakeKube(self.diary, [a_kube_node(name, **more) for name in names])
        return self.kube

    def with_joining(self, *names: str) -> FakeKube:
        """The same, in which every other server that runs registers as a Ready Node."""
        kube = self.with_kube(*names)
        kube.registers = (self.north, self.south)
        return kube

    def have(self, *names: str, **changes: Any) -> None:
        """Servers at north."""
        self.north.nodes += [a_node(name, **changes) for name in names]

    def add(self, *nodes: Node) -> None:
        """Servers at north as they are."""
        self.north.nodes += nodes

    def run(self, *pools: Pool, check: bool = False, timeout: float = 300, **wish: Any) -> dict[str, Any]:
        """One run."""
        run = Run(
            FLEET,
            CLUSTER,
            {name: driver for name, driver in self._drivers.items() if name not in self.unopened},
            self.time.clock,
            self.time.sleep,
            self.time.clock() + timeout,
            self.told.append,
            lambda: NOW,
            self.unopened,
        )
        return reconcile(Wish(pools, **wish), run, self.kube, check=check, diff=True, turn=self.turn)

    def names(self) -> list[str]:
        """The servers at both providers."""
        return sorted(node.name for driver in self._drivers.values() for node in driver.nodes)

    def wrote(self, *words: str) -> list[str]:
        """The lines of the diary that begin with one of these words."""
        return [line for line in self.diary if line.startswith(words)]

    @property
    def _drivers(self) -> dict[str, FakeDriver]:
        return {"north": self.north, "south": self.south}
