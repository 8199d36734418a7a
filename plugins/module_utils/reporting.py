# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says about nodes: the result of a module and the two sides of its diff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .errors import PlatformError
from .model import Node
from .plan import Plan, Quote


def as_results(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """Plain dictionaries in an order that does not change from run to run."""
    return [node.as_result() for node in sorted(nodes, key=_order)]


def before_text(plan: Plan, ghosts: Sequence[str]) -> str:
    """The nodes as they are."""
    nodes = [*plan.keeps, *plan.leaving, *(delete.node for delete in plan.deletes)]
    lines = [_line(node) for node in sorted(nodes, key=_order)]
    lines += [
        f"disk {sweep.name or sweep.id} without a server at {sweep.provider}/{sweep.location}" for sweep in plan.sweeps
    ]
    lines += [f"Kubernetes Node {name} without a server" for name in ghosts]
    return _text(lines)


def after_text(plan: Plan, quotes: Mapping[str, Quote], change: Mapping[str, Decimal]) -> str:
    """The nodes as they will be, and what that does to the bill."""
    started = {resume.node.id for resume in plan.resumes}
    lines = [
        (_order(node), _line(node, "running" if node.id in started else node.state))
        for node in (*plan.keeps, *plan.leaving)
    ]
    for create in plan.creates:
        quote = quotes.get(create.name)
        if quote is not None:
            line = _describe(create.name, str(quote.offer), "running", quote.flavor.price_hour)
            lines.append(((create.pool.name, len(create.name), create.name), line))
    bill = [f"per month: {provider} {amount:+} EUR without VAT" for provider, amount in change.items()]
    return _text([line for _place, line in sorted(lines)] + bill)


def pending(plan: Plan, quotes: Mapping[str, Quote], ghosts: Sequence[str]) -> dict[str, Any]:
    """What check mode foresees, item by item."""
    return {
        "create": [
            {
                "name": create.name,
                "pool": create.pool.name,
                "provider": quotes[create.name].offer.provider,
                "location": quotes[create.name].offer.location,
                "type": quotes[create.name].offer.type,
                "price_hour": _number(quotes[create.name].flavor.price_hour),
            }
            for create in plan.creates
            if create.name in quotes
        ],
        "start": [resume.node.name for resume in plan.resumes],
        "delete": [{"name": delete.node.name, "reason": delete.reason} for delete in plan.deletes],
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


def _order(node: Node) -> tuple[str, int, str]:
    # Longer names later: node-10 after node-9.
    return (node.pool, len(node.name), node.name)


def _line(node: Node, state: str = "") -> str:
    return _describe(node.name, f"{node.provider}/{node.location}/{node.type}", state or node.state, node.price_hour)


def _describe(name: str, place: str, state: str, price: Decimal | None) -> str:
    cost = "" if price is None else f"  {price} EUR/h"
    return f"{name}  {place}  {state}{cost}"


def _number(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
