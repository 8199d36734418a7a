# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server of a pool is made like: the order for a new one, and how one that was made otherwise is told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .model import LABEL_REVISION, Node, Offer, Owner, Pool, ServerSpec


@dataclass(frozen=True)
class Blueprint:
    """The user data of one cluster's pools and what stands for it.

    ``user_data`` and ``revisions`` go by ``<pool>/<provider>/<location>``, ``<pool>`` or ``*``. A text in ``revisions``
    stands for user data that may change without a reason to replace anything, because it holds a token that rotates.
    """

    fleet: str
    cluster: str
    user_data: Mapping[str, str] = field(default_factory=dict, repr=False)
    revisions: Mapping[str, str] = field(default_factory=dict)

    def spec(self, pool: Pool, name: str, offer: Offer) -> ServerSpec:
        """The order for a node of this name."""
        return ServerSpec(
            name=name,
            owner=Owner.of(self.fleet, self.cluster, pool.name, name),
            offer=offer,
            user_data=_fitting(self.user_data, pool, offer) or "",
            ssh_keys=pool.ssh_keys,
            labels={LABEL_REVISION: self.revision(pool, offer)},
            network=pool.network,
            firewall=pool.firewall,
            spread=pool.spread,
        )

    def revision(self, pool: Pool, offer: Offer) -> str:
        """Names image and user data that a server is made with there."""
        text = self._standing_for(pool, offer) or ""
        return hashlib.sha256(f"{offer.image}\n{text}".encode()).hexdigest()[:12]

    def why_stale(self, pool: Pool, node: Node) -> str:
        """Why the node is not what its pool wants any more; empty when it is.

        A node without a revision was made by a person and is not replaced by itself. No revision is compared while
        nobody says what the user data is: a call that only looks need not know it.
        """
        has = node.labels.get(LABEL_REVISION, "")
        if not has:
            return ""
        here = [offer for offer in pool.offers if stands_at(node, offer)]
        if not here:
            return f"{node.provider}/{node.location}/{node.type} is in no offer of pool {pool.name} any more"
        wished = [self.revision(pool, offer) for offer in here if self._standing_for(pool, offer) is not None]
        if not wished or has in wished:
            return ""
        return f"it was made with another image or other user data (revision {has}, wished is {wished[0]})"

    def _standing_for(self, pool: Pool, offer: Offer) -> str | None:
        revision = _fitting(self.revisions, pool, offer)
        return _fitting(self.user_data, pool, offer) if revision is None else revision


def stands_at(node: Node, offer: Offer) -> bool:
    """Whether the node is what the offer buys, where it buys it."""
    return (node.provider, node.location, node.type) == (offer.provider, offer.location, offer.type)


def keys_for(pool: Pool, offer: Offer) -> tuple[str, str, str]:
    """The keys of user data that fit a place, the most exact one first."""
    return (f"{pool.name}/{offer.provider}/{offer.location}", pool.name, "*")


def _fitting(texts: Mapping[str, str], pool: Pool, offer: Offer) -> str | None:
    return next((texts[key] for key in keys_for(pool, offer) if key in texts), None)
