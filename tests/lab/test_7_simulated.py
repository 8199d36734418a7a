"""The lab with simulated machines: nodes join a real API server, and the lab says what that does not prove."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import lifecycle
from tests.lab import console

pytestmark = pytest.mark.lab


@pytest.fixture
def simulated() -> Iterator[console.Run]:
    console.lab("down")
    up = console.lab("up", "--simulated")
    assert up.code == 0, up.output
    yield up
    down = console.lab("down")
    assert down.code == 0, down.output
    assert lifecycle.leftovers() == []


def test_pools_are_bought_joined_and_placed(simulated: console.Run) -> None:
    assert "no kubelet, container, pod network or Flux runs" in simulated.output
    run = console.playbook("site", "--tags", "control_plane,node_pools")
    assert run.code == 0, run.output
    nodes = console.objects("nodes")
    assert len(nodes) == 6
    assert {node["metadata"]["labels"]["node.cloudprovider"] for node in nodes} == {
        "hetzner",
        "ovhcloud",
        "scaleway",
        "stackit",
    }
    again = console.playbook("site", "--tags", "control_plane,node_pools")
    assert set(again.recap("changed").values()) == {0}, again.output
