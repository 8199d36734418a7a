# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that servers need: looked at once, made when they are missing, told in words either way."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial

from ..errors import Ambiguous, Conflict, Permanent, Transient
from ..model import PUBLIC_KEY_KINDS, Refs
from .once import Once

TRIES = 4
TAKEN = ("uniqueness_error", "taken")
"""Codes of a Conflict that says: somebody else was a moment faster. Looking again shows what they made."""


@dataclass(frozen=True)
class Need:
    """One thing: the provider's ``id`` of it when it is there as wished, else ``change`` says what ``make`` does."""

    id: str = ""
    change: str = ""
    make: Callable[[], str] | None = None


Look = Callable[[], Need]
Key = tuple[str, Hashable]
"""The kind of a need (ssh_key, network, firewall, spread), and which of that kind it is."""


def settle(first: Need, look: Look, made: list[str]) -> str:
    """Make what a look showed to be missing, and look again when somebody was faster or an answer was lost.

    What was made is appended to ``made``.
    """
    need, begun = first, ""
    for _try in range(TRIES):
        if need.make is None:
            made += [begun] if begun else []
            return need.id
        try:
            found = need.make()
        except Conflict as error:
            if error.code not in TAKEN:
                raise
        except Ambiguous:
            begun = need.change
        else:
            made.append(need.change)
            return found
        need = look()
    raise Transient(f"The {need.change} could not be made in {TRIES} tries; run again later.", code="unsettled")


class Needs:
    """What one run has looked at and made. Each thing is looked at once, however many threads ask for it."""

    def __init__(self) -> None:
        self._seen = Once()
        self._had = Once()

    def changes(self, looks: Iterable[tuple[Key, Look]]) -> list[str]:
        """What ``refs`` would do, a line for each; reads only."""
        pending = [(key, look) for key, look in looks if self._had.known(key) is None]
        return [need.change for key, look in pending if (need := self._seen.get(key, look)).change]

    def refs(self, image: str, looks: Iterable[tuple[Key, Look]]) -> Refs:
        """Find or make everything. ``made`` is told once, to the caller that made it."""
        made: list[str] = []
        found: dict[str, list[str]] = {}
        for key, look in looks:
            found.setdefault(key[0], []).append(self._had.get(key, partial(self._settle, key, look, made)))
        return Refs(
            image=image,
            ssh_keys=tuple(found.get("ssh_key", ())),
            network="".join(found.get("network", ())),
            firewall="".join(found.get("firewall", ())),
            placement_group="".join(found.get("spread", ())),
            made=tuple(made),
        )

    def _settle(self, key: Key, look: Look, made: list[str]) -> str:
        return settle(self._seen.get(key, look), look, made)


@dataclass(frozen=True)
class PublicKey:
    """A public key without its comment. ``digest`` names it shortly."""

    text: str
    digest: str


def public_key(entry: str) -> PublicKey | None:
    """The key that an entry of ``ssh_keys`` is, None when it is the name of one."""
    if not entry.startswith(PUBLIC_KEY_KINDS):
        return None
    words = entry.split()
    try:
        base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        raise Permanent(
            f"{entry[:40]!r} in ssh_keys begins like a public key but is none; write the whole line of the .pub file.",
            code="bad_ssh_key",
        ) from None
    text = f"{words[0]} {words[1]}"
    return PublicKey(text, hashlib.sha256(text.encode()).hexdigest()[:8])
