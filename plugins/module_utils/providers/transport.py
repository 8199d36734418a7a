# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as every driver uses it: requests with time limits, and answers that are good or one of our errors.

The vendor's SDK still makes the request (``perform``); a hook looks at the raw answer before the SDK does, so that
neither its exceptions nor its retries come into play.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ..budget import Budget
from ..errors import Ambiguous, Auth, Conflict, NotFound, Permanent, PlatformError, RateLimited, Transient

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
SHORTEST_TIMEOUT = 1.0
LONGEST_QUOTE = 300
"""Characters of a provider's own words that a message repeats."""

REQUEST_IDS = ("X-Correlation-Id", "X-Request-Id", "X-Openstack-Request-Id", "X-Compute-Request-Id")
"""Headers in which one vendor or another names a request."""

READING = ("GET", "HEAD")
REPEATABLE = (*READING, "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Peer:
    """Whom we talk to, in the words of messages; ``credential`` and ``address`` say where those are set."""

    provider: str
    title: str
    endpoint: str
    credential: str
    address: str


@dataclass(frozen=True)
class Refusal:
    """An answer that says no, as the provider put it. ``details`` is its body, whatever it is."""

    status: int
    code: str
    message: str
    details: Any = None


@dataclass(frozen=True)
class Answer:
    """A good answer. ``body`` is its JSON, None when there is none."""

    body: Any
    headers: Mapping[str, str]


Perform = Callable[..., Any]
"""(method, path, **options of requests.Session.request) -> parsed JSON, or the response itself."""
Read = Callable[[int, Any], Refusal]
"""(status, JSON body or None) -> what the provider said."""
Classify = Callable[[Refusal], "type[PlatformError] | None"]
"""The class of a refusal; None leaves it to the HTTP status."""


class Transport:
    """The requests of one account. Safe to use from several threads."""

    def __init__(self, peer: Peer, perform: Perform, read: Read, classify: Classify, budget: Budget) -> None:
        self.peer = peer
        self._perform = perform
        self._read = read
        self._classify = classify
        self._budget = budget

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Make a request; repeated as the budget allows when that is harmless. ``options`` are those of requests."""
        return self._budget.call(lambda: self._once(method, path, options))

    def _once(self, method: str, path: str, options: Mapping[str, Any]) -> Answer:
        import requests

        seen: list[requests.Response] = []

        def look(response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
            seen.append(response)
            if response.status_code >= 300:
                raise self._refused(method, path, response)

        try:
            body = self._perform(
                method,
                path,
                **options,
                hooks={"response": look},
                timeout=self._timeout(),
                # Otherwise requests would put the credentials of a .netrc in place of ours.
                auth=_leave_alone,
                # A redirect would carry the token to a host that nobody configured.
                allow_redirects=False,
            )
            if isinstance(body, requests.Response):
                body = json.loads(body.content) if body.content.strip() else None
        except PlatformError:
            raise
        except requests.exceptions.InvalidHeader:
            raise self._malformed_credential() from None
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
            raise self._bad_endpoint() from None
        except requests.exceptions.RequestException as error:
            raise self._unreachable(method, path, error) from None
        except UnicodeError:
            raise self._malformed_credential() from None
        except Exception as error:
            # An SDK has exceptions of its own; after an answer came, they mean that it could not read it.
            if not seen:
                raise
            raise self._unreadable(method, path, seen[-1], error) from None
        headers = seen[-1].headers
        self._note_budget(headers)
        return Answer(body, headers)

    def _timeout(self) -> tuple[float, float]:
        left = self._budget.time_left()
        if left is None:
            return CONNECT_TIMEOUT, READ_TIMEOUT
        left = max(SHORTEST_TIMEOUT, left)
        return min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)

    def _note_budget(self, headers: Mapping[str, str]) -> None:
        # RateLimit-Reset is when the bucket is full again, which nobody has to wait for: at zero, our own bucket
        # lets the next request through as soon as the provider's has one.
        left = headers.get("RateLimit-Remaining", "")
        if left.isdigit():
            self._budget.remaining(int(left))

    # ---- from what came back to a sentence

    def _refused(self, method: str, path: str, response: requests.Response) -> PlatformError:
        status, peer = response.status_code, self.peer
        tried = f"{method} {path.partition('?')[0]}"
        if status < 400:
            where = response.headers.get("Location", "elsewhere")
            return Permanent(
                f"{peer.title} at {peer.endpoint} answered {tried} with a redirect to {where}; correct {peer.address}.",
                provider=peer.provider,
                code=str(status),
            )
        self._note_budget(response.headers)
        refusal = self._read(status, _json_of(response))
        kind = self._classify(refusal) or _kind_of(status)
        if kind is Transient and method not in REPEATABLE and _may_be_done(status):
            kind = Ambiguous
        said = f"{status} {refusal.code}".strip() + (f": {_quote(refusal.message)}" if refusal.message else "")
        return kind(
            _sentence(kind, peer, tried, said),
            provider=peer.provider,
            code=refusal.code or str(status),
            request_id=next((response.headers[name] for name in REQUEST_IDS if name in response.headers), ""),
            retry_after=_retry_after(response.headers),
        )

    def _unreachable(self, method: str, path: str, error: requests.exceptions.RequestException) -> PlatformError:
        import requests

        peer = self.peer
        reason = _reason(error)
        never_sent = isinstance(error, requests.exceptions.ConnectTimeout) or "refused" in reason or "name" in reason
        if never_sent:
            return Transient(
                f"{peer.title} cannot be reached at {peer.endpoint}: {reason}; check the network and {peer.address}.",
                provider=peer.provider,
                code="unreachable",
            )
        return self._lost(
            method,
            f"{peer.title} at {peer.endpoint} gave no answer to {method} {path.partition('?')[0]}: {reason}",
            "no_answer",
        )

    def _unreadable(self, method: str, path: str, response: requests.Response, error: Exception) -> PlatformError:
        peer = self.peer
        kind = response.headers.get("Content-Type", "").partition(";")[0] or "something"
        what = "a page of HTML" if "html" in kind else f"{kind} that cannot be read ({type(error).__name__})"
        tried = f"{method} {path.partition('?')[0]}"
        return self._lost(
            method, f"{peer.title} at {peer.endpoint} answered {tried} with {what} instead of JSON", "unreadable"
        )

    def _lost(self, method: str, sentence: str, code: str) -> PlatformError:
        if method in REPEATABLE:
            return Transient(
                f"{sentence}; run again later, or check {self.peer.address}.", provider=self.peer.provider, code=code
            )
        return Ambiguous(f"{sentence}; it may have been carried out.", provider=self.peer.provider, code=code)

    def _bad_endpoint(self) -> PlatformError:
        return Permanent(
            f"{self.peer.endpoint!r} is no address of {self.peer.title}; correct {self.peer.address}.",
            provider=self.peer.provider,
            code="bad_endpoint",
        )

    def _malformed_credential(self) -> PlatformError:
        return Auth(
            f"The credential for {self.peer.title} holds characters that cannot be sent; set {self.peer.credential}.",
            provider=self.peer.provider,
            code="malformed_credential",
        )


def _leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _kind_of(status: int) -> type[PlatformError]:
    if status == 429:
        return RateLimited
    if status in (401, 403):
        return Auth
    if status in (404, 410):
        return NotFound
    if status == 409:
        return Conflict
    if status in (408, 423) or (status >= 500 and status not in (501, 505)):
        return Transient
    return Permanent


def _may_be_done(status: int) -> bool:
    """Whether an answer of this status can come from a gateway although the request went through."""
    return status == 408 or status >= 500


def _sentence(kind: type[PlatformError], peer: Peer, tried: str, said: str) -> str:
    if kind is Auth:
        subject = "refused the token" if said.startswith("401") else f"does not allow {tried} with this token"
        return f"{peer.title} {subject} ({said}); set {peer.credential}."
    if kind is RateLimited:
        return f"{peer.title} wants fewer requests ({tried}: {said}); run again later."
    if kind is Transient:
        return f"{peer.title} at {peer.endpoint} failed at {tried} ({said}); run again later."
    if kind is Ambiguous:
        return f"{peer.title} at {peer.endpoint} failed at {tried} ({said}); it may have been carried out."
    return f"{peer.title} refused {tried} ({said})."


def _json_of(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except Exception:  # noqa: BLE001 - an HTML page, or a body cut short: the status says enough
        return None


def _quote(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_QUOTE else f"{flat[:LONGEST_QUOTE]}…"


def _reason(error: BaseException) -> str:
    """Why a request failed, without the SDK's and urllib3's object names, which change at every run."""
    import requests

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "it stayed silent for too long"
    text = str(error)
    for known, said in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "the host name is unknown"),
        ("NameResolutionError", "the host name is unknown"),
        ("name resolution", "the host name cannot be looked up"),
        ("Network is unreachable", "connection refused by the network"),
        ("No route to host", "connection refused by the network"),
        ("Read timed out", "it stayed silent for too long"),
        ("reset", "connection reset"),
        ("without response", "connection closed"),
        ("IncompleteRead", "the answer was cut short"),
        ("CERTIFICATE_VERIFY", "its certificate is not trusted"),
    ):
        if known in text:
            return said
    return type(error).__name__


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer tells to wait. A date counts against the answer's own date, not our clock."""
    told = headers.get("Retry-After", "").strip()
    try:
        if told.replace(".", "", 1).isdigit():
            return float(told)
        if told:
            return max(
                0.0, parsedate_to_datetime(told).timestamp() - parsedate_to_datetime(headers["Date"]).timestamp()
            )
    except (KeyError, TypeError, ValueError):
        return None
    return None
