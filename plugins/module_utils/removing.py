# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking servers away: drain, delete, wait until the provider says gone, then forget the Node in Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .budget import fan_out
from .errors import NotFound, PlatformError, Transient
from .joining import Kube, KubeNode, node_of
from .model import Leftover, Node, Pending
from .plan import Delete
from .running import Pace, Run, look


@dataclass(frozen=True)
class Removed:
    """Names of the nodes that are gone, and why others are not."""

    names: tuple[str, ...]
    problems: tuple[PlatformError, ...]


def remove(
    run: Run,
    deletes: Sequence[Delete],
    leaving: Sequence[Node],
    kept: Sequence[str],
    kube: Kube | None,
    kube_nodes: Sequence[KubeNode],
) -> Removed:
    """Remove the nodes in the order given. ``leaving`` are being deleted already: they are only seen off.

    ``kept`` are names that stay: a server that shares its name with one of them never costs it its Node.
    """
    nodes = [delete.node for delete in deletes]
    behind = {node.id: node_of(node, kube_nodes, by_name=node.name not in kept) for node in (*nodes, *leaving)}
    problems: list[PlatformError] = []
    if kube is not None:
        # First all of them, so that no pod moves from one doomed node to the next.
        marked = [kube_node for node in nodes if (kube_node := behind[node.id])]
        problems += [
            outcome
            for outcome in fan_out([_cordoner(run, kube, kube_node.name) for kube_node in marked])
            if isinstance(outcome, PlatformError) and not isinstance(outcome, NotFound)
        ]
        if problems:
            return Removed((), tuple(problems))
    waiting: list[tuple[Node, Pending]] = []
    for node in (*nodes, *leaving):
        try:
            waiting.append((node, _begin(run, node, kube, behind[node.id])))
        except PlatformError as error:
            problems.append(error)
    gone: list[str] = []
    pace = Pace(run)
    while waiting:
        events = look(run, [pending for _node, pending in waiting])
        still: list[tuple[Node, Pending]] = []
        for (node, _pending), event in zip(waiting, events, strict=True):
            if not event.done:
                still.append((node, event.pending))
            elif event.error is not None:
                problems.append(event.error)
            else:
                gone.append(node.name)
                problems += _forget(run, node, kube, behind[node.id])
        waiting = still
        if waiting and run.over():
            problems += [_too_late(node) for node, _pending in waiting]
            break
        if waiting:
            pace.wait()
    doomed = [node.name for node in nodes]
    return Removed(tuple(name for name in doomed if name in gone), tuple(problems))


def sweep(run: Run, leftovers: Sequence[Leftover]) -> list[PlatformError]:
    """Delete what servers have left behind."""
    tasks = [_sweeper(run, leftover) for leftover in leftovers]
    return [outcome for outcome in fan_out(tasks) if isinstance(outcome, PlatformError)]


def _begin(run: Run, node: Node, kube: Kube | None, kube_node: KubeNode | None) -> Pending:
    if kube is not None and kube_node is not None and node.state != "deleting":
        run.tell(f"{node.name}: draining")
        kube.drain(kube_node.name, deadline=run.deadline, sleep=run.sleep, clock=run.clock)
    run.tell(f"{node.name}: deleting the server at {node.provider}/{node.location}")
    return run.drivers[node.provider].delete_node(node)


def _forget(run: Run, node: Node, kube: Kube | None, kube_node: KubeNode | None) -> list[PlatformError]:
    run.tell(f"{node.name} is gone")
    if kube is None or kube_node is None:
        return []
    try:
        run.retry(lambda: kube.delete_node(kube_node.name))
    except NotFound:
        return []
    except PlatformError as error:
        return [error]
    return []


def _too_late(node: Node) -> PlatformError:
    return Transient(
        f"The server {node.name} (id {node.id}) was not gone from {node.provider} in time; its deletion is ordered. "
        "Run again to see it off, or with a longer timeout.",
        provider=node.provider,
        code="deadline",
    )


def _cordoner(run: Run, kube: Kube, name: str) -> Callable[[], None]:
    return lambda: run.retry(lambda: kube.cordon(name))


def _sweeper(run: Run, leftover: Leftover) -> Callable[[], None]:
    return lambda: run.drivers[leftover.provider].remove_leftover(leftover)
