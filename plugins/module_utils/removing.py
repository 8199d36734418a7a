# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking servers away: empty, delete, wait until the provider says gone, then forget the Node in Kubernetes.

All of them side by side, in one loop that looks at each in turn: a node that a budget, or a person's lock, holds back
does not hold up the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from .ailing import key_of
from .budget import fan_out
from .errors import NotFound, PlatformError, RateLimited, Transient
from .joining import Kube, Roster
from .kube import KubeNode
from .kube_api import CONNECTIONS
from .kube_drain import UPGRADE_LOCK, Hold
from .model import Leftover, Node, Pending
from .outages import Trouble, trouble
from .plan import Delete
from .running import Pace, Run, look

BROKEN_PATIENCE = 30.0
"""Seconds in which pods of a node that does not work are asked to go; the kubelet that should end them is silent."""


@dataclass(frozen=True)
class Removed:
    """The nodes that are gone, those of them that this run deleted, and why others are not."""

    gone: tuple[Node, ...]
    deleted: tuple[Node, ...]
    troubles: tuple[Trouble, ...]


def remove(
    run: Run,
    deletes: Sequence[Delete],
    leaving: Sequence[Node],
    kept: Collection[str],
    kube: Kube | None,
    kube_nodes: Sequence[KubeNode],
) -> Removed:
    """Remove the nodes. ``leaving`` are being deleted already: they are only seen off.

    ``kept`` are names that stay: a server that shares its name with one of them never costs it its Node.
    """
    roster = Roster(kube_nodes if kube else ())
    staying = set(kept)
    removals = [
        _Removal(node, roster.node_of(node, by_name=node.name not in staying), broken)
        for node, broken in (*((d.node, d.broken) for d in deletes), *((node, False) for node in leaving))
    ]
    removing = _Removing(run, kube)
    removing.carry_out(removals)
    gone = {key_of(removal.node) for removal in removing.gone}
    return Removed(
        gone=tuple(removal.node for removal in removing.gone),
        deleted=tuple(delete.node for delete in deletes if key_of(delete.node) in gone),
        troubles=tuple(removing.troubles),
    )


def sweep(run: Run, leftovers: Sequence[Leftover]) -> list[PlatformError]:
    """Delete what servers have left behind."""
    tasks = [_sweeper(run, leftover) for leftover in leftovers]
    return [outcome for outcome in fan_out(tasks) if isinstance(outcome, PlatformError)]


@dataclass
class _Removal:
    """One node on its way out. ``until`` is when nobody waits for its pods any more; ``silence`` the last error."""

    node: Node
    kube_node: KubeNode | None
    broken: bool
    until: float = 0.0
    hold: Hold = field(default_factory=Hold)
    silence: PlatformError | None = None
    told: str = ""
    pending: Pending | None = None

    @property
    def has_pods(self) -> bool:
        """Whether there may be pods to move away first."""
        return self.kube_node is not None and self.node.state != "deleting"


