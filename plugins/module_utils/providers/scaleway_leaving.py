# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: how a server goes, with the disks that would stay behind and cost money."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from ..errors import Ambiguous, Conflict, Permanent, PlatformError, RateLimited, Transient
from ..model import Event, Owner, Pending
from .scaleway_api import Project
from .scaleway_wire import BLOCK, NAME, Item, disk_path, own_disks, to_tags, zone_path

TRIES = 12
"""How often a deletion is ordered that fails in passing; the looks between are seconds apart."""

# Pending.step: "removing:<failures>:<kind>/<disk>,…", with the disks that have to go after the server.
REMOVING = "removing:0:"

_RUNNING = ("running", "stopped in place", "stopped_in_place")
_Disks = Sequence[tuple[str, str]]


class Leaving:
    """Sees servers off."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def order(self, pending: Pending, owner: Owner, server: Item) -> Pending:
        """Order the deletion. One that fails in passing is ordered again by ``go_on``."""
        return self._order(pending, owner, server)[0]

    def go_on(self, pending: Pending, owner: Owner | None, server: Item | None) -> Event:
        """After a look: order again if the server is still there as it was, or delete its disks."""
        failures, disks = _note(pending)
        if server is None:
            for kind, disk in disks:
                self._project.ignore_missing("DELETE", disk_path(pending.location, kind, disk))
            return Event(pending, True)
        if owner is None:
            return Event(pending, False)
        pending, error = self._order(pending, owner, server)
        if error is not None and failures + 1 >= TRIES:
            said = f"after {TRIES} tries the server is still there ({pending.name}, id {pending.id}); run again later."
            stuck = Transient(f"{str(error).rstrip('.')}, but {said}", provider=NAME, code=error.code)
            return Event(pending, True, error=stuck)
        return Event(pending, False)

    def _order(self, pending: Pending, owner: Owner, server: Item) -> tuple[Pending, PlatformError | None]:
        """``terminate`` while it runs, which takes local disks along; DELETE when it is off, which leaves all disks."""
        zone, running = pending.location, server.get("state") in _RUNNING
        if not running and server.get("state") != "stopped":
            return pending, None  # on its way up or down: nothing can be ordered now
        failures, _known = _note(pending)
        disks = [disk for disk in own_disks(server) if disk[0] == BLOCK or not running]
        pending = replace(pending, step=_step(failures, disks))
        path = f"{zone_path(zone)}/servers/{pending.id}"
        try:
            self._mark(zone, disks, owner)
            if running:
                self._project.ignore_missing("POST", f"{path}/action", json={"action": "terminate"})
            else:
                self._project.ignore_missing("DELETE", path)
        except (Ambiguous, RateLimited, Transient) as error:
            return replace(pending, step=_step(failures + 1, disks)), error  # the next look shows whether it was done
        except (Conflict, Permanent):
            now = self._project.server(zone, pending.id)
            if now is not None and now.get("state") == server.get("state"):
                raise
        return pending, None

    def _mark(self, zone: str, disks: _Disks, owner: Owner) -> None:
        """Before the server goes, so that a run that ends in between leaves nothing that cannot be found."""
        for kind, disk in disks:
            with contextlib.suppress(Conflict, Permanent):
                tags = {"tags": sorted(to_tags(owner.labels()))}
                self._project.ignore_missing("PATCH", disk_path(zone, kind, disk), json=tags)


def _step(failures: int, disks: _Disks) -> str:
    return f"removing:{failures}:{','.join(f'{kind}/{disk}' for kind, disk in disks)}"


def _note(pending: Pending) -> tuple[int, _Disks]:
    _word, failures, disks = pending.step.split(":", 2)
    parts = [disk.partition("/") for disk in disks.split(",") if disk]
    return int(failures), [(kind, disk) for kind, _slash, disk in parts]
