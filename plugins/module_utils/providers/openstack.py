# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any cloud that runs OpenStack: one project, in all regions of its preset.

An order is one request, and the server boots by itself. Names are not unique and nothing makes an order safe to repeat,
so ``poll`` looks out for a second server with the same token: of several the oldest is kept.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..budget import Budget
from ..errors import Ambiguous, NotFound, Permanent
from ..model import Event, Flavor, Leftover, Node, Owner, Pending, Refs, Scope, ServerSpec
from . import openstack_belongings, openstack_login
from .base import Capabilities, Clock, Setting, Sleep
from .claims import still_free
from .openstack_api import Api
from .openstack_login import COMPUTE
from .openstack_prereqs import Prerequisites
from .openstack_presets import Preset
from .openstack_prices import Prices
from .openstack_progress import ADOPTED, LEAVING, ORDERED, Progress
from .openstack_servers import Servers
from .openstack_stock import Stock
from .openstack_wire import Item, gone_from_sale, mapping, ordered_node, problem, to_flavor

if TYPE_CHECKING:
    import requests

__all__ = ["OpenStackDriver", "OpenStackModule"]

PER_SECOND = 20.0
BURST = 100.0
"""Clouds limit requests and do not say where; this is less than any of them is known to mind."""


class OpenStackModule:
    """The face of a cloud: a preset is all that makes a driver of this file one for that cloud."""

    def __init__(self, preset: Preset) -> None:
        self.SETTINGS: tuple[Setting, ...] = preset.settings
        self.CAPS: Capabilities = preset.caps
        self._preset = preset

    def connect(
        self, settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None
    ) -> OpenStackDriver:
        """A driver for the project of the account. Loads the SDK; asks nothing yet."""
        preset, session = self._preset, _session(self._preset)
        login = openstack_login.connect(preset, settings, session, clock=clock, sleep=sleep, deadline=deadline)
        budget = Budget(per_second=PER_SECOND, burst=BURST, clock=clock, sleep=sleep, deadline=deadline)
        api = Api(preset, login, session, budget)
        endpoint = settings.get("price_endpoint", "")
        prices = Prices(preset, endpoint, session, clock=clock, sleep=sleep, deadline=deadline)
        return OpenStackDriver(api, prices, Prerequisites(api, sleep))


def _session(preset: Preset) -> requests.Session:
    try:
        import requests
    except ImportError as error:
        said = f"{preset.title} needs the Python package requests ({error}); install it for this task's Python."
        raise problem(preset, Permanent, "no_sdk", said) from None
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=32, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update({"Accept": "application/json", "User-Agent": "sovereign.fleet"})
    return session


class OpenStackDriver:
    """One project of an OpenStack cloud."""

    def __init__(self, api: Api, prices: Prices, prerequisites: Prerequisites) -> None:
        self._api = api
        self._prices = prices
        self._prerequisites = prerequisites
        self._stock = Stock(api)
        self._servers = Servers(api, self._stock, prices)
        self._progress = Progress(api, self._servers)
        self._preset = api.preset

    @property
    def name(self) -> str:
        """The cloud's name as an offer writes it."""
        return self._preset.name

    @property
    def caps(self) -> Capabilities:
        """The cloud's fixed facts."""
        return self._preset.caps

    # ---- reading

    def scopes(self) -> list[Scope]:
        """Every region."""
        return list(self.caps.locations.values())

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the region whose metadata hold all of the filter, for which Nova has no query."""
        if scope.name not in self._api.regions():
            return  # the project does not have this region, so it cannot have servers there
        wanted = (owner_filter or {}).items()
        for server in self._servers.all(scope.name):
            if wanted <= mapping(server.get("metadata")).items():
                yield self._servers.node(server, scope.name)

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The flavors of the region with their prices."""
        items = self._stock.flavors(scope.name)
        flavors = [self._prices.put_on(to_flavor(self._preset, item), scope.name) for item in items]
        return sorted(flavors, key=lambda flavor: flavor.name)

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """None: disk, ports and addresses of a server of ours go with it."""
        return []

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Everything else under our mark."""
        return openstack_belongings.find(self._api, owner_filter)

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete it."""
        openstack_belongings.remove(self._api, leftover)

    # ---- creating

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        """What the server needs and is not there yet."""
        return self._prerequisites.changes(spec)

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """The image's id, and all else that the server needs."""
        return self._prerequisites.ensure(spec, self._stock.image(spec))

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order a server."""
        region = spec.offer.location
        networks = [self._stock.public_network(region), *filter(None, [refs.network])]
        server: Item = {
            "name": spec.name,
            "flavorRef": self._stock.flavor(spec),
            "imageRef": refs.image,
            "metadata": {**spec.labels, **spec.owner.labels()},
            "networks": [{"uuid": network} for network in networks],
            # User data reaches the server even where its network has no metadata service.
            "config_drive": True,
        }
        if spec.user_data:
            server["user_data"] = base64.b64encode(spec.user_data.encode()).decode()
        if refs.ssh_keys:
            server["key_name"] = refs.ssh_keys[0]
        if refs.firewall:
            server["security_groups"] = [{"name": refs.firewall}]
        body: Item = {"server": server}
        if refs.placement_group:
            body["os:scheduler_hints"] = {"group": self._prerequisites.seat(spec, refs.placement_group)}
        try:
            answer = self._api.call(COMPUTE, region, "POST", "/servers", json=body).body
        except (Permanent, NotFound) as error:
            raise gone_from_sale(self._preset, error, spec) or error from None
        server_id = mapping(mapping(answer).get("server")).get("id")
        if not server_id:
            said = f"{self._preset.title} confirmed the order of {spec.name} without naming it."
            raise problem(self._preset, Ambiguous, "unexpected", said)
        return self._pending(ordered_node(self._preset, spec, str(server_id)), spec, f"{ORDERED}0")

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server that is there."""
        return self._pending(node, spec, f"{ADOPTED}0")

    def mark(self, node: Node, owner: Owner) -> Node:
        """Write the owner's labels into the metadata of a server that nobody owns yet; others stay."""
        server = self._servers.one(node.location, node.id)
        now = self._servers.node(server, node.location) if server else None
        still_free(node, now, owner, self._preset.title)
        body = {"metadata": owner.labels()}
        self._api.call(COMPUTE, node.location, "POST", f"/servers/{node.id}/metadata", json=body)
        return replace(node, labels={**node.labels, **owner.labels()}, owner=owner)

    def _pending(self, node: Node, spec: ServerSpec | None, step: str) -> Pending:
        return Pending(self.name, node.id, node.name, step, node.location, spec, node)

    # ---- deleting

    def delete_node(self, node: Node) -> Pending:
        """Order the deletion after a last look at labels and lock."""
        server = self._servers.one(node.location, node.id)
        if server is not None:
            self._servers.remove(node.location, node.owner, server)
        return self._pending(node, None, LEAVING)

    # ---- looking after what is under way

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """List every region in which something happens, then take every server's next step."""
        return self._progress.poll(pendings)
