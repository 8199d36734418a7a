# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: what carries our tags and is no server, in the order in which it can be removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from ..budget import fan_out
from ..errors import NotFound, PlatformError
from ..model import Leftover, Owner
from .scaleway_api import Project
from .scaleway_things import KEYS, is_our_key, list_keys
from .scaleway_wire import (
    BLOCK,
    CAPS,
    LOCAL,
    NAME,
    Item,
    disk_path,
    mapping,
    networks_path,
    tag_query,
    to_labels,
    to_tags,
    zone_path,
)

T = TypeVar("T")

# In the order of their removal: what the cluster's programs bought, then what was made for servers.
ORDER = ("load_balancer", "address", "disk", "placement_group", "firewall", "network", "ssh_key")
_GROUPS = {"placement_group": "placement_groups", "firewall": "security_groups"}


class Belongings:
    """Finds and removes them."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def leftovers(self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None) -> list[Leftover]:
        """Disks with the tags of a server of ours that no server holds."""
        zones = list(CAPS.locations if locations is None else locations)
        reads = [partial(read, zone, owner_filter) for zone in zones for read in (self._local_disks, self._block_disks)]
        return [
            _leftover(zone, "disk", item, note, made_by_us=True)
            for zone, note, item in _joined(reads)
            if _owner(item) and not _held(item)
        ]

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Everything else. A disk that still belongs to a server of ours is a part of that server."""
        zones = list(CAPS.locations)
        regions = list(dict.fromkeys(scope.region for scope in CAPS.locations.values()))
        reads: list[Callable[[], list[Leftover]]] = [partial(self._zone, zone, owner_filter) for zone in zones]
        reads += [partial(self._networks, region, owner_filter) for region in regions]
        reads.append(partial(self._keys, owner_filter))
        return sorted(_joined(reads), key=lambda leftover: ORDER.index(leftover.kind))

    def remove(self, leftover: Leftover) -> None:
        """Delete one of them."""
        place, number = leftover.location, leftover.id
        paths = {
            "load_balancer": f"/lb/v1/zones/{place}/lbs/{number}",
            "address": f"{zone_path(place)}/ips/{number}",
            "disk": disk_path(place, leftover.note, number),
            "network": f"{networks_path(place)}/{number}",
            "ssh_key": f"{KEYS}/{number}",
            **{kind: f"{zone_path(place)}/{path}/{number}" for kind, path in _GROUPS.items()},
        }
        # Its address goes with a load balancer only when that is asked for.
        query = {"params": {"release_ip": "true"}} if leftover.kind == "load_balancer" else {}
        self._project.ignore_missing("DELETE", paths[leftover.kind], **query)

    # ---- by zone

    def _zone(self, zone: str, owner_filter: Mapping[str, str]) -> list[Leftover]:
        reads: list[Callable[[], list[Leftover]]] = [
            partial(self._load_balancers, zone, owner_filter),
            partial(self._addresses, zone, owner_filter),
            partial(self._disks, zone, owner_filter),
            *(partial(self._groups, zone, kind, owner_filter) for kind in _GROUPS),
        ]
        return [leftover for read in reads for leftover in read()]

    def _load_balancers(self, zone: str, owner_filter: Mapping[str, str]) -> list[Leftover]:
        query = {"project_id": self._project.id, "tags": sorted(to_tags(owner_filter))}
        try:
            found = self._project.newer(f"/lb/v1/zones/{zone}/lbs", "lbs", query)
        except NotFound:
            return []  # not every zone has the service
        return [_leftover(zone, "load_balancer", item) for item in _ours(found, owner_filter)]

    def _addresses(self, zone: str, owner_filter: Mapping[str, str]) -> list[Leftover]:
        found = _ours(self._project.zonal(zone, "ips", tag_query(owner_filter)), owner_filter)
        holders = {str(mapping(item.get("server")).get("id")) for item in found if item.get("server")}
        wanted = {"servers": ",".join(sorted(holders)), **tag_query(owner_filter)}
        servers = {str(item.get("id")) for item in self._project.zonal(zone, "servers", wanted)} if holders else set()
        return [
            _leftover(zone, "address", {"name": item.get("address"), **item})
            for item in found
            if str(mapping(item.get("server")).get("id")) not in servers
        ]

    def _disks(self, zone: str, owner_filter: Mapping[str, str]) -> list[Leftover]:
        found = [*self._local_disks(zone, owner_filter), *self._block_disks(zone, owner_filter)]
        return [_leftover(zone, "disk", item, note) for _zone, note, item in found if not _owner(item)]

    def _groups(self, zone: str, kind: str, owner_filter: Mapping[str, str]) -> list[Leftover]:
        found = _ours(self._project.zonal(zone, _GROUPS[kind], tag_query(owner_filter)), owner_filter)
        return [_leftover(zone, kind, item, billable=False, made_by_us=True) for item in found]

    def _local_disks(self, zone: str, owner_filter: Mapping[str, str] | None) -> list[tuple[str, str, Item]]:
        found = self._project.zonal(zone, "volumes", tag_query(owner_filter))
        return [(zone, LOCAL, item) for item in _ours(found, owner_filter) if item.get("volume_type") != BLOCK]

    def _block_disks(self, zone: str, owner_filter: Mapping[str, str] | None) -> list[tuple[str, str, Item]]:
        query = {"project_id": self._project.id, "tags": sorted(to_tags(owner_filter or {}))}
        found = self._project.newer(f"/block/v1/zones/{zone}/volumes", "volumes", query)
        return [(zone, BLOCK, item) for item in _ours(found, owner_filter)]

    # ---- by region and project

    def _networks(self, region: str, owner_filter: Mapping[str, str]) -> list[Leftover]:
        query = {"project_id": self._project.id, "tags": sorted(to_tags(owner_filter))}
        found = _ours(self._project.newer(networks_path(region), "private_networks", query), owner_filter)
        return [_leftover(region, "network", item, billable=False, made_by_us=True) for item in found]

    def _keys(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        found = [item for item in list_keys(self._project) if is_our_key(item, owner_filter)]
        return [_leftover("", "ssh_key", item, billable=False, made_by_us=True) for item in found]


def _joined(reads: Sequence[Callable[[], list[T]]]) -> list[T]:
    joined: list[T] = []
    for outcome in fan_out(reads):
        if isinstance(outcome, PlatformError):
            raise outcome
        joined += outcome
    return joined


def _ours(items: Sequence[Item], owner_filter: Mapping[str, str] | None) -> list[Item]:
    """Filtered here once more: the services disagree on whether several tags mean "all" or "any"."""
    wanted = to_tags(owner_filter or {})
    return [item for item in items if wanted <= set(item.get("tags") or [])]


def _held(item: Item) -> bool:
    return bool(item.get("server") or item.get("references"))


def _owner(item: Item) -> Owner | None:
    return Owner.from_labels(to_labels(item.get("tags") or []))


def _leftover(
    place: str, kind: str, item: Item, note: str = "", *, billable: bool = True, made_by_us: bool = False
) -> Leftover:
    return Leftover(NAME, kind, str(item["id"]), str(item.get("name") or ""), place, billable, made_by_us, note)
