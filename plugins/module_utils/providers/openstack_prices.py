# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What types cost: from the cloud's public order catalogue, read once, else from the table of list prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..budget import Budget
from ..errors import Permanent, PlatformError
from ..model import Flavor
from . import prices
from .base import Clock, Sleep
from .once import Once
from .openstack_presets import Catalogue, Preset
from .openstack_wire import Item, mapping, read
from .transport import Peer, Transport

if TYPE_CHECKING:
    import requests

PATIENCE = 10.0
"""Seconds for the catalogue: a price is welcome, but nothing waits for it for long."""


class Prices:
    """Prices of one cloud. Safe to use from several threads."""

    def __init__(
        self,
        preset: Preset,
        endpoint: str,
        session: requests.Session,
        *,
        clock: Clock,
        sleep: Sleep,
        deadline: float | None,
    ) -> None:
        self._preset = preset
        self._endpoint = endpoint.rstrip("/")
        self._session = session
        self._clock = clock
        self._sleep = sleep
        self._deadline = deadline
        self._once = Once()

    def put_on(self, flavor: Flavor, region: str) -> Flavor:
        """The flavor with its price in this region; a price of the table comes with its day."""
        currency, plans = self._once.get("plans", self._plans)
        hour = self._live(plans, flavor.name, region)
        if hour is not None:
            return replace(flavor, price_hour=hour, currency=currency)
        listed = prices.listed(self._preset.name, flavor.name)
        if listed is None:
            return flavor
        return replace(
            flavor,
            price_hour=listed.hour,
            server_month=listed.month,
            ipv4_month=listed.ipv4_month,
            disk_month=listed.disk_month,
            priced=listed.as_of,
        )

    def hour(self, server_type: str, region: str) -> Decimal | None:
        """What a server of this type costs an hour, as far as it is known without a request."""
        _currency, plans = self._once.known("plans") or ("", {})
        live = self._live(plans, server_type, region)
        if live is not None:
            return live
        listed = prices.listed(self._preset.name, server_type)
        return listed.hour if listed else None

    def _live(self, plans: Mapping[str, Decimal], server_type: str, region: str) -> Decimal | None:
        catalogue, place = self._preset.catalogue, self._preset.places.get(region)
        if catalogue is None:
            return None
        plan = catalogue.plan.format(type=server_type)
        return plans.get(plan + place.plan, plans.get(plan)) if place else plans.get(plan)

    def _plans(self) -> tuple[str, Mapping[str, Decimal]]:
        """Currency, and price an hour by plan; none when the catalogue cannot be read, which is not asked for twice."""
        catalogue, currency = self._preset.catalogue, self._preset.currency
        if catalogue is None or not self._endpoint:
            return currency, {}
        try:
            body = self._transport().call("GET", catalogue.path, params=dict(catalogue.query)).body
            return str(mapping(mapping(body).get("locale")).get("currencyCode") or currency), _hourly(catalogue, body)
        except PlatformError:
            return currency, {}

    def _transport(self) -> Transport:
        preset = self._preset
        deadline = self._clock() + PATIENCE
        if self._deadline is not None:
            deadline = min(deadline, self._deadline)
        budget = Budget(per_second=1.0, burst=5.0, clock=self._clock, sleep=self._sleep, deadline=deadline)
        where = f"providers.{preset.name}.price_endpoint"
        peer = Peer(preset.name, f"{preset.title}'s price catalogue", self._endpoint, where, where)

        def perform(method: str, path: str, **options: Any) -> requests.Response:
            return self._session.request(method, f"{self._endpoint}{path}", **options)

        return Transport(peer, perform, read, lambda _refusal: None, budget)


def _hourly(catalogue: Catalogue, body: Any) -> dict[str, Decimal]:
    """Price an hour by the code of the plan; what is no whole number of fractions is no price."""
    addons = mapping(body).get("addons")
    if not isinstance(addons, list):
        raise Permanent("The price catalogue has no plans.", code="unexpected")
    found = {}
    for addon in map(mapping, addons):
        price = _price(addon)
        if price is not None:
            found[str(addon.get("planCode"))] = (Decimal(price) / catalogue.fraction).normalize()
    return found


def _price(addon: Mapping[str, Any]) -> int | None:
    for pricing in addon.get("pricings") or []:
        entry: Item = dict(mapping(pricing))
        by_use = "consumption" in (entry.get("capacities") or [])
        price = entry.get("price")
        if by_use and isinstance(price, int) and not isinstance(price, bool) and price > 0:
            return price
    return None
