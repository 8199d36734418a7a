# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypts and decrypts Kubernetes Secrets with SOPS and age. Plain text goes through pipes only, never to a disk."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Auth, Conflict, Permanent
from . import commands

ENCRYPTED_KEYS = "^(data|stringData)$"
"""Keys of a Secret that SOPS encrypts; the rest stays readable, so that one sees which Secret it is."""

TIMEOUT = 60.0

_RECIPIENT = re.compile(r"^\s*(?:- )?recipient:\s*[\"']?(age1[0-9a-z]+)", re.MULTILINE)
_RECIPIENT_FORM = re.compile(r"age1[0-9a-z]+")


@dataclass(frozen=True)
class Sops:
    """SOPS with one set of age keys. ``key_file`` holds the private key, ``recipients`` are public keys."""

    recipients: tuple[str, ...]
    key_file: str
    program: str = "sops"

    def __post_init__(self) -> None:
        for recipient in self.recipients:
            if not _RECIPIENT_FORM.fullmatch(recipient):
                raise Permanent(f"{recipient!r} is not the public key of an age key. It begins with 'age1'.")

    @property
    def has_key(self) -> bool:
        """Whether the private key is there to decrypt with."""
        return bool(self.key_file) and Path(self.key_file).is_file()

    def encrypt(self, manifest: Mapping[str, Any], path: str) -> str:
        """YAML of the manifest with its secret values encrypted; ``path`` names it in errors."""
        if not self.recipients:
            raise Permanent(f"{path} cannot be encrypted: no age recipient is given. Run the role secrets first.")
        arguments = ["--encrypt", "--age", ",".join(self.recipients), "--encrypted-regex", ENCRYPTED_KEYS]
        done = self._run(arguments, "json", "yaml", json.dumps(manifest).encode())
        if done.code != 0:
            raise Permanent(f"SOPS cannot encrypt {path}: {_said(done.errors)}", provider="sops")
        return done.output.decode()

    def decrypt(self, content: bytes, path: str) -> dict[str, Any]:
        """The manifest that was encrypted; Auth when no key of ours opens it, Conflict when it was tampered with."""
        done = self._run(["--decrypt"], "yaml", "json", content)
        if "MAC mismatch" in done.errors:
            raise Conflict(f"{path} was edited without SOPS. Take the edit back, or delete the file: it is made anew.")
        if done.code != 0:
            raise Auth(
                f"SOPS cannot decrypt {path} with the key in {self.key_file}: {_said(done.errors)} Put back the age "
                "key it was encrypted for, or delete the file from Git: it is made anew.",
                provider="sops",
            )
        manifest = json.loads(done.output)
        return manifest if isinstance(manifest, dict) else {}

    def _run(self, arguments: list[str], given_as: str, wanted_as: str, given: bytes) -> commands.Done:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOPS_")}
        environment["SOPS_AGE_KEY_FILE"] = self.key_file
        formats = ["--input-type", given_as, "--output-type", wanted_as]
        # From "/" no .sops.yaml of the working folder gets a say in how we encrypt.
        return commands.run(
            [self.program, *arguments, *formats, "/dev/stdin"],
            timeout=TIMEOUT,
            environment=environment,
            given=given,
        )


def recipients_of(content: bytes) -> frozenset[str]:
    """Public age keys that an encrypted file was encrypted for."""
    return frozenset(_RECIPIENT.findall(content.decode(errors="replace")))


def _said(errors: str) -> str:
    text = " ".join(errors.partition("\n\n")[0].split())
    return text if text.endswith((".", "!", "?")) else f"{text or 'no reason given'}."
