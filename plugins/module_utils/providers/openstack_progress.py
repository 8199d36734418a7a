# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers under way: looked at together, and each one's next step taken.

Names are not unique at OpenStack and nothing makes an order safe to repeat. So two runs, or one run whose answer got
lost, can order the same server twice; that shows as two servers with one token, of which the oldest is kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..budget import fan_out
from ..errors import Ambiguous, Conflict, NotFound, Permanent, PlatformError, RateLimited, Transient
from ..model import Event, Node, Pending, ServerSpec
from .openstack_api import Api
from .openstack_login import COMPUTE
from .openstack_servers import Servers
from .openstack_wire import WAKING, Item, build_error, problem, state_of, to_node

WAKE_TRIES = 5
"""How often a server that is off again after its start is started."""
TIED_LOOKS = 20
"""How often a run looks whether another server of the same token and the same second goes away."""

# Pending.step: "ordered:<looks>" until our order is known to be the only one with its token, then "alone";
# "adopted:<looks>" for a server that somebody else ordered; "woken:<tries>" after a start; "" on the way out.
ORDERED = "ordered:"
ADOPTED = "adopted:"
LEAVING = ""
_WOKEN = "woken:"
_ALONE = "alone"
_PLAIN = re.compile(r"[A-Za-z0-9-]+")


class Progress:
    """Takes the next steps of servers under way."""

    def __init__(self, api: Api, servers: Servers) -> None:
        self._api = api
        self._servers = servers
        self._preset = api.preset

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """List every region in which something happens, then take every server's next step."""
        regions = sorted({pending.location for pending in pendings})
        looks = [self._looker(region, [p.name for p in pendings if p.location == region]) for region in regions]
        servers: dict[str, list[Item]] = {}
        for region, outcome in zip(regions, fan_out(looks), strict=True):
            if isinstance(outcome, PlatformError):
                raise outcome
            servers[region] = outcome
        steps = [self._stepper(pending, servers[pending.location]) for pending in pendings]
        return [
            Event(pending, True, error=outcome) if isinstance(outcome, PlatformError) else outcome
            for pending, outcome in zip(pendings, fan_out(steps), strict=True)
        ]

    def _looker(self, region: str, names: Sequence[str]) -> Callable[[], list[Item]]:
        # Nova's query is a regular expression; what the names have in common keeps the rest of the project out.
        common = os.path.commonprefix(list(names))  # noqa: RUF071 - these are no paths
        return lambda: self._servers.all(region, common if _PLAIN.fullmatch(common) else "")

    def _stepper(self, pending: Pending, servers: Sequence[Item]) -> Callable[[], Event]:
        return lambda: self._go_on(pending, servers)

    def _go_on(self, pending: Pending, servers: Sequence[Item]) -> Event:
        server = next((item for item in servers if item.get("id") == pending.id), None)
        try:
            if server is None:
                # A list may lag behind what was just ordered, and a server may have been renamed.
                server = self._servers.one(pending.location, pending.id)
            if pending.spec is None:
                return self._go_on_leaving(pending, server)
            same = [item for item in servers if self._is_twin(pending, pending.spec, item)]
            if server is None:
                return self._inherit(pending, same)
            return self._go_on_coming(pending, pending.spec, server, same)
        except (Ambiguous, RateLimited, Transient):
            return Event(pending, False)  # the next look shows whether it was done

    def _go_on_leaving(self, pending: Pending, server: Item | None) -> Event:
        if server is None:
            return Event(pending, True)
        self._servers.remove(pending.location, pending.node.owner if pending.node else None, server)
        return Event(pending, False)

    def _go_on_coming(self, pending: Pending, spec: ServerSpec, server: Item, twins: Sequence[Item]) -> Event:
        node = self._servers.node(server, pending.location)
        pending = replace(pending, node=node)
        if node.state == "error":
            return Event(pending, True, node, build_error(self._preset, server))
        if node.state == "deleting":
            return Event(pending, False)
        if twins:
            pending, settled = self._settle(pending, spec, server, twins)
            if not settled:
                return Event(pending, False)
        elif pending.step.startswith(ORDERED):
            pending = replace(pending, step=_ALONE)
        if node.state == "running":
            return Event(pending, True, node)
        if node.state == "stopped":
            return self._wake(pending, node, server)
        return Event(pending, False)

    def _wake(self, pending: Pending, node: Node, server: Item) -> Event:
        tries = _count(pending.step, _WOKEN)
        if tries >= WAKE_TRIES:
            said = f"{self._preset.title} does not keep the server {node.name} running; look at its console there."
            return Event(pending, True, node, problem(self._preset, Permanent, "off", said))
        body = {WAKING[str(server.get("status"))]: None}
        try:
            self._api.call(COMPUTE, pending.location, "POST", f"/servers/{node.id}/action", json=body)
        except Conflict:
            # Somebody else is starting it: then it is not off any more.
            now = self._servers.one(pending.location, node.id)
            if now is not None and state_of(now) == "stopped":
                raise
        return Event(replace(pending, step=f"{_WOKEN}{tries + 1}"), False)

    # ---- several servers with one token

    def _is_twin(self, pending: Pending, spec: ServerSpec, item: Item) -> bool:
        node = to_node(self._preset, item, pending.location)
        return item.get("id") != pending.id and node.owner == spec.owner and node.state not in ("deleting", "error")

    def _inherit(self, pending: Pending, twins: Sequence[Item]) -> Event:
        """Our server is gone: because we gave way to another one of its token, or because somebody deleted it."""
        if not twins:
            said = f"The server {pending.name} vanished from {self._preset.title} while it started."
            return Event(pending, True, error=problem(self._preset, NotFound, "vanished", said))
        kept = self._servers.node(min(twins, key=_age), pending.location)
        return Event(replace(pending, id=kept.id, node=kept, step=f"{ADOPTED}0"), False)

    def _settle(self, pending: Pending, spec: ServerSpec, mine: Item, twins: Sequence[Item]) -> tuple[Pending, bool]:
        """Whether ours is the one that stays. If not, its deletion is ordered.

        The oldest stays. Times are told in whole seconds: of two that are equally old the one with the lower id stays.
        Should the other one be there for long nevertheless, its run was done before ours was ordered, and ours goes.
        Only the run that ordered a server deletes it.
        """
        tied = any(twin.get("created") == mine.get("created") for twin in twins)
        for step in (ORDERED, ADOPTED):
            if not pending.step.startswith(step):
                continue
            looks = _count(pending.step, step)
            first = min([mine, *twins], key=_age)
            waited = looks >= TIED_LOOKS
            if step == ORDERED and (first is not mine or (tied and waited)):
                self._servers.remove(pending.location, spec.owner, mine)
                return pending, False
            if tied and not waited:
                return replace(pending, step=f"{step}{looks + 1}"), False
        return pending, True


def _count(step: str, prefix: str) -> int:
    return int(step.removeprefix(prefix)) if step.startswith(prefix) else 0


def _age(server: Mapping[str, Any]) -> tuple[str, str]:
    return str(server.get("created")), str(server.get("id"))
