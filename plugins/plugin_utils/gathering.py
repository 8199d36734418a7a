# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of all providers as they are now, or as they were last known where a provider does not answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .fetching import Account, Answer
from .last_known import LastKnown, Seen

Record = dict[str, Any]


@dataclass
class Gathered:
    """`records` are nodes as plain dicts with `stale`, and `last_seen` where stale is true.

    `silent` has a sentence for each provider that did not answer in full; `missing` names those of them of which some
    or all hosts are neither known from now nor from before. `warnings` are about anything less.
    """

    records: list[Record] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def gather(
    accounts: Iterable[Account],
    fetch: Callable[[list[Account]], Mapping[str, Answer]],
    known: LastKnown,
    now: str,
) -> Gathered:
    """Fetch all accounts, fill the gaps from what was known before, and remember what is known now (`now` in UTC)."""
    accounts = list(accounts)
    answers = fetch(accounts)
    gathered = Gathered()
    for account in accounts:
        answer = answers[account.provider]
        for nodes in answer.nodes.values():
            gathered.records += [{**node, "stale": False} for node in nodes]
        if answer.error or answer.errors:
            _fill_gaps(account, answer, known, gathered)
        if answer.scopes is not None:
            _remember(account, answer.nodes, answer.scopes, known, now, gathered)
    return gathered


def _fill_gaps(account: Account, answer: Answer, known: LastKnown, gathered: Gathered) -> None:
    before: dict[str, Seen] = {}
    try:
        before = known.read(account.provider, account.key)
    except (OSError, ValueError) as error:
        gathered.warnings.append(f"The last known hosts of {account.provider} cannot be read: {error}.")
    gaps = sorted(before) if answer.error else sorted(answer.errors)
    found = [before[scope] for scope in gaps if scope in before]
    for seen in found:
        gathered.records += [{**node, "stale": True, "last_seen": seen.seen_at} for node in seen.nodes]
    said = "; ".join(str(error).rstrip(".") for error in answer.faults())
    where = f" ({', '.join(gaps)})" if answer.nodes else ""
    sentence = f"{account.provider}{where} did not list its servers: {said}."
    if len(found) < len(gaps) or not gaps:
        gathered.missing.add(account.provider)
        sentence += " Nothing is known of servers there from an earlier run."
    if found:
        count = sum(len(seen.nodes) for seen in found)
        since = min(seen.seen_at for seen in found)
        sentence += f" Its {count} last known hosts (seen {since}) stay in the inventory, marked stale."
    gathered.silent[account.provider] = sentence


def _remember(
    account: Account,
    fresh: Mapping[str, list[Record]],
    scopes: Collection[str],
    known: LastKnown,
    now: str,
    gathered: Gathered,
) -> None:
    if not fresh:
        return
    try:
        known.write(account.provider, account.key, fresh, now, keep=[scope for scope in scopes if scope not in fresh])
    except OSError as error:
        gathered.warnings.append(
            f"The hosts of {account.provider} cannot be kept for the day it is down: {known.folder}: {error.strerror}."
        )
