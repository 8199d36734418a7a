# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over the pools of a cluster: read, plan, (check mode: stop,) apply, wait, tell.

The order of a run is what makes it safe to interrupt anywhere: everything it knows is read from the providers at its
start, and each writing request leaves them in a state from which the next run goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import Conflict, PlatformError
from .joining import Kube, KubeNode, carries_control_plane, ghosts, lay_ghost, not_joined, wait_joined
from .launching import Launch, Launched, Order
from .model import LABEL_CLUSTER, LABEL_FLEET, Node, Pool
from .observing import Catalogs, observe
from .plan import Observed, Plan, Quote, confirmations, monthly_change, no_offer_left, plan, quotes
from .removing import Removed, remove, sweep
from .reporting import after_text, as_results, before_text, failure, pending
from .running import Run


@dataclass(frozen=True)
class Wish:
    """What a person wants of the pools of one cluster. ``confirm`` is the hash of a plan that they have looked at."""

    pools: tuple[Pool, ...]
    user_data: Mapping[str, str] = field(default_factory=dict, repr=False)
    prune: bool = False
    wait_joined: bool = False
    max_deletions: int = 10
    confirm: str = ""


@dataclass(frozen=True)
class Seen:
    """What was read before anything is decided."""

    observed: Observed
    kube_nodes: Sequence[KubeNode]
    ghosts: Sequence[KubeNode]
    remarks: tuple[str, ...] = ()


@dataclass
class Applied:
    """What a run has done so far."""

    created: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    cleaned: bool = False
    nodes: list[Node] = field(default_factory=list)
    problems: list[PlatformError] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.created or self.started or self.deleted or self.cleaned)


def reconcile(wish: Wish, run: Run, kube: Kube | None, *, check: bool, diff: bool) -> dict[str, Any]:
    """Bring the pools to what is wished and return the result of a module. User errors are in it, not raised."""
    try:
        seen = _read(wish, run, kube, check)
    except PlatformError as error:
        return {"changed": False, "nodes": [], **failure([error])}
    the_plan = plan(run.cluster, wish.pools, seen.observed, prune=wish.prune)
    catalogs = Catalogs(run.drivers)
    offered, problems = _quote(the_plan, catalogs)
    problems = [*_blocked(the_plan, seen.observed, wish), *problems]
    reasons = confirmations(
        the_plan,
        max_deletions=wish.max_deletions,
        control_plane=lambda node: carries_control_plane(node, seen.kube_nodes),
    )
    first_quotes = {name: options[0] for name, options in offered.items()}
    change = monthly_change(the_plan, first_quotes)
    ghost_names = [ghost.name for ghost in seen.ghosts]
    result: dict[str, Any] = {
        "changed": the_plan.changed or bool(ghost_names),
        "nodes": as_results((*the_plan.keeps, *the_plan.leaving, *(delete.node for delete in the_plan.deletes))),
        "created": [],
        "started": [],
        "deleted": [],
        "plan_hash": the_plan.hash,
        "needs_confirmation": reasons,
        "monthly_change": {provider: float(amount) for provider, amount in change.items()},
        "warnings": [*the_plan.remarks, *seen.remarks],
    }
    if diff:
        result["diff"] = {
            "before": before_text(the_plan, ghost_names),
            "after": after_text(the_plan, first_quotes, change),
        }
    if check:
        return {**result, "pending": pending(the_plan, first_quotes, ghost_names), **failure(problems)}
    if reasons and wish.confirm != the_plan.hash:
        return {**result, "changed": False, **failure([_unconfirmed(the_plan, reasons, wish)])}
    if problems and not (the_plan.changed or ghost_names or the_plan.arriving or the_plan.leaving):
        return {**result, **failure(problems)}
    applied = _Application(wish, run, kube, seen, the_plan, catalogs, offered, problems).carry_out()
    return {
        **result,
        "changed": applied.changed,
        "nodes": as_results(applied.nodes),
        "created": sorted(applied.created),
        "started": sorted(applied.started),
        "deleted": applied.deleted,
        **failure(applied.problems),
    }


# ---- read and decide


def _read(wish: Wish, run: Run, kube: Kube | None, check: bool) -> Seen:
    kube_nodes: Sequence[KubeNode] = ()
    remarks: tuple[str, ...] = ()
    observed = observe(run.drivers, {LABEL_FLEET: run.fleet, LABEL_CLUSTER: run.cluster}, _places(wish))
    if kube is None:
        return Seen(observed, (), ())
    try:
        kube_nodes = run.retry(kube.nodes)
    except PlatformError as error:
        if not check:
            raise
        remarks = (f"What depends on Kubernetes is not foreseen: {error}",)
    servers = {node.name for node in observed.nodes}
    listed = [name for name in run.drivers if name not in observed.failed]
    return Seen(observed, kube_nodes, ghosts(run.cluster, kube_nodes, servers, listed), remarks)


def _places(wish: Wish) -> dict[str, Sequence[str] | None]:
    """Where disks may have been left behind: where the pools buy, or anywhere when all is to be cleared."""
    places: dict[str, list[str]] = {}
    for pool in wish.pools:
        for offer in pool.offers:
            here = places.setdefault(offer.provider, [])
            if offer.location not in here:
                here.append(offer.location)
    return {name: None if wish.prune else locations for name, locations in places.items()}


def _quote(the_plan: Plan, catalogs: Catalogs) -> tuple[dict[str, list[Quote]], list[PlatformError]]:
    """What each new node may be bought as; nodes of a pool with no offer left end up among the errors instead."""
    catalogs.read([offer for create in the_plan.creates for offer in create.pool.offers])
    offered: dict[str, list[Quote]] = {}
    problems: list[PlatformError] = []
    for create in the_plan.creates:
        good, refused = quotes(create.pool, catalogs)
        if good:
            offered[create.name] = good
        else:
            problems.append(no_offer_left(create.pool, create.name, refused))
    return offered, problems


