# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How things that are made for a fleet at STACKIT are called, and how a name alone proves whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ..model import ServerSpec


def made_name(spec: ServerSpec) -> str:
    """What belongs to a whole cluster is called so."""
    return f"{spec.owner.fleet}-{spec.owner.cluster}"


def group_name(spec: ServerSpec) -> str:
    """Affinity groups take no labels: the end of the name proves whose it is, however many dashes the names have."""
    owner = spec.owner
    return f"{made_name(spec)}-{owner.pool}-{_proof(owner.fleet, owner.cluster, owner.pool)}"


def is_our_group(name: str, fleet: str, cluster: str) -> bool:
    """Whether an affinity group was made for a fleet, and for the cluster unless that is empty."""
    rest, _dash, proof = name.removeprefix(f"{fleet}-").rpartition("-")
    if not name.startswith(f"{fleet}-"):
        return False
    return any(_proof(fleet, one, pool) == proof and cluster in ("", one) for one, pool in _halves(rest))


def _halves(text: str) -> Iterator[tuple[str, str]]:
    parts = text.split("-")
    return (("-".join(parts[:end]), "-".join(parts[end:])) for end in range(1, len(parts)))


def _proof(fleet: str, cluster: str, pool: str) -> str:
    return hashlib.sha256(f"{fleet}/{cluster}/{pool}".encode()).hexdigest()[:8]
