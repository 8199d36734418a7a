# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has done so far, and the nodes as it leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .ailing import Key, key_of
from .claiming import Adopted
from .errors import PlatformError
from .launching import Choice, Launched
from .model import Node
from .outages import Trouble, trouble
from .plan import Plan
from .removing import Removed


class Progress:
    """Written to by every step of a run; read when its result is told."""

    def __init__(self, plan: Plan) -> None:
        self._nodes: dict[Key, Node] = {key_of(node): node for node in plan.there}
        self._off = {resume.node.name for resume in plan.resumes}
        self._carried = {resume.node.name: key_of(resume.node) for resume in (*plan.resumes, *plan.arriving)}
        self.created: list[str] = []
        self.started: list[str] = []
        self.deleted: list[str] = []
        self.adopted: list[str] = []
        self.replaced: list[dict[str, str]] = []
        self.repaired: list[dict[str, str]] = []
        self.prerequisites: list[str] = []
        self.choices: list[Choice] = []
        self.cleaned = False
        self.troubles: list[Trouble] = []

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        done: tuple[Sequence[Any], ...] = (
            self.created,
            self.started,
            self.deleted,
            self.adopted,
            self.prerequisites,
        )
        return self.cleaned or any(done)

    @property
    def nodes(self) -> list[Node]:
        """All nodes of the cluster as they were last seen."""
        return list(self._nodes.values())

    def came(self, launched: Launched) -> None:
        """Nodes run that did not."""
        for name in launched.bought:
            self._nodes.pop(self._carried.get(name, ("", "")), None)  # it was to be carried on with, but was gone
        for node in launched.nodes:
            self._nodes[key_of(node)] = node
        self.created += launched.bought
        self.started += [n.name for n in launched.nodes if n.name in self._off and n.name not in launched.bought]
        self.choices += launched.choices
        self.troubles += launched.troubles

    def went(self, removed: Removed) -> None:
        """Nodes are gone."""
        for node in removed.gone:
            self._nodes.pop(key_of(node), None)
        self.deleted += [node.name for node in removed.deleted]
        self.troubles += removed.troubles

    def joined_us(self, adopted: Adopted) -> None:
        """Servers of a person are ours now."""
        for node in adopted.nodes:
            self._nodes[key_of(node)] = node
        self.adopted += [node.name for node in adopted.nodes]
        self.troubles += adopted.troubles

    def failed(self, error: PlatformError, *pools: str) -> None:
        """Something went wrong."""
        self.troubles.append(trouble(error, *pools))

    def made(self, lines: Sequence[str]) -> None:
        """Prerequisites were made or put right."""
        self.prerequisites += [line for line in lines if line not in self.prerequisites]
