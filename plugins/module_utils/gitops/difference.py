# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows changes of a tree the way Ansible prints differences: one entry per file, nothing secret, nothing endless."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .tree import MANIFEST_NAME, Change, checksum

LONGEST = 1000
"""Lines up to which a file is shown; a longer one is named with its length."""


def entries(changes: Iterable[Change], hidden: Collection[str]) -> list[dict[str, str]]:
    """Ansible's ``diff`` of these changes. Files in ``hidden`` are encrypted: only the fact of the change is told.

    A manifest is shown only when nothing else changes: beside its files it says nothing new.
    """
    changes = list(changes)
    shown = [change for change in changes if change.path.rpartition("/")[2] != MANIFEST_NAME] or changes
    return [_entry(change, change.path in hidden) for change in shown]


def names(changes: Iterable[Change]) -> dict[str, list[str]]:
    """Paths of generated and seeded files by what happens to them; manifests are left out."""
    found: dict[str, list[str]] = {"created": [], "updated": [], "removed": []}
    for change in changes:
        if change.path.rpartition("/")[2] != MANIFEST_NAME:
            found[change.verb].append(change.path)
    return found


def _entry(change: Change, hidden: bool) -> dict[str, str]:
    if hidden:
        before = "" if change.before is None else "encrypted\n"
        after = "" if change.after is None else ("encrypted\n" if change.before is None else "encrypted anew\n")
    else:
        before, after = _text(change.before), _text(change.after)
    header = f"{change.path} ({change.verb})"
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _text(content: bytes | None) -> str:
    if content is None:
        return ""
    text = content.decode(errors="replace")
    lines = text.count("\n")
    return text if lines <= LONGEST else f"{lines} lines, SHA-256 {checksum(content)}\n"
