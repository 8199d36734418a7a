# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not happen by accident: changes that a person confirms by the hash of the plan they have looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .errors import Conflict
from .model import Node
from .plan import Plan


def confirmations(
    plan: Plan, *, max_deletions: int, control_plane: Callable[[Node], bool] = lambda _node: False
) -> list[str]:
    """Why the plan needs to be confirmed by its hash; empty when it does not.

    A node that is replaced or repaired goes too, but not as the last one of its pool: another one takes its place.
    """
    reasons = []
    doomed = plan.doomed
    if len(doomed) > max_deletions:
        reasons.append(f"it deletes {len(doomed)} nodes, more than max_deletions ({max_deletions})")
    staying = {node.pool for node in plan.keeps} | {pool.name for _name, pool in plan.bought}
    staying |= {adopt.pool.name for adopt in plan.adopts}
    emptied = {delete.node.pool for delete in plan.deletes} - staying
    reasons += [f"it deletes the last node of pool {pool}" for pool in sorted(emptied)]
    reasons += [f"node {node.name} has disks attached: {', '.join(node.disks)}" for node in doomed if node.disks]
    reasons += [f"node {node.name} carries the control plane" for node in doomed if control_plane(node)]
    return reasons


def unconfirmed(plan: Plan, reasons: Sequence[str], given: str) -> Conflict:
    """The refusal of a plan that needs a confirmation other than the one given."""
    stale = f" The given one ({given}) belongs to another plan." if given else ""
    return Conflict(
        f"This run needs to be confirmed, for {'; '.join(reasons)}. Nothing was done. Look at it with --check --diff, "
        f"then run with confirm: {plan.hash}.{stale}",
        code="needs_confirmation",
    )
