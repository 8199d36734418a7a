# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last look before a server that a person claimed for us gets our labels."""

from __future__ import annotations

from ..errors import Conflict, NotFound
from ..model import Node, Owner


def still_free(node: Node, now: Node | None, owner: Owner, title: str) -> Node:
    """The server as it is now. Raises NotFound when it is gone, Conflict when somebody else owns it meanwhile."""
    if now is None:
        raise NotFound(
            f"The server {node.name} (id {node.id}) is not at {title} any more.", provider=node.provider, code="gone"
        )
    if now.owner not in (None, owner):
        raise Conflict(
            f"The server {node.name} (id {node.id}) at {title} already belongs to another pool or fleet, so it is left "
            "alone; take its labels away there first.",
            provider=node.provider,
            code="foreign_server",
        )
    return now
