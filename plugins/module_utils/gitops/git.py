# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the system's `git`: never a prompt, never a secret in an argument, never without an end.

A password reaches Git through the environment of that one process and a credential helper that reads it there. The
user's own credential helpers are switched off for our calls, so that none of them stores the password.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import Auth, NotFound, Permanent, PlatformError, Transient
from . import commands
from .remote import Author, Remote

_ANSWER = 'printf "username=%s\\npassword=%s\\n" "$FLEET_GIT_USER" "$FLEET_GIT_SECRET"'
_HELPER = f'!f() {{ test "$1" = get && {_ANSWER}; }}; f'
_SETTINGS = {
    "advice.detachedHead": "false",
    "core.autocrlf": "false",
    "core.hooksPath": "/dev/null",
    "core.quotePath": "false",
    "http.lowSpeedLimit": "1",
}
_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
_LOGIN = ("Authentication failed", "could not read Username", "could not read Password", "error: 401", "error: 403")
_NETWORK = ("Could not resolve host", "Failed to connect", "Connection refused", "timed out", "Couldn't connect")
_REFUSALS: tuple[tuple[tuple[str, ...], type[PlatformError], str], ...] = (
    (
        (*_LOGIN, "Permission denied"),
        Auth,
        "Check that the user name and the password (or token) of the repository are right and may write to it.",
    ),
    (
        ("[remote rejected]", "hook declined"),
        Auth,
        "The server does not let this user push to this branch: allow it there, or name another branch.",
    ),
    (
        (*_NETWORK, "early EOF", "The requested URL returned error: 5"),
        Transient,
        "Check URL and network, then run again.",
    ),
    (
        ("not found", "does not appear to be a git repository", "does not exist"),
        NotFound,
        "Create the repository first, or correct its URL.",
    ),
)


class Git:
    """Git in one folder, on behalf of one remote."""

    def __init__(self, folder: Path, remote: Remote, author: Author, timeout: float) -> None:
        """``timeout``: seconds that one command may take."""
        self._folder = folder
        self._remote = remote
        self._timeout = timeout
        self._environment = _environment(remote, author, timeout)

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Output of a command that must succeed."""
        done = self.attempt(*arguments, given=given)
        if done.code != 0:
            raise self.refusal(f"Git failed in {self._folder} (git {arguments[0]})", done.errors)
        return done.output

    def attempt(self, *arguments: str, given: bytes = b"") -> commands.Done:
        """Outcome of a command that may fail."""
        command = ["git", *arguments]
        try:
            return commands.run(
                command, timeout=self._timeout, cwd=str(self._folder), environment=self._environment, given=given
            )
        except Transient as slow:
            raise Transient(
                f"git {arguments[0]} for {self._remote.url} did not end within {self._timeout:g} seconds and was "
                "stopped. Check that the repository answers, or raise the timeout.",
                provider="git",
                code=slow.code,
            ) from None

    def refusal(self, tried: str, said: str) -> PlatformError:
        """The error that Git's words stand for: what was tried, what Git said, what to do."""
        reason = _cause(said)
        if self._remote.password:
            reason = reason.replace(self._remote.password, "********")
        for signs, kind, advice in _REFUSALS:
            if any(sign in said for sign in signs):
                return kind(f"{tried}: {reason} {advice}", provider="git")
        return Permanent(f"{tried}: {reason}", provider="git")


def _environment(remote: Remote, author: Author, timeout: float) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    settings = [*_SETTINGS.items(), ("http.lowSpeedTime", str(max(1, int(timeout))))]
    if remote.password:
        # An empty helper makes Git forget the user's own ones, which stand before it.
        settings += [("credential.helper", ""), ("credential.helper", _HELPER)]
        environment |= {"FLEET_GIT_USER": remote.username or "git", "FLEET_GIT_SECRET": remote.password}
    first = int(environment.get("GIT_CONFIG_COUNT") or 0)
    for number, (key, value) in enumerate(settings, first):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    name, email = _plain(author.name), _plain(author.email)
    return {
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        **environment,
        "GIT_CONFIG_COUNT": str(first + len(settings)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "LC_ALL": "C",  # we read what Git says
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
    }


def _cause(said: str) -> str:
    """The line that names the cause: `fatal:` or a rejected branch, else the last one."""
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("fatal:", "! "))] or lines
    text = causes[-1].removeprefix("fatal:").strip() if causes else "no reason given"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _plain(name: str) -> str:
    return re.sub(r"[<>\n\0]", "", name)
