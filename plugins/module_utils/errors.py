# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the platform: every failure a person can cause or meet is one of these, with one clear sentence.

The class says what the caller may do about it: try again, try elsewhere, look first, or give up.
"""

from __future__ import annotations


class PlatformError(Exception):
    """A failure whose message names what was tried, what the other side said and what to do next.

    ``provider`` is the side that failed, ``code`` its own error code, ``request_id`` what its support asks for,
    ``retry_after`` the seconds it told us to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


class Auth(PlatformError):
    """The credential is missing, malformed, expired, or may not do this."""


class NotFound(PlatformError):
    """The named thing does not exist (any more): a server, an image, a retired type."""


class Conflict(PlatformError):
    """Something else is in the way: a foreign server of the same name, a protected server."""


class Quota(PlatformError):
    """The account may not hold more of this."""


class Capacity(PlatformError):
    """The provider has none left of this type in this place."""


class RateLimited(PlatformError):
    """Too many requests; the call was not carried out."""


class Transient(PlatformError):
    """Failed in passing and certainly not carried out, or harmless to repeat: the same call may be made again."""


class Ambiguous(PlatformError):
    """A writing call whose answer was lost: it may have been carried out. Look before repeating it."""


class Permanent(PlatformError):
    """Repeating the same call cannot help: a refused value, an unusable file."""
