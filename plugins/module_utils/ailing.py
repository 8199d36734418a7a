# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes do not work, judged by what provider and Kubernetes show of them. Pure.

Only what is certain counts. A server that Kubernetes may know under another name, one that a person made and that may
be no node at all, a time that cannot be read, a node that somebody is working on: all of them are left alone, with a
remark where a person should look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .joining import Roster
from .kube import KubeNode
from .kube_drain import UPGRADE_LOCK
from .model import LABEL_REVISION, Node

UNREADY_LIMIT = 600.0
JOIN_LIMIT = 900.0
REGISTRATION = 10.0
"""A Node whose Ready condition has not changed later than this after it was made has never been Ready."""

Key = tuple[str, str]
"""Provider and id: what names a server for sure."""


@dataclass(frozen=True)
class Limits:
    """Seconds that a node may be NotReady, and that a new server may take to become Ready for the first time."""

    unready: float = UNREADY_LIMIT
    join: float = JOIN_LIMIT


@dataclass(frozen=True)
class Ailment:
    """What is wrong with a node.

    ``empty``: it has never been Ready, so no pod can be on it. ``like_an_outage``: it would look the same if the way to
    the nodes, or the memory of the cluster, were lost.
    """

    reason: str
    empty: bool = False
    like_an_outage: bool = True


@dataclass(frozen=True)
class Diagnosis:
    """The nodes that do not work, by provider and id, and what a person should look at."""

    ailments: Mapping[Key, Ailment] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def key_of(node: Node) -> Key:
    """What names the server for sure."""
    return (node.provider, node.id)


def diagnose(nodes: Sequence[Node], kube_nodes: Sequence[KubeNode] | None, limits: Limits, now: float) -> Diagnosis:
    """Judge all nodes. ``kube_nodes`` is None when Kubernetes was not asked; ``now`` is in seconds since 1970."""
    doctor = _Doctor(nodes, kube_nodes, limits, now)
    ailments: dict[Key, Ailment] = {}
    remarks: list[str] = []
    for node in nodes:
        verdict = doctor.judge(node)
        if isinstance(verdict, Ailment) and verdict.empty and LABEL_REVISION not in node.labels:
            remarks.append(
                f"Server {node.name} was not made here, and {verdict.reason}. It is left alone: let it join the "
                "cluster, or delete it."
            )
        elif isinstance(verdict, Ailment):
            ailments[key_of(node)] = verdict
        elif verdict:
            remarks.append(verdict)
    return Diagnosis(ailments, tuple(remarks))


class _Doctor:
    """Judges one node after the other. A verdict is an ailment, a remark, or nothing."""

    def __init__(
        self, nodes: Iterable[Node], kube_nodes: Sequence[KubeNode] | None, limits: Limits, now: float
    ) -> None:
        self._asked = kube_nodes is not None
        self._roster = Roster(kube_nodes or ())
        self._limits = limits
        self._now = now
        known = {found.name for node in nodes if (found := self._roster.node_of(node))}
        self._strangers = [kube_node for kube_node in kube_nodes or () if kube_node.name not in known]

    def judge(self, node: Node) -> Ailment | str:
        found = self._roster.node_of(node)
        at_provider = self._at_provider(node)
        if found is None and at_provider:
            return Ailment(at_provider, empty=True, like_an_outage=not self._asked)
        if found is None:
            return self._never_registered(node) if self._asked and node.state == "running" else ""
        if found.ready or (node.state != "running" and not at_provider):
            return ""
        reason, empty = self._unready(node, found)
        if reason and UPGRADE_LOCK in found.labels:
            return (
                f"Node {node.name} {reason}, but it carries the label {UPGRADE_LOCK}, so somebody is working on it: it "
                "is left alone."
            )
        return Ailment(reason, empty) if reason else ""

    def _at_provider(self, node: Node) -> str:
        """What the provider's own word says against a server; such a one does not run."""
        if node.state == "error":
            return f"its server is in an error state at {node.provider}"
        age = self._seconds_since(node.created)
        if node.state == "creating" and age is not None and age > self._limits.join:
            return f"its server has been starting for {_span(age)}"
        return ""

    def _never_registered(self, node: Node) -> Ailment | str:
        age = self._seconds_since(node.created)
        if age is None or age <= self._limits.join:
            return ""
        addresses = {address for address in (node.public_ipv4, node.public_ipv6, node.private_ipv4) if address}
        for stranger in self._strangers:
            if stranger.name == node.name or addresses & set(stranger.addresses):
                return (
                    f"Server {node.name} seems to be the Kubernetes Node {stranger.name}, which names another server "
                    f"({stranger.provider_id or 'none'} instead of {node.provider_id}): it is left alone. Look at the "
                    "hostname and the provider id that its kubelet was given."
                )
        return Ailment(f"its server is {_span(age)} old but has never registered in Kubernetes", empty=True)

    def _unready(self, node: Node, found: KubeNode) -> tuple[str, bool]:
        """Why a Node that is not Ready does not work, if it does not; and whether it has never been Ready."""
        since, lives = self._seconds_since(found.ready_changed), self._seconds_since(found.created)
        never = since is None or (lives is not None and lives - since <= REGISTRATION)
        if never:
            age = self._seconds_since(node.created)
            if age is not None and age > self._limits.join:
                return f"registered but has never been Ready, {_span(age)} after it was made", True
        elif since is not None and since > self._limits.unready:
            return f"has been NotReady for {_span(since)}", False
        return "", never

    def _seconds_since(self, moment: str) -> float | None:
        try:
            parsed = datetime.fromisoformat(moment)
        except ValueError:
            return None
        return self._now - (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
