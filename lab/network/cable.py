"""One machine's network: a named namespace and a cable from it to the bridge."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lab import plan
from lab.network.bridge import LINK_PREFIX
from lab.network.commands import batch, ip


def _short(machine_id: str) -> str:
    """Interface names have 15 characters; eight hex digits of the id are enough to tell machines apart."""
    return LINK_PREFIX + hashlib.sha256(machine_id.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Cable:
    """The namespace and host-side link of a machine."""

    machine_id: str
    address: str

    @property
    def namespace(self) -> str:
        return _short(self.machine_id)

    @property
    def link(self) -> str:
        return _short(self.machine_id)

    def lay(self) -> None:
        """Makes namespace and link. There is no default route, so nothing a machine sends can leave the range."""
        self.remove()
        ip("netns", "add", self.namespace)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        batch([f"link set {self.link} master {plan.BRIDGE} up"])
        batch(
            [
                "link set lo up",
                f"address add {self.address}/{plan.MACHINES.prefixlen} dev eth0",
                "link set eth0 up",
                f"route add {plan.SERVICES} dev eth0",
            ],
            namespace=self.namespace,
        )

    def plug(self, connected: bool) -> None:
        """Connects or disconnects the host side, as an outage of the provider's network does."""
        ip("link", "set", self.link, "up" if connected else "down", check=False)

    def remove(self) -> None:
        ip("link", "delete", self.link, check=False)
        ip("netns", "delete", self.namespace, check=False)
