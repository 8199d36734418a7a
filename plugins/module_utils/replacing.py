# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that give way to others: outdated ones, and those that do not work. One at a time over the whole cluster.

An outdated node works, so the new one comes first: it is bought, Ready and has its labels and taints before the old one
is drained. A run that ends in between leaves one node more than wished; the next one removes the outdated one first,
without buying again.

A broken node works for nobody, so it goes first. That loses nothing that was there, needs no room in the account for
one server more (accounts are limited), and gives the new node the name of the old one. What speaks against it, that a
broken node may come back while a new one may not be had, is met before anything is deleted: an offer must be for sale,
a last look must still find the node NotReady, and when many nodes break at once none is touched. A run that ends in
between leaves a node that is missing, which any run buys. Nodes that have never been Ready cannot hold a pod; they are
cleared away side by side before the rest is bought, and so are not dealt with here.

The first failure ends it: whatever is wrong with one node may be wrong with the next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .ailing import key_of
from .blueprint import stands_at
from .errors import Permanent, PlatformError
from .joining import Kube, Roster, wait_joined
from .kube import KubeNode
from .kube_drain import UPGRADE_LOCK
from .launching import Launch, Order
from .model import Node, Pool
from .offering import Offered
from .outages import Trouble, reworded
from .placing import place_new
from .plan import Delete, Repair, Replace
from .progress import Progress
from .removing import remove
from .running import Run


class Replacing:
    """Carries out repairs and replacements and notes them in ``progress``."""

    def __init__(
        self,
        run: Run,
        kube: Kube | None,
        launch: Launch,
        offered: Offered,
        pools: Mapping[str, Pool],
        progress: Progress,
    ) -> None:
        self._run = run
        self._kube = kube
        self._launch = launch
        self._offered = offered
        self._pools = pools
        self._progress = progress

    def repair(self, repairs: Sequence[Repair]) -> bool:
        """Remove each broken node and buy another one; whether all went well."""
        return self._one_by_one(repairs)

    def replace(self, replaces: Sequence[Replace]) -> bool:
        """Buy each new node and remove the old one; whether all went well."""
        return self._one_by_one(replaces)

    def _one_by_one(self, items: Sequence[Repair | Replace]) -> bool:
        for index, item in enumerate(items):
            before = len(self._progress.troubles)
            try:
                done = self._repair(item) if isinstance(item, Repair) else self._replace(item)
            except PlatformError as error:
                self._progress.failed(error, item.pool.name)
                done = False
            if not done:
                self._say_what_is_left(before, [left.node.name for left in items[index + 1 :]])
                return False
        return True

    def _replace(self, item: Replace) -> bool:
        if item.name not in self._offered:
            return False  # the plan has said why
        self._run.tell(f"{item.node.name} is replaced by {item.name}: {item.reason}")
        fresh = self._buy(item)
        if fresh is None:
            return False
        kube_nodes = self._settle(fresh)
        if not self._remove(item, kube_nodes, broken=item.broken and not self._is_ready(item.node, kube_nodes)):
            return False
        self._progress.replaced.append({"name": item.node.name, "by": item.name})
        return True

    def _repair(self, item: Repair) -> bool:
        kube_nodes = self._look()
        found = Roster(kube_nodes).node_of(item.node)
        if found is not None and (found.ready or UPGRADE_LOCK in found.labels):
            why = "is Ready again" if found.ready else f"carries the label {UPGRADE_LOCK} now"
            self._run.tell(f"{item.node.name} {why}, so it stays")
            return True
        self._run.tell(f"{item.node.name} {item.reason}; it is replaced by {item.name}")
        if item.name not in self._offered or not self._remove(item, kube_nodes, broken=True):
            return False
        fresh = self._buy(item)
        if fresh is None:
            return False
        self._settle(fresh)
        self._progress.repaired.append({"name": item.node.name, "by": item.name})
        return True

    def _buy(self, item: Repair | Replace) -> Node | None:
        launched = self._launch.carry_out([Order.of(item.pool, item.name, self._offered)])
        self._progress.came(launched)
        if launched.troubles or not launched.nodes:
            return None
        fresh = launched.nodes[0]
        if not any(stands_at(fresh, offer) for offer in item.pool.offers):
            raise Permanent(
                f"The server {fresh.name} (id {fresh.id}) was ordered by an offer of pool {item.pool.name}, but "
                f"{fresh.provider} shows it as {fresh.location}/{fresh.type}, which is none. So no node of this pool "
                "is replaced: it would never end. Write the offer the way the provider does.",
                provider=fresh.provider,
                code="shown_otherwise",
            )
        return fresh

    def _settle(self, node: Node) -> Sequence[KubeNode]:
        """Wait until a new node is Ready and give it its labels and taints; the last reading of all Nodes."""
        if self._kube is None:
            return ()
        self._run.tell(f"waiting for {node.name} to be Ready in Kubernetes")
        kube_nodes = wait_joined(self._run, self._kube, [node])
        self._run.insist()
        place_new(self._kube, [node], self._pools, kube_nodes)
        return kube_nodes

    def _remove(self, item: Repair | Replace, kube_nodes: Sequence[KubeNode], *, broken: bool) -> bool:
        delete = Delete(item.node, item.reason, broken=broken)
        removed = remove(self._run, [delete], (), self._names_but(item.node), self._kube, kube_nodes)
        self._progress.went(removed)
        return not removed.troubles

    def _look(self) -> Sequence[KubeNode]:
        return () if self._kube is None else self._run.retry(self._kube.nodes)

    @staticmethod
    def _is_ready(node: Node, kube_nodes: Sequence[KubeNode]) -> bool:
        found = Roster(kube_nodes).node_of(node)
        return found is not None and found.ready

    def _names_but(self, node: Node) -> Collection[str]:
        return {other.name for other in self._progress.nodes if key_of(other) != key_of(node)}

    def _say_what_is_left(self, before: int, names: Sequence[str]) -> None:
        """Let the last trouble tell what was not begun because of it."""
        if not names or len(self._progress.troubles) == before:
            return
        last = self._progress.troubles.pop()
        left = f"{', '.join(names)} {'stays' if len(names) == 1 else 'stay'} as before until the next run."
        self._progress.troubles.append(Trouble(reworded(last.error, f"{last.error} {left}"), last.pools, last.outage))