class _Removing:
    def __init__(self, run: Run, kube: Kube | None) -> None:
        self._run = run
        self._kube = kube
        self.gone: list[_Removal] = []
        self.troubles: list[Trouble] = []

    def carry_out(self, removals: Sequence[_Removal]) -> None:
        full = [removal for removal in removals if removal.has_pods]
        if self._cordon(full):
            return
        for removal in full:
            self._run.tell(f"{removal.node.name}: draining")
            removal.until = self._run.clock() + (BROKEN_PATIENCE if removal.broken else self._run.time_left())
        going = self._order([removal for removal in removals if not removal.has_pods])
        pace = Pace(self._run)
        while full or going:
            full, empty = self._empty(full)
            going += self._order(empty)
            under_way = len(going)
            going = self._see_off(going)
            if self._run.over():
                self.troubles += [self._too_late(removal) for removal in (*full, *going)]
                return
            if empty or len(going) < under_way:
                pace.quicken()
            if full or going:
                pace.wait()

    def _cordon(self, removals: Sequence[_Removal]) -> bool:
        """First all of them, so that no pod moves from one doomed node to the next; whether that failed."""
        if self._kube is None:
            return False
        names = [r.kube_node.name for r in removals if r.kube_node and UPGRADE_LOCK not in r.kube_node.labels]
        kube = self._kube
        outcomes = fan_out([self._cordoner(kube, name) for name in names], CONNECTIONS)
        failed = [o for o in outcomes if isinstance(o, PlatformError) and not isinstance(o, NotFound)]
        self.troubles += [trouble(error, *self._pools(removals)) for error in failed]
        return bool(failed)

    def _empty(self, removals: Sequence[_Removal]) -> tuple[list[_Removal], list[_Removal]]:
        """Take the next step with each; those that still hold pods, and those that are empty."""
        if self._kube is None:
            return [], list(removals)
        full: list[_Removal] = []
        empty: list[_Removal] = []
        kube = self._kube
        steps = fan_out([self._stepper(kube, removal.kube_node) for removal in removals], CONNECTIONS)
        for removal, outcome in zip(removals, steps, strict=True):
            removal.silence = outcome if isinstance(outcome, PlatformError) else None
            if isinstance(outcome, (RateLimited, Transient)):
                full.append(removal)
            elif isinstance(outcome, PlatformError):
                self.troubles.append(trouble(outcome, removal.node.pool))
            elif outcome is None:
                empty.append(removal)
            else:
                removal.hold = outcome
                (empty if self._has_waited_enough(removal) else full).append(removal)
        return full, empty

    def _has_waited_enough(self, removal: _Removal) -> bool:
        hold = removal.hold
        if removal.broken and not hold.lock and self._run.clock() >= removal.until:
            self._run.tell(f"{removal.node.name} does not work, so nobody waits for its pods any longer")
            return True
        if hold.waits_for not in ("", removal.told):
            self._run.tell(f"{removal.node.name} waits for {hold.waits_for}")
            removal.told = hold.waits_for
        return False

    def _order(self, removals: Sequence[_Removal]) -> list[_Removal]:
        """Order the deletion of the servers; those of which it is ordered."""
        for node in (removal.node for removal in removals):
            self._run.tell(f"{node.name}: deleting the server at {node.provider}/{node.location}")
        ordered = []
        for removal, outcome in zip(removals, fan_out([self._deleter(r.node) for r in removals]), strict=True):
            if isinstance(outcome, PlatformError):
                self.troubles.append(trouble(outcome, removal.node.pool))
            else:
                removal.pending = outcome
                ordered.append(removal)
        return ordered

    def _see_off(self, removals: Sequence[_Removal]) -> list[_Removal]:
        """Look who is gone; those who are not yet."""
        still: list[_Removal] = []
        pendings = [removal.pending for removal in removals if removal.pending]
        for removal, event in zip(removals, look(self._run, pendings), strict=True):
            removal.pending, removal.silence = event.pending, event.error
            if not event.done:
                still.append(removal)
            elif event.error is not None:
                self.troubles.append(trouble(event.error, removal.node.pool))
            else:
                self.gone.append(removal)
                self._forget(removal)
        return still

    def _forget(self, removal: _Removal) -> None:
        self._run.tell(f"{removal.node.name} is gone")
        kube, kube_node = self._kube, removal.kube_node
        if kube is None or kube_node is None:
            return
        try:
            self._run.insist()
            self._run.retry(lambda: kube.delete_node(kube_node.name))
        except NotFound:
            return
        except PlatformError as error:
            self.troubles.append(trouble(error, removal.node.pool))

    def _too_late(self, removal: _Removal) -> Trouble:
        node, kube_node = removal.node, removal.kube_node
        if removal.pending is None and kube_node is not None:
            return trouble(removal.silence or removal.hold.too_late(kube_node.name), node.pool)
        said = (
            f"The server {node.name} (id {node.id}) was not gone from {node.provider} in time; its deletion is ordered."
            " Run again to see it off, or with a longer timeout."
        )
        if removal.silence is not None:
            said += f" The last look at it failed: {removal.silence}"
        code = removal.silence.code if removal.silence else "deadline"
        return trouble(Transient(said, provider=node.provider, code=code), node.pool)

    def _cordoner(self, kube: Kube, name: str) -> Callable[[], None]:
        def cordon() -> None:
            self._run.insist()
            self._run.retry(lambda: kube.cordon(name))

        return cordon

    def _stepper(self, kube: Kube, kube_node: KubeNode | None) -> Callable[[], Hold | None]:
        def step() -> Hold | None:
            self._run.insist()
            return kube.evict(kube_node.name) if kube_node else None

        return step

    def _deleter(self, node: Node) -> Callable[[], Pending]:
        def delete() -> Pending:
            self._run.insist()
            return self._run.drivers[node.provider].delete_node(node)

        return delete

    @staticmethod
    def _pools(removals: Sequence[_Removal]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(removal.node.pool for removal in removals))


def _sweeper(run: Run, leftover: Leftover) -> Callable[[], None]:
    def remove_leftover() -> None:
        run.insist()
        run.drivers[leftover.provider].remove_leftover(leftover)

    return remove_leftover
