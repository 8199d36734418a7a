# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user writes: checked before anything is touched, and with other counts for one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils import cluster_check


def input_fault(given: Mapping[str, Any], cluster: str = "") -> str:
    """What is wrong with control_plane, pools or providers, as one sentence; empty if nothing is."""
    return cluster_check.fault(_plain(given), str(cluster))


def with_counts(pools: Sequence[Mapping[str, Any]], counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pools, with the counts of those that are named in `counts`."""
    return [{**pool, "count": int(counts[pool["name"]])} if pool.get("name") in counts else {**pool} for pool in pools]


def _plain(value: Any) -> Any:
    """Without the types that Ansible wraps values in: their names mean nothing to the person who reads the sentence."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"input_fault": input_fault, "with_counts": with_counts}
