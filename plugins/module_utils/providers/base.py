# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud must be able to do for us: a handful of verbs over plain values.

A driver speaks for one account of one provider. No SDK type passes through it, it never sleeps for an outcome, and it
raises only the errors of ``errors.py``. Deadlines, order and decisions belong to its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..model import Event, Flavor, Leftover, Node, Owner, Pending, Refs, Scope, ServerSpec

Clock = Callable[[], float]
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Setting:
    """One key under ``providers.<name>``. ``env`` is the variable the vendor's own tools read, empty for none.

    A required one may be left out when the setting that ``unless`` names is given.
    """

    name: str
    env: str
    description: str
    secret: bool = False
    required: bool = True
    default: str = ""
    unless: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What is fixed about a provider and known without asking it.

    ``locations`` maps every place that an offer may name to its scope. ``max_user_data`` is in bytes.
    ``unique_names`` means that the provider itself refuses a second server of one name.
    ``leaves_parts`` means that a deleted server can leave billable parts behind: a disk, an address.
    ``max_ssh_keys`` is how many keys one server can be given, 0 for no limit.
    ``networks`` means that a private network can be had, ``placement_groups`` that servers can be kept on different
    hosts, ``firewalls`` that what comes in can be limited.
    """

    title: str
    locations: Mapping[str, Scope]
    default_image: str
    provider_id_prefix: str
    max_user_data: int
    unique_names: bool
    leaves_parts: bool
    max_ssh_keys: int = 0
    networks: bool = True
    firewalls: bool = True
    placement_groups: bool = True


class NodeDriver(Protocol):
    """One account at one provider. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """The provider's name as an offer writes it."""

    @property
    def caps(self) -> Capabilities:
        """The provider's fixed facts."""

    def scopes(self) -> list[Scope]:
        """The parts to list, independent of each other, so that they can be read at the same time."""

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        """Every server of the scope whose labels hold all of the filter; raises rather than leave one out."""

    def catalog(self, scope: Scope) -> list[Flavor]:
        """The types that can stand in a place (a value of ``caps.locations``)."""

    def prereq_changes(self, spec: ServerSpec) -> list[str]:
        """What ``ensure_prereqs`` would make or change, a line for each; reads only."""

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Find, or make, what the server needs: image, keys, network, firewall, placement group.

        Calling it again changes nothing; within one run a place is looked at once. What it makes carries our labels. A
        thing of the same name without them is a Conflict.
        """

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order the server, once. Raises Ambiguous when the order may have been taken although the answer was lost."""

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server of ours that is half made or stopped. Asks nothing: ``poll`` takes the next step."""

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """Look at all of them with few requests and take each one's next step; never waits. One event for each."""

    def mark(self, node: Node, owner: Owner) -> Node:
        """Write the owner's labels on a server that a person claimed for us; its other labels stay."""

    def delete_node(self, node: Node) -> Pending:
        """Read it again, refuse if it is not ours or is protected, then order its deletion."""

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """Parts of servers of ours that are gone; everywhere unless places are named."""

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        """Everything else under our mark that is no server: what ``ensure_prereqs`` made, and volumes, addresses and
        load balancers that carry the fleet's label. In the order in which it can be removed."""

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete it. Not being there any more is success."""


class DriverModule(Protocol):
    """The face of a driver file: facts that need no SDK, and a door that loads it."""

    SETTINGS: tuple[Setting, ...]
    CAPS: Capabilities

    def connect(self, settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> NodeDriver:
        """A driver for the account in ``settings``; ``deadline`` is a reading of ``clock`` that nothing outlasts."""
