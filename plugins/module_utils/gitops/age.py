# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The age key of a fleet: made once, kept in one file and in every cluster, never lost by mistake."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import Conflict, Permanent
from ..kube_api import Json
from . import commands
from .flux import AGE_SECRET, NAMESPACE

ENTRY = "age.agekey"
"""Key of the Secret; Flux reads every key that ends like this."""

_IDENTITY = re.compile(r"^AGE-SECRET-KEY-[0-9A-Z-]+$", re.MULTILINE)


class Api(Protocol):
    """What is needed of a cluster."""

    def find(self, wanted: Json) -> Json | None: ...
    def apply(self, objects: Sequence[Json]) -> None: ...


@dataclass(frozen=True)
class Keys:
    """Private keys as the text of a key file. Printing one shows no key."""

    text: str

    @property
    def identities(self) -> frozenset[str]:
        """The private keys themselves, without comments."""
        return frozenset(_IDENTITY.findall(self.text))

    def __repr__(self) -> str:
        return f"Keys({len(self.identities)})"

    def __bool__(self) -> bool:
        return bool(self.identities)


@dataclass(frozen=True)
class Decision:
    """Keys that the file and the cluster shall hold, and which of the two has to be written. Without ``keys`` a new
    key has to be made."""

    keys: Keys
    write_file: bool
    write_cluster: bool


def decide(given: Keys, file: Keys, cluster: Keys | None, *, replace: bool) -> Decision:
    """Given keys win over the file's, the file's over the cluster's; ``cluster`` is None when there is none to look at.

    Conflict when a key would be lost with which something may be encrypted, unless ``replace`` says so.
    """
    keys = given or file or cluster or Keys("")
    holders = (("the key file", file), ("the cluster", cluster or Keys("")))
    for holder, held in holders:
        if not replace and held.identities - keys.identities:
            raise Conflict(
                f"There is an age key in {holder} that the wanted key file does not hold, so what is encrypted for it "
                "could no longer be read. Put both keys into the file, or set replace once nothing needs the old one.",
                code="KeyWouldBeLost",
            )
    return Decision(
        keys,
        write_file=not keys or keys.identities != file.identities,
        write_cluster=cluster is not None and (not keys or keys.identities != cluster.identities),
    )


def read_file(path: Path) -> Keys:
    """The keys in a file; none if it does not exist. Permanent when it holds something else."""
    if not path.is_file():
        return Keys("")
    keys = Keys(path.read_text(encoding="utf-8"))
    if not keys:
        raise Permanent(f"{path} holds no age key: none of its lines begins with AGE-SECRET-KEY-. Move it elsewhere.")
    return keys


def write_file(path: Path, keys: Keys) -> None:
    """Writes a key file that only its owner can read."""
    _write(path, keys.text, 0o600)


def public_file(path: Path) -> Path:
    """The file beside a key file that holds its public keys, one a line: all that encrypting needs."""
    return path.with_name(f"{path.name}.pub")


def public_text(path: Path) -> str:
    """What stands in the file of the public keys; nothing if it does not exist."""
    file = public_file(path)
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def write_public(path: Path, known: Sequence[str]) -> None:
    """Writes the public keys beside the key file of this path."""
    _write(public_file(path), "".join(f"{recipient}\n" for recipient in known), 0o644)


def read_cluster(api: Api) -> Keys:
    """The keys that Flux decrypts with."""
    found = api.find(_secret(Keys(""))) or {}
    texts = [base64.b64decode(value).decode(errors="replace") for value in (found.get("data") or {}).values()]
    return Keys("\n".join(texts))


def write_cluster(api: Api, keys: Keys) -> None:
    """Gives the keys to Flux; its namespace is made if it is missing."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    api.apply([namespace, _secret(keys)])


def generate(program: str) -> Keys:
    """A new key."""
    done = commands.run([program], timeout=30)
    keys = Keys(done.output.decode(errors="replace"))
    if done.code != 0 or not keys:
        raise Permanent(f"{program} made no key: {done.errors or 'no reason given'}.")
    return keys


def recipients(keys: Keys, program: str) -> list[str]:
    """Public keys of the private ones."""
    done = commands.run([program, "-y"], timeout=30, given=keys.text.encode())
    if done.code != 0:
        raise Permanent(f"{program} cannot read the age key. Is it complete?")
    return done.output.decode().split()


def _write(path: Path, text: str, mode: int) -> None:
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())  # a key that is in use must not be gone after a power cut
    os.replace(scratch, path)


def _secret(keys: Keys) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": AGE_SECRET, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {ENTRY: base64.b64encode(keys.text.encode()).decode()},
    }
