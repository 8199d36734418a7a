"""One provider under test, and shorthands for what cases do with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
    Event,
    Node,
    Offer,
    Owner,
    Pending,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from ansible_collections.sovereign.fleet.plugins.modules import node_pool
from lab.cloud.front import ServerView
from lab.cloud.request_log import Request
from lab.cloud.testing import Emulator
from tests.contract.clock import SILENCE, HurriedClock
from tests.contract.profiles import Profile

FLEET, CLUSTER, POOL = "lab", "dev-eu", "web"
LABELS = {LABEL_FLEET: FLEET, LABEL_CLUSTER: CLUSTER}
AT_REST = frozenset({"running", "active", "off", "stopped", "shutoff", "inactive", "deallocated", "error"})
"""States of servers, in any vendor's words, that nothing but a request changes."""
RUNNING = frozenset({"running", "active"})


@dataclass
class Case:
    """One provider with an account of its own."""

    profile: Profile
    cloud: Emulator
    time: HurriedClock = field(default_factory=HurriedClock)
    told: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The provider."""
        return self.profile.provider

    # ---- the account, as its owner sees it

    def account(self) -> dict[str, str]:
        """What a user writes under `providers.<name>`."""
        return dict(self.cloud.providers[self.profile.cloud])

    def secrets(self) -> list[str]:
        """The values of the account that nobody may read."""
        secret = [setting.name for setting in registry.setting_list(self.name) if setting.secret]
        return [value for name, value in self.account().items() if name in secret]

    def break_(self, kind: str, **options: Any) -> None:
        """Set a fault at this cloud."""
        if kind == "stall":
            self.time.patience = SILENCE
        self.cloud.faults.add(self.profile.cloud, kind, **options)

    def servers(self) -> list[ServerView]:
        """The servers in the store."""
        return self.cloud.store.servers(self.profile.cloud)

    def names(self) -> list[str]:
        """Their sorted names."""
        return self.cloud.store.names(self.profile.cloud)

    def counts(self) -> dict[str, Any]:
        """How many objects of each kind there are."""
        return dict(self.cloud.store.counts(self.profile.cloud))

    def requests(self, path: str = "") -> list[Request]:
        """What was asked, of paths with a prefix."""
        return self.cloud.requests.entries(self.profile.cloud, path=path)

    def writes(self) -> list[Request]:
        """The requests that may change something."""
        entries = self.cloud.requests.writes(self.profile.cloud)
        return [entry for entry in entries if not entry.path.startswith(self.profile.reading or ("\0",))]

    def orders(self) -> list[Request]:
        """The requests that order a server."""
        return [entry for entry in self.writes() if entry.method == "POST" and entry.path.endswith("/servers")]

    def labels_of(self, server: ServerView) -> dict[str, str]:
        """A server's labels, whatever the vendor makes of them."""
        tags = dict(tag.split("=", 1) for tag in server.tags if "=" in tag)
        return {**tags, **server.labels}

    # ---- drivers

    def driver(self, **account: str) -> NodeDriver:
        """A driver for the account, as if in a process of its own."""
        settings = {setting.name: setting.default for setting in registry.setting_list(self.name)}
        return registry.driver(
            self.name,
            {**settings, **self.account(), **account},
            clock=self.time.clock,
            sleep=self.time.sleep,
            deadline=3600.0,
        )

    def spec(self, ordinal: int = 1, **changes: Any) -> ServerSpec:
        """A server as the pool would order it."""
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
        """Order a server with all that it needs."""
        return driver.create_node(spec, driver.ensure_prereqs(spec))

    def settle(self, driver: NodeDriver, pendings: Sequence[Pending], looks: int = 40) -> list[Event]:
        """Poll until all are done; give the last event of each."""
        ended: dict[str, Event] = {}
        waiting = list(pendings)
        for _look in range(looks):
            events = driver.poll(waiting)
            ended.update({event.pending.name: event for event in events if event.done})
            waiting = [event.pending for event in events if not event.done]
            if not waiting:
                return [ended[pending.name] for pending in pendings]
            self.time.sleep(1)
        raise AssertionError(f"still under way after {looks} looks: {waiting}")

    def listed(self, driver: NodeDriver | None = None, labels: dict[str, str] | None = None) -> list[Node]:
        """All nodes that a driver lists."""
        driver = driver or self.driver()
        return [node for scope in driver.scopes() for node in driver.list_nodes(scope, labels)]

    # ---- the module, as a playbook runs it

    def pool(self, count: int, offers: list[tuple[str, str]] | None = None, **more: Any) -> dict[str, Any]:
        """A pool of this provider."""
        wanted = offers or [self.profile.first]
        listed = [{"provider": self.name, "location": place, "type": kind} for place, kind in wanted]
        return {"name": POOL, "count": count, "offers": listed, **more}

    def params(self, count: int = 2, **more: Any) -> dict[str, Any]:
        """The module's options."""
        params = {
            "fleet": FLEET,
            "cluster": CLUSTER,
            "pools": [self.pool(count)],
            "providers": {self.name: self.account()},
            "user_data": {"*": "#cloud-config\n"},
            "timeout": 600,
            "max_deletions": 10,
        }
        return {**params, **more}

    def run(self, count: int = 2, *, check: bool = False, **more: Any) -> dict[str, Any]:
        """The module's result."""
        return node_pool.run(
            self.params(count, **more), check, True, tell=self.told.append, clock=self.time.clock, sleep=self.time.sleep
        )

    # ---- what has to be so in the end

    def wished(self, count: int) -> list[str]:
        """Names of a pool of this size."""
        return sorted(f"{CLUSTER}-{POOL}-{ordinal}" for ordinal in range(1, count + 1))

    def states(self) -> set[str]:
        """States of all servers, in small letters."""
        return {server.state.lower() for server in self.servers()}

    def quiet(self) -> None:
        """Wait until the emulator has carried out what was ordered."""
        for _look in range(400):
            if self.states() <= AT_REST:
                return
            time.sleep(0.005)
        raise AssertionError(f"the emulator does not come to rest: {self.states()}")

    def assert_exactly(self, count: int) -> None:
        """The provider's own store holds the wished servers, running, and nothing else that costs money."""
        self.quiet()
        assert self.names() == self.wished(count)
        assert self.states() <= RUNNING
        counts = self.counts()
        assert counts.pop("server") == count
        expected = {kind: number * count for kind, number in self.profile.parts.items()}
        surplus = {
            kind: number
            for kind, number in counts.items()
            if number != expected.get(kind, 0) and kind not in self.profile.standing
        }
        assert surplus == {}, f"expected {expected}"

    def assert_settled(self, count: int) -> None:
        """The next run finds nothing to do and writes nothing."""
        self.cloud.requests.clear()
        again = self.run(count)
        assert (again.get("msg"), again["changed"]) == (None, False)
        assert self.writes() == []
