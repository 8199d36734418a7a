"""An emulated account at STACKIT and the shorthands that tests of its driver share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Event,
    Node,
    Offer,
    Owner,
    Pending,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import stackit
from lab.cloud.request_log import Request
from lab.cloud.testing import Emulator, emulator
from tests.contract.clock import HurriedClock

LABELS = {"fleet.id": "lab", "fleet.cluster": "dev"}


@dataclass
class Account:
    """One project, empty at first."""

    cloud: Emulator
    time: HurriedClock = field(default_factory=HurriedClock)

    def driver(self) -> stackit.StackitDriver:
        """A driver as if in a process of its own."""
        settings = self.cloud.providers["stackit"]
        return stackit.connect(settings, clock=self.time.clock, sleep=self.time.sleep, deadline=3600.0)

    def ask(self, method: str, path: str, body: Any = None, region: str = "eu01") -> Any:
        """A request of somebody else."""
        project, token = (self.cloud.credentials["stackit"][name] for name in ("project_id", "token"))
        place = f"projects/{project}/regions/{region}/{path}" if path != "keypairs" else path
        answer = requests.request(
            method,
            f"{self.cloud.endpoints['stackit']}/v2/{place}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def items(self, kind: str, region: str = "eu01") -> list[dict[str, Any]]:
        """A list as anybody sees it."""
        found: list[dict[str, Any]] = self.ask(
            "GET", f"{kind}?details=true" if kind == "servers" else kind, None, region
        )["items"]
        return found

    def requests(self, method: str = "", part: str = "") -> list[Request]:
        """What was asked, of one method, with this in its path."""
        return [entry for entry in self.cloud.requests.entries("stackit", method) if part in entry.path]

    def settle(self, driver: stackit.StackitDriver, pendings: list[Pending]) -> list[Event]:
        """Look until all are done."""
        ended: dict[str, Event] = {}
        waiting = pendings
        for _look in range(40):
            events = driver.poll(waiting)
            ended.update({event.pending.name: event for event in events if event.done})
            waiting = [event.pending for event in events if not event.done]
            if not waiting:
                return [ended[pending.name] for pending in pendings]
            self.time.sleep(1)
        raise AssertionError(f"still under way: {waiting}")

    def made(self, wish: ServerSpec | None = None) -> Node:
        """A server of ours that runs."""
        driver, wish = self.driver(), wish or spec()
        (event,) = self.settle(driver, [driver.create_node(wish, driver.ensure_prereqs(wish))])
        assert event.error is None
        assert event.node is not None
        return event.node


@contextmanager
def account() -> Iterator[Account]:
    """A fresh one."""
    with emulator() as cloud:
        yield Account(cloud)


def spec(ordinal: int = 1, **changes: Any) -> ServerSpec:
    """A server as a pool would order it."""
    name = f"dev-web-{ordinal}"
    values: dict[str, Any] = {
        "name": name,
        "owner": Owner.of("lab", "dev", "web", name),
        "offer": Offer("stackit", "eu01-1", "g1.2"),
        "user_data": "#cloud-config\n",
    }
    return ServerSpec(**{**values, **changes})
