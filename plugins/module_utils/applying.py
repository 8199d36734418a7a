# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writing half of a run. What comes, comes first; nothing goes while something that should come has not."""

from __future__ import annotations

from collections.abc import Sequence

from .ailing import key_of
from .blueprint import Blueprint
from .claiming import adopt
from .errors import PlatformError
from .joining import LABEL_POOL, LABEL_PROVIDER, Kube, lay_ghost, not_joined, wait_joined
from .launching import Launch, Order
from .model import Node
from .observing import Catalogs
from .offering import Offered, quotes
from .outages import Trouble, trouble
from .placing import place_new
from .plan import Create, Delete, Plan, Repair
from .preparing import prepare, standing
from .progress import Progress
from .reading import Seen
from .removing import remove, sweep
from .replacing import Replacing
from .running import Run
from .wishing import Wish


class Application:
    """Carries out one plan."""

    def __init__(
        self,
        wish: Wish,
        run: Run,
        kube: Kube | None,
        seen: Seen,
        the_plan: Plan,
        blueprint: Blueprint,
        catalogs: Catalogs,
        offered: Offered,
    ) -> None:
        self._wish = wish
        self._run = run
        self._kube = kube
        self._plan = the_plan
        self._blueprint = blueprint
        self._offered = offered
        self._ghosts = seen.ghosts
        self._kube_nodes = seen.kube_nodes
        self._pools = {pool.name: pool for pool in wish.pools}
        self._launch = Launch(run, blueprint, lambda pool: quotes(pool, catalogs))
        self._progress = Progress(the_plan)
        self._replacing = Replacing(run, kube, self._launch, offered, self._pools, self._progress)
        self._doomed = set(map(key_of, the_plan.doomed))

    def carry_out(self, troubles: Sequence[Trouble]) -> Progress:
        """Do all of it, as far as it goes. ``troubles`` are those that the plan has met already."""
        progress = self._progress
        progress.troubles += troubles
        wished: list[Create | Repair] = [*self._plan.creates, *self._plan.repairs]
        whole = all(item.name in self._offered for item in wished)
        haunted = self._lay_ghosts()
        self._adopt()
        self._prepare()
        begun = len(progress.troubles)
        cleared = self._clear_away(haunted)
        self._start_all(haunted, cleared)
        safe = whole and not haunted and len(progress.troubles) == begun and self._wait_joined()
        if safe and self._place() and self._replacing.repair([r for r in self._plan.repairs if not r.empty]):
            if self._remove():
                self._replacing.replace(self._plan.replaces)
            self._sweep()
        elif self._plan.deletes or self._plan.replaces:
            self._run.tell("nothing is deleted, because not everything that should come has come")
        progress.made(self._launch.made)
        return progress

    def _lay_ghosts(self) -> set[str]:
        """Pools of which a Node may still live on a server that we cannot see."""
        haunted: set[str] = set()
        for ghost in self._ghosts if self._kube else ():
            pool = ghost.labels.get(LABEL_POOL, "")
            error = self._kube and lay_ghost(self._run, self._kube, ghost.name, ghost.labels.get(LABEL_PROVIDER, ""))
            if error:
                self._progress.failed(error, pool)
                haunted.add(pool)
            else:
                self._progress.cleaned = True
        return haunted

    def _adopt(self) -> None:
        if self._plan.adopts:
            self._progress.joined_us(adopt(self._run, self._plan.adopts))

    def _prepare(self) -> None:
        done = prepare(self._run, standing(self._wish.pools, self._plan, self._blueprint))
        self._progress.made(done.lines)
        self._progress.troubles += done.troubles

    def _clear_away(self, haunted: set[str]) -> list[Repair]:
        """Remove broken nodes that have never been Ready; those of them in whose place others may come."""
        hopeless = [
            repair
            for repair in self._plan.repairs
            if repair.empty and repair.name in self._offered and repair.pool.name not in haunted
        ]
        if not hopeless:
            return []
        deletes = [Delete(repair.node, repair.reason, broken=True) for repair in hopeless]
        removed = remove(self._run, deletes, (), self._staying(), self._kube, self._kube_nodes)
        self._progress.went(removed)
        gone = set(map(key_of, removed.deleted))
        return [repair for repair in hopeless if key_of(repair.node) in gone]

    def _start_all(self, haunted: set[str], cleared: Sequence[Repair]) -> None:
        wanted: list[Create | Repair] = [*self._plan.creates, *cleared]
        orders = [
            Order.of(item.pool, item.name, self._offered)
            for item in wanted
            if item.name in self._offered and item.pool.name not in haunted
        ]
        orders += [
            Order(resume.pool, resume.node.name, [], node=resume.node)
            for resume in (*self._plan.resumes, *self._plan.arriving)
        ]
        launched = self._launch.carry_out(orders)
        self._progress.came(launched)
        self._progress.repaired += [
            {"name": repair.node.name, "by": repair.name} for repair in cleared if repair.name in launched.bought
        ]

    def _wait_joined(self) -> bool:
        """Wait for the nodes on which what comes next relies; whether all of them are Ready."""
        kube, nodes = self._kube, self._to_be_ready()
        if kube is None or not not_joined(nodes, self._kube_nodes):
            return True
        self._run.tell(f"waiting for {len(nodes)} nodes to be Ready in Kubernetes")
        try:
            self._kube_nodes = wait_joined(self._run, kube, nodes, self._kube_nodes)
        except PlatformError as error:
            self._progress.troubles.append(trouble(error))
            return False
        return True

    def _to_be_ready(self) -> list[Node]:
        """Without those of a provider that does not answer: nobody knows what becomes of them."""
        pools = set(self._pools) - set(self._plan.blocked) if self._wish.wait_joined else self._succeeded()
        return [node for node in self._working() if node.pool in pools and node.state == "running"]

    def _place(self) -> bool:
        """Give new nodes their labels and taints before pods of others look for a place; whether that went well."""
        plan, kube = self._plan, self._kube
        if kube is None or not (plan.deletes or plan.repairs or plan.replaces):
            return True
        come = {*self._progress.created, *self._progress.started, *self._progress.adopted}
        succeeded = self._succeeded()
        nodes = [node for node in self._working() if node.name in come or node.pool in succeeded]
        try:
            self._run.insist()
            place_new(kube, nodes, self._pools, self._kube_nodes)
        except PlatformError as error:
            self._progress.failed(error)
            return False
        return True

    def _remove(self) -> bool:
        removed = remove(
            self._run, self._plan.deletes, self._plan.leaving, self._staying(), self._kube, self._kube_nodes
        )
        self._progress.went(removed)
        return not removed.troubles

    def _sweep(self) -> None:
        if self._plan.sweeps:
            problems = sweep(self._run, self._plan.sweeps)
            self._progress.cleaned = self._progress.cleaned or len(problems) < len(self._plan.sweeps)
            self._progress.troubles += map(trouble, problems)

    def _working(self) -> list[Node]:
        """The nodes that are there and are not to go."""
        return [node for node in self._progress.nodes if key_of(node) not in self._doomed]

    def _staying(self) -> list[str]:
        leaving = {key_of(node) for node in self._plan.leaving}
        names = [node.name for node in self._working() if key_of(node) not in leaving]
        return [*names, *(orphan.node.name for orphan in self._plan.orphans)]

    def _succeeded(self) -> set[str]:
        """Pools in which others have taken the place of a node that still has to go."""
        return {delete.node.pool for delete in self._plan.deletes if delete.succeeded}
