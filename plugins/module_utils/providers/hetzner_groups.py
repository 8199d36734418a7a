# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: spread placement groups. Each keeps up to ten servers on different hosts; a pool may have several."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from ..model import LABEL_CLUSTER, LABEL_FLEET, LABEL_POOL, Owner, ServerSpec
from .hetzner_api import Project
from .hetzner_wire import NAME, foreign, mapping
from .needs import Need, settle

LIMIT = 10
"""How many servers a group takes."""


@dataclass
class Group:
    """A group, and how many servers are in it or on their way there."""

    id: str
    used: int


@dataclass
class Pool:
    """The groups of one pool by number, numbers that others use, and the group of each server that is ordered now."""

    groups: dict[int, Group] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)
    placed: dict[str, Group] = field(default_factory=dict)


class SpreadGroups:
    """The placement groups of all pools. Safe to use from several threads."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}

    def look(self, owner: Owner) -> Need:
        """Whether the pool has a group at all. Into which of them a server goes is decided when it is ordered."""
        with self._lock:
            return self._first(owner)

    def place(self, spec: ServerSpec) -> str:
        """The id of a group with room, which is kept for the server; the next group is made when all are full."""
        with self._lock:
            pool = self._pools.get(_base(spec.owner)) or self._read(spec.owner)
            if spec.name not in pool.placed:
                group = self._with_room(pool)
                while group is None:
                    settle(self._next(spec.owner, pool), partial(self._again, spec.owner), [])
                    group = self._with_room(pool)
                group.used += 1
                pool.placed[spec.name] = group
            return pool.placed[spec.name].id

    def full(self, spec: ServerSpec) -> None:
        """The group that was chosen for the server turned out to be full: others fill it too."""
        with self._lock:
            pool = self._pools[_base(spec.owner)]
            group = pool.placed.pop(spec.name, None)
            if group is not None:
                group.used = LIMIT

    # ---- with the lock held

    def _read(self, owner: Owner) -> Pool:
        pool = self._pools.setdefault(_base(owner), Pool())
        pattern = re.compile(rf"{re.escape(_base(owner))}-([1-9]\d*)")
        for item in self._project.all("placement_groups", {}):
            found = pattern.fullmatch(str(item.get("name")))
            if found and _marks(owner).items() <= mapping(item.get("labels")).items():
                group = pool.groups.setdefault(int(found[1]), Group(str(item["id"]), 0))
                group.used = max(group.used, len(item.get("servers") or []))
            elif found:
                pool.foreign.add(int(found[1]))
        return pool

    def _first(self, owner: Owner) -> Need:
        pool = self._read(owner)
        if pool.groups:
            return Need(pool.groups[min(pool.groups)].id)
        return self._next(owner, pool)

    def _again(self, owner: Owner) -> Need:
        pool = self._read(owner)
        group = self._with_room(pool)
        return Need(group.id) if group else self._next(owner, pool)

    def _next(self, owner: Owner, pool: Pool) -> Need:
        number = next(number for number in range(1, len(pool.groups) + 2) if number not in pool.groups)
        name = f"{_base(owner)}-{number}"
        if number in pool.foreign:
            raise foreign("placement group", name, _marks(owner))
        return Need(change=f"placement group {name} at {NAME}", make=partial(self._make, owner, pool, number))

    def _make(self, owner: Owner, pool: Pool, number: int) -> str:
        body = {"name": f"{_base(owner)}-{number}", "type": "spread", "labels": _marks(owner)}
        item = self._project.one(self._project.write("POST", "/placement_groups", body), "placement_group")
        pool.groups[number] = Group(str(item["id"]), 0)
        return pool.groups[number].id

    @staticmethod
    def _with_room(pool: Pool) -> Group | None:
        return next((group for _number, group in sorted(pool.groups.items()) if group.used < LIMIT), None)


def _base(owner: Owner) -> str:
    return f"{owner.fleet}-{owner.cluster}-{owner.pool}"


def _marks(owner: Owner) -> Mapping[str, str]:
    return {LABEL_FLEET: owner.fleet, LABEL_CLUSTER: owner.cluster, LABEL_POOL: owner.pool}
