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
from .errors import Ambiguous, Conflict, Permanent
from .waiting import wait_for

T = TypeVar("T")
ORDERS = 3
PAUSE = 2.0  # seconds that a lost order gets to show itself


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

    def create(self, wanted: WantedCluster) -> CloudfleetCluster:
        """Order a cluster, once, even if the answer to an order is lost: look for the name before ordering again."""
        for _attempt in range(ORDERS):
            try:
                order = retry(lambda: self._client.create(wanted.fields()), sleep=self._sleep, clock=self._clock)
                return self._client.cluster(order)
            except Ambiguous as error:
                lost = error
                self._sleep(PAUSE)
                if found := self._client.find(wanted.name):
                    return found
        raise Permanent(
            f"{lost} No cluster named {wanted.name} has appeared after {ORDERS} orders. Run again later.",
            provider=PROVIDER,
            code=lost.code,
        )

    def update(self, cluster: CloudfleetCluster, changes: Mapping[str, str]) -> CloudfleetCluster:
        """Change fields of a cluster."""
        self._client.replace(cluster, changes)
        return self._client.cluster(cluster.id)

    def wait_deployed(self, cluster: CloudfleetCluster) -> CloudfleetCluster:
        """Return when the cluster serves its API."""
        if cluster.deployed:
            return cluster
        return self._wait(
            lambda: self._alive(cluster.id),
            lambda seen: seen.deployed,
            lambda seen: f"status {seen.status}",
            f"cluster {cluster.name} to be deployed",
        )

    def _alive(self, cluster_id: str) -> CloudfleetCluster:
        seen = self._client.cluster(cluster_id)
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


def text(cluster: CloudfleetCluster | None, changes: Mapping[str, str] | None = None) -> str:
    """A cluster for the diff, with changes applied; empty if there is none."""
    if cluster is None and changes is None:
        return ""
    fields = {**(cluster.fields if cluster else {}), **(changes or {})}
    shown = [key for key in ("name", "region", "tier", "version_channel") if key in fields]
    return "".join(f"{key}: {fields[key]}\n" for key in shown)
