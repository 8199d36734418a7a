"""A fleet goes as it came: only when it is asked for by name, and whole. It comes back whoever begins at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.control_plane.planes import all_planes
from tests.lab import console
from tests.lab.test_1_first_run import NODES

pytestmark = pytest.mark.lab


def test_teardown_wants_the_name_of_the_fleet(fleet: console.Run) -> None:
    before = console.servers()
    run = console.playbook("teardown")
    assert run.code != 0
    sentence = "This deletes all nodes and control planes of fleet lab (development) and what runs on them."
    assert sentence in " ".join(run.output.split())
    assert console.servers() == before


def test_teardown_leaves_nothing_billable_and_a_second_one_changes_nothing(fleet: console.Run) -> None:
    run = console.playbook("teardown", "-e", "confirm=lab")
    assert run.code == 0, run.output
    assert console.servers() == []
    assert console.eventually(lambda: all_planes() == [], 30)

    again = console.playbook("teardown", "-e", "confirm=lab")
    assert again.code == 0, again.output
    assert set(again.recap("changed").values()) == {0}, again.output


def test_three_runs_at_once_from_nothing_build_one_platform(fleet: console.Run) -> None:
    console.playbook("teardown", "-e", "confirm=lab")
    assert console.servers() == []

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(console.playbook, ["site"] * 3))

    assert [run.code for run in runs] == [0] * 3, "\n".join(run.output for run in runs if run.code)
    assert sorted(server["name"] for server in console.servers()) == NODES
    assert len(all_planes()) == 1
    assert "Hello from STACKIT!" in runs[0].output
