"""The lab's own process may die at any moment: clouds, machines and clusters are as they were when it is back."""

from __future__ import annotations

import signal

import pytest

from lab import daemon
from lab.processes import Process
from tests.lab import console

pytestmark = pytest.mark.lab


def test_everything_is_there_again_after_the_labs_process_was_killed(fleet: console.Run) -> None:
    servers = console.servers()
    nodes = {node["metadata"]["name"]: node["metadata"]["uid"] for node in console.objects("nodes")}
    process = Process.read(daemon.NAME)
    assert process is not None
    process.signal(signal.SIGKILL)
    assert process.wait_gone(5)
    assert console.lab("status").output.startswith("lab       down")

    up = console.lab("up")
    assert up.code == 0, up.output
    assert console.servers() == servers
    assert {node["metadata"]["name"]: node["metadata"]["uid"] for node in console.objects("nodes")} == nodes
    run = console.playbook("site")
    assert run.code == 0, run.output
    assert set(run.recap("changed").values()) == {0}, run.output


def test_up_when_it_is_up_changes_nothing(fleet: console.Run) -> None:
    before = console.lab("status", "--json").output
    up = console.lab("up")
    assert up.code == 0
    assert up.output == "The lab is up already.\n"
    assert console.lab("status", "--json").output == before
