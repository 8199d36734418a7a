# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools as a user writes them: checked before anything is touched, and with other counts for one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils.errors import PlatformError
from ..module_utils.options import parse_pools


def pools_fault(pools: Any, cluster: str = "") -> str:
    """What is wrong with the pools of a cluster, as one sentence; empty if nothing is."""
    try:
        parse_pools(pools, cluster)
    except PlatformError as fault:
        return str(fault)
    return ""


def with_counts(pools: Sequence[Mapping[str, Any]], counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pools, with the counts of those that are named in `counts`."""
    return [{**pool, "count": int(counts[pool["name"]])} if pool.get("name") in counts else {**pool} for pool in pools]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"pools_fault": pools_fault, "with_counts": with_counts}
