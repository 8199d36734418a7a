"""Encrypted files change only when what they say changes."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Conflict, Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops import age
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.secret_files import (
    PREDICTED,
    SecretFile,
    encrypted,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.sops import Sops, recipients_of

from .tools import AGE_KEYGEN, SOPS, needs_sops

SECRET = SecretFile("a.sops.yaml", "podinfo", "token", {"TOKEN": "hunter2: # 'x'\n", "EMPTY": "", "NUMBER": "007"})
RANDOM = replace(SECRET, data={}, random=("TOKEN",))


def make_key(folder: Path, name: str = "key") -> tuple[str, str]:
    """File and recipient of a new key."""
    keys = age.generate(AGE_KEYGEN)
    path = folder / name
    age.write_file(path, keys)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return str(path), age.recipients(keys, AGE_KEYGEN)[0]


@pytest.fixture(name="sops")
def _sops(tmp_path: Path) -> Sops:
    key, recipient = make_key(tmp_path)
    return Sops((recipient,), key, SOPS)


def seal(secret: SecretFile, present: str | None, cipher: Sops, check_mode: bool = False) -> str:
    return encrypted(secret, None if present is None else present.encode(), cipher, check_mode=check_mode)


class Remembering:
    """A cipher that encrypts nothing and remembers what it was given."""

    recipients = ("age1abc",)
    has_key = True

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def encrypt(self, manifest: Mapping[str, Any], path: str) -> str:
        self.given = dict(manifest)
        return path

    def decrypt(self, content: bytes, path: str) -> dict[str, Any]:
        raise NotImplementedError


def test_a_random_value_is_as_long_as_the_seal_of_openbao_wants() -> None:
    cipher = Remembering()
    encrypted(SecretFile("a", "openbao", "openbao-seal", {}, ("key",)), None, cipher, check_mode=False)
    assert len(cipher.given["stringData"]["key"].encode()) == 32


@needs_sops
class TestWithSops:
    def test_only_the_values_are_hidden(self, sops: Sops) -> None:
        text = seal(SECRET, None, sops)
        manifest = yaml.safe_load(text)
        assert manifest["metadata"] == {"name": "token", "namespace": "podinfo"}
        assert manifest["stringData"]["TOKEN"].startswith("ENC[")
        assert "hunter2" not in text
        assert sops.decrypt(text.encode(), "a")["stringData"] == SECRET.data
        assert recipients_of(text.encode()) == frozenset(sops.recipients)

    def test_the_same_secret_stays_as_it_is(self, sops: Sops) -> None:
        text = seal(SECRET, None, sops)
        assert seal(SECRET, text, sops) == text
        assert seal(SECRET, text, sops, check_mode=True) == text

    def test_another_value_is_encrypted_anew(self, sops: Sops) -> None:
        text = seal(SECRET, None, sops)
        changed = replace(SECRET, data={"TOKEN": "other"})
        assert seal(changed, text, sops, check_mode=True) == PREDICTED
        assert sops.decrypt(seal(changed, text, sops).encode(), "a")["stringData"] == {"TOKEN": "other"}

    def test_a_random_value_is_made_once_and_kept(self, sops: Sops) -> None:
        text = seal(RANDOM, None, sops)
        token = sops.decrypt(text.encode(), "a")["stringData"]["TOKEN"]
        assert len(token) >= 32
        assert seal(RANDOM, text, sops) == text
        more = seal(replace(RANDOM, data={"USER": "ann"}), text, sops)
        assert sops.decrypt(more.encode(), "a")["stringData"] == {"TOKEN": token, "USER": "ann"}

    def test_another_recipient_means_another_file_with_the_same_secret(self, sops: Sops, tmp_path: Path) -> None:
        text = seal(RANDOM, None, sops)
        _file, second = make_key(tmp_path, "second")
        both = replace(sops, recipients=(*sops.recipients, second))
        renewed = seal(RANDOM, text, both)
        assert recipients_of(renewed.encode()) == frozenset(both.recipients)
        assert sops.decrypt(renewed.encode(), "a") == sops.decrypt(text.encode(), "a")

    def test_random_values_are_not_lost_to_a_wrong_key(self, sops: Sops, tmp_path: Path) -> None:
        key, recipient = make_key(tmp_path, "other")
        other = Sops((recipient,), key, SOPS)
        with pytest.raises(Auth, match=r"SOPS cannot decrypt a\.sops\.yaml .*Put back the age key"):
            seal(RANDOM, seal(RANDOM, None, sops), other)
        given = seal(SECRET, seal(SECRET, None, sops), other)
        assert other.decrypt(given.encode(), "a")["stringData"] == SECRET.data

    def test_a_file_that_was_tampered_with_is_named(self, sops: Sops) -> None:
        text = seal(RANDOM, None, sops).replace("namespace: podinfo", "namespace: kube-system")
        with pytest.raises(Conflict, match=r"a\.sops\.yaml was edited without SOPS"):
            seal(RANDOM, text, sops)

    def test_the_users_own_settings_of_sops_do_not_matter(self, sops: Sops, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SOPS_AGE_RECIPIENTS", "age1nonsense")
        monkeypatch.setenv("SOPS_AGE_KEY", "nonsense")
        text = seal(SECRET, None, sops)
        assert sops.decrypt(text.encode(), "a")["stringData"] == SECRET.data

    def test_the_plain_text_is_in_no_argument(self, sops: Sops, tmp_path: Path) -> None:
        spy = tmp_path / "spy"
        spy.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\nexec {SOPS} "$@"\n')
        spy.chmod(0o755)
        seal(SECRET, seal(SECRET, None, replace(sops, program=str(spy))), replace(sops, program=str(spy)))
        said = (tmp_path / "arguments").read_text()
        assert "--encrypt" in said
        assert "hunter2" not in said


class Unused:
    """A cipher that must not be asked."""

    recipients: tuple[str, ...] = ()
    has_key = False

    def encrypt(self, manifest: Any, path: str) -> str:
        raise AssertionError(path)

    def decrypt(self, content: bytes, path: str) -> dict[str, Any]:
        raise AssertionError(path)


@pytest.mark.parametrize("present", [None, b"encrypted for somebody"])
def test_a_prediction_without_a_key_needs_no_sops(present: bytes | None) -> None:
    assert encrypted(RANDOM, present, Unused(), check_mode=True) == PREDICTED


def test_encrypting_for_nobody_is_refused() -> None:
    with pytest.raises(Permanent, match=r"a\.sops\.yaml cannot be encrypted: no age recipient"):
        seal(SECRET, None, Sops((), ""))


def test_a_private_key_is_no_recipient() -> None:
    with pytest.raises(Permanent, match="not the public key"):
        Sops(("ssh-ed25519 AAAA",), "")


def test_a_missing_sops_is_a_sentence() -> None:
    with pytest.raises(Permanent, match=r"The program /no/sops cannot be started .*Install it"):
        seal(SECRET, None, Sops(("age1abc",), "", "/no/sops"))
