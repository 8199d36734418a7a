# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole listings, read page by page at the same time, without losing what moves between pages meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..budget import fan_out
from ..errors import PlatformError, Transient

Item = dict[str, Any]

PAGES_AT_ONCE = 8
LOOKS = 5


@dataclass(frozen=True)
class Page:
    """One page: its items, and how many items and pages there are in all."""

    items: list[Item]
    total: int
    pages: int


def read_all(read: Callable[[int], Page], key: Callable[[Item], Any], title: str) -> list[Item]:
    """All items; ``read`` gives the page of a number from 1.

    Something that is deleted while we read moves its successors a page forward, where we have been already. Then the
    counts of the pages differ, or do not fit the items, and we look again.
    """
    for _look in range(LOOKS):
        first = read(1)
        pages = [first, *_results(fan_out([_reader(read, page) for page in range(2, first.pages + 1)], PAGES_AT_ONCE))]
        items = {key(item): item for page in pages for item in page.items}
        if len(pages) == 1 or (all(page.total == first.total for page in pages) and len(items) == first.total):
            return list(items.values())
    raise Transient(
        f"{title} changed its list of {first.total} entries during each of {LOOKS} readings; run again.",
        code="unstable_list",
    )


def _reader(read: Callable[[int], Page], page: int) -> Callable[[], Page]:
    return lambda: read(page)


def _results(outcomes: Iterable[Page | PlatformError]) -> Iterable[Page]:
    for outcome in outcomes:
        if isinstance(outcome, PlatformError):
            raise outcome
        yield outcome
