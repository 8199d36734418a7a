# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over the pools of a cluster: read, plan, (check mode: stop,) apply, wait, tell.

The order of a run is what makes it safe to interrupt anywhere: everything it knows is read from the providers at its
start, and each writing request leaves them in a state from which the next run goes on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from . import outages
from .applying import Application
from .blueprint import Blueprint
from .costing import Bill, bill, places_to_price
from .errors import PlatformError
from .guarding import confirmations, unconfirmed
from .joining import Kube, Roster, carries_control_plane, known_at, not_joined
from .model import Node, ServerSpec
from .observing import Catalogs
from .offering import Offered, Refusal, no_offer_left, quotes
from .outages import Trouble, trouble
from .plan import Plan, Quote
from .planning import Judgement, plan
from .preparing import Prerequisites, buying, foresee, standing
from .reading import Seen, read
from .reporting import failure
from .running import Run, Turn
from .telling import NOTHING, Story
from .wishing import Wish


def reconcile(
    wish: Wish,
    run: Run,
    kube: Kube | None,
    *,
    check: bool,
    diff: bool,
    turn: AbstractContextManager[Turn | None] | None = None,
) -> dict[str, Any]:
    """Bring the pools to what is wished and return the result of a module. User errors are in it, not raised.

    ``turn`` is entered around all of a run that writes; what it was found to need is then read and decided anew. A run
    that finds nothing to do waits for nobody.
    """
    result: dict[str, Any] | None = None
    try:
        result = _Reconciliation(wish, run, kube, check=check, diff=diff).carry_out(hands_off=turn is not None)
        if result is None and turn is not None:
            with turn as held:
                guarded = run if held is None else replace(run, insist=held.insist)
                result = _Reconciliation(wish, guarded, kube, check=check, diff=diff).carry_out() or {}
                if held is not None and held.warning:
                    result["warnings"] = [*result["warnings"], held.warning]
    except PlatformError as error:
        return {**NOTHING, **(result or {}), **failure([error])}
    return result or {}


class _Reconciliation:
    """One run, from what is read to what is told."""

    def __init__(self, wish: Wish, run: Run, kube: Kube | None, *, check: bool, diff: bool) -> None:
        self._wish = wish
        self._run = run
        self._kube = kube
        self._check = check
        self._diff = diff
        self._blueprint = Blueprint(run.fleet, run.cluster, wish.user_data, wish.revisions)
        self._catalogs = Catalogs(run.drivers)

    def carry_out(self, *, hands_off: bool = False) -> dict[str, Any] | None:
        """Read, decide, act. Raises PlatformError when Kubernetes cannot be read.

        With ``hands_off`` it never gets to acting: None says that there would be something to do.
        """
        wish, run = self._wish, self._run
        seen = read(wish, run, self._kube, check=self._check)
        judgement = Judgement(self._blueprint.why_stale, seen.diagnosis, known_at(seen.kube_nodes))
        the_plan = plan(run.cluster, wish.pools, seen.observed, prune=wish.prune, judgement=judgement)
        offered, problems = self._quote(the_plan)
        story = Story(the_plan, seen, offered, self._bill(the_plan, offered), self._diff)
        troubles = [
            *outages.silences(the_plan, seen.observed, wish.pools, prune=wish.prune),
            *problems,
        ]
        roster = Roster(seen.kube_nodes)
        reasons = confirmations(
            the_plan,
            max_deletions=wish.max_deletions,
            control_plane=lambda node: carries_control_plane(node, roster),
        )
        if self._check:
            needed = self._prerequisites(the_plan, offered)
            result = story.foreseen(needed.lines)
            troubles += needed.troubles
        elif reasons and wish.confirm != the_plan.hash:
            result = {**story.so_far(), "changed": False}
            troubles = [trouble(unconfirmed(the_plan, reasons, wish.confirm))]
        elif self._is_idle(the_plan, seen):
            result = story.so_far()
        elif hands_off:
            return None
        else:
            progress = self._application(seen, the_plan, offered).carry_out(troubles)
            result, troubles = story.happened(progress), progress.troubles
        outcome = outages.tell(troubles, fail_on_unserved=wish.fail_on_unserved)
        return {
            **result,
            "needs_confirmation": reasons,
            "warnings": [*result["warnings"], *outcome.warnings],
            "unserved": outcome.unserved,
            **failure(outcome.failures),
        }

    def _application(self, seen: Seen, the_plan: Plan, offered: Offered) -> Application:
        return Application(self._wish, self._run, self._kube, seen, the_plan, self._blueprint, self._catalogs, offered)

    def _quote(self, the_plan: Plan) -> tuple[Offered, list[Trouble]]:
        """Read the catalogues of every place where something is bought, once."""
        self._catalogs.read([offer for _name, pool in the_plan.bought for offer in pool.offers])
        good: dict[str, list[Quote]] = {}
        refused: dict[str, list[Refusal]] = {}
        troubles: list[Trouble] = []
        for name, pool in the_plan.bought:
            options, refused[name] = quotes(pool, self._catalogs)
            if options:
                good[name] = options
            else:
                troubles.append(trouble(no_offer_left(pool, name, refused[name]), pool.name))
        return Offered(good, refused), troubles

    def _bill(self, the_plan: Plan, offered: Offered) -> Bill:
        """What the nodes cost. A run that changes nothing asks for no prices: it makes do with those it carries."""
        catalog = self._catalogs.read_so_far
        if self._check or the_plan.changed:
            self._catalogs.read(places_to_price(the_plan))
        today = datetime.fromtimestamp(self._run.wall(), UTC).date()
        return bill(the_plan, offered.first, catalog, today)

    def _prerequisites(self, the_plan: Plan, offered: Offered) -> Prerequisites:
        places: dict[tuple[str, str, str], ServerSpec] = {}
        for spec in (
            *standing(self._wish.pools, the_plan, self._blueprint),
            *buying(the_plan, offered.first, self._blueprint),
        ):
            places.setdefault((spec.owner.pool, spec.offer.provider, spec.offer.location), spec)
        return foresee(self._run, list(places.values()))

    def _is_idle(self, the_plan: Plan, seen: Seen) -> bool:
        """Whether there is nothing to do, to look after or to wait for."""
        under_way = the_plan.changed or seen.ghosts or the_plan.arriving or the_plan.leaving
        waits = self._wish.wait_joined and not_joined(self._to_be_ready(the_plan), seen.kube_nodes)
        return not (under_way or waits or standing(self._wish.pools, the_plan, self._blueprint))

    def _to_be_ready(self, the_plan: Plan) -> list[Node]:
        pools = {pool.name for pool in self._wish.pools} - set(the_plan.blocked)
        return [node for node in the_plan.keeps if node.pool in pools and node.state == "running"]
