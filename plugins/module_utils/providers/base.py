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

from ..model import Event, Flavor, Leftover, Node, Pending, Refs, Scope, ServerSpec

Clock = Callable[[], float]
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Setting:
    """One key under ``providers.<name>``. ``env`` is the variable the vendor's own tools read."""

    name: str
    env: str
    description: str
    secret: bool = False
    required: bool = True
    default: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What is fixed about a provider and known without asking it.

    ``locations`` maps every place that an offer may name to its scope. ``max_user_data`` is in bytes.
    ``unique_names`` means that the provider itself refuses a second server of one name.
    ``leaves_disks`` means that a deleted server can leave billable disks behind.
    """

    title: str
    locations: Mapping[str, Scope]
    default_image: str
    provider_id_prefix: str
    max_user_data: int
    unique_names: bool
    leaves_disks: bool


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

    def ensure_prereqs(self, spec: ServerSpec) -> Refs:
        """Find, or make, what the server needs. Calling it again changes nothing."""

    def create_node(self, spec: ServerSpec, refs: Refs) -> Pending:
        """Order the server, once. Raises Ambiguous when the order may have been taken although the answer was lost."""

    def adopt(self, node: Node, spec: ServerSpec) -> Pending:
        """Carry on with a server of ours that is half made or stopped. Asks nothing: ``poll`` takes the next step."""

    def poll(self, pendings: Sequence[Pending]) -> list[Event]:
        """Look at all of them with few requests and take each one's next step; never waits. One event for each."""

    def delete_node(self, node: Node) -> Pending:
        """Read it again, refuse if it is not ours or is protected, then order its deletion."""

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        """What still costs money under our mark without a server; everywhere unless places are named."""

    def remove_leftover(self, leftover: Leftover) -> None:
        """Delete it. Not being there any more is success."""


class DriverModule(Protocol):
    """The face of a driver file: facts that need no SDK, and a door that loads it."""

    SETTINGS: tuple[Setting, ...]
    CAPS: Capabilities

    def connect(self, settings: Mapping[str, str], *, clock: Clock, sleep: Sleep, deadline: float | None) -> NodeDriver:
        """A driver for the account in ``settings``; ``deadline`` is a reading of ``clock`` that nothing outlasts."""
