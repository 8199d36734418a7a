# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is: what was observed, every kind of change, and the hash that names all of them together.

``planning.py`` makes it. Values only: no request, no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .errors import PlatformError
from .model import Flavor, Leftover, Node, Offer, Owner, Pool


@dataclass(frozen=True)
class Observed:
    """What the providers showed: our nodes, parts that servers of ours left behind, and who did not tell all.

    ``strays`` carry the fleet's and the cluster's label but not all that makes an owner: claimed by a person, or marked
    in a way that does not fit together.
    """

    nodes: tuple[Node, ...]
    leftovers: tuple[Leftover, ...] = ()
    failed: Mapping[str, PlatformError] = field(default_factory=dict)
    strays: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Quote:
    """An offer with what it costs."""

    offer: Offer
    flavor: Flavor


@dataclass(frozen=True)
class Create:
    """A node to be bought."""

    pool: Pool
    name: str


@dataclass(frozen=True)
class Resume:
    """A node of ours that is off: half made by an interrupted run, or switched off."""

    pool: Pool
    node: Node


@dataclass(frozen=True)
class Delete:
    """A node to be removed, and why.

    ``broken``: its pods cannot end properly, so nobody waits for them. ``succeeded``: others have taken its place, it
    only goes once they are Ready.
    """

    node: Node
    reason: str
    broken: bool = False
    succeeded: bool = False


@dataclass(frozen=True)
class Replace:
    """A node that is not what its pool wants any more. The new one, ``name``, comes before ``node`` goes.

    ``broken``: it does not work either, so nobody waits for its pods.
    """

    pool: Pool
    node: Node
    reason: str
    name: str
    broken: bool = False


@dataclass(frozen=True)
class Repair:
    """A node that does not work. It goes before the new one, ``name``, comes.

    ``empty``: no pod can be on it, because it has never been Ready.
    """

    pool: Pool
    node: Node
    reason: str
    name: str
    empty: bool = False


@dataclass(frozen=True)
class Adopt:
    """A server that a person made and gave to a pool by its labels. ``owner`` is what they will say."""

    pool: Pool
    node: Node
    owner: Owner


@dataclass(frozen=True)
class Orphan:
    """A server with our labels that belongs to no pool. It is told, never deleted."""

    node: Node
    pool: str
    reason: str

    def as_result(self) -> dict[str, str]:
        """Plain values for the result of a module."""
        return {
            "provider": self.node.provider,
            "id": self.node.id,
            "name": self.node.name,
            "location": self.node.location,
            "pool": self.pool,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Plan:
    """What has to be done.

    Every node that is there is in exactly one of: ``keeps`` (it stays), ``deletes``, ``replaces``, ``repairs``,
    ``adopts``, ``leaving`` (somebody is deleting it already). ``resumes`` are those of the keeps and replaces that are
    off, ``arriving`` those that are still on their way up. What is bought has a name in ``creates``, ``replaces`` and
    ``repairs``; quotes go by it. ``orphans`` stay whatever happens; those with an owner are among the keeps too.
    ``blocked`` are pools that are not touched (name -> why).
    """

    creates: tuple[Create, ...] = ()
    resumes: tuple[Resume, ...] = ()
    deletes: tuple[Delete, ...] = ()
    replaces: tuple[Replace, ...] = ()
    repairs: tuple[Repair, ...] = ()
    adopts: tuple[Adopt, ...] = ()
    sweeps: tuple[Leftover, ...] = ()
    keeps: tuple[Node, ...] = ()
    arriving: tuple[Resume, ...] = ()
    leaving: tuple[Node, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    blocked: Mapping[str, PlatformError] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything has to be done at all."""
        return any(True for _line in self._lines())

    @property
    def hash(self) -> str:
        """Names this very plan, so that it differs when one node more or less is touched; empty without changes."""
        lines = sorted(self._lines())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12] if lines else ""

    @property
    def bought(self) -> tuple[tuple[str, Pool], ...]:
        """Name and pool of every node that is to be bought, in the order in which they are."""
        new: tuple[Create | Repair | Replace, ...] = (*self.creates, *self.repairs, *self.replaces)
        return tuple((item.name, item.pool) for item in new)

    @property
    def doomed(self) -> tuple[Node, ...]:
        """Every node that goes, for whatever reason."""
        old: tuple[Delete | Repair | Replace, ...] = (*self.deletes, *self.repairs, *self.replaces)
        return tuple(item.node for item in old)

    @property
    def there(self) -> tuple[Node, ...]:
        """Every node of the cluster as it was observed."""
        return (*self.keeps, *self.leaving, *self.doomed, *(adopt.node for adopt in self.adopts))

    def _lines(self) -> Iterator[str]:
        for create in self.creates:
            yield f"create {create.name}"
        for resume in self.resumes:
            yield f"start {_identity(resume.node)}"
        for delete in self.deletes:
            yield f"delete {_identity(delete.node)}"
        for replace in self.replaces:
            yield f"replace {_identity(replace.node)} by {replace.name}"
        for repair in self.repairs:
            yield f"repair {_identity(repair.node)} as {repair.name}"
        for adopt in self.adopts:
            yield f"adopt {_identity(adopt.node)} into {adopt.pool.name}"
        for sweep in self.sweeps:
            yield f"sweep {sweep.provider} {sweep.id}"


def _identity(node: Node) -> str:
    return f"{node.provider} {node.id}"
