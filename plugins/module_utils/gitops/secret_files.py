# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes Secrets as encrypted files of the tree.

SOPS gives other text each time for the same secret, so a file is only encrypted anew when its content or its recipients
change; that is seen by decrypting what stands there.
"""

from __future__ import annotations

import secrets as random_source
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import Auth, Conflict
from .sops import recipients_of

PREDICTED = "encrypted\n"
"""Stands for the encrypted text in a prediction, which must not need a key."""


@dataclass(frozen=True)
class SecretFile:
    """A Secret and the file that holds it. Keys in ``random`` get a random value when they have none, and keep it."""

    path: str
    namespace: str
    name: str
    data: Mapping[str, str]
    random: tuple[str, ...] = ()


class Cipher(Protocol):
    """What is needed of SOPS."""

    @property
    def recipients(self) -> tuple[str, ...]: ...
    @property
    def has_key(self) -> bool: ...
    def encrypt(self, manifest: Mapping[str, Any], path: str) -> str: ...
    def decrypt(self, content: bytes, path: str) -> dict[str, Any]: ...


def encrypted(secret: SecretFile, present: bytes | None, cipher: Cipher, *, check_mode: bool) -> str:
    """Text of the file: what stands there as long as it says the same, else the Secret encrypted now.

    Raises Auth or Conflict when random values would be lost because the file cannot be decrypted.
    """
    if check_mode and not cipher.has_key:
        return PREDICTED
    stored = _stored(secret, present, cipher)
    held = stored.get("stringData") or {}
    random = {key: held.get(key) or random_source.token_urlsafe(24) for key in secret.random}
    manifest = _manifest(secret, {**random, **secret.data})
    if present is not None and stored == manifest and recipients_of(present) == frozenset(cipher.recipients):
        return present.decode()
    return PREDICTED if check_mode else cipher.encrypt(manifest, secret.path)


def _stored(secret: SecretFile, present: bytes | None, cipher: Cipher) -> dict[str, Any]:
    if present is None:
        return {}
    try:
        return cipher.decrypt(present, secret.path)
    except (Auth, Conflict):
        if secret.random:
            raise
        return {}


def _manifest(secret: SecretFile, values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret.name, "namespace": secret.namespace},
        "type": "Opaque",
        "stringData": dict(sorted(values.items())),
    }
