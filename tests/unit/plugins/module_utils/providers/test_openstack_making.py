"""Things whose names are not unique: found out once, made once, and kept once, whoever else is at it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.once import Once
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_making import (
    NETWORKS,
    TIED_LOOKS,
    Maker,
)
from tests.unit.plugins.module_utils.providers.openstack_project import LABELS, Project, Said, connect

EARLY, NOW, LATE = "2026-11-21T10:00:00Z", "2026-11-21T10:00:05Z", "2026-11-21T10:00:09Z"
TAGS = [f"{key}={value}" for key, value in LABELS.items()]


def _network(number: str, created: str) -> dict[str, Any]:
    return {"id": number, "name": "lab-dev-eu", "created_at": created, "tags": TAGS}


def _made(time: Any, *rivals: dict[str, Any], gone_after: int = 1000) -> tuple[str, list[str], Any]:
    """The id that is kept when we make network m, what was deleted, and what was asked."""
    project, looks = Project(), 0
    mine = _network("m", NOW)

    def listed(_asked: Any) -> Said:
        nonlocal looks
        looks += 1
        return Said(200, {"networks": [mine, *(rivals if looks <= gone_after else ())]})

    project.on("POST", "network", "/networks", Said(201, {"network": mine}))
    project.on("GET", "network", "/networks", listed)
    project.on("DELETE", "network", "/networks/m", Said(204))
    maker = Maker(connect(project, time).api, time.sleep)
    kept = maker.make(NETWORKS, "r1", "lab-dev-eu", LABELS, {})
    return str(kept["id"]), [asked.path for asked in project.requests("DELETE")], looks


@pytest.mark.parametrize(
    ("rivals", "kept", "deleted"),
    [
        pytest.param([], "m", [], id="alone"),
        pytest.param([_network("x", EARLY)], "x", ["/networks/m"], id="an older one"),
        pytest.param([_network("a", LATE)], "m", [], id="a younger one, which its own run deletes"),
        pytest.param([_network("a", NOW)], "a", ["/networks/m"], id="one of the same second with a lower id"),
        pytest.param([_network("x", EARLY), _network("a", NOW)], "x", ["/networks/m"], id="an older one of two"),
    ],
)
def test_of_several_the_oldest_is_kept(time: Any, rivals: list[dict[str, Any]], kept: str, deleted: list[str]) -> None:
    assert _made(time, *rivals) == (kept, deleted, 1)
    assert time.now >= 1, "what was made in the same second must be seen"


def test_one_of_the_same_second_with_a_higher_id_is_waited_out(time: Any) -> None:
    assert _made(time, _network("z", NOW), gone_after=2) == ("m", [], 3)


def test_one_that_does_not_go_is_in_use_already(time: Any) -> None:
    assert _made(time, _network("z", NOW)) == ("z", ["/networks/m"], TIED_LOOKS)


def test_a_lost_answer_is_looked_up_before_anything_is_made_again(time: Any) -> None:
    project = Project()
    answers = [[], [_network("m", NOW)]]
    project.on("POST", "network", "/networks", Said(502, None))
    project.on("GET", "network", "/networks", lambda _asked: Said(200, {"networks": answers.pop(0)}))
    maker = Maker(connect(project, time).api, time.sleep)

    assert maker.make(NETWORKS, "r1", "lab-dev-eu", LABELS, {})["id"] == "m"

    assert len(project.requests("POST", "network")) == 2


def test_orders_that_never_get_an_answer_end(time: Any) -> None:
    project = Project()
    project.on("POST", "network", "/networks", Said(502, None))
    project.on("GET", "network", "/networks", {"networks": []})
    maker = Maker(connect(project, time).api, time.sleep)

    with pytest.raises(Transient, match="no order of it got an answer; run again"):
        maker.make(NETWORKS, "r1", "lab-dev-eu", LABELS, {})

    assert len(project.requests("POST", "network")) == 6


# ---- once


def test_many_who_ask_at_once_share_one_answer() -> None:
    once, asked, together = Once(), [], threading.Barrier(8)

    def find() -> str:
        asked.append(1)
        return "answer"

    def ask(_index: int) -> str:
        together.wait()
        return once.get("key", find)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["answer"] * 8
    assert (len(asked), once.get("other", lambda: "another")) == (1, "another")


def test_a_failure_is_told_and_not_kept() -> None:
    once = Once()

    def fail() -> str:
        raise Transient("down")

    for _time in range(2):
        with pytest.raises(Transient):
            once.get("key", fail)
    assert once.get("key", lambda: "up again") == "up again"
