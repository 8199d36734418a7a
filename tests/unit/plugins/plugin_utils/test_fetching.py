"""All providers at once, each with the same time, and whatever goes wrong comes back as an answer."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError
from ansible_collections.sovereign.fleet.plugins.plugin_utils.fetching import Account, Answer, Request, fetch
from tests.unit.plugins.inventory.clouds import Cloud, down, hetzner, scaleway

PROMPT = 5.0


def account(cloud: Cloud) -> Account:
    return Account(cloud.name, lambda _deadline: cloud.connect({}), secrets=("canary",))


@pytest.fixture
def clouds() -> dict[str, Cloud]:
    return {"hetzner": hetzner(), "scaleway": scaleway()}


def ask(clouds: dict[str, Cloud], timeout: float = PROMPT, request: Request | None = None) -> dict[str, Answer]:
    return fetch([account(cloud) for cloud in clouds.values()], request or Request(), timeout, grace=0.0)


def test_every_scope_has_its_nodes(clouds: dict[str, Cloud]) -> None:
    answers = ask(clouds)
    assert {name: {scope: len(nodes) for scope, nodes in answer.nodes.items()} for name, answer in answers.items()} == {
        "hetzner": {"global": 3},
        "scaleway": {"fr-par-1": 2, "nl-ams-1": 1},
    }
    assert all(answer.faults() == [] for answer in answers.values())


def test_a_scope_that_fails_takes_no_other_with_it(clouds: dict[str, Cloud]) -> None:
    clouds["scaleway"].faults["fr-par-1"] = down("scaleway")
    answer = ask(clouds)["scaleway"]
    assert set(answer.nodes) == {"nl-ams-1"}
    assert set(answer.errors) == {"fr-par-1"}
    assert answer.scopes == ["fr-par-1", "nl-ams-1"]


def test_nodes_before_the_fault_are_not_taken_for_the_whole(clouds: dict[str, Cloud]) -> None:
    clouds["hetzner"].faults["global"] = down("hetzner")
    clouds["hetzner"].fault_after = 2
    assert ask(clouds)["hetzner"].nodes == {}


def test_a_provider_that_cannot_be_opened_says_why(clouds: dict[str, Cloud]) -> None:
    clouds["hetzner"].opening_fault = down("hetzner")
    answers = ask(clouds)
    assert answers["hetzner"].scopes is None
    assert str(answers["hetzner"].faults()[0]).startswith("hetzner at https://api.example: connection refused")
    assert answers["scaleway"].faults() == []


def test_a_fault_of_a_library_becomes_one_of_ours_without_secrets(clouds: dict[str, Cloud]) -> None:
    clouds["hetzner"].faults["global"] = KeyError("canary in it")
    (fault,) = ask(clouds)["hetzner"].faults()
    assert isinstance(fault, PlatformError)
    assert str(fault) == "hetzner could not be read: KeyError: '*** in it'"


def test_one_sentence_for_the_same_fault_in_all_scopes(clouds: dict[str, Cloud]) -> None:
    for scope in clouds["scaleway"].nodes:
        clouds["scaleway"].faults[scope] = down("scaleway")
    assert len(ask(clouds)["scaleway"].faults()) == 1


@pytest.mark.parametrize(("provider", "scope"), [("scaleway", "nl-ams-1"), ("hetzner", "global")])
def test_whoever_is_silent_is_left_behind(clouds: dict[str, Cloud], provider: str, scope: str) -> None:
    clouds[provider].stalled.add(scope)
    try:
        answers = ask(clouds, timeout=0.1)
    finally:
        clouds[provider].released.set()
    assert str(answers[provider].errors[scope]) == f"{provider} did not answer within 0.1 s"
    assert {name for name, answer in answers.items() if answer.faults()} == {provider}


def test_silence_while_opening_is_a_fault_of_the_whole_provider(clouds: dict[str, Cloud]) -> None:
    opened = threading.Event()

    def opening(_deadline: float) -> Cloud:
        opened.wait(30)
        return clouds["hetzner"]

    try:
        answer = fetch([Account("hetzner", opening)], Request(), 0.05, grace=0.0)["hetzner"]
    finally:
        opened.set()
    assert answer.scopes is None
    assert answer.error is not None


def test_threads_left_behind_do_not_keep_the_interpreter(clouds: dict[str, Cloud]) -> None:
    clouds["hetzner"].stalled.add("global")
    try:
        ask(clouds, timeout=0.05)
        left = [thread for thread in threading.enumerate() if thread.name == "fleet-inventory"]
        assert left
        assert all(thread.daemon for thread in left)
    finally:
        clouds["hetzner"].released.set()


def test_the_deadline_is_told_to_the_driver(clouds: dict[str, Cloud]) -> None:
    deadlines: list[float] = []

    def opening(deadline: float) -> Cloud:
        deadlines.append(deadline)
        return clouds["hetzner"]

    fetch([Account("hetzner", opening)], Request(), 30.0, clock=lambda: 1000.0)
    assert deadlines == [1030.0]


def test_only_wanted_scopes_and_labels_are_asked_for(clouds: dict[str, Cloud]) -> None:
    request = Request(labels={"fleet.id": "acme"}, wants=lambda _driver, scope: scope.name == "nl-ams-1")
    answers = ask(clouds, request=request)
    assert clouds["scaleway"].listed == [("nl-ams-1", {"fleet.id": "acme"})]
    assert answers["hetzner"] == Answer(scopes=["global"])
