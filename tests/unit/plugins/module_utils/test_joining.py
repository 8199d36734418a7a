"""Servers and their Kubernetes Nodes: waiting for those that come, forgetting those whose server is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Transient,
)
from tests.unit.plugins.fake_cloud import a_kube_node, a_pool
from tests.unit.plugins.world import World


@pytest.fixture
def world(time: Any) -> World:
    return World(time)


def test_a_run_waits_until_every_node_is_ready(world: World) -> None:
    kube = world.with_kube()
    kube.joins = {3: [a_kube_node("dev-web-1", ready=False)], 5: [a_kube_node("dev-web-1")]}

    result = world.run(a_pool(1), wait_joined=True)

    assert (result.get("msg"), kube.readings) == (None, 5)


def test_a_node_that_does_not_join_is_named_with_what_is_seen_of_it(world: World) -> None:
    kube = world.with_kube()
    kube.joins = {2: [a_kube_node("dev-web-2", ready=False)]}

    result = world.run(a_pool(2), wait_joined=True, timeout=120)

    assert result["failed"]
    assert "dev-web-1: the server is running at north/n1 but has not registered" in result["msg"]
    assert "dev-web-2: registered but not Ready" in result["msg"]
    assert result["created"] == ["dev-web-1", "dev-web-2"]
    assert world.time.now <= 125


def test_without_wait_joined_nobody_waits(world: World) -> None:
    kube = world.with_kube()

    assert world.run(a_pool(1)).get("msg") is None
    assert kube.readings == 1


def test_a_settled_cluster_costs_one_reading(world: World) -> None:
    world.have("dev-web-1")
    kube = world.with_kube("dev-web-1")

    assert world.run(a_pool(1), wait_joined=True)["changed"] is False
    assert (kube.readings, world.time.slept) == (1, [])


def test_an_unreachable_cluster_is_told_before_anything_is_bought(world: World) -> None:
    world.with_kube().read_errors = [Transient("The API server does not answer.", provider="kubernetes")] * 6

    result = world.run(a_pool(1))

    assert (result["failed"], result["provider"], world.diary) == (True, "kubernetes", [])


def test_a_cluster_that_stutters_is_asked_again(world: World) -> None:
    world.with_kube().read_errors = [Transient("The API server restarts.", provider="kubernetes")] * 3

    assert world.run(a_pool(1)).get("msg") is None


def test_in_check_mode_an_unreachable_cluster_is_a_warning(world: World) -> None:
    world.with_kube().read_errors = [Transient("The API server does not answer.", provider="kubernetes")] * 6

    result = world.run(a_pool(1), check=True)

    assert result.get("msg") is None
    assert "The API server does not answer." in result["warnings"][0]


def test_the_node_of_a_server_that_is_gone_is_forgotten_once_it_is_silent(world: World) -> None:
    kube = world.with_kube("dev-web-1")
    kube.joins = {4: [a_kube_node("dev-web-1", ready=False)]}

    result = world.run(a_pool(0))

    assert (result.get("msg"), result["changed"], kube.there) == (None, True, [])
    assert world.diary == ["forget dev-web-1"]


def test_a_node_that_lives_on_a_server_we_cannot_see_stops_the_pool(world: World) -> None:
    world.with_kube("dev-web-1")

    result = world.run(a_pool(1))

    assert result["failed"]
    assert "Node dev-web-1 is Ready in Kubernetes, but north does not list its server" in result["msg"]
    assert world.diary == []


def test_nodes_of_others_are_no_ghosts(world: World) -> None:
    kube = world.with_kube()
    kube.there = [
        a_kube_node("dev-web-1", provider="west"),
        a_kube_node("stranger"),
        replace(a_kube_node("dev-web-1"), labels={}),
    ]

    assert world.run(a_pool(0))["changed"] is False
    assert world.diary == []


def test_nodes_of_a_silent_provider_are_no_ghosts(world: World) -> None:
    world.with_kube("dev-web-1")
    world.north.listing_error = Transient("North is down.")

    world.run(a_pool(1))

    assert world.diary == []


def test_a_server_that_is_leaving_is_seen_off_with_its_node(world: World) -> None:
    world.have("dev-web-1")
    world.have("dev-web-2", state="deleting")
    world.with_kube("dev-web-1", "dev-web-2")

    result = world.run(a_pool(1))

    assert result.get("msg") is None
    assert world.diary == ["delete dev-web-2", "gone dev-web-2", "forget dev-web-2"]
