"""Whose turn it is at a cluster: over real HTTP, with several holders, killed ones and thieves."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import lease
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Conflict, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.kube_api import KubeApi
from ansible_collections.sovereign.fleet.plugins.module_utils.lease import HeldTurn, Turn, identity, turn
from tests.unit.plugins.conftest import Time
from tests.unit.plugins.kubernetes_server import Answer, Json, KubernetesServer, status

OTHER = "kim@laptop/4711/abcd"


class LeaseServer(KubernetesServer):
    """A Kubernetes API where Leases can be made, each once."""

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        with self._lock:
            if method == "POST" and path == lease.LEASES:
                self.requests.append((method, path))
                if scripted := self.script(method, path):
                    return scripted
                if lease.PATH in self.objects:
                    return 409, status(409, "AlreadyExists", "the lease exists already"), {}
                return 201, self.put(lease.PATH, body), {}
            return super().answer(method, path, query, body)

    @property
    def spec(self) -> Json:
        return dict(self.objects[lease.PATH]["spec"])

    def held_by(self, holder: str, renewed: str = "2026-01-01T00:00:00.000000Z", **more: Any) -> None:
        """Somebody has the Lease; its times are those of another machine's clock."""
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": 30,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": renewed,
            "leaseTransitions": 3,
            **more,
        }
        self.put(lease.PATH, {"spec": spec})

    def writes(self) -> list[str]:
        return [method for method, _path in self.requests if method != "GET"]


class Desk:
    """Runs that want their turn."""

    def __init__(self, server: LeaseServer, folder: Path, time: Time) -> None:
        self.server = server
        self.path = server.kubeconfig(folder)
        self.time = time
        self.told: list[str] = []

    def api(self) -> KubeApi:
        return KubeApi(self.path, 5, sleep=lambda _seconds: None)

    def turn(
        self, holder: str = "ann@desk/1/0001", timeout: float = 300, sleep: Callable[[float], None] | None = None
    ) -> AbstractContextManager[Turn]:
        return turn(
            self.api(),
            "dev",
            holder,
            clock=self.time.clock,
            sleep=sleep or self.time.sleep,
            deadline=self.time.clock() + timeout,
            tell=self.told.append,
        )

    def held(self, holder: str = OTHER) -> HeldTurn:
        """A turn that nothing renews but the test."""
        version = self.server.objects[lease.PATH]["metadata"]["resourceVersion"]
        return HeldTurn(
            self.api(), "dev", holder, version, self.time.clock(), clock=self.time.clock, wall=self.time.clock
        )


@pytest.fixture
def server() -> Iterator[LeaseServer]:
    with LeaseServer() as running:
        yield running


@pytest.fixture
def desk(server: LeaseServer, tmp_path: Path, time: Time) -> Desk:
    return Desk(server, tmp_path, time)


def test_a_run_names_itself_and_no_two_do_it_alike() -> None:
    assert re.fullmatch(r".+@.+/[0-9]+/[0-9a-f]{8}", identity())
    assert identity() != identity()


def test_the_first_one_makes_the_lease_and_frees_it(server: LeaseServer, desk: Desk) -> None:
    with desk.turn() as held:
        assert held.still_ours()
        held.insist()
        assert (server.spec["holderIdentity"], server.spec["leaseDurationSeconds"]) == ("ann@desk/1/0001", 30)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", server.spec["renewTime"])
        assert server.spec["acquireTime"] == server.spec["renewTime"]
        assert held.warning == ""
    assert server.spec["holderIdentity"] == ""
    assert (server.writes(), desk.time.slept, desk.told) == (["POST", "PATCH"], [], [])


def test_a_free_lease_is_taken_at_once(server: LeaseServer, desk: Desk) -> None:
    server.held_by("")
    with desk.turn():
        assert (server.spec["holderIdentity"], server.spec["leaseTransitions"]) == ("ann@desk/1/0001", 4)
    assert desk.time.slept == []


def test_it_is_freed_after_an_exception_too(server: LeaseServer, desk: Desk) -> None:
    with pytest.raises(KeyboardInterrupt), desk.turn():
        raise KeyboardInterrupt
    assert server.spec["holderIdentity"] == ""


