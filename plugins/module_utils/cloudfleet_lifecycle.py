# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one cluster at Cloudfleet to its wanted state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from .budget import retry
from .cloudfleet import PROVIDER, Cloudfleet, CloudfleetCluster
from .errors import Ambiguous, Conflict, NotFound, Permanent
from .waiting import wait_for

T = TypeVar("T")
ORDERS = 3
PAUSE = 2.0  # seconds after which an order shows in the list, and whose difference its time of creation tells


@dataclass(frozen=True)
class WantedCluster:
    """What a cluster shall be; `version` is a minor version of Kubernetes or a whole version channel of Cloudfleet."""

    name: str
    region: str
    tier: str
    version: str

    def fields(self) -> dict[str, str]:
        """The fields as the API names them."""
        channel = self.version if "cfke" in self.version else f"{self.version}.x-cfke.x"
        return {"name": self.name, "region": self.region, "tier": self.tier, "version_channel": channel}


def differences(wanted: WantedCluster, cluster: CloudfleetCluster) -> dict[str, str]:
    """Fields to change. Raises Conflict for what cannot be changed."""
    refuse_disabled(cluster)
    if cluster.region != wanted.region:
        raise Conflict(
            f"Cluster {cluster.name} is in region {cluster.region}, and control_plane.region says {wanted.region}. A "
            "cluster cannot move: correct control_plane.region, or tear the cluster down first.",
            provider=PROVIDER,
        )
    return {key: value for key, value in wanted.fields().items() if cluster.fields.get(key) != value}


def refuse_disabled(cluster: CloudfleetCluster) -> None:
    """Raise Conflict for a cluster that will not come up by itself."""
    if cluster.status == "disabled":
        raise Conflict(
            f"Cluster {cluster.name} is disabled at Cloudfleet. Look at it in the Cloudfleet console: enable it, or "
            "delete it, then run again.",
            provider=PROVIDER,
        )


class ClusterLifecycle:
    """Create, update and delete one cluster, and wait for the outcome. `timeout` in seconds."""

    def __init__(
        self,
        client: Cloudfleet,
        timeout: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._sleep = sleep
        self._clock = clock

    def create(self, wanted: WantedCluster, *, wait: bool = False) -> CloudfleetCluster:
        """Order a cluster, so that there is one of this name in the end, whoever else is ordering it at this moment.

        There is nothing that makes an order unique. So everybody looks again after ordering and goes on with the oldest
        cluster of the name; whoever ordered a younger one takes it back. With ``wait`` it is deployed on return.
        """
        orders = _Orders(self._client, wanted, self._sleep, self._clock)
        cluster = orders.place()
        while wait:
            deployed = self.wait_deployed(cluster)
            cluster = orders.settle()
            if cluster.id == deployed.id:
                return deployed
        return cluster

    def update(self, cluster: CloudfleetCluster, changes: Mapping[str, str]) -> CloudfleetCluster:
        """Change fields of a cluster. If somebody else is changing it, what they leave open is changed afterwards."""
        try:
            self._client.replace(cluster, changes)
        except Conflict:
            now = self.wait_deployed(self._client.cluster(cluster.id))
            open_changes = {key: value for key, value in changes.items() if now.fields.get(key) != value}
            if open_changes:
                self._client.replace(now, open_changes)
        return self._client.cluster(cluster.id)

    def wait_deployed(self, cluster: CloudfleetCluster) -> CloudfleetCluster:
        """Return when the cluster serves its API; an older one of its name if it had to give way to that meanwhile."""
        if cluster.deployed:
            return cluster
        return self._wait(
            lambda: self._alive(cluster),
            lambda seen: seen.deployed,
            lambda seen: f"status {seen.status}",
            f"cluster {cluster.name} to be deployed",
        )

    def _alive(self, cluster: CloudfleetCluster) -> CloudfleetCluster:
        try:
            seen = self._client.cluster(cluster.id)
        except NotFound:
            oldest = self._client.find(cluster.name)
            if oldest is None:
                raise
            seen = oldest
        refuse_disabled(seen)
        return seen

    def delete(self, cluster: CloudfleetCluster, *, wait: bool) -> None:
        """Delete a cluster; with `wait` return when it is gone."""
        self._client.delete(cluster.id)
        if wait:
            self._wait(
                lambda: [seen for seen in self._client.clusters() if seen.id == cluster.id],
                lambda seen: not seen,
                lambda seen: f"status {seen[0].status}",
                f"cluster {cluster.name} to be gone",
            )

    def _wait(self, read: Callable[[], T], ready: Callable[[T], bool], describe: Callable[[T], str], what: str) -> T:
        return wait_for(read, ready, self._timeout, sleep=self._sleep, clock=self._clock, describe=describe, what=what)


class _Orders:
    """What one run orders until there is a cluster of the wanted name. Before it began there was none."""

    def __init__(
        self, client: Cloudfleet, wanted: WantedCluster, sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._wanted = wanted
        self._sleep = sleep
        self._clock = clock
        self._mine: set[str] = set()
        self._lost: Ambiguous | None = None

    def place(self) -> CloudfleetCluster:
        """Order, again only if an order whose answer was lost has left nothing behind; the cluster to go on with."""
        fields = self._wanted.fields()
        for _attempt in range(ORDERS):
            try:
                self._mine.add(retry(lambda: self._client.create(fields), sleep=self._sleep, clock=self._clock))
            except Ambiguous as error:
                self._lost = error
            self._sleep(PAUSE)
            if self._mine or self._client.named(self._wanted.name):
                return self.settle()
        lost = str(self._lost)
        raise Permanent(
            f"{lost} No cluster named {self._wanted.name} has appeared after {ORDERS} orders. Run again later.",
            provider=PROVIDER,
            code=self._lost.code if self._lost else "",
        )

    def settle(self) -> CloudfleetCluster:
        """The oldest cluster of the name, after our own younger ones are taken back."""
        there = self._client.named(self._wanted.name)
        nameless = self._lost is not None
        if len(there) > 1 and nameless:
            # One of them may be ours without our knowing its id. The owners of the others take theirs back meanwhile.
            self._sleep(PAUSE)
            there = self._client.named(self._wanted.name)
        self._lost = None
        if not there and self._mine:
            return self._client.cluster(min(self._mine))  # a list that lags behind
        if not there:
            raise NotFound(
                f"Cluster {self._wanted.name} was ordered and is gone again: somebody else has deleted it. Run again.",
                provider=PROVIDER,
            )
        oldest, *younger = there
        for cluster in younger:
            if cluster.id in self._mine or (nameless and oldest.created < cluster.created):
                self._client.delete(cluster.id)
        return oldest


def text(cluster: CloudfleetCluster | None, changes: Mapping[str, str] | None = None) -> str:
    """A cluster for the diff, with changes applied; empty if there is none."""
    if cluster is None and changes is None:
        return ""
    fields = {**(cluster.fields if cluster else {}), **(changes or {})}
    shown = [key for key in ("name", "region", "tier", "version_channel") if key in fields]
    return "".join(f"{key}: {fields[key]}\n" for key in shown)
