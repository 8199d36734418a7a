# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A branch of a remote repository and who writes to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import Permanent


@dataclass(frozen=True)
class Remote:
    """A branch of a repository, and who may push to it. ``url`` holds no credentials."""

    url: str
    branch: str
    username: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url) if "://" in self.url else None
        if parts and (parts.password or (parts.username and parts.scheme.startswith("http"))):
            raise Permanent(
                f"The URL of the Git repository on {parts.hostname} holds a user name or password. "
                "Give them by the options username and password, where they stay out of logs and process lists."
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", self.branch) or ".." in self.branch:
            raise Permanent(f"{self.branch!r} is not a name for a branch.")
        if any(sign in self.username + self.password for sign in "\r\n\0"):
            raise Permanent(
                "The user name or the password of the Git repository holds a line break. "
                "It was probably read from a file together with the end of its line."
            )


@dataclass(frozen=True)
class Author:
    """Whose name the commits carry."""

    name: str
    email: str
