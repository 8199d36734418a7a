"""Whatever an API answers, or does not answer, is waited out or becomes one of our errors with a clear sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, PlatformError, Transient
from tests.contract.case import LABELS, Case

PASSING: list[Any] = [
    pytest.param("429", {"retry_after": 7}, id="429 with Retry-After"),
    pytest.param("429", {}, id="429 without Retry-After"),
    pytest.param("5xx", {"status": 500}, id="500"),
    pytest.param("5xx", {"status": 502}, id="502"),
    pytest.param("5xx", {"status": 503}, id="503"),
    pytest.param("5xx", {"status": 504}, id="504"),
    pytest.param("html-502", {}, id="a proxy's HTML page with 502"),
    pytest.param("html-200", {}, id="an HTML page with 200"),
    pytest.param("cut-json", {}, id="an answer cut short"),
    pytest.param("reset-before", {}, id="a reset"),
    pytest.param("stall", {}, id="a socket that stays silent"),
]


def _list(case: Case) -> list[str]:
    return [node.name for node in case.listed(labels=LABELS)]


@pytest.mark.parametrize(("kind", "options"), PASSING)
def test_a_passing_fault_of_a_read_is_waited_out(
    case: Case, impatient: None, kind: str, options: dict[str, Any]
) -> None:
    case.break_(kind, method="GET", path=case.profile.orders, count=2, **options)

    assert _list(case) == []


@pytest.mark.parametrize(("kind", "options"), PASSING)
def test_a_lasting_fault_of_a_read_ends_after_six_tries_with_a_sentence(
    case: Case, impatient: None, kind: str, options: dict[str, Any]
) -> None:
    case.break_(kind, method="GET", path=case.profile.orders, **options)

    with pytest.raises(PlatformError) as caught:
        _list(case)

    assert len(case.requests(case.profile.orders)) == 6
    message = str(caught.value)
    assert message.startswith(case.driver().caps.title)
    assert message.endswith(".")
    assert "object at 0x" not in message
    assert "Traceback" not in message
    assert caught.value.provider == case.name
    assert [secret for secret in case.secrets() if secret in message] == []


@pytest.mark.parametrize(("kind", "options"), PASSING)
def test_a_passing_fault_of_any_write_never_makes_two_servers(
    case: Case, impatient: None, kind: str, options: dict[str, Any]
) -> None:
    case.break_(kind, method="write", path=case.profile.servers, count=2, **options)

    result = case.run(2)

    assert result.get("msg") is None
    case.assert_exactly(2)
    case.cloud.faults.clear()
    case.assert_settled(2)


def test_retry_after_is_obeyed_by_all_threads(case: Case) -> None:
    case.break_("429", method="GET", path=case.profile.orders, count=1, retry_after=42)

    _list(case)

    assert case.time.clock() >= 42


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(case: Case) -> None:
    case.break_("429", retry_after=5000)

    result = case.run(1)

    assert result["failed"]
    assert "fewer requests" in result["msg"]
    assert case.time.clock() < 600


def test_a_refused_token_names_the_provider_and_where_it_is_set(case: Case) -> None:
    driver = case.driver(**case.profile.broken_account)

    with pytest.raises(Auth) as caught:
        list(driver.list_nodes(driver.scopes()[0], LABELS))

    message = str(caught.value)
    assert message.startswith(f"{driver.caps.title} refused the ")
    assert "(401" in message
    assert case.profile.token_variable in message
    assert f"providers.{case.name}." in message
    assert not any(value in message for value in case.profile.broken_account.values())
    refused = [request for request in case.requests() if request.status == 401]
    assert len(refused) == 1, "a refused credential is not tried again"


def test_a_token_that_may_only_read_is_told_apart(case: Case) -> None:
    case.break_("read-only", path=case.profile.servers)

    result = case.run(1)

    assert result["failed"]
    assert "does not allow POST" in result["msg"]
    assert case.names() == []


def test_an_api_that_cannot_be_reached_is_named_with_its_endpoint(case: Case) -> None:
    driver = case.driver(endpoint="http://127.0.0.1:9/v1")

    with pytest.raises(Transient) as caught:
        list(driver.list_nodes(driver.scopes()[0], LABELS))

    assert "cannot be reached at http://127.0.0.1:9/v1: connection refused" in str(caught.value)
    assert f"providers.{case.name}.endpoint" in str(caught.value)


def test_an_endpoint_that_is_no_url_is_named(case: Case) -> None:
    driver = case.driver(endpoint="api.example.net/v1")

    with pytest.raises(PlatformError, match=r"is no address of .*; correct .*endpoint"):
        list(driver.list_nodes(driver.scopes()[0], LABELS))


def test_a_stalled_socket_ends_the_run_by_its_deadline(case: Case, impatient: None) -> None:
    case.break_("stall")

    result = case.run(1, timeout=5)

    assert result["failed"]
    assert "stayed silent" in result["msg"]
    assert case.time.clock() <= 10
