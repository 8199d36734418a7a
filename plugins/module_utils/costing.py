# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes of a plan cost a month, before and after: server, public address and root disk, without VAT. Pure.

Money is Decimal from the first digit to the last, and rounded once, when a provider's sum is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .errors import PlatformError
from .model import Flavor, Node, Offer
from .offering import Catalog
from .plan import Plan, Quote
from .providers import prices

CURRENCY = "EUR"
LIVE = "live"
CENT = Decimal("0.01")
NOTHING = Decimal(0)

Key = tuple[str, str]
"""Provider and id of a server."""


@dataclass(frozen=True)
class Bill:
    """EUR per month by provider. ``unknown`` names the nodes that are left out because their price is not known.

    ``sources`` says by provider whether its prices are ``live`` or of which day. ``now`` and ``then`` hold what each
    server that is there costs before and after, ``bought`` what a new node will cost, by name; none of these rounded.
    """

    before: Mapping[str, Decimal] = field(default_factory=dict)
    after: Mapping[str, Decimal] = field(default_factory=dict)
    change: Mapping[str, Decimal] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    now: Mapping[Key, Decimal] = field(default_factory=dict)
    then: Mapping[Key, Decimal] = field(default_factory=dict)
    bought: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def total_before(self) -> Decimal:
        """All providers, before."""
        return sum(self.before.values(), NOTHING)

    @property
    def total_after(self) -> Decimal:
        """All providers, after."""
        return sum(self.after.values(), NOTHING)

    @property
    def total_change(self) -> Decimal:
        """What the plan adds to the bill; below zero when it saves."""
        return self.total_after - self.total_before


@dataclass(frozen=True)
class _Price:
    """A server a month in its parts, and the day of the list that they come from (empty: they are live)."""

    server: Decimal
    ipv4: Decimal
    disk: Decimal
    as_of: str


def places_to_price(plan: Plan) -> tuple[Offer, ...]:
    """Places and types of the nodes that are there: what ``bill`` wants to look up. New nodes have their quotes.

    Nothing at a provider that does not answer: asking it once more would only take time.
    """
    silent = {error.provider for error in plan.blocked.values()}
    offers = {Offer(node.provider, node.location, node.type) for node in _standing(plan) if node.provider not in silent}
    return tuple(sorted(offers, key=str))


def bill(plan: Plan, quotes: Mapping[str, Quote], catalog: Catalog, today: date) -> Bill:
    """The bill before and after the plan.

    ``quotes`` goes by the name of a new node; one without a quote is not bought. ``catalog`` is asked for nothing but
    ``places_to_price``. A node that is being deleted already is on neither side.
    """
    asked = set(places_to_price(plan))
    there = {_key(node): (node, _price(node, catalog if _offer(node) in asked else None)) for node in _standing(plan)}
    now = {key: _cost(node, price) for key, (node, price) in there.items() if price is not None}
    started = {_key(resume.node) for resume in plan.resumes}
    going = {_key(node) for node in _going(plan, quotes)}
    then = {
        key: _running(price) if key in started else now[key]
        for key, (_node, price) in there.items()
        if price is not None and key not in going
    }
    chosen = {name: quotes[name] for name, _pool in plan.bought if name in quotes}
    bought = {name: month for name, quote in chosen.items() if (month := _month(quote.flavor)) is not None}
    new = [(chosen[name].offer.provider, month) for name, month in bought.items()]
    sides = _sums(_by_provider(now)), _sums([*_by_provider(then), *new])
    providers = sorted({*sides[0], *sides[1]})
    before, after = ({name: cents(side.get(name, NOTHING)) for name in providers} for side in sides)
    unpriced = {node.name for node, price in there.values() if price is None} | (set(chosen) - set(bought))
    days = [(node.provider, price.as_of) for node, price in there.values() if price is not None]
    days += [(chosen[name].offer.provider, chosen[name].flavor.priced) for name in bought]
    return Bill(
        before=before,
        after=after,
        # The difference of what is shown, so that whoever adds it up is right.
        change={name: after[name] - before[name] for name in providers},
        unknown=tuple(sorted(unpriced)),
        sources=_sources(days, today),
        now=now,
        then=then,
        bought=bought,
    )


