# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: types and prices of every zone, each read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from ..budget import fan_out
from ..errors import PlatformError
from ..model import Flavor
from . import prices
from .once import Once
from .scaleway_api import Project
from .scaleway_wire import NAME, Extras, amount, mapping, to_extras, to_flavor, zone_path

CATALOGUE = "/product-catalog/v2alpha1/public-catalog/products"
CATALOGUE_PAGE = 1000


class Prices:
    """The product tables and the public catalogue of prices."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._products = Once()
        self._extras = Once()

    def flavors(self, zone: str) -> list[Flavor]:
        """The server types of a zone, with whether they are in stock now."""
        reads: list[Callable[[], Any]] = [
            lambda: self._products.get(zone, lambda: self._project.table(f"{zone_path(zone)}/products/servers")),
            lambda: self._project.table(f"{zone_path(zone)}/products/servers/availability"),
            lambda: self._extras.get(zone, lambda: self._read_extras(zone)),
        ]
        outcomes: list[Any] = fan_out(reads)
        for outcome in outcomes:
            if isinstance(outcome, PlatformError):
                raise outcome
        products, stock, extras = outcomes
        return [to_flavor(name, item, mapping(stock.get(name)), extras) for name, item in sorted(products.items())]

    def hours(self, zone: str, types: Iterable[str]) -> dict[str, Decimal]:
        """What types cost an hour, without asking for it: from a table that was read already, or the dated list."""
        table = self._products.known(zone) or {}
        told: dict[str, Decimal] = {}
        for name in types:
            price = amount(mapping(table.get(name)).get("hourly_price"))
            dated = prices.listed(NAME, name)
            if price is None and dated is not None:
                price = dated.hour
            if price is not None:
                told[name] = price
        return told

    def _read_extras(self, zone: str) -> Extras:
        try:
            return to_extras(self._project.newer(CATALOGUE, "products", {"zone": zone}, CATALOGUE_PAGE))
        except PlatformError:
            return Extras()  # then the dated list has to do
