# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a pool's offers may be bought now, in their order, and why the others may not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .errors import Capacity, PlatformError
from .model import Flavor, Offer, Pool
from .plan import Quote

Catalog = Callable[[Offer], "Sequence[Flavor] | PlatformError"]
"""The types sold where an offer points to, or why that cannot be read."""


@dataclass(frozen=True)
class Refusal:
    """An offer that was not taken. ``error`` is the provider's, None when our own rules speak against the offer."""

    offer: Offer
    why: str
    error: PlatformError | None = None

    def __str__(self) -> str:
        return f"{self.offer}: {self.why}"


@dataclass(frozen=True)
class Offered:
    """What each node may be bought as, by its name, and which of its pool's offers were refused from the start."""

    quotes: Mapping[str, Sequence[Quote]] = field(default_factory=dict)
    refusals: Mapping[str, Sequence[Refusal]] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        """Whether the node can be bought at all."""
        return name in self.quotes

    @property
    def first(self) -> dict[str, Quote]:
        """The quote that is tried first."""
        return {name: options[0] for name, options in self.quotes.items()}


class NoOfferLeft(Capacity):
    """None of its pool's offers could provide a node; ``refusals`` say why for each."""

    refusals: tuple[Refusal, ...] = ()


def no_offer_left(pool: Pool, name: str, refusals: Iterable[Refusal]) -> NoOfferLeft:
    """The error for a node that cannot be bought."""
    tried = tuple(refusals)
    reasons = "; ".join(str(refusal).rstrip(".") for refusal in tried)
    error = NoOfferLeft(
        f"No offer of pool {pool.name} can be bought for node {name}: {reasons}. Add an offer, or run again later.",
        code="no_offer",
    )
    error.refusals = tried
    return error


def quotes(pool: Pool, catalog: Catalog) -> tuple[list[Quote], list[Refusal]]:
    """The pool's offers that may be bought now, and a refusal for each of the others."""
    good: list[Quote] = []
    refused: list[Refusal] = []
    for offer in pool.offers:
        flavors = catalog(offer)
        if isinstance(flavors, PlatformError):
            refused.append(Refusal(offer, str(flavors), flavors))
        elif why := _why_not(pool, offer, flavors):
            refused.append(Refusal(offer, why))
        else:
            good.append(Quote(offer, next(flavor for flavor in flavors if flavor.name == offer.type)))
    return good, refused


def _why_not(pool: Pool, offer: Offer, flavors: Sequence[Flavor]) -> str:
    flavor = next((flavor for flavor in flavors if flavor.name == offer.type), None)
    if flavor is None:
        sold = ", ".join(sorted(flavor.name for flavor in flavors if flavor.available)[:12])
        return f"the type is not sold there (sold are {sold})"
    if not flavor.available:
        return "the type cannot be ordered there now"
    if pool.max_price_hour is not None and flavor.price_hour is None:
        return "its price is not known, and max_price_hour is set"
    if pool.max_price_hour is not None and flavor.price_hour is not None and flavor.price_hour > pool.max_price_hour:
        return f"{flavor.price_hour} {flavor.currency} an hour is above max_price_hour {pool.max_price_hour}"
    return ""
