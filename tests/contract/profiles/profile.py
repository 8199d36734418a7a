"""What the suites have to know of a provider, and a way to ask its API as a person with an account would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from lab.cloud.testing import Emulator


@dataclass(frozen=True)
class Profile:
    """One provider as the emulator plays it.

    `cloud` is the emulated cloud that stands for it. `first` and `second` are offers that can be bought, as (location,
    type). `orders` is the path prefix under which servers of the first offer are listed and ordered, `servers` that of
    everything about servers, `types` that of what is sold there; `reading` are prefixes of paths that change nothing
    although they are not GET: logins. `page` is where the driver keeps the size of a page, as module:ATTRIBUTE, empty
    when the API has no pages.

    `parts` counts what a server brings along in the store, `standing` names what stays for a whole cluster. `made` has
    the store's own words for what `ensure_prereqs` makes; what is not there cannot be had. `unmarked` are those of them
    that the provider lets nobody label, so that their name has to be the mark.
    """

    provider: str
    cloud: str
    first: tuple[str, str]
    second: tuple[str, str]
    orders: str
    servers: str
    types: str
    token_variable: str
    broken_account: Mapping[str, str]
    make_foreign: Callable[[Emulator, str, Mapping[str, str]], None]
    relabel: Callable[[Emulator, str, Mapping[str, str]], None]
    protect: Callable[[Emulator, str], None]
    unprotect: Callable[[Emulator, str], None]
    power_off: Callable[[Emulator, str], None]
    erase: Callable[[Emulator, str], None]
    page: str = ""
    reading: tuple[str, ...] = ()
    parts: Mapping[str, int] = field(default_factory=dict)
    standing: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    unmarked: tuple[str, ...] = ()
    late_user_data: bool = False
    """User data goes up after the order, so that a half-made server can still get fresh ones."""
    priced: bool = True
    """Prices can be had at all, from the vendor or from the table."""
    prices: str = ""
    """Path prefix of what tells prices and nothing else; empty when there is no such thing."""


def ask(
    method: str, url: str, headers: Mapping[str, str], body: Any = None, *, query: Mapping[str, str] | None = None
) -> requests.Response:
    """A request of somebody else than us; it must succeed."""
    answer = requests.request(method, url, json=body, params=query, headers=dict(headers), timeout=(5, 5))
    answer.raise_for_status()
    return answer