def test_who_waits_says_once_for_whom_and_comes_in_when_the_other_has_ended(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER)

    def sleep(seconds: float) -> None:
        desk.time.sleep(seconds)
        renewed = f"2026-01-01T00:00:{len(desk.time.slept):02d}.000000Z"
        server.held_by(OTHER if desk.time.now < 40 else "", renewed)

    with desk.turn(sleep=sleep):
        assert server.spec["holderIdentity"] == "ann@desk/1/0001"
    assert 40 <= desk.time.now < 43
    assert desk.told == ["waiting: kim@laptop (pid 4711) has been working on cluster dev since 2026-01-01 00:00:00 UTC"]


def test_a_killed_holder_is_succeeded_after_the_lease_has_stood_still_for_its_duration(
    server: LeaseServer, desk: Desk
) -> None:
    server.held_by(OTHER, "2099-01-01T00:00:00.000000Z")  # a clock far ahead of ours tells nothing
    with desk.turn():
        assert server.spec["holderIdentity"] == "ann@desk/1/0001"
    assert 30 <= desk.time.now <= 33
    assert desk.told[-1] == "kim@laptop (pid 4711) has fallen silent; cluster dev is taken over from it"


def test_one_renewal_starts_the_count_anew(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER)

    def sleep(seconds: float) -> None:
        desk.time.sleep(seconds)
        if desk.time.now == 10:
            server.held_by(OTHER, "2026-01-01T00:00:10.000000Z")

    with desk.turn(sleep=sleep):
        assert 40 <= desk.time.now <= 43


def test_a_run_that_waits_in_vain_says_who_is_there(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER, leaseDurationSeconds=3600)
    with pytest.raises(Conflict) as late, desk.turn(timeout=20):
        pytest.fail("it is not our turn")
    assert late.value.code == "locked"
    assert str(late.value).startswith(
        "kim@laptop (pid 4711) has been working on cluster dev since 2026-01-01 00:00:00 UTC, and this run has waited"
    )
    assert (desk.time.now, server.spec["holderIdentity"], server.writes()) == (20, OTHER, [])


@pytest.mark.parametrize("refused", ["GET", "POST"])
def test_an_account_that_may_not_use_leases_goes_on_with_a_warning(
    server: LeaseServer, desk: Desk, refused: str
) -> None:
    forbidden = (403, status(403, "Forbidden", "leases is forbidden"), {})
    server.script = lambda method, _path: forbidden if method == refused else None
    with desk.turn() as held:
        assert held.still_ours()
    assert held.warning.startswith("Nothing keeps two runs from working on cluster dev at once")
    assert lease.PATH not in server.objects


def test_credentials_that_are_refused_are_an_error(server: LeaseServer, desk: Desk) -> None:
    server.script = lambda _method, _path: (401, status(401, "Unauthorized", "Unauthorized"), {})
    with pytest.raises(Auth), desk.turn():
        pytest.fail("nobody let us in")


def test_a_cluster_that_does_not_answer_is_an_error_at_once(server: LeaseServer, desk: Desk) -> None:
    server.script = lambda _method, _path: (503, status(503, "ServiceUnavailable", "down"), {})
    with pytest.raises(Transient), desk.turn():
        pytest.fail("nobody let us in")
    assert desk.time.slept == []


def test_a_cluster_that_is_away_for_a_moment_is_waited_for(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER)
    down = (503, status(503, "ServiceUnavailable", "down"), {})

    def sleep(seconds: float) -> None:
        desk.time.sleep(seconds)
        server.script = lambda _method, _path: down if desk.time.now < 10 else None

    with desk.turn(sleep=sleep):
        assert server.spec["holderIdentity"] == "ann@desk/1/0001"


