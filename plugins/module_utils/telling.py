# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result tells about a plan, before it is carried out and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .costing import Bill, as_result
from .joining import LABEL_POOL, LABEL_PROVIDER
from .launching import Choice
from .model import Node
from .offering import Offered
from .plan import Plan
from .progress import Progress
from .reading import Seen
from .reporting import after_text, as_results, before_text, pending

NOTHING: Mapping[str, Any] = {
    "changed": False,
    "nodes": [],
    "providers": [],
    "created": [],
    "started": [],
    "deleted": [],
    "adopted": [],
    "replaced": [],
    "repaired": [],
    "prerequisites": [],
    "choices": [],
    "orphans": [],
    "unserved": [],
    "plan_hash": "",
    "needs_confirmation": [],
}
"""The result of a run that could not even look."""


@dataclass(frozen=True)
class Story:
    """The keys of a result, but for what went wrong."""

    plan: Plan
    seen: Seen
    offered: Offered
    bill: Bill
    diff: bool

    def so_far(self, prepared: Sequence[str] = ()) -> dict[str, Any]:
        """Nothing has been done."""
        ghosts = [ghost.name for ghost in self.seen.ghosts]
        result: dict[str, Any] = {
            **NOTHING,
            "changed": self.plan.changed or bool(ghosts) or bool(prepared),
            "nodes": as_results(self.plan.there),
            "providers": self._providers(self.plan.there),
            "orphans": [orphan.as_result() for orphan in self.plan.orphans],
            "plan_hash": self.plan.hash,
            "bill": as_result(self.bill),
            "warnings": [*self.plan.remarks, *self.seen.remarks],
        }
        if self.diff:
            result["diff"] = {
                "before": before_text(self.plan, ghosts, self.bill),
                "after": after_text(self.plan, self.offered.first, self.bill, prepared),
            }
        return result

    def foreseen(self, prepared: Sequence[str]) -> dict[str, Any]:
        """What would be done."""
        ghosts = [ghost.name for ghost in self.seen.ghosts]
        choices = [Choice(name, q.offer, tuple(self.offered.refusals[name])) for name, q in self.offered.first.items()]
        return {
            **self.so_far(prepared),
            "providers": self._providers(
                self.plan.keeps, *(quote.offer.provider for quote in self.offered.first.values())
            ),
            "choices": [choice.as_result() for choice in choices],
            "pending": pending(self.plan, self.offered.first, ghosts, prepared),
        }

    def happened(self, progress: Progress) -> dict[str, Any]:
        """What was done."""
        return {
            **self.so_far(progress.prerequisites),
            "changed": progress.changed,
            "nodes": as_results(progress.nodes),
            "providers": self._providers(progress.nodes),
            "created": sorted(progress.created),
            "started": sorted(progress.started),
            "deleted": progress.deleted,
            "adopted": sorted(progress.adopted),
            "replaced": progress.replaced,
            "repaired": progress.repaired,
            "prerequisites": progress.prerequisites,
            "choices": [choice.as_result() for choice in progress.choices],
        }

    def _providers(self, nodes: Sequence[Node], *more: str) -> list[str]:
        """Where nodes stand; of a provider that does not answer, Kubernetes says whether any do."""
        silent = set(self.seen.observed.failed)
        known = {node.labels.get(LABEL_PROVIDER, "") for node in self.seen.kube_nodes if LABEL_POOL in node.labels}
        return sorted({*(node.provider for node in nodes), *more, *(known & silent)})
