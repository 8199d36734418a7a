# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what is there: all providers and all their parts at the same time, none of them able to hide another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .budget import fan_out
from .errors import NotFound, PlatformError
from .model import Flavor, Leftover, Node, Offer, Scope
from .plan import Observed
from .providers.base import NodeDriver


def observe(
    drivers: Mapping[str, NodeDriver],
    owner_filter: Mapping[str, str],
    sweep: Mapping[str, Sequence[str] | None],
    unopened: Mapping[str, PlatformError] | None = None,
) -> Observed:
    """All servers with our labels, and parts left behind in the places that ``sweep`` names (None: everywhere).

    A provider of which any part fails is in ``failed``; what its other parts showed is still there. One that could not
    even be opened is in ``failed`` too.
    """
    owners: list[str] = []
    tasks: list[Callable[[], list[Node] | list[Leftover]]] = []
    failed: dict[str, PlatformError] = dict(unopened or {})
    for name, driver in drivers.items():
        for scope in driver.scopes():
            owners.append(name)
            tasks.append(_lister(driver, scope, owner_filter))
        if driver.caps.leaves_parts and name in sweep:
            owners.append(name)
            tasks.append(_sweeper(driver, owner_filter, sweep[name]))
    nodes: list[Node] = []
    leftovers: list[Leftover] = []
    for name, outcome in zip(owners, fan_out(tasks), strict=True):
        if isinstance(outcome, PlatformError):
            failed.setdefault(name, outcome)
            continue
        nodes += [item for item in outcome if isinstance(item, Node)]
        leftovers += [item for item in outcome if isinstance(item, Leftover)]
    nodes.sort(key=lambda node: (node.provider, node.name, node.id))
    return Observed(
        nodes=tuple(node for node in nodes if node.owner is not None and _carries(node, owner_filter)),
        leftovers=tuple(leftovers),
        failed=failed,
        strays=tuple(node for node in nodes if node.owner is None and _carries(node, owner_filter)),
    )


class Catalogs:
    """The types of every place that an offer names, each place read once."""

    def __init__(self, drivers: Mapping[str, NodeDriver]) -> None:
        self._drivers = drivers
        self._known: dict[tuple[str, str], Sequence[Flavor] | PlatformError] = {}

    def read(self, offers: Sequence[Offer]) -> None:
        """Read the places of these offers at the same time."""
        places = sorted({(offer.provider, offer.location) for offer in offers} - set(self._known))
        outcomes = fan_out([self._reader(provider, location) for provider, location in places])
        self._known.update(zip(places, outcomes, strict=True))

    def __call__(self, offer: Offer) -> Sequence[Flavor] | PlatformError:
        """The types sold where the offer points to, or why that is not known."""
        self.read([offer])
        return self._known[offer.provider, offer.location]

    def read_so_far(self, offer: Offer) -> Sequence[Flavor] | PlatformError:
        """The same without asking anybody: nothing where the place was not read."""
        return self._known.get((offer.provider, offer.location), ())

    def _reader(self, provider: str, location: str) -> Callable[[], Sequence[Flavor]]:
        driver = self._drivers[provider]

        def catalog() -> Sequence[Flavor]:
            scope = driver.caps.locations.get(location)
            if scope is None:  # a server that a person made may stand anywhere
                raise NotFound(f"Nothing is known of the place {location} at {provider}.", provider=provider)
            return driver.catalog(scope)

        return catalog


def _carries(node: Node, owner_filter: Mapping[str, str]) -> bool:
    """Whether all labels of the filter are there; a provider's own filter may only have seen to some of them."""
    return all(node.labels.get(key) == value for key, value in owner_filter.items())


def _lister(driver: NodeDriver, scope: Scope, owner_filter: Mapping[str, str]) -> Callable[[], list[Node]]:
    return lambda: list(driver.list_nodes(scope, owner_filter))


def _sweeper(
    driver: NodeDriver, owner_filter: Mapping[str, str], locations: Sequence[str] | None
) -> Callable[[], list[Leftover]]:
    return lambda: driver.leftovers(owner_filter, locations)
