"""SSH key pairs, which belong to the account and not to one of its projects."""

from __future__ import annotations

import hashlib
import re
import uuid
from base64 import b64decode

from lab.cloud.stackit.answers import conflict, invalid, not_found, now
from lab.cloud.stackit.labels import merged
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

_PUBLIC_KEY = re.compile(
    r"(?:ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521))\s+([A-Za-z0-9+/]+={0,3})(?:\s+.+)?\s*"
)
_KEYPAIR_NAME = re.compile(r"[A-Za-z0-9@._-]{1,127}")


class Keypairs:
    """Register, change and delete."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, body: JsonObject) -> JsonObject:
        """Register an SSH key for the whole account."""
        key = _PUBLIC_KEY.fullmatch(str(body.get("publicKey") or ""))
        if key is None:
            raise invalid("publicKey", "string doesn't match the regular expression of SSH public keys")
        name = body.get("name") or f"keypair-{uuid.uuid4().hex[:8]}"
        if not isinstance(name, str) or not _KEYPAIR_NAME.fullmatch(name):
            raise invalid("name", "string doesn't match the regular expression of keypair names")
        if self._store.get("keypair", name):
            raise conflict(f"Key pair '{name}' already exists.")
        row: JsonObject = {
            "name": name,
            "publicKey": body["publicKey"],
            "fingerprint": _fingerprint(key[1]),
            "labels": merged({}, body.get("labels")),
            "createdAt": now(),
            "updatedAt": now(),
            "_region": None,
        }
        self._store.write([("keypair", name, row)])
        return row

    def find(self, name: str) -> JsonObject:
        """Give a key pair."""
        row = self._store.get("keypair", name)
        if row is None:
            raise not_found("keypair", name)
        return row

    def update(self, name: str, body: JsonObject) -> JsonObject:
        """Change the labels of a key pair."""
        row = self.find(name)
        changed = {**row, "labels": merged(row["labels"], body.get("labels")), "updatedAt": now()}
        self._store.write([("keypair", name, changed)])
        return changed

    def delete(self, name: str) -> None:
        """Take a key pair away."""
        self.find(name)
        self._store.write((), [("keypair", name)])


def _fingerprint(text: str) -> str:
    """MD5 in pairs, of the key's bytes or, if they are not base64, of its text."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = text.encode()
    return hashlib.md5(data, usedforsecurity=False).digest().hex(":")
