# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries our mark at STACKIT beside servers: public addresses left behind, and what was made for a fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ..budget import fan_out
from ..errors import PlatformError
from ..model import LABEL_CLUSTER, LABEL_FLEET, Leftover, Owner
from ..waiting import wait_for
from .base import Clock, Sleep
from .stackit_api import Api
from .stackit_names import is_our_group
from .stackit_wire import CAPS, NAME, REGIONS, TITLE, Item, mapping, nics, public_address, region_of, to_labels

T = TypeVar("T")

_FOLDERS = {
    "address": "public-ips",
    "disk": "volumes",
    "placement_group": "affinity-groups",
    "firewall": "security-groups",
    "network": "networks",
}
"""By kind, in the order in which things can be removed; SSH keys belong to the account and come last."""
_IN_USE = "in use"
_REMOVAL_TIMEOUT = 60.0


class Belongings:
    """Finds and removes them. Safe to use from several threads."""

    def __init__(self, api: Api, *, clock: Clock, sleep: Sleep) -> None:
        self._api = api
        self._clock = clock
        self._sleep = sleep

    def loose_addresses(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None
    ) -> list[Leftover]:
        """Public addresses of servers that are gone."""
        regions = REGIONS if locations is None else sorted({CAPS.locations[place].region for place in locations})
        return _joined([self._looker(self._loose, region, owner_filter) for region in regions])

    def _loose(self, region: str, owner_filter: Mapping[str, str] | None) -> list[Leftover]:
        addresses = self._api.items(f"/regions/{region}/public-ips", owner_filter)
        loose = [item for item in addresses if not item.get("networkInterface") and _owner(item)]
        if not loose:
            return []
        # A server that is still to get its address takes a loose one of its own.
        waiting = [_owner(server) for server in self._api.servers(region, owner_filter) if not public_address(server)]
        return [_leftover("address", item, region) for item in loose if _owner(item) not in waiting]

    def all(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """All that was made for a fleet, or a cluster of it, and what others made and marked."""
        found = _joined(
            [
                *(self._looker(self._in_region, region, owner_filter) for region in REGIONS),
                lambda: self._keys(owner_filter),
            ]
        )
        order = [*_FOLDERS, "ssh_key"]
        return sorted(found, key=lambda item: (order.index(item.kind), item.location, item.name, item.id))

    def _in_region(self, region: str, owner_filter: Mapping[str, str] | None) -> list[Leftover]:
        wanted = dict(owner_filter or {})
        own = {nic.get("nicId") for server in self._api.servers(region, wanted) for nic in nics(server)}
        found = []
        for kind, folder in _FOLDERS.items():
            path = f"/regions/{region}/{folder}"
            if kind == "placement_group":
                items = [item for item in self._api.items(path) if _is_ours(item, wanted)]
            else:
                items = self._api.items(path, wanted)
            found += [
                _leftover(kind, item, region)
                for item in items
                if item.get("status") != "DELETING" and not (own and item.get("networkInterface") in own)
            ]
        return found

    def _keys(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        return [
            Leftover(NAME, "ssh_key", str(item.get("name")), str(item.get("name")), "", billable=False)
            for item in self._api.items("/keypairs", owner_filter)
        ]

    def remove(self, leftover: Leftover) -> None:
        """Delete one of them. An address that a server has taken meanwhile is no leftover any more."""
        if leftover.kind == "ssh_key":
            self._api.remove(f"/keypairs/{leftover.id}")
            return
        path = f"/regions/{region_of(leftover.location)}/{_FOLDERS[leftover.kind]}/{leftover.id}"
        if leftover.kind == "address" and leftover.note != _IN_USE:
            now = self._api.one(path)
            if now is None or now.get("networkInterface"):
                return
        self._api.remove(path)
        if leftover.kind == "network":
            # Deleted behind the answer; what was removed must not be there in the next list.
            wait_for(
                lambda: self._api.one(path) is None,
                bool,
                _REMOVAL_TIMEOUT,
                sleep=self._sleep,
                clock=self._clock,
                describe=lambda _gone: "still there",
                what=f"the network {leftover.name} to be gone from {TITLE}",
            )

    def _looker(
        self, look: Callable[[str, Mapping[str, str] | None], T], region: str, owner_filter: Mapping[str, str] | None
    ) -> Callable[[], T]:
        return lambda: look(region, owner_filter)


def _joined(tasks: Sequence[Callable[[], list[Leftover]]]) -> list[Leftover]:
    found = []
    for outcome in fan_out(tasks):
        if isinstance(outcome, PlatformError):
            raise outcome
        found += outcome
    return found


def _leftover(kind: str, item: Item, region: str) -> Leftover:
    held = item.get("networkInterface") or item.get("serverId")
    return Leftover(
        provider=NAME,
        kind=kind,
        id=str(item.get("id")),
        name=str(item.get("name") or item.get("ip") or item.get("id")),
        location=region,
        billable=kind in ("address", "disk") or bool(mapping(item.get("ipv4")).get("publicIp")),
        made_by_us=kind != "disk" and (kind != "address" or _owner(item) is not None),
        note=_IN_USE if held else "",
    )


def _owner(item: Item) -> Owner | None:
    return Owner.from_labels(to_labels(item))


def _is_ours(group: Item, owner_filter: Mapping[str, str]) -> bool:
    fleet = owner_filter.get(LABEL_FLEET, "")
    return bool(fleet) and is_our_group(str(group.get("name")), fleet, owner_filter.get(LABEL_CLUSTER, ""))