def test_an_order_whose_answer_was_lost_was_a_yes(server: LeaseServer, desk: Desk) -> None:
    def lose_the_answer(method: str, _path: str) -> Answer | None:
        if method == "POST" and lease.PATH not in server.objects:
            server.held_by("ann@desk/1/0001")
            return 500, status(500, "InternalError", "the answer was lost"), {}
        return None

    server.script = lose_the_answer
    with desk.turn():
        assert server.spec["holderIdentity"] == "ann@desk/1/0001"
    assert desk.time.now <= lease.LOOK_EVERY


def test_a_renewal_keeps_others_out(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER)
    held = desk.held()
    desk.time.now = 15
    assert held.still_ours()
    assert server.requests == []
    desk.time.now = 25  # nobody renewed it in the meantime
    assert held.still_ours()
    assert server.writes() == ["PATCH"]
    assert server.spec["renewTime"] != "2026-01-01T00:00:00.000000Z"


def test_somebody_who_only_labels_the_lease_does_no_harm(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER)
    held = desk.held()
    server.held_by(OTHER)  # a new version of the same
    desk.time.now = 25
    assert held.still_ours()
    held.release()
    assert server.spec["holderIdentity"] == ""


@pytest.mark.parametrize(
    ("steal", "why"),
    [
        pytest.param(
            lambda server: server.held_by("bob@desk/7/beef"), "it belongs to bob@desk (pid 7) now", id="another run"
        ),
        pytest.param(lambda server: server.held_by(""), "another run or a person has ended it", id="freed by hand"),
        pytest.param(lambda server: server.remove(lease.PATH), "somebody has deleted its Lease", id="deleted by hand"),
    ],
)
def test_a_run_that_stood_still_learns_that_its_turn_is_over(
    server: LeaseServer, desk: Desk, steal: Callable[[LeaseServer], None], why: str
) -> None:
    server.held_by(OTHER)
    held = desk.held()
    steal(server)
    left = dict(server.objects)
    desk.time.now = 60
    assert not held.still_ours()
    with pytest.raises(Conflict) as lost:
        held.insist()
    assert lost.value.code == "lock_lost"
    assert str(lost.value).startswith(f"This run has lost its turn at cluster dev: {why}.")
    held.release()
    assert server.objects == left


def test_a_run_that_cannot_renew_does_not_write_any_more(server: LeaseServer, desk: Desk) -> None:
    server.held_by(OTHER)
    held = desk.held()
    server.script = lambda _method, _path: (503, status(503, "ServiceUnavailable", "down"), {})
    desk.time.now = 19
    assert held.still_ours()
    desk.time.now = 21
    assert not held.still_ours()
    assert "could not be renewed" in str(held.lost())
    server.script = lambda _method, _path: None
    assert held.still_ours()


def test_a_machine_that_slept_asks_before_it_writes(server: LeaseServer, desk: Desk) -> None:
    wall = Time()
    server.held_by(OTHER)
    version = server.objects[lease.PATH]["metadata"]["resourceVersion"]
    held = HeldTurn(desk.api(), "dev", OTHER, version, 0.0, clock=desk.time.clock, wall=wall.clock)
    server.held_by("bob@desk/7/beef")
    assert held.still_ours()
    wall.now = 3600  # while the clock that only counts waking hours stands still
    assert not held.still_ours()


def test_a_thread_renews_it_while_the_run_is_busy(
    server: LeaseServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "TICK", 0.005)
    renewed = threading.Event()
    with desk.turn():
        first = server.spec["renewTime"]
        server.script = lambda method, _path: renewed.set() if method == "PATCH" else None
        desk.time.now = 11
        assert renewed.wait(5)
        server.script = lambda _method, _path: None
    assert server.spec["renewTime"] > first
    threads = [thread for thread in threading.enumerate() if thread.name == "lease"]
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


def test_many_at_once_come_one_after_the_other(server: LeaseServer, desk: Desk) -> None:
    inside: list[int] = []
    most: list[int] = []
    pause = threading.Event()

    def work(number: int) -> None:
        with desk.turn(f"ann@desk/{number}/0", sleep=lambda _seconds: pause.wait(0.002) and None) as held:
            inside.append(number)
            most.append(len(inside))
            held.insist()
            pause.wait(0.005)
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 8
    assert server.spec["holderIdentity"] == ""
