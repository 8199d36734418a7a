# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: what a server gets between its order and its first boot, in the order in which that has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from ..errors import Conflict, Permanent
from ..model import Pending, ServerSpec
from .scaleway_api import Project
from .scaleway_wire import NAME, TITLE, Item, mapping, zone_path

USER_DATA_KEY = "cloud-init"
POWER_TRIES = 5
"""How often a server that is off again after power-on is switched on."""

# Pending.step: "ordered" until the server is known to be the only one with its token, "prepared" once it has its user
# data and waits for its private network, then "started:<tries>".
ORDERED = "ordered"
PREPARED = "prepared"
STARTED = "started:"


class Networks(Protocol):
    """Who knows the private network of a server."""

    def network(self, spec: ServerSpec) -> str:
        """Its id; the network is made if there is none."""


class Starting:
    """Brings servers up that are off."""

    def __init__(self, project: Project, networks: Networks) -> None:
        self._project = project
        self._networks = networks

    def go_on(self, pending: Pending, spec: ServerSpec, server: Item) -> Pending:
        """Take the next step with a server that is off, and note it."""
        tries = int(pending.step.removeprefix(STARTED)) if pending.step.startswith(STARTED) else 0
        if tries >= POWER_TRIES:
            said = f"{TITLE} does not keep the server {pending.name} running; look at its console there."
            raise Permanent(said, provider=NAME, code="off")
        path = f"{zone_path(pending.location)}/servers/{pending.id}"
        if spec.user_data and pending.step != PREPARED:
            self._put_user_data(path, spec.user_data)
        if spec.network and not self._joined(path, pending, self._networks.network(spec), server):
            return replace(pending, step=PREPARED)
        self._power_on(path, pending)
        return replace(pending, step=f"{STARTED}{tries + 1}")

    def _put_user_data(self, path: str, text: str) -> None:
        self._project.write(
            "PATCH", f"{path}/user_data/{USER_DATA_KEY}", data=text.encode(), headers={"Content-Type": "text/plain"}
        )

    def _joined(self, path: str, pending: Pending, network: str, server: Item) -> bool:
        """Whether the server's card in the private network is ready; one is made if there is none.

        A server that boots before that never configures it.
        """
        card = _card(server, network)
        if card is None:
            try:
                answer = self._project.write("POST", f"{path}/private_nics", json={"private_network_id": network})
                card = mapping(answer.get("private_nic"))
            except (Conflict, Permanent) as error:
                # Another run that carries on with the same server was faster.
                card = _card(self._project.server(pending.location, pending.id) or {}, network)
                if card is None:
                    raise error from None
        if card.get("state") == "syncing_error":
            said = f"{TITLE} could not join the server {pending.name} to its private network; look at it there."
            raise Permanent(said, provider=NAME, code="not_joined")
        return card.get("state") == "available"

    def _power_on(self, path: str, pending: Pending) -> None:
        try:
            self._project.write("POST", f"{path}/action", json={"action": "poweron"})
        except (Conflict, Permanent) as error:
            # Somebody else switched it on in between: then it is not off any more.
            server = self._project.server(pending.location, pending.id)
            if server is None or server.get("state") == "stopped":
                raise error from None


def _card(server: Mapping[str, Any], network: str) -> Mapping[str, Any] | None:
    """The server's card in a private network."""
    cards = [mapping(card) for card in server.get("private_nics") or []]
    return next((card for card in cards if card.get("private_network_id") == network), None)