def _blocked(the_plan: Plan, observed: Observed, wish: Wish) -> list[PlatformError]:
    """One error for each provider whose silence keeps pools as they are, or leaves open what prune would have to do."""
    problems: list[PlatformError] = []
    for error in observed.failed.values():
        names = [name for name, reason in the_plan.blocked.items() if reason is error]
        if len(names) > 1:
            problems.append(_with_text(error, f"{error} Pools {', '.join(names)} stay as they are."))
        elif names:
            problems.append(_with_text(error, f"{error} Pool {names[0]} stays as it is."))
        elif wish.prune:
            problems.append(_with_text(error, f"{error} Whether nodes of other pools are left there is not known."))
    return problems


def _with_text(error: PlatformError, text: str) -> PlatformError:
    return type(error)(text, provider=error.provider, code=error.code, request_id=error.request_id)


def _unconfirmed(the_plan: Plan, reasons: Sequence[str], wish: Wish) -> PlatformError:
    stale = f" The given one ({wish.confirm}) belongs to another plan." if wish.confirm else ""
    return Conflict(
        f"This run needs to be confirmed, for {'; '.join(reasons)}. Nothing was done. Look at it with --check --diff, "
        f"then run with confirm: {the_plan.hash}.{stale}",
        code="needs_confirmation",
    )


# ---- apply


class _Application:
    """The writing half of a run."""

    def __init__(
        self,
        wish: Wish,
        run: Run,
        kube: Kube | None,
        seen: Seen,
        the_plan: Plan,
        catalogs: Catalogs,
        offered: Mapping[str, list[Quote]],
        problems: Sequence[PlatformError],
    ) -> None:
        self._wish = wish
        self._run = run
        self._kube = kube
        self._seen = seen
        self._plan = the_plan
        self._catalogs = catalogs
        self._offered = offered
        self._done = Applied(problems=list(problems))

    def carry_out(self) -> Applied:
        """Ghosts first, then what comes, then what goes; nothing goes when something that should come did not."""
        haunted = self._lay_ghosts()
        launched = self._launch(haunted)
        safe = not launched.problems and not haunted
        if self._wish.wait_joined and self._kube is not None and not haunted:
            error = self._wait_joined(self._kube, launched)
            safe = safe and error is None
        if safe:
            self._remove()
        elif self._plan.deletes:
            self._run.tell("nothing is deleted, because not everything that should come has come")
        self._done.nodes = self._left(launched)
        return self._done

    def _lay_ghosts(self) -> set[str]:
        """Pools of which a Node may still live on a server that we cannot see."""
        haunted: set[str] = set()
        for ghost in self._seen.ghosts:
            if self._kube is None:
                break
            provider = ghost.labels.get("node.cloudprovider", "")
            error = lay_ghost(self._run, self._kube, ghost.name, provider)
            if error is None:
                self._done.cleaned = True
            else:
                self._done.problems.append(error)
                haunted.add(ghost.labels.get("fleet/pool", ""))
        return haunted

    def _launch(self, haunted: set[str]) -> Launched:
        orders = [
            Order(create.pool, create.name, list(self._offered[create.name]))
            for create in self._plan.creates
            if create.name in self._offered and create.pool.name not in haunted
        ]
        orders += [
            Order(resume.pool, resume.node.name, [], node=resume.node)
            for resume in (*self._plan.resumes, *self._plan.arriving)
        ]
        launch = Launch(self._run, self._wish.user_data, lambda pool: quotes(pool, self._catalogs))
        launched = launch.carry_out(orders)
        stopped = {resume.node.name for resume in self._plan.resumes}
        self._done.created += launched.bought
        self._done.started += [node.name for node in launched.nodes if node.name in stopped - set(launched.bought)]
        self._done.problems += launched.problems
        return launched

    def _wait_joined(self, kube: Kube, launched: Launched) -> PlatformError | None:
        pools = {pool.name for pool in self._wish.pools}
        nodes = [node for node in self._there(launched) if node.pool in pools and node.state == "running"]
        if not not_joined(nodes, self._seen.kube_nodes):
            return None
        self._run.tell(f"waiting for {len(nodes)} nodes to be Ready in Kubernetes")
        error = wait_joined(self._run, kube, nodes, self._seen.kube_nodes)
        if error is not None:
            self._done.problems.append(error)
        return error

    def _remove(self) -> None:
        removed: Removed = remove(
            self._run,
            self._plan.deletes,
            self._plan.leaving,
            [node.name for node in self._plan.keeps],
            self._kube,
            self._seen.kube_nodes,
        )
        self._done.deleted += removed.names
        self._done.problems += removed.problems
        if self._plan.sweeps:
            problems = sweep(self._run, self._plan.sweeps)
            self._done.cleaned = self._done.cleaned or len(problems) < len(self._plan.sweeps)
            self._done.problems += problems

    def _there(self, launched: Launched) -> list[Node]:
        fresh = {node.name: node for node in launched.nodes}
        kept = [fresh.pop(node.name, node) for node in self._plan.keeps]
        return [*kept, *fresh.values()]

    def _left(self, launched: Launched) -> list[Node]:
        """The nodes as the run leaves them, each as it was last seen."""
        gone = set(self._done.deleted)
        staying = [delete.node for delete in self._plan.deletes if delete.node.name not in gone]
        return [*self._there(launched), *staying]