def as_result(bill: Bill) -> dict[str, Any]:
    """Plain values for the result of a module; money as text."""
    return {
        "before": _texts(bill.before),
        "after": _texts(bill.after),
        "change": _texts(bill.change),
        "total_before": str(cents(bill.total_before)),
        "total_after": str(cents(bill.total_after)),
        "total_change": str(cents(bill.total_change)),
        "unknown": list(bill.unknown),
        "prices": dict(bill.sources),
    }


# ---- one server


def _price(node: Node, catalog: Catalog | None) -> _Price | None:
    """What is known best: the catalogue of its place, else the server's own price, else the list that we carry."""
    flavor = _flavor(node, catalog)
    own = _own(node)
    listed = prices.listed(node.provider, node.type)
    month = None if flavor is None else _month(flavor)
    if flavor is not None and month is not None:
        server = month - flavor.ipv4_month - flavor.disk_month
        # Prices of new servers move, that of a server that is there may not have followed.
        if own is not None and node.price_hour != flavor.price_hour:
            server = own
        return _Price(server, flavor.ipv4_month, flavor.disk_month, flavor.priced)
    if own is not None:
        return _Price(own, *prices.beside(node.provider, node.type), "")
    if listed is None or listed.month is None:
        return None
    return _Price(listed.month, listed.ipv4_month, listed.disk_month, listed.as_of)


def _flavor(node: Node, catalog: Catalog | None) -> Flavor | None:
    flavors = [] if catalog is None else catalog(_offer(node))
    if isinstance(flavors, PlatformError):
        return None
    return next((flavor for flavor in flavors if flavor.name == node.type), None)


def _own(node: Node) -> Decimal | None:
    """The price that came with the server itself, unless it may have been taken from our list."""
    listed = prices.listed(node.provider, node.type)
    if node.price_hour is None or (listed is not None and listed.hour == node.price_hour):
        return None
    return node.price_hour * prices.month_hours(node.provider)


def _month(flavor: Flavor) -> Decimal | None:
    return flavor.month if flavor.currency == CURRENCY else None


def _cost(node: Node, price: _Price) -> Decimal:
    """What the server costs in the state it is in."""
    server = NOTHING if node.state == "stopped" and prices.off_is_free(node.provider) else price.server
    addressed = node.public_ipv4 or node.state == "creating"
    return server + (price.ipv4 if addressed else NOTHING) + price.disk


def _running(price: _Price) -> Decimal:
    return price.server + price.ipv4 + price.disk


# ---- all of them


def _standing(plan: Plan) -> tuple[Node, ...]:
    leaving = {_key(node) for node in plan.leaving}
    return tuple(node for node in plan.there if _key(node) not in leaving)


def _offer(node: Node) -> Offer:
    return Offer(node.provider, node.location, node.type)


def _going(plan: Plan, quotes: Mapping[str, Quote]) -> Iterator[Node]:
    """What will not be there any more: a node that nothing can be bought in place of stays."""
    yield from (delete.node for delete in plan.deletes)
    yield from (repair.node for repair in plan.repairs)
    yield from (replace.node for replace in plan.replaces if replace.name in quotes)


def _key(node: Node) -> Key:
    return node.provider, node.id


def _by_provider(costs: Mapping[Key, Decimal]) -> list[tuple[str, Decimal]]:
    return [(provider, cost) for (provider, _id), cost in costs.items()]


def _sums(costs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for provider, cost in costs:
        sums[provider] = sums.get(provider, NOTHING) + cost
    return sums


def _sources(days: Iterable[tuple[str, str]], today: date) -> dict[str, str]:
    """The oldest list of each provider; live only where all its prices are."""
    oldest: dict[str, str] = {}
    for provider, day in days:
        known = oldest.setdefault(provider, day)
        oldest[provider] = min(known or day, day or known)
    return {provider: _source(day, today) for provider, day in sorted(oldest.items())}


def _source(day: str, today: date) -> str:
    if not day:
        return LIVE
    age = prices.age_days(day, today)
    return f"list of {day}, {age} day{'' if age == 1 else 's'} old"


def cents(amount: Decimal) -> Decimal:
    """As money is told."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {provider: str(amount) for provider, amount in amounts.items()}
