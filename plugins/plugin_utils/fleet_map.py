# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How servers become an inventory: which are wanted, what they are called, which groups they are in. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..module_utils.errors import Permanent

Record = Mapping[str, Any]
ALL_NODES = "nodes"
STALE = "stale"
UNREACHABLE = "unreachable_provider"
NOT_A_WORD = re.compile(r"\W")
LIST_FILTERS = ("provider", "location", "cluster", "pool")


@dataclass(frozen=True)
class Filters:
    """Which servers are wanted. An empty set means any."""

    provider: frozenset[str] = frozenset()
    location: frozenset[str] = frozenset()
    cluster: frozenset[str] = frozenset()
    pool: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)

    def accept(self, record: Record) -> bool:
        """Whether a server passes all filters; labels must all be there with the same value."""
        for name in LIST_FILTERS:
            allowed = getattr(self, name)
            if allowed and record.get(name) not in allowed:
                return False
        labels = record.get("labels") or {}
        return all(labels.get(key) == value for key, value in self.labels.items())


def parse_filters(raw: object) -> Filters:
    """Read the option `filters`; raises Permanent, saying where it is wrong and what is allowed."""
    if raw in (None, ""):
        return Filters()
    if not isinstance(raw, Mapping):
        raise Permanent(f"filters: {raw!r} is not a mapping. Allowed keys: {', '.join(LIST_FILTERS)}, labels.")
    chosen: dict[str, Any] = {}
    for key, value in raw.items():
        if key == "labels":
            if not isinstance(value, Mapping):
                raise Permanent(f"filters.labels: {value!r} is not a mapping of label to value.")
            chosen["labels"] = {
                str(label): _text("filters.labels." + str(label), wanted) for label, wanted in value.items()
            }
        elif key in LIST_FILTERS:
            values = value if isinstance(value, (list, tuple)) else [value]
            chosen[key] = frozenset(_text(f"filters.{key}", item) for item in values)
        else:
            raise Permanent(f"filters.{key}: there is no such filter. Allowed: {', '.join(LIST_FILTERS)}, labels.")
    return Filters(**chosen)


def _text(path: str, value: object) -> str:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    raise Permanent(f"{path}: {value!r} is neither a text nor a list of texts; put it in quotes.")


def hostnames(records: Iterable[Record], taken: Collection[str]) -> list[str]:
    """A name for each server: its own; with the provider added when several servers, or a name in `taken`, share it.

    The only node of a cluster among servers that nobody's cluster has keeps its name. Otherwise all that share a name
    are renamed, so that none of them depends on the order in which clouds answer.
    """
    records = list(records)
    own = [str(record["name"] or record["id"]) for record in records]
    by_provider = [f"{name}.{record['provider']}" for name, record in zip(own, records, strict=True)]
    by_id = [f"{name}.{record['id']}" for name, record in zip(by_provider, records, strict=True)]
    ours = [bool(record.get("cluster")) for record in records]
    return _told_apart(_told_apart(own, by_provider, ours, taken), by_id, ours, taken)


def _told_apart(names: list[str], longer: list[str], ours: list[bool], taken: Collection[str]) -> list[str]:
    count = Counter(names)
    count_ours = Counter(name for name, mine in zip(names, ours, strict=True) if mine)
    return [
        name if name not in taken and (count[name] == 1 or (mine and count_ours[name] == 1)) else long
        for name, long, mine in zip(names, longer, ours, strict=True)
    ]


@cache
def group(kind: str, value: str) -> str:
    """Name of a group of our own, legal as an Ansible group name."""
    return NOT_A_WORD.sub("_", f"{kind}_{value}")


@dataclass(frozen=True)
class Groups:
    """All `names`, sorted; `members`: for each host the groups it is put into itself; `children`: groups in a group."""

    names: list[str]
    members: list[list[str]]
    children: dict[str, list[str]]


def arrange(records: Iterable[Record], silent: Collection[str] = ()) -> Groups:
    """Groups of the fleet: nodes > provider, cluster > pool, country > location. `silent` providers have theirs too.

    A pool's group stands inside its cluster's group only if no other cluster has a pool of that name, because the
    members of a group inside another one are members of both; the same holds for locations and countries.
    """
    records = list(records)
    inside = _sole_parent((_named("pool", r), _named("cluster", r)) for r in records)
    inside |= _sole_parent((_named("location", r), _named("country", r)) for r in records)
    children: dict[str, set[str]] = defaultdict(set)
    members: list[list[str]] = []
    names = {UNREACHABLE} if silent else set()
    for provider in silent:
        children[ALL_NODES].add(group("provider", provider))
    for record in records:
        provider = group("provider", str(record["provider"]))
        children[ALL_NODES].add(provider)
        mine = [provider]
        for leaf, parent in (
            (_named("pool", record), _named("cluster", record)),
            (_named("location", record), _named("country", record)),
        ):
            if leaf:
                mine.append(leaf)
            if leaf and parent and inside.get(leaf) == parent:
                children[parent].add(leaf)
            elif parent:
                mine.append(parent)
        if record["stale"]:
            mine += [STALE, UNREACHABLE]
        members.append(mine)
    names.update(*members, children, *children.values())
    return Groups(sorted(names), members, {parent: sorted(groups) for parent, groups in sorted(children.items())})


def _named(kind: str, record: Record) -> str:
    value = str(record.get(kind) or "")
    return group(kind, value.lower() if kind == "country" else value) if value else ""


def _sole_parent(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    parents: dict[str, set[str]] = defaultdict(set)
    for leaf, parent in pairs:
        if leaf:
            parents[leaf].add(parent)
    return {leaf: next(iter(found)) for leaf, found in parents.items() if len(found) == 1 and "" not in found}


def variables(record: Record, prefix: str) -> dict[str, Any]:
    """Host variables of a server. Its `name` becomes `node_name`: Ansible warns of a variable called `name`."""
    return {prefix + ("node_name" if key == "name" else key): value for key, value in record.items()}


def address(record: Record, connect_with: str) -> str:
    """The address to connect to by the user's choice; "" if the server has none."""
    order = {
        "public": ("public_ipv4", "private_ipv4", "public_ipv6"),
        "private": ("private_ipv4", "public_ipv4", "public_ipv6"),
        "public_ipv6": ("public_ipv6",),
        "name": ("name",),
    }[connect_with]
    return next((str(record[key]) for key in order if record.get(key)), "")
