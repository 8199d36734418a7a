# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hetzner Cloud: what carries our labels and is no server, in the order in which it can be removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..budget import fan_out
from ..errors import PlatformError
from ..model import LABEL_FLEET, Leftover, Owner
from .hetzner_api import Project
from .hetzner_wire import NAME, Item, mapping, selector

_ADDRESSES = ("floating_ips", "primary_ips")
# The vendor's kind, ours, and the field that names the server that holds it.
_PARTS = (
    ("floating_ips", "address", "server"),
    ("primary_ips", "address", "assignee_id"),
    ("volumes", "disk", "server"),
)
_OURS = (
    ("placement_groups", "placement_group"),
    ("firewalls", "firewall"),
    ("networks", "network"),
    ("ssh_keys", "ssh_key"),
)
_PATHS = {"load_balancer": "load_balancers", "disk": "volumes", **{kind: path for path, kind in _OURS}}


class Belongings:
    """Finds and removes them."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def leftovers(self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None) -> list[Leftover]:
        """Volumes and addresses with the labels of a server of ours that no server holds."""
        found = self._read([path for path, _kind, _holder in _PARTS], owner_filter)
        return [
            _leftover(kind, item, path)
            for path, kind, holder in _PARTS
            for item in found[path]
            if item.get(holder) is None and _owner(item) and (locations is None or _place(item) in locations)
        ]

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Everything else: what the cluster's programs bought, then what was made for servers."""
        paths = ["load_balancers", *(part[0] for part in _PARTS), *(path for path, _kind in _OURS)]
        found = self._read(paths, owner_filter)
        items = [_leftover("load_balancer", item, made_by_us=False) for item in found["load_balancers"]]
        held = any(item.get(holder) for path, _kind, holder in _PARTS if path in _ADDRESSES for item in found[path])
        servers = {item.get("id") for item in self._project.all("servers", selector(owner_filter))} if held else set()
        for path, kind, holder in _PARTS:
            for item in found[path]:
                with_our_server = path in _ADDRESSES and item.get(holder) in servers
                if not (with_our_server or _owner(item)):
                    items.append(_leftover(kind, item, path, made_by_us=False))
        return items + [_leftover(kind, item, billable=False) for path, kind in _OURS for item in found[path]]

    def remove(self, leftover: Leftover) -> None:
        """Delete one of them."""
        path = leftover.note if leftover.kind == "address" else _PATHS[leftover.kind]
        self._project.delete(f"/{path}/{leftover.id}")

    def _read(self, paths: Sequence[str], owner_filter: Mapping[str, str] | None) -> dict[str, list[Item]]:
        found = {}
        for path, outcome in zip(paths, fan_out([self._reader(path, owner_filter) for path in paths]), strict=True):
            if isinstance(outcome, PlatformError):
                raise outcome
            found[path] = [item for item in outcome if LABEL_FLEET in mapping(item.get("labels"))]
        return found

    def _reader(self, path: str, owner_filter: Mapping[str, str] | None) -> Callable[[], list[Item]]:
        return lambda: self._project.all(path, selector(owner_filter))


def _leftover(kind: str, item: Item, note: str = "", *, billable: bool = True, made_by_us: bool = True) -> Leftover:
    # The vendor gives IPv6 addresses of servers away.
    free = note == "primary_ips" and item.get("type") == "ipv6"
    name = str(item.get("name") or "")
    return Leftover(NAME, kind, str(item["id"]), name, _place(item), billable and not free, made_by_us, note)


def _place(item: Item) -> str:
    return str(mapping(item.get("location") or item.get("home_location")).get("name") or "")


def _owner(item: Item) -> Owner | None:
    return Owner.from_labels({str(key): str(value) for key, value in mapping(item.get("labels")).items()})
