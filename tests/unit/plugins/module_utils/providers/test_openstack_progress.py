"""Servers at OpenStack on their way in and out: kept once, woken, given up, and seen off."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Capacity, Conflict, NotFound
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Event, Refs
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_progress import TIED_LOOKS, WAKE_TRIES
from tests.unit.plugins.module_utils.providers.openstack_nova import Nova, look, order
from tests.unit.plugins.module_utils.providers.openstack_project import (
    Asked,
    Parts,
    Project,
    Said,
    connect,
    server,
    spec,
)


@pytest.fixture
def project() -> Project:
    return Project()


@pytest.fixture
def nova(project: Project) -> Nova:
    return Nova(project)


@pytest.fixture
def parts(project: Project, nova: Nova, time: Any) -> Parts:
    return connect(project, time)


# ---- coming up


def test_a_server_that_runs_is_done(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova, status="BUILD")

    waiting = look(parts, pending)
    nova.put(server(pending.id))
    done = look(parts, waiting.pending)

    assert (waiting.done, done.done) == (False, True)
    assert done.node is not None
    assert done.node.state == "running"


def test_a_list_that_lags_behind_does_not_make_a_server_vanish(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova, status="BUILD")
    listed = nova.there
    nova.there = {}
    parts.project.on("GET", "compute", f"/servers/{pending.id}", {"server": listed[pending.id]})

    assert look(parts, pending).error is None


def test_no_room_shows_after_the_order_and_comes_with_the_server_that_has_to_go(parts: Parts, nova: Nova) -> None:
    fault = {"code": 500, "message": "No valid host was found. There are not enough hosts available."}
    pending = order(parts, nova, status="ERROR", fault=fault)

    event = look(parts, pending)

    assert event.done
    assert isinstance(event.error, Capacity)
    assert event.node is not None
    assert event.node.id == pending.id


def test_a_server_that_vanishes_is_told(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova)
    nova.take(pending.id)

    event = look(parts, pending)

    assert (event.done, event.error and event.error.code) == (True, "vanished")


@pytest.mark.parametrize(
    ("status", "action"), [("SHUTOFF", "os-start"), ("PAUSED", "unpause"), ("SHELVED", "unshelve")]
)
def test_a_server_that_is_off_is_woken(parts: Parts, nova: Nova, status: str, action: str) -> None:
    nova.put(server("a", status=status))
    parts.project.on("POST", "compute", "/servers/a/action", Said(202))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)

    event = look(parts, parts.driver.adopt(node, spec()))

    assert not event.done
    assert parts.project.requests("POST", "compute")[0].body == {action: None}


def test_a_server_that_does_not_stay_on_is_given_up(parts: Parts, nova: Nova) -> None:
    nova.put(server("a", status="SHUTOFF"))
    parts.project.on("POST", "compute", "/servers/a/action", Said(202))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)
    pending = parts.driver.adopt(node, spec())

    for _try in range(WAKE_TRIES):
        pending = look(parts, pending).pending
    event = look(parts, pending)

    assert (event.done, event.error and event.error.code) == (True, "off")


def test_somebody_else_may_wake_it_at_the_same_time(parts: Parts, nova: Nova) -> None:
    nova.put(server("a", status="SHUTOFF"))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)

    def refuse(_asked: Asked) -> Said:
        nova.put(server("a", status="SHUTOFF", **{"OS-EXT-STS:task_state": "powering-on"}))
        return Said(409, {"conflictingRequest": {"message": "Cannot 'start' instance a while it is in task_state"}})

    parts.project.on("POST", "compute", "/servers/a/action", refuse)

    event = look(parts, parts.driver.adopt(node, spec()))

    assert (event.done, event.error) == (False, None)


def test_one_list_is_asked_for_what_the_names_have_in_common(parts: Parts, nova: Nova) -> None:
    pendings = []
    for ordinal in (1, 2, 12):
        pending = parts.driver.create_node(spec(ordinal), Refs(image="i1"))
        nova.put(server(pending.id, ordinal=ordinal))
        pendings.append(pending)

    events = parts.driver.poll(pendings)

    assert [event.done for event in events] == [True, True, True]
    (asked,) = parts.project.requests("GET", "compute", "/servers/")
    assert asked.query["name"] == "^dev-eu-web-"


# ---- several servers with one token


def test_of_two_the_older_stays_and_the_younger_goes_by_the_run_that_ordered_it(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova, "2026-11-21T10:00:05Z")
    nova.put(server("elder", "2026-11-21T10:00:01Z"))

    giving_way = look(parts, pending)
    still_there = look(parts, giving_way.pending)
    nova.take(pending.id)
    kept = look(parts, still_there.pending)
    done = look(parts, kept.pending)

    assert nova.deleted == [pending.id]
    assert [event.done for event in (giving_way, still_there, kept, done)] == [False, False, False, True]
    assert done.node is not None
    assert (done.node.id, done.error) == ("elder", None)


def test_the_older_one_is_done_whatever_becomes_of_the_younger(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova, "2026-11-21T10:00:01Z")
    nova.put(server("younger", "2026-11-21T10:00:05Z"))

    event = look(parts, pending)

    assert (event.done, event.node and event.node.id) == (True, pending.id)
    assert nova.deleted == []


@pytest.mark.parametrize("twin", ["aaa", "zzz"])
def test_of_two_of_one_second_exactly_one_stays(parts: Parts, nova: Nova, twin: str) -> None:
    pending = order(parts, nova)
    nova.put(server(twin))

    event = look(parts, pending)

    assert not event.done
    assert nova.deleted == ([pending.id] if twin < pending.id else [])
    nova.take(twin)
    if not nova.deleted:
        assert look(parts, event.pending).done


def test_one_that_was_done_before_ours_was_ordered_stays_although_its_id_is_higher(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova)
    nova.put(server("zzz"))

    for _time in range(TIED_LOOKS + 1):
        event = look(parts, pending)
        assert not event.done
        pending = event.pending
    nova.take(pending.id)
    kept = look(parts, pending)

    assert nova.deleted == [pending.id]
    assert kept.pending.id == "zzz"


def test_a_run_that_saw_itself_alone_does_not_give_way_any_more(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova, status="BUILD")
    alone = look(parts, pending)
    nova.put(server("aaa"), server(pending.id))

    event = look(parts, alone.pending)

    assert (event.done, event.node and event.node.id) == (True, pending.id)
    assert nova.deleted == []


def test_a_server_that_was_adopted_is_never_deleted_for_a_double(parts: Parts, nova: Nova) -> None:
    nova.put(server("b", "2026-11-21T10:00:05Z", status="BUILD"))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)
    nova.put(server("a", "2026-11-21T10:00:01Z"), server("b", "2026-11-21T10:00:05Z"))

    event = look(parts, parts.driver.adopt(node, spec()))

    assert event.done
    assert nova.deleted == []


def test_a_double_that_failed_or_goes_already_is_none(parts: Parts, nova: Nova) -> None:
    pending = order(parts, nova, "2026-11-21T10:00:05Z")
    nova.put(server("failed", "2026-11-21T10:00:01Z", status="ERROR"))
    nova.put(server("going", "2026-11-21T10:00:01Z", **{"OS-EXT-STS:task_state": "deleting"}))
    nova.put(server("foreign", "2026-11-21T10:00:01Z", metadata={"fleet.id": "lab"}))

    assert look(parts, pending).done


# ---- going


def test_only_ours_goes_and_only_when_it_is_not_locked(parts: Parts, nova: Nova) -> None:
    nova.put(server("a", locked=True))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)

    with pytest.raises(Conflict, match=r"dev-eu-web-1 \(id a\) is protected against deletion: it is locked at North"):
        parts.driver.delete_node(node)
    nova.put(server("a", metadata={}))
    with pytest.raises(Conflict, match="does not carry this fleet's labels any more, so it is left alone"):
        parts.driver.delete_node(node)

    assert nova.deleted == []


def test_a_deletion_is_ordered_again_until_the_server_is_gone(parts: Parts, nova: Nova) -> None:
    nova.put(server("a"))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)
    busy = Said(409, {"conflictingRequest": {"message": "Cannot 'delete' instance a while it is in task_state x"}})
    parts.project.on("DELETE", "compute", "/servers/a", busy)

    pending = parts.driver.delete_node(node)
    nova.put(server("a"))  # it answers again
    assert not look(parts, pending).done
    assert nova.deleted == ["a"]
    assert not look(parts, pending).done
    nova.take("a")

    assert look(parts, pending) == Event(pending, True)
    assert nova.deleted == ["a"]


def test_a_server_that_was_renamed_is_not_taken_for_gone(parts: Parts, nova: Nova) -> None:
    nova.put(server("a"))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)
    pending = parts.driver.delete_node(node)
    parts.project.on("GET", "compute", "/servers/detail", {"servers": []})

    assert not look(parts, pending).done


def test_a_proxy_that_knows_no_server_does_not_make_one_gone(parts: Parts, nova: Nova) -> None:
    nova.put(server("a"))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)
    parts.project.on("GET", "compute", "/servers/a", Said(404, None))

    with pytest.raises(NotFound, match="404"):
        parts.driver.delete_node(node)
