# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person wants of the pools of one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .ailing import Limits
from .model import Pool


@dataclass(frozen=True)
class Wish:
    """``confirm`` is the hash of a plan that they have looked at.

    ``revisions`` stand for user data that may change without a reason to replace a node. Without ``fail_on_unserved`` a
    provider that does not answer, or refuses its credential, is told but does not make the run a failed one.
    """

    pools: tuple[Pool, ...]
    user_data: Mapping[str, str] = field(default_factory=dict, repr=False)
    revisions: Mapping[str, str] = field(default_factory=dict)
    prune: bool = False
    wait_joined: bool = False
    max_deletions: int = 10
    confirm: str = ""
    limits: Limits = field(default_factory=Limits)
    fail_on_unserved: bool = True
