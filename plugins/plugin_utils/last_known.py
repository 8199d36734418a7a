# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each provider answered last, kept in files, so that a provider that is down still has its hosts."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
Record = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """Nodes of one scope as they were at `seen_at` (UTC, ISO 8601)."""

    seen_at: str
    nodes: list[Record]


def default_folder(environment: Mapping[str, str]) -> Path:
    """Folder of the user's caches by the XDG rules."""
    base = environment.get("XDG_CACHE_HOME", "")
    # The XDG rules say that a relative path is to be ignored.
    root = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
    return root / "sovereign.fleet" / "inventory"


def fingerprint(settings: Mapping[str, Any]) -> str:
    """A short name for these settings that tells none of them; another value anywhere gives another name."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(b"sovereign.fleet inventory " + text.encode()).hexdigest()[:16]


class LastKnown:
    """One JSON file per provider account, readable by its owner only. It holds host variables, never credentials."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, provider: str, account: str) -> dict[str, Seen]:
        """Scopes with the nodes last seen there; empty if nothing is known.

        Raises OSError or ValueError when the file is there and cannot be used.
        """
        try:
            content = json.loads(self._file(provider, account).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it was written by another version")
        try:
            return {
                scope: Seen(str(seen["seen_at"]), [dict(node) for node in seen["nodes"]])
                for scope, seen in content["scopes"].items()
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is damaged ({error})") from None

    def write(
        self, provider: str, account: str, fresh: Mapping[str, list[Record]], now: str, keep: Collection[str]
    ) -> None:
        """Store the fresh scopes beside those named in `keep`; other scopes are forgotten. Raises OSError."""
        try:
            before = self.read(provider, account) if keep else {}
        except ValueError:
            before = {}
        scopes = {
            scope: {"seen_at": seen.seen_at, "nodes": seen.nodes} for scope, seen in before.items() if scope in keep
        }
        scopes |= {scope: {"seen_at": now, "nodes": nodes} for scope, nodes in fresh.items()}
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp creates the file with mode 0600; the rename makes it appear whole or not at all.
        handle, draft = tempfile.mkstemp(dir=self.folder, prefix=f".{provider}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps({"format": FORMAT, "provider": provider, "scopes": scopes}))
            os.replace(draft, self._file(provider, account))
        except BaseException:
            os.unlink(draft)
            raise

    def _file(self, provider: str, account: str) -> Path:
        return self.folder / f"{provider}-{account}.json"
