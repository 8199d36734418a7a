# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers at Nova: listed, looked at, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import Conflict, NotFound, Transient
from ..model import Node, Owner
from .openstack_api import Api
from .openstack_login import COMPUTE
from .openstack_prices import Prices
from .openstack_stock import Stock
from .openstack_wire import Item, is_gone, mapping, problem, to_node


class Servers:
    """The servers of one project."""

    def __init__(self, api: Api, stock: Stock, prices: Prices) -> None:
        self.preset = api.preset
        self._api = api
        self._stock = stock
        self._prices = prices

    def node(self, server: Mapping[str, Any], region: str) -> Node:
        """A server with its type and its price."""
        node = to_node(self.preset, server, region)
        kind = node.type or self._stock.type_name(region, str(mapping(server.get("flavor")).get("id") or ""))
        return replace(node, type=kind, price_hour=self._prices.hour(kind, region))

    def all(self, region: str, name: str = "") -> list[Item]:
        """All servers of a region, or those whose name begins so. The oldest first, so that new ones come last."""
        query = {"sort_key": "created_at", "sort_dir": "asc", **({"name": f"^{name}"} if name else {})}
        servers = self._api.all(COMPUTE, region, "/servers/detail", "servers", query)
        hidden = [server for server in servers if server.get("status") == "UNKNOWN" and "metadata" not in server]
        if hidden:
            said = f"{self.preset.title} cannot read {len(hidden)} of the servers in {region} now, which may be ours;"
            raise problem(self.preset, Transient, "partial_list", f"{said} run again later.")
        return servers

    def one(self, region: str, server_id: str) -> Item | None:
        """The server, or None when Nova says that there is none of this id."""
        try:
            return self._api.part(self._api.get(COMPUTE, region, f"/servers/{server_id}"), "server")
        except NotFound as error:
            if not is_gone(error):
                raise
            return None

    def remove(self, region: str, owner: Owner | None, server: Mapping[str, Any]) -> None:
        """Order the deletion of a server just read, unless it is not the owner's or is locked."""
        now = to_node(self.preset, server, region)
        if owner is None or now.owner != owner:
            raise problem(
                self.preset,
                Conflict,
                "foreign_server",
                f"The server {now.name} (id {now.id}) at {self.preset.title} does not carry this fleet's labels any "
                "more, so it is left alone; restore its labels, or delete it there.",
            )
        if now.protected:
            raise problem(
                self.preset,
                Conflict,
                "protected",
                f"The server {now.name} (id {now.id}) is protected against deletion: it is locked at "
                f"{self.preset.title}; unlock it there and run again.",
            )
        if now.state == "deleting":
            return
        try:
            self._api.call(COMPUTE, region, "DELETE", f"/servers/{now.id}")
        except NotFound as error:
            if not is_gone(error):
                raise
        except Conflict as error:
            if "locked" in str(error).lower():
                raise
            # Something else is being done to it just now; the next look orders the deletion again.
