"""Carries out cloud-init user-data: write_files, bootcmd and runcmd of a #cloud-config, or a script."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from lab.machines.init import finished_marker

USER_DATA = Path("/var/lib/cloud/seed/user-data")


class BadUserData(Exception):
    """The user-data cannot be carried out; the machine boots without it, as a real one does."""


def main() -> int:
    if finished_marker().exists() or not USER_DATA.exists():
        return 0
    try:
        code = carry_out(USER_DATA.read_text())
    except (BadUserData, OSError) as error:
        print(f"cloud-init: {error}", file=sys.stderr, flush=True)
        return 1
    finished_marker().parent.mkdir(parents=True, exist_ok=True)
    finished_marker().touch()
    return code


def carry_out(user_data: str) -> int:
    """Runs the user-data. Exit code of the first command that failed; later commands still run, as upstream does."""
    if user_data.startswith("#!"):
        script = USER_DATA.with_name("script")
        script.write_text(user_data)
        script.chmod(0o700)
        return subprocess.run([str(script)], check=False).returncode
    if not user_data.startswith("#cloud-config"):
        raise BadUserData("user-data is neither a #cloud-config nor a script (#!).")
    config = parse(user_data)
    for entry in config.get("write_files", []):
        write_file(entry)
    codes = [_run(command) for key in ("bootcmd", "runcmd") for command in config.get(key, [])]
    return next((code for code in codes if code), 0)


def parse(user_data: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(user_data)
    except yaml.YAMLError as error:
        raise BadUserData(f"the #cloud-config is not YAML: {error}") from error
    if not isinstance(config, dict):
        raise BadUserData("the #cloud-config is not a mapping.")
    return config


def write_file(entry: dict[str, Any], root: Path = Path("/")) -> None:
    """Writes one entry of write_files: path, content, encoding, permissions, append."""
    content = str(entry.get("content", "")).encode()
    encoding = str(entry.get("encoding", "text/plain"))
    if "b64" in encoding or "base64" in encoding:
        content = base64.b64decode(content)
    if encoding.startswith("gz"):
        content = gzip.decompress(content)
    target = root / str(entry["path"]).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = int(str(entry.get("permissions", "0644")), 8)
    kept = os.O_APPEND if entry.get("append") else os.O_TRUNC
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | kept, mode), "wb") as file:
        file.write(content)
    target.chmod(mode)


def _run(command: str | list[str]) -> int:
    words = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
    # Only the program's name: user-data carries secrets, and the console is a log.
    print(f"cloud-init: runs {words[0]}", flush=True)
    try:
        return subprocess.run(words, check=False).returncode
    except OSError as error:
        print(f"cloud-init: {words[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127


if __name__ == "__main__":
    sys.exit(main())
