"""One suite for every driver: each case runs against every provider's emulator over real HTTP on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
    Offer,
    Owner,
    Pending,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry, transport
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from ansible_collections.sovereign.fleet.plugins.modules import node_pool
from lab.cloud.testing import Emulator, emulator
from tests.contract.profiles import PROFILES, Profile

FLEET, CLUSTER, POOL = "lab", "dev", "web"
LABELS = {LABEL_FLEET: FLEET, LABEL_CLUSTER: CLUSTER}


class HurriedClock:
    """A clock on which every sleep takes its seconds, while the test waits only a blink for the emulator's thread."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def clock(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            self.slept.append(seconds)
        time.sleep(0.002)


@dataclass
class Case:
    """One provider under test, and shorthands for what cases do with it."""

    profile: Profile
    cloud: Emulator
    time: HurriedClock = field(default_factory=HurriedClock)
    told: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.profile.provider

    def driver(self, **account: str) -> NodeDriver:
        settings = {**self.cloud.providers[self.name], **account}
        return registry.driver(self.name, settings, clock=self.time.clock, sleep=self.time.sleep, deadline=3600.0)

    def spec(self, ordinal: int = 1, **changes: Any) -> ServerSpec:
        location, kind = self.profile.first
        name = f"{CLUSTER}-{POOL}-{ordinal}"
        values: dict[str, Any] = {
            "name": name,
            "owner": Owner.of(FLEET, CLUSTER, POOL, name),
            "offer": Offer(self.name, location, kind),
            "user_data": f"#cloud-config\n# {name}\n",
        }
        return ServerSpec(**{**values, **changes})

    def create(self, driver: NodeDriver, spec: ServerSpec) -> Pending:
        return driver.create_node(spec, driver.ensure_prereqs(spec))

    def settle(self, driver: NodeDriver, pendings: list[Pending], looks: int = 40) -> list[Any]:
        """Poll until all are done; give the last event of each."""
        ended: dict[str, Any] = {}
        waiting = pendings
        for _look in range(looks):
            events = driver.poll(waiting)
            ended.update({event.pending.name: event for event in events if event.done})
            waiting = [event.pending for event in events if not event.done]
            if not waiting:
                return [ended[pending.name] for pending in pendings]
            self.time.sleep(1)
        raise AssertionError(f"still under way after {looks} looks: {waiting}")

    def pool(self, count: int, offers: list[tuple[str, str]] | None = None, **more: Any) -> dict[str, Any]:
        wanted = offers or [self.profile.first]
        listed = [{"provider": self.name, "location": place, "type": kind} for place, kind in wanted]
        return {"name": POOL, "count": count, "offers": listed, **more}

    def params(self, count: int = 2, **more: Any) -> dict[str, Any]:
        params = {
            "fleet": FLEET,
            "cluster": CLUSTER,
            "pools": [self.pool(count)],
            "providers": {self.name: dict(self.cloud.providers[self.name])},
            "user_data": {"*": "#cloud-config\n"},
            "timeout": 600,
        }
        return {**params, **more}

    def run(self, count: int = 2, *, check: bool = False, **more: Any) -> dict[str, Any]:
        """The module, as a playbook runs it."""
        return node_pool.run(
            self.params(count, **more), check, True, tell=self.told.append, clock=self.time.clock, sleep=self.time.sleep
        )

    def names(self) -> list[str]:
        return self.cloud.store.names(self.name)

    def wished(self, count: int) -> list[str]:
        return sorted(f"{CLUSTER}-{POOL}-{ordinal}" for ordinal in range(1, count + 1))

    def states(self) -> set[str]:
        return {server.state for server in self.cloud.store.servers(self.name)}

    def quiet(self) -> None:
        """Wait until the emulator has carried out what was ordered."""
        for _look in range(400):
            if self.states() <= {"running", "off", "stopped"}:
                return
            time.sleep(0.005)
        raise AssertionError(f"the emulator does not come to rest: {self.states()}")

    def assert_exactly(self, count: int) -> None:
        """The provider's own store holds the wished servers, running, and nothing else that costs money."""
        self.quiet()
        assert self.names() == self.wished(count)
        assert self.states() <= {"running"}
        counts = self.cloud.store.counts(self.name)
        assert counts["server"] == count
        assert counts["volume"] == count * self.profile.disks

    def assert_settled(self, count: int) -> None:
        """The next run finds nothing to do and writes nothing."""
        self.cloud.requests.clear()
        again = self.run(count)
        assert (again.get("msg"), again["changed"]) == (None, False)
        assert self.cloud.requests.writes(self.name) == []


@pytest.fixture(params=registry.known())
def profile(request: pytest.FixtureRequest) -> Profile:
    """Every provider in turn."""
    return PROFILES[request.param]


@pytest.fixture(autouse=True)
def accounts_from_options_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account of the person who runs the tests may come into play."""
    for name in registry.known():
        for setting in registry.setting_list(name):
            monkeypatch.delenv(setting.env, raising=False)


@pytest.fixture
def case(profile: Profile) -> Iterator[Case]:
    """A provider with an empty account."""
    with emulator() as cloud:
        yield Case(profile, cloud)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Sockets that give up after 0.1 s, so that a stalled one does not hold up the suite."""
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.1)
    monkeypatch.setattr(transport, "SHORTEST_TIMEOUT", 0.1)
    return lambda: None
