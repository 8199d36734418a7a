# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers need around them: keys, private network, firewall, placement group.

A place where something is bought gets them with the order. A place where nodes of a pool stand is looked at too: a
firewall that somebody has opened is put right although nothing is bought. Pools that ask for nothing cost no request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .blueprint import Blueprint
from .budget import fan_out
from .errors import PlatformError
from .model import LABEL_POOL, PUBLIC_KEY_KINDS, Node, Offer, Pool, ServerSpec
from .outages import Trouble, trouble
from .plan import Plan, Quote
from .running import Run


@dataclass(frozen=True)
class Prerequisites:
    """What was made or put right, or would be, a line for each; and why some could not."""

    lines: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()


def needs_care(pool: Pool) -> bool:
    """Whether the pool asks for something that is ours to keep as it should be."""
    public_key = any(key.startswith(PUBLIC_KEY_KINDS) for key in pool.ssh_keys)
    return bool(pool.network or pool.firewall is not None or pool.spread or public_key)


def standing(pools: Iterable[Pool], plan: Plan, blueprint: Blueprint) -> list[ServerSpec]:
    """One order, not to be placed, for each place where nodes of a pool stand that asks for something."""
    specs: dict[tuple[str, str, str], ServerSpec] = {}
    for pool in pools:
        if not needs_care(pool) or pool.name in plan.blocked:
            continue
        for node in (*plan.keeps, *(adopt.node for adopt in plan.adopts if adopt.pool is pool)):
            offer = _offer_at(pool, node)
            if node.labels.get(LABEL_POOL) == pool.name and offer is not None:
                specs.setdefault((pool.name, offer.provider, offer.location), blueprint.spec(pool, node.name, offer))
    return list(specs.values())


def buying(plan: Plan, quotes: Mapping[str, Quote], blueprint: Blueprint) -> list[ServerSpec]:
    """One order, not to be placed, for each place where a pool buys that asks for something."""
    specs: dict[tuple[str, str, str], ServerSpec] = {}
    for name, pool in plan.bought:
        if name in quotes and (needs_care(pool) or pool.ssh_keys):
            offer = quotes[name].offer
            specs.setdefault((pool.name, offer.provider, offer.location), blueprint.spec(pool, name, offer))
    return list(specs.values())


def foresee(run: Run, specs: Sequence[ServerSpec]) -> Prerequisites:
    """What would have to be made or put right; reads only."""
    return _gather(specs, [_foreseer(run, spec) for spec in specs])


def prepare(run: Run, specs: Sequence[ServerSpec]) -> Prerequisites:
    """Make and put right what is needed."""
    return _gather(specs, [_preparer(run, spec) for spec in specs])


def _gather(specs: Sequence[ServerSpec], tasks: Sequence[Callable[[], Sequence[str]]]) -> Prerequisites:
    lines: dict[str, None] = {}
    troubles: list[Trouble] = []
    for spec, outcome in zip(specs, fan_out(tasks), strict=True):
        if isinstance(outcome, PlatformError):
            troubles.append(trouble(outcome, spec.owner.pool))
        else:
            lines.update(dict.fromkeys(outcome))
    return Prerequisites(tuple(lines), tuple(troubles))


def _offer_at(pool: Pool, node: Node) -> Offer | None:
    here = [offer for offer in pool.offers if (offer.provider, offer.location) == (node.provider, node.location)]
    return next((offer for offer in here if offer.type == node.type), here[0] if here else None)


def _foreseer(run: Run, spec: ServerSpec) -> Callable[[], Sequence[str]]:
    return lambda: run.drivers[spec.offer.provider].prereq_changes(spec)


def _preparer(run: Run, spec: ServerSpec) -> Callable[[], Sequence[str]]:
    def prepare_place() -> Sequence[str]:
        run.insist()
        return run.drivers[spec.offer.provider].ensure_prereqs(spec).made

    return prepare_place
