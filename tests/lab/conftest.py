"""One lab and one fleet for all tests here, in the order in which a person would do things."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import console


@pytest.fixture(scope="session")
def fresh_lab() -> Iterator[None]:
    """A lab that has just come up; one that ran before is ended first, as there is one address plan a machine."""
    console.lab("down")
    up = console.lab("up")
    assert up.code == 0, up.output
    yield
    down = console.lab("down")
    assert down.code == 0, down.output


@pytest.fixture(scope="session")
def fleet(fresh_lab: None) -> console.Run:
    """The first whole run of site.yml, with what it said."""
    run = console.playbook("site")
    assert run.code == 0, run.output
    return run


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    console.clear_faults()
