# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that opens a cluster: made self-contained, written for its owner only."""

from __future__ import annotations

import base64
import os
import tempfile
import typing as t
from pathlib import Path

from .errors import Permanent

# Keys of a kubeconfig that name a file, and the key that holds the same content in place.
_EMBEDDED = {
    "certificate-authority": "certificate-authority-data",
    "client-certificate": "client-certificate-data",
    "client-key": "client-key-data",
}


def self_contained(source: str | Path, context: str = "") -> str:
    """Text of a kubeconfig with one context (the current one by default) and every file it names embedded.

    A copy at another place keeps working, which a kubeconfig with relative file names does not. Raises Permanent.
    """
    path = Path(source).expanduser()
    config = _load(path)
    name = context or str(config.get("current-context") or "")
    chosen = _named(config, "contexts", name, path).get("context") or {}
    cluster = dict(_named(config, "clusters", str(chosen.get("cluster") or ""), path).get("cluster") or {})
    user = dict(_named(config, "users", str(chosen.get("user") or ""), path).get("user") or {})
    for section in (cluster, user):
        _embed(section, path)
    return _dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": chosen["cluster"], "cluster": cluster}],
            "users": [{"name": chosen["user"], "user": user}],
            "contexts": [{"name": name, "context": chosen}],
            "current-context": name,
        }
    )


def differs(destination: str | Path, text: str) -> bool:
    """Whether writing would change the file or who may read it."""
    path = Path(destination).expanduser()
    try:
        return path.read_text() != text or path.stat().st_mode & 0o777 != 0o600
    except FileNotFoundError:
        return True


def write(destination: str | Path, text: str) -> None:
    """Replace the file in one step, mode 0600; folders that are missing are made with mode 0700."""
    path = Path(destination).expanduser()
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".kubeconfig-")  # mkstemp gives mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as failed:
        said = f"The kubeconfig {path} cannot be written: {failed.strerror}. Check who owns the folder."
        raise Permanent(said) from None


def diff(destination: str | Path) -> dict[str, str]:
    """What a diff may show of a file full of secrets: that it changes."""
    path = Path(destination).expanduser()
    return {"before": "old content, not shown\n" if path.exists() else "", "after": "content, not shown\n"}


def _load(path: Path) -> dict[str, t.Any]:
    try:
        import yaml
    except ImportError:
        raise Permanent("Python package 'PyYAML' is missing. Install it with: pip install PyYAML") from None
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as failed:
        raise Permanent(f"The kubeconfig {path} cannot be read: {failed.strerror}. Correct the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        config = None  # the parser's message would quote the file, secrets included
    if not isinstance(config, dict) or not isinstance(config.get("clusters"), list):
        raise Permanent(f"The file {path} is not a kubeconfig. Name the file that kubectl uses.")
    return config


def _named(config: dict[str, t.Any], section: str, name: str, path: Path) -> dict[str, t.Any]:
    entries = [entry for entry in config.get(section) or [] if isinstance(entry, dict)]
    for entry in entries:
        if entry.get("name") == name:
            return entry
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise Permanent(f"The kubeconfig {path} has no {section[:-1]} named '{name}'; it has: {known}. Choose one of them.")


def _embed(section: dict[str, t.Any], path: Path) -> None:
    for key, data_key in _EMBEDDED.items():
        if named := section.pop(key, None):
            section.setdefault(data_key, base64.b64encode(_read_beside(path, str(named))).decode())
    if named := section.pop("tokenFile", None):
        section.setdefault("token", _read_beside(path, str(named)).decode().strip())


def _read_beside(path: Path, named: str) -> bytes:
    try:
        return (path.parent / Path(named).expanduser()).read_bytes()
    except OSError as failed:
        said = f"The kubeconfig {path} names the file {named}, which cannot be read: {failed.strerror}."
        raise Permanent(said) from None


def _dump(config: dict[str, t.Any]) -> str:
    import yaml

    return str(yaml.safe_dump(config, sort_keys=False))
