"""A run that is killed before any request, to a provider or to Kubernetes, is healed by the next one.

Killed after a request, before its answer is read, is the same as before the next one: a run remembers nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Flavor, Pool
from tests.unit.plugins.conftest import Time
from tests.unit.plugins.fake_cloud import a_claim, a_kube_node, a_pool
from tests.unit.plugins.world import LARGE, World, ago


class Killed(BaseException):
    """The process is no more. Not an Exception, so that no handler can survive it."""


class Axe:
    """Lets ``index`` requests through, and nothing after that."""

    def __init__(self, index: int) -> None:
        self._left = index
        self._lock = threading.Lock()
        self.fell = False

    def __call__(self, _request: str) -> None:
        with self._lock:
            self.fell = self.fell or self._left == 0
            self._left -= 1
            if self.fell:
                raise Killed


@dataclass(frozen=True)
class Story:
    """How the world is before the run, what the run wants, and what it may not end without."""

    begin: Callable[[World], None]
    pools: tuple[Pool, ...]
    goal: list[str]
    at_least: int


def _outdated(world: World) -> None:
    world.have("dev-web-1", "dev-web-2", "dev-web-3")
    world.with_joining("dev-web-1", "dev-web-2", "dev-web-3")


def _silent(world: World) -> None:
    _outdated(world)
    assert world.kube is not None
    world.kube.there[1] = replace(world.kube.there[1], ready=False, ready_changed=ago(20))


def _never_joined(world: World) -> None:
    world.have("dev-web-1", "dev-web-2", "dev-web-3", created=ago(600))
    world.with_joining("dev-web-1", "dev-web-3").deaf = {"id-dev-web-2"}


def _claimed(world: World) -> None:
    world.add(a_claim("by-hand"))
    world.have("dev-web-1")
    world.with_joining("by-hand", "dev-web-1")
    world.north.lacking = {"n1": ["network"]}


def _too_many(world: World) -> None:
    _outdated(world)
    assert world.kube is not None
    world.kube.there.append(a_kube_node("dev-web-4", ready=False))  # and a Node whose server is gone


THREE = ["dev-web-1", "dev-web-2", "dev-web-3"]
STORIES = {
    "replacing three": Story(_outdated, (a_pool(3, "web", LARGE),), ["dev-web-2", "dev-web-3", "dev-web-4"], 34),
    "repairing a silent one": Story(_silent, (a_pool(3),), THREE, 15),
    "clearing away one that never joined": Story(_never_joined, (a_pool(3),), THREE, 11),
    "adopting one and buying one": Story(
        _claimed, (a_pool(3, network="10.0.0.0/16"),), ["by-hand", "dev-web-1", "dev-web-2"], 10
    ),
    "removing two": Story(_too_many, (a_pool(1),), ["dev-web-1"], 15),
}


def _world(story: Story) -> World:
    world = World(Time())
    world.north.flavors += (Flavor("large", 4, Decimal(8), Decimal("0.02"), "EUR", True),)
    story.begin(world)
    return world


def _run(world: World, story: Story, axe: Callable[[str], None] = lambda _request: None) -> dict[str, Any]:
    assert world.kube is not None
    for side in (world.north, world.south, world.kube):
        side.on_request = axe
    return world.run(*story.pools, wait_joined=True, timeout=900)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_killed_before_any_request_the_next_run_converges(story: Story) -> None:
    index = 0
    while True:
        world, axe = _world(story), Axe(index)
        with contextlib.suppress(Killed):
            _run(world, story, axe)
        if not axe.fell:
            break

        healed = _run(world, story)

        assert healed.get("msg") is None, f"killed before request {index}"
        assert len(set(world.names())) == len(world.names())
        _assert_reached(world, story)
        world.diary.clear()
        again = _run(world, story)
        assert (again.get("msg"), again["changed"], world.diary) == (None, False, []), f"killed before request {index}"
        index += 1
    assert index >= story.at_least, "the axe must have fallen before every request of a whole run"


def _assert_reached(world: World, story: Story) -> None:
    """As many servers as wished, of what is wished, each a Ready Node, and no Node without a server."""
    pool = story.pools[0]
    assert len(world.names()) == pool.count
    assert {node.type for node in world.north.nodes} == {offer.type for offer in pool.offers}
    assert world.kube is not None
    assert sorted(node.name for node in world.kube.nodes() if node.ready) == world.names()
    assert sorted(node.name for node in world.kube.there) == world.names()


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_a_run_that_is_left_alone_reaches_the_goal(story: Story) -> None:
    world = _world(story)

    assert _run(world, story).get("msg") is None
    assert world.names() == story.goal
    _assert_reached(world, story)
