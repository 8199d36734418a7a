# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding things by their name, or making them, where names are not unique.

Whoever makes something looks again: of several the oldest is kept, and a run deletes only the younger one that it has
just made itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..budget import TRIES, backoff
from ..errors import Ambiguous, Conflict, NotFound, Permanent, Transient
from ..model import LABEL_FLEET
from .base import Sleep
from .openstack_api import Api
from .openstack_login import COMPUTE, NETWORK
from .openstack_marks import group_marks, marks_of, to_tags
from .openstack_wire import Item, problem

SETTLE = 1.1
"""Seconds after which another one of the same name, made in the same second as ours, is sure to be seen."""
TIED_LOOKS = 6
GROUP_VERSION = "2.15"
"""How a server group is written did not change from here up to 2.64; every cloud has it."""


@dataclass(frozen=True)
class Kind:
    """A kind of thing: what we call it, the service that has it, its path, and its names in bodies."""

    title: str
    service: str
    path: str
    many: str
    one: str
    microversion: str = ""


NETWORKS = Kind("network", NETWORK, "/networks", "networks", "network")
SECURITY_GROUPS = Kind("firewall", NETWORK, "/security-groups", "security_groups", "security_group")
SERVER_GROUPS = Kind(
    "placement group", COMPUTE, "/os-server-groups", "server_groups", "server_group", microversion=GROUP_VERSION
)


class Maker:
    """Finds and makes things that carry marks."""

    def __init__(self, api: Api, sleep: Sleep) -> None:
        self._api = api
        self._sleep = sleep

    def find(self, kind: Kind, region: str, name: str, marks: Mapping[str, str]) -> Item | None:
        """The oldest thing of a name that is ours."""
        ours = self._ours(kind, region, name, marks)
        return min(ours, key=_age, default=None)

    def _ours(self, kind: Kind, region: str, name: str, marks: Mapping[str, str]) -> list[Item]:
        query = {} if kind is SERVER_GROUPS else {"name": name}
        named = [
            item
            for item in self._api.all(kind.service, region, kind.path, kind.many, query, microversion=kind.microversion)
            if item.get("name") == name
        ]
        ours = [item for item in named if marks.items() <= _marks(kind, item, marks).items()]
        if named and not ours:
            raise problem(
                self._api.preset,
                Conflict,
                "foreign_thing",
                f"{self._api.preset.title} already has a {kind.title} {name} in {region} (id {named[0].get('id')}) "
                f"without this fleet's labels, so it is left alone; rename it there, or give it the tags "
                f"{', '.join(to_tags(marks))} if it belongs to this fleet.",
            )
        return ours

    def make(self, kind: Kind, region: str, name: str, marks: Mapping[str, str], more: Item) -> Item:
        """Make it; another run may be doing the same."""
        described = {} if kind is SERVER_GROUPS else {"description": " ".join(to_tags(marks))}
        body = {kind.one: {"name": name, **described, **more}}
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._api.call(
                    kind.service, region, "POST", kind.path, json=body, microversion=kind.microversion
                )
            except Ambiguous:
                self._sleep(backoff(attempt))
                found = self.find(kind, region, name, marks)
                if found is not None:
                    return found
                continue
            return self._keep_one(kind, region, self._api.part(answer.body, kind.one), marks)
        said = f"The {kind.title} {name} could not be made at {self._api.preset.title} in {region}: no order of it got"
        raise problem(self._api.preset, Transient, "not_there", f"{said} an answer; run again.")

    def _keep_one(self, kind: Kind, region: str, mine: Item, marks: Mapping[str, str]) -> Item:
        """Ours, unless another run made one too. Then all runs keep the oldest.

        Times are told in whole seconds. Of two that are equally old the one with the lower id is kept; should the other
        one stay nevertheless, its run had not seen ours and is using it already.
        """
        for _look in range(TIED_LOOKS):
            self._sleep(SETTLE)
            there = self._ours(kind, region, str(mine.get("name")), marks)
            rivals = [item for item in there if item.get("id") != mine.get("id")]
            if not rivals:
                return mine
            first = min([mine, *rivals], key=_age)
            if first is not mine:
                break
            if all(rival.get("created_at") != mine.get("created_at") for rival in rivals):
                return mine
        else:
            first = min(rivals, key=_age)
        with contextlib.suppress(NotFound):
            path = f"{kind.path}/{mine.get('id')}"
            self._api.call(kind.service, region, "DELETE", path, microversion=kind.microversion)
        return first

    def insist(self, order: Callable[[], object], there: Callable[[], bool]) -> None:
        """Give an order whose outcome can be looked up: then neither a lost answer nor a quicker run can harm it."""
        for attempt in range(1, TRIES + 1):
            try:
                order()
            except Ambiguous:
                if not there():
                    if attempt == TRIES:
                        raise
                    self._sleep(backoff(attempt))
                    continue
            except (Conflict, Permanent):
                if not there():
                    raise
            return

    def tag(self, kind: Kind, region: str, item: Item, marks: Mapping[str, str]) -> None:
        """Give it the marks as tags too, which is how a person sees and sets them."""
        tags = [str(tag) for tag in item.get("tags") or []]
        if not set(to_tags(marks)) <= set(tags):
            body = {"tags": sorted({*tags, *to_tags(marks)})}
            self._api.call(kind.service, region, "PUT", f"{kind.path}/{item['id']}/tags", json=body)


def _marks(kind: Kind, item: Item, wanted: Mapping[str, str]) -> Mapping[str, str]:
    return group_marks(item, wanted[LABEL_FLEET]) if kind is SERVER_GROUPS else marks_of(item)


def _age(item: Item) -> tuple[str, str]:
    return str(item.get("created_at") or ""), str(item.get("id"))
