# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says about nodes: the result of a module and the two sides of its diff.

Columns are not padded: a longer name would change every line, and a diff shows lines that change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .costing import CURRENCY, LIVE, Bill, cents
from .errors import PlatformError
from .model import Node, Pool
from .plan import Plan, Quote, Repair, Replace

Place = tuple[str, int, str]
"""Where a line stands: by pool, and node-10 after node-9."""


def as_results(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """Plain dictionaries in an order that does not change from run to run."""
    return [node.as_result() for node in sorted(nodes, key=lambda node: _place(node.pool, node.name))]


def before_text(plan: Plan, ghosts: Sequence[str], bill: Bill) -> str:
    """The nodes as they are, and what they cost."""
    lines = [_at(node.pool, node, bill.now) for node in (*plan.keeps, *plan.leaving, *plan.doomed)]
    lines += [_at(adopt.pool.name, adopt.node, bill.now, "not taken over yet") for adopt in plan.adopts]
    return _text(
        [
            *_sorted(lines),
            *(
                f"{sweep.kind.replace('_', ' ')} {sweep.name or sweep.id} without a server at "
                f"{sweep.provider}/{sweep.location}"
                for sweep in plan.sweeps
            ),
            *(f"Kubernetes Node {name} without a server" for name in ghosts),
            *_bill_lines(bill, after=False),
        ]
    )


def after_text(plan: Plan, quotes: Mapping[str, Quote], bill: Bill, prepared: Sequence[str] = ()) -> str:
    """The nodes as they will be, and what that does to the bill. ``prepared`` is what has to be made around them."""
    started = {resume.node.id for resume in plan.resumes}
    lines = [
        _at(node.pool, node, bill.then, state="running" if node.id in started else "")
        for node in (*plan.keeps, *plan.leaving, *(item.node for item in plan.replaces if item.name not in quotes))
    ]
    lines += [_at(adopt.pool.name, adopt.node, bill.then) for adopt in plan.adopts]
    lines += [_new(name, pool, quotes[name], bill, why) for name, pool, why in _wanted(plan) if name in quotes]
    return _text([*_sorted(lines), *prepared, *_bill_lines(bill, after=True)])


def pending(
    plan: Plan, quotes: Mapping[str, Quote], ghosts: Sequence[str], prepared: Sequence[str] = ()
) -> dict[str, Any]:
    """What check mode foresees, item by item."""
    return {
        "create": [
            {"name": create.name, "pool": create.pool.name, **_bought(quotes[create.name])}
            for create in plan.creates
            if create.name in quotes
        ],
        "start": [resume.node.name for resume in plan.resumes],
        "adopt": [
            {
                "name": adopt.node.name,
                "provider": adopt.node.provider,
                "id": adopt.node.id,
                "pool": adopt.pool.name,
            }
            for adopt in plan.adopts
        ],
        "replace": [
            {"name": item.node.name, "reason": item.reason, "by": item.name, **_bought(quotes.get(item.name))}
            for item in plan.replaces
        ],
        "repair": [
            {"name": item.node.name, "reason": item.reason, "by": item.name, **_bought(quotes.get(item.name))}
            for item in plan.repairs
        ],
        "delete": [{"name": delete.node.name, "reason": delete.reason} for delete in plan.deletes],
        "prerequisites": list(prepared),
        "remove_disks": [sweep.id for sweep in plan.sweeps],
        "remove_kubernetes_nodes": list(ghosts),
    }


def failure(problems: Sequence[PlatformError]) -> dict[str, Any]:
    """The keys that make a result a failed one; every sentence once."""
    said = list({str(problem): problem for problem in problems}.values())
    if not said:
        return {}
    first = said[0]
    msg = str(first) if len(said) == 1 else " ".join(f"({number}) {problem}" for number, problem in enumerate(said, 1))
    return {
        "failed": True,
        "msg": msg,
        "provider": first.provider,
        "code": first.code,
        "request_id": first.request_id,
    }


# ---- nodes


def _at(
    pool: str, node: Node, costs: Mapping[tuple[str, str], Decimal], remark: str = "", *, state: str = ""
) -> tuple[Place, str]:
    place = f"{node.provider}/{node.location}/{node.type}"
    cost = costs.get((node.provider, node.id))
    return _place(pool, node.name), _line(node.name, place, state or node.state, _month(cost), remark)


def _new(name: str, pool: Pool, quote: Quote, bill: Bill, why: str) -> tuple[Place, str]:
    return _place(pool.name, name), _line(name, str(quote.offer), "running", _month(bill.bought.get(name)), why)


def _wanted(plan: Plan) -> Iterator[tuple[str, Pool, str]]:
    """Name, pool and occasion of everything that is to be bought."""
    yield from ((create.name, create.pool, "") for create in plan.creates)
    changed: list[Repair | Replace] = [*plan.repairs, *plan.replaces]
    for item in changed:
        whom = "the old one" if item.name == item.node.name else item.node.name
        yield item.name, item.pool, f"in place of {whom}: {item.reason}"


def _bought(quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        return {}
    hour = quote.flavor.price_hour
    return {
        "provider": quote.offer.provider,
        "location": quote.offer.location,
        "type": quote.offer.type,
        "price_hour": None if hour is None else float(hour),
    }


def _place(pool: str, name: str) -> Place:
    return pool, len(name), name


def _sorted(lines: Iterable[tuple[Place, str]]) -> list[str]:
    return [line for _where, line in sorted(lines)]


# ---- money


def _bill_lines(bill: Bill, *, after: bool) -> Iterator[str]:
    """The same lines on both sides where nothing changes, so that a diff does not show them."""
    for provider, old in bill.before.items():
        yield f"{provider}  {_sum(old, bill.after[provider], after)}"
    if bill.before:
        yield f"total  {_sum(bill.total_before, bill.total_after, after)} without VAT"
    listed = [f"{provider} from the {source}" for provider, source in bill.sources.items() if source != LIVE]
    if listed:
        yield f"prices: {', '.join(listed)}"
    if bill.unknown:
        yield f"not counted, as the price is not known: {', '.join(bill.unknown)}"


def _sum(old: Decimal, new: Decimal, after: bool) -> str:
    if not after or old == new:
        return f"{cents(old)} {CURRENCY} a month"
    return f"{cents(old)} -> {cents(new)} {CURRENCY} a month ({cents(new - old):+})"


def _month(cost: Decimal | None) -> str:
    return "" if cost is None else f"{cents(cost)} {CURRENCY} a month"


# ---- lines


def _line(*columns: str) -> str:
    return "  ".join(column for column in columns if column)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
