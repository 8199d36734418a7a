# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buying servers: all at once, each only once, falling through the offers of its pool.

No provider has a key that makes an order safe to repeat. So an order whose answer was lost is looked up by its token
before anything is ordered again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .blueprint import Blueprint
from .budget import TRIES, backoff, fan_out
from .errors import Ambiguous, Capacity, NotFound, PlatformError, Quota, Transient
from .model import LABEL_TOKEN, Event, Node, Offer, Pending, Pool, ServerSpec
from .offering import Offered, Refusal, no_offer_left
from .outages import Trouble, trouble
from .plan import Quote
from .providers.base import NodeDriver
from .running import Pace, Run, look

LOOKS_AFTER_LOST_ANSWER = (1.0, 4.0)
"""Seconds to wait before each look for a server whose order got no answer; a list may lag behind."""


@dataclass
class Order:
    """A node on its way: bought by one of the quotes, or carried on from ``node``.

    ``silence`` is why the last look at it showed nothing.
    """

    pool: Pool
    name: str
    quotes: list[Quote]
    node: Node | None = None
    refused: list[Refusal] = field(default_factory=list)
    bought: bool = False
    silence: PlatformError | None = None

    @classmethod
    def of(cls, pool: Pool, name: str, offered: Offered) -> Order:
        """An order for a new node."""
        return cls(pool, name, list(offered.quotes[name]), refused=list(offered.refusals.get(name, ())))


@dataclass(frozen=True)
class Choice:
    """The offer that a node was bought by, and why those before it were not taken."""

    name: str
    offer: Offer
    refused: tuple[Refusal, ...] = ()

    def as_result(self) -> dict[str, Any]:
        """Plain values for the result of a module."""
        return {"name": self.name, "offer": str(self.offer), "refused": [str(refusal) for refusal in self.refused]}


