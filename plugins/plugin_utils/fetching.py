# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask all providers at once for their servers, each within the same time, none able to hold up another."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.errors import PlatformError, Transient
from ..module_utils.model import Scope
from ..module_utils.providers.base import NodeDriver

Record = dict[str, Any]
WORKERS_PER_PROVIDER = 8
GRACE = 1.0


@dataclass(frozen=True)
class Account:
    """A configured provider. `open` builds its driver, given the monotonic time after which it may not wait.

    `key` names the account without telling its credentials; `secrets` are the texts that no message may show.
    """

    provider: str
    open: Callable[[float], NodeDriver]
    key: str = ""
    secrets: tuple[str, ...] = ()


@dataclass
class Answer:
    """What one provider told: nodes per scope that answered, an error per scope that did not.

    `scopes` names all its scopes, asked or not; None when the provider could not even be opened: `error` says why.
    """

    scopes: list[str] | None = None
    nodes: dict[str, list[Record]] = field(default_factory=dict)
    errors: dict[str, PlatformError] = field(default_factory=dict)
    error: PlatformError | None = None

    def faults(self) -> list[PlatformError]:
        """One error of each kind; those of several scopes differ only in the path that was asked."""
        found = ([self.error] if self.error else []) + [self.errors[scope] for scope in sorted(self.errors)]
        kinds: dict[tuple[type[PlatformError], str], PlatformError] = {}
        for error in found:
            kinds.setdefault((type(error), error.code), error)
        return list(kinds.values())


@dataclass(frozen=True)
class _Opened:
    provider: str
    scopes: list[str]
    asked: list[str]


@dataclass(frozen=True)
class _Listed:
    provider: str
    scope: str
    nodes: list[Record]


@dataclass(frozen=True)
class _Failed:
    provider: str
    scope: str | None
    error: PlatformError


_Message = _Opened | _Listed | _Failed


@dataclass(frozen=True)
class Request:
    """What to ask for: servers that carry these labels (None = all), in the scopes that `wants` accepts."""

    labels: Mapping[str, str] | None = None
    wants: Callable[[NodeDriver, Scope], bool] = lambda _driver, _scope: True


class _Listing:
    """The work of one provider's threads. Everything they find goes through the queue; they share nothing else."""

    def __init__(self, account: Account, ask: Request, tell: queue.SimpleQueue[_Message], deadline: float) -> None:
        self.account = account
        self.ask = ask
        self.tell = tell
        self.deadline = deadline

    def run(self) -> None:
        provider = self.account.provider
        try:
            driver = self.account.open(self.deadline)
            scopes = list(driver.scopes())
            asked = [scope for scope in scopes if self.ask.wants(driver, scope)]
        except Exception as error:  # noqa: BLE001 - a thread has no caller to raise to
            self.tell.put(_Failed(provider, None, _as_platform_error(self.account, error)))
            return
        self.tell.put(_Opened(provider, [scope.name for scope in scopes], [scope.name for scope in asked]))
        todo: queue.SimpleQueue[Scope] = queue.SimpleQueue()
        for scope in asked:
            todo.put(scope)
        for _number in range(min(len(asked), WORKERS_PER_PROVIDER) - 1):
            _start(lambda: self._list(driver, todo))
        self._list(driver, todo)

    def _list(self, driver: NodeDriver, todo: queue.SimpleQueue[Scope]) -> None:
        provider = self.account.provider
        while True:
            try:
                scope = todo.get_nowait()
            except queue.Empty:
                return
            try:
                nodes = [node.as_result() for node in driver.list_nodes(scope, self.ask.labels)]
            except Exception as error:  # noqa: BLE001 - a thread has no caller to raise to
                self.tell.put(_Failed(provider, scope.name, _as_platform_error(self.account, error)))
            else:
                self.tell.put(_Listed(provider, scope.name, nodes))


def fetch(
    accounts: Iterable[Account],
    ask: Request,
    timeout: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    grace: float = GRACE,
) -> dict[str, Answer]:
    """Ask every account at once; returns after `timeout` + `grace` seconds at the latest, with an Answer for each.

    Drivers are told to stop at `timeout`; the grace is for their own word on what went wrong.
    """
    accounts = list(accounts)
    deadline = clock() + timeout
    told: queue.SimpleQueue[_Message] = queue.SimpleQueue()
    answers = {account.provider: Answer() for account in accounts}
    waiting: dict[str, set[str] | None] = {account.provider: None for account in accounts}
    for account in accounts:
        _start(_Listing(account, ask, told, deadline).run)
    while waiting:
        try:
            message = told.get(timeout=max(0.0, deadline + grace - clock()))
        except queue.Empty:
            break
        _note(message, answers, waiting)
    for provider, scopes in waiting.items():
        late = Transient(f"{provider} did not answer within {timeout:g} s", provider=provider, code="timeout")
        if scopes is None:
            answers[provider].error = late
        else:
            answers[provider].errors.update(dict.fromkeys(scopes, late))
    return answers


def _note(message: _Message, answers: dict[str, Answer], waiting: dict[str, set[str] | None]) -> None:
    provider = message.provider
    answer = answers[provider]
    if isinstance(message, _Opened):
        answer.scopes = message.scopes
        waiting[provider] = set(message.asked)
    elif isinstance(message, _Failed) and message.scope is None:
        answer.error = message.error
        waiting[provider] = set()
    else:
        scope = str(message.scope)
        if isinstance(message, _Listed):
            answer.nodes[scope] = message.nodes
        else:
            answer.errors[scope] = message.error
        (waiting[provider] or set()).discard(scope)
    if not waiting[provider]:
        del waiting[provider]


def _start(work: Callable[[], None]) -> None:
    # Not an executor: the interpreter waits for an executor's threads when it exits, so that one peer which sends a
    # byte now and then would hold up every command. Daemon threads can be left behind.
    threading.Thread(target=work, name="fleet-inventory", daemon=True).start()


def _as_platform_error(account: Account, error: Exception) -> PlatformError:
    if isinstance(error, PlatformError):
        return error
    # Libraries quote what they dislike, a header with the token in it for instance.
    text = str(error)
    for secret in account.secrets:
        text = text.replace(secret, "***")
    return PlatformError(
        f"{account.provider} could not be read: {type(error).__name__}: {text}", provider=account.provider
    )
