"""A fleet goes as it came: only when it is asked for by name, whole, and it can come back."""

from __future__ import annotations

import pytest

from lab.control_plane.planes import all_planes
from tests.lab import console

pytestmark = pytest.mark.lab


def test_teardown_wants_the_name_of_the_fleet(fleet: console.Run) -> None:
    before = console.servers()
    run = console.playbook("teardown")
    assert run.code != 0
    sentence = "This deletes all nodes and control planes of fleet lab (development) and what runs on them."
    assert sentence in " ".join(run.output.split())
    assert console.servers() == before


def test_teardown_leaves_nothing_billable_and_site_brings_all_back(fleet: console.Run) -> None:
    run = console.playbook("teardown", "-e", "confirm=lab")
    assert run.code == 0, run.output
    assert console.servers() == []
    assert console.eventually(lambda: all_planes() == [], 30)

    again = console.playbook("teardown", "-e", "confirm=lab")
    assert again.code == 0, again.output
    assert set(again.recap("changed").values()) == {0}, again.output

    run = console.playbook("site")
    assert run.code == 0, run.output
    assert "Hello from Scaleway!" in run.output