@dataclass(frozen=True)
class Launched:
    """Nodes that run now, those of them that were bought, and why others do not run."""

    nodes: tuple[Node, ...] = ()
    choices: tuple[Choice, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def bought(self) -> tuple[str, ...]:
        """Names of the nodes that were bought."""
        return tuple(choice.name for choice in self.choices)


class Launch:
    """Carries out orders. ``made`` are the prerequisites that had to be made on the way, a line for each."""

    def __init__(
        self, run: Run, blueprint: Blueprint, requote: Callable[[Pool], tuple[list[Quote], list[Refusal]]]
    ) -> None:
        """``requote`` gives a pool's quotes and refusals when a node to carry on with turns out to be gone."""
        self._run = run
        self._blueprint = blueprint
        self._requote = requote
        self._sold_out: dict[Offer, PlatformError] = {}
        self._lock = threading.Lock()
        self.made: list[str] = []

    def carry_out(self, orders: Sequence[Order]) -> Launched:
        """Place all orders and look after them until every server runs, has failed for good, or the time is over."""
        nodes: list[Node] = []
        choices: list[Choice] = []
        troubles: list[Trouble] = []
        todo = list(orders)
        waiting: list[tuple[Order, Pending]] = []
        pace = Pace(self._run)
        while todo or waiting:
            for order, placed in zip(todo, fan_out([self._placer(order) for order in todo]), strict=True):
                if isinstance(placed, PlatformError):
                    troubles.append(trouble(placed, order.pool.name))
                else:
                    waiting.append((order, placed))
            todo = []
            if waiting and self._run.over():
                troubles += [self._too_late(order, pending) for order, pending in waiting]
                break
            if not waiting:
                break
            pace.wait()
            events = look(self._run, [pending for _order, pending in waiting])
            still: list[tuple[Order, Pending]] = []
            for (order, _pending), event in zip(waiting, events, strict=True):
                following = self._follow(order, event)
                if isinstance(following, Pending):
                    still.append((order, following))
                elif isinstance(following, Node):
                    nodes.append(following)
                    choices += self._choice(order)
                    self._run.tell(
                        f"{order.name} runs at {following.provider}/{following.location} as {following.type}"
                    )
                elif isinstance(following, PlatformError):
                    troubles.append(trouble(following, order.pool.name))
                else:
                    todo.append(order)
            waiting = still
        return Launched(tuple(nodes), tuple(choices), tuple(troubles))

    @staticmethod
    def _choice(order: Order) -> list[Choice]:
        taken = order.quotes[0].offer if order.bought and order.quotes else None
        return [Choice(order.name, taken, tuple(order.refused))] if taken else []

    def _follow(self, order: Order, event: Event) -> Pending | Node | PlatformError | None:
        """What becomes of an order after a look; None means that it has to be placed again."""
        if not event.done:
            order.silence = event.error
            return event.pending
        if event.error is None:
            # None: a failed server is gone, so its order is free for the next offer.
            return event.node and _with_price(event.node, order)
        if event.pending.spec is None:
            return event.error
        if isinstance(event.error, NotFound) and event.error.code == "vanished":
            return self._start_over(order, event.error)
        if not order.bought or event.node is None:
            return event.error
        return self._clear_away(order, event.node, event.error)

    def _start_over(self, order: Order, error: PlatformError) -> PlatformError | None:
        if order.node is None:
            return error
        order.node = None
        order.quotes, order.refused = self._requote(order.pool)
        return None

    def _clear_away(self, order: Order, node: Node, error: PlatformError) -> Pending | PlatformError:
        """A server that does not come up must neither cost money nor hold the name for the next offer."""
        self._give_up_offer(order, error)
        try:
            self._run.insist()
            return self._run.drivers[node.provider].delete_node(node)
        except PlatformError as second:
            return type(second)(
                f"{error} Deleting the failed server {node.name} (id {node.id}) did not work either: {second}",
                provider=second.provider,
                code=second.code,
                request_id=second.request_id,
            )

    def _placer(self, order: Order) -> Callable[[], Pending]:
        return lambda: self._place(order)

    def _place(self, order: Order) -> Pending:
        self._run.insist()
        if order.node is not None:
            node = order.node
            offer = Offer(node.provider, node.location, node.type)
            return self._run.drivers[node.provider].adopt(node, self._blueprint.spec(order.pool, order.name, offer))
        while order.quotes:
            offer = order.quotes[0].offer
            with self._lock:
                why = self._sold_out.get(offer)
            if why is not None:
                order.refused.append(Refusal(offer, str(why), why))
                del order.quotes[0]
                continue
            spec = self._blueprint.spec(order.pool, order.name, offer)
            try:
                pending = self._buy(self._run.drivers[offer.provider], spec)
            except (Capacity, Quota, NotFound) as error:
                self._give_up_offer(order, error)
                continue
            order.bought = True
            return pending
        raise no_offer_left(order.pool, order.name, order.refused)

    def _give_up_offer(self, order: Order, error: PlatformError) -> None:
        if not order.quotes:
            return
        offer = order.quotes.pop(0).offer
        order.refused.append(Refusal(offer, str(error), error))
        order.bought = False
        self._run.tell(f"{order.name}: {offer} is no good: {error}")
        if isinstance(error, (Capacity, Quota, NotFound)):
            with self._lock:
                self._sold_out.setdefault(offer, error)

    def _buy(self, driver: NodeDriver, spec: ServerSpec) -> Pending:
        """Order a server exactly once, even when answers get lost."""
        refs = driver.ensure_prereqs(spec)
        with self._lock:
            self.made += [line for line in refs.made if line not in self.made]
        for attempt in range(1, TRIES + 1):
            self._run.insist()
            try:
                return driver.create_node(spec, refs)
            except Ambiguous as lost:
                found = self._find(driver, spec, lost)
                if found is not None:
                    return driver.adopt(found, spec)
                if attempt == TRIES or self._run.over():
                    raise Transient(
                        f"The server {spec.name} could not be ordered: {lost} It is not there after {attempt} tries; "
                        "run again later.",
                        provider=lost.provider,
                        code=lost.code,
                        request_id=lost.request_id,
                    ) from None
            self._run.sleep(backoff(attempt))
        raise AssertionError("the last try returns or raises")

    def _find(self, driver: NodeDriver, spec: ServerSpec, lost: Ambiguous) -> Node | None:
        scopes = [scope for scope in driver.scopes() if scope.name == spec.offer.location] or driver.scopes()
        for pause in LOOKS_AFTER_LOST_ANSWER:
            self._run.sleep(pause)
            try:
                found = [
                    node
                    for scope in scopes
                    for node in driver.list_nodes(scope, {LABEL_TOKEN: spec.owner.token})
                    if node.owner == spec.owner and node.state != "deleting"
                ]
            except PlatformError as error:
                raise Ambiguous(
                    f"Whether the server {spec.name} was ordered is not known: {lost} Looking for it failed too: "
                    f"{error} Run again: the next run finds it if it is there.",
                    provider=lost.provider,
                    code=lost.code,
                    request_id=lost.request_id,
                ) from None
            if found:
                return min(found, key=lambda node: (node.state == "stopped", node.created, node.id))
        return None

    def _too_late(self, order: Order, pending: Pending) -> Trouble:
        state = pending.node.state if pending.node else "unknown"
        if pending.spec is None:
            said = f"The failed server {order.name} (id {pending.id}) was not gone in time"
        else:
            said = f"The server {order.name} (id {pending.id}) was not running in time; its last state was {state}"
        said += f". It stays at {pending.provider}; run again to go on waiting, or with a longer timeout."
        if order.silence is not None:
            said += f" The last look at it failed: {order.silence}"
        code = order.silence.code if order.silence else "deadline"
        return trouble(Transient(said, provider=pending.provider, code=code), order.pool.name)


def _with_price(node: Node, order: Order) -> Node:
    """Some providers tell the price of a type in their catalogue only."""
    before = order.node.price_hour if order.node else None
    price = order.quotes[0].flavor.price_hour if order.bought and order.quotes else before
    return node if node.price_hour is not None else replace(node, price_hour=price)
