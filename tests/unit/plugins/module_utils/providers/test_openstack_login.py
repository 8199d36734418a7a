"""Keystone: one login for everything, repeated when that is harmless, and never where it is not."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    NotFound,
    Permanent,
    PlatformError,
    RateLimited,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_login import trusted
from tests.unit.plugins.module_utils.providers.openstack_project import PRESET, Project, Said, connect

REFUSED = Said(401, {"error": {"code": 401, "title": "Unauthorized", "message": "Please log in."}})


def _list(project: Project, time: Any) -> Any:
    project.on("GET", "compute", "/servers/detail", {"servers": []})
    return connect(project, time)


# ---- once for all


def test_sixteen_threads_and_all_regions_share_one_token(time: Any) -> None:
    project = Project()
    parts = _list(project, time)
    together = threading.Barrier(16)

    def work(index: int) -> list[Any]:
        together.wait()
        scope = parts.driver.scopes()[index % 2]
        return list(parts.driver.list_nodes(scope, None))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [[]] * 16

    assert project.tokens == 1
    assert {asked.headers["X-Auth-Token"] for asked in project.requests("GET", "compute")} == {"token-1"}


def test_a_token_that_is_refused_is_replaced_once_for_all_threads(time: Any) -> None:
    project = Project()
    parts = _list(project, time)
    list(parts.driver.list_nodes(parts.driver.scopes()[0], None))
    project.good_tokens.clear()
    together = threading.Barrier(8)

    def work(_index: int) -> list[Any]:
        together.wait()
        return list(parts.driver.list_nodes(parts.driver.scopes()[0], None))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[]] * 8

    assert project.tokens == 2


def test_a_fresh_token_that_is_refused_too_is_not_replaced_again(time: Any) -> None:
    project = Project()
    parts = _list(project, time)
    project.on("GET", "compute", "/servers/detail", REFUSED)

    with pytest.raises(Auth, match=r"North refused the token \(401 unauthorized: Please log in\.\)"):
        list(parts.driver.list_nodes(parts.driver.scopes()[0], None))

    assert project.tokens == 2
    assert len(project.requests("GET", "compute")) == 2


def test_a_refused_login_is_told_once_to_everybody_and_not_tried_again(time: Any) -> None:
    project = Project()
    parts = _list(project, time)
    project.logins = [REFUSED]

    for _try in range(3):
        with pytest.raises(Auth) as caught:
            list(parts.driver.list_nodes(parts.driver.scopes()[0], None))

    assert str(caught.value) == (
        "North refused the login (401 unauthorized: Please log in.); set providers.north.username and password."
    )
    assert len(project.asked) == 1


def test_every_request_has_time_limits_no_redirects_and_no_credentials_of_others(time: Any) -> None:
    project = Project()
    parts = _list(project, time)

    list(parts.driver.list_nodes(parts.driver.scopes()[0], None))

    assert len(project.options) == 2
    for options in project.options:
        assert options["timeout"] == (5.0, 30.0)
        assert options["allow_redirects"] is False
        assert callable(options["auth"]), "else requests would take them from a .netrc"


# ---- what becomes of odd answers


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said(503, None), id="503"),
        pytest.param(Said(500, {"error": {"message": "oops"}}), id="500"),
        pytest.param(Said(201, {"what": "is this"}), id="no token in it"),
        pytest.param(Said(201, {"token": {}}), id="no token in the headers"),
        pytest.param(Said(429, None, {"Retry-After": "3"}), id="429"),
    ],
)
def test_a_login_whose_answer_is_no_good_is_repeated_because_it_changes_nothing(time: Any, said: Said) -> None:
    project = Project()
    parts = _list(project, time)
    project.logins = [said, said]

    assert list(parts.driver.list_nodes(parts.driver.scopes()[0], None)) == []

    assert project.tokens == 1
    assert len(project.requests("POST")) == 3


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        pytest.param(Said(503, None), Transient, id="it goes on failing"),
        pytest.param(Said(429, None, {"Retry-After": "1"}), RateLimited, id="too many logins"),
        pytest.param(Said(404, None), Permanent, id="a path that is not there"),
        pytest.param(Said(300, None), Permanent, id="a choice of versions"),
        pytest.param(Said(400, {"error": {"message": "what?"}}), Permanent, id="a refusal"),
    ],
)
def test_a_login_that_fails_is_never_taken_for_a_thing_that_is_gone(
    time: Any, said: Said, kind: type[PlatformError]
) -> None:
    project = Project()
    parts = _list(project, time)
    project.logins = [said] * 6

    with pytest.raises(PlatformError) as caught:
        list(parts.driver.list_nodes(parts.driver.scopes()[0], None))

    assert caught.type is kind
    assert not isinstance(caught.value, NotFound)
    assert "carried out" not in str(caught.value)
    assert "secret-password" not in str(caught.value)


def test_a_project_without_servers_is_told_apart_from_an_empty_one(time: Any) -> None:
    parts = connect(Project(regions=()), time)

    with pytest.raises(Permanent, match="its catalogue names no compute service"):
        list(parts.driver.list_nodes(parts.driver.scopes()[0], None))


# ---- accounts


def test_messages_name_the_credential_that_is_in_use(time: Any) -> None:
    credential = {"application_credential_id": "c1", "application_credential_secret": "s3cret"}
    project = Project()
    project.on("GET", "compute", "/servers/detail", Said(403, {"forbidden": {"message": "Policy doesn't allow it."}}))
    parts = connect(project, time, **credential)

    with pytest.raises(Auth, match="set providers.north.application_credential_id and application_credential_secret"):
        list(parts.driver.list_nodes(parts.driver.scopes()[0], None))


def test_an_application_credential_takes_the_place_of_a_user(time: Any) -> None:
    project = Project()
    credential = {"application_credential_id": "c1", "application_credential_secret": "s3cret"}
    parts = connect(project, time, username="", password="", project_id="", **credential)

    parts.login.access()

    auth = project.asked[0].body["auth"]
    assert auth["identity"] == {
        "methods": ["application_credential"],
        "application_credential": {"id": "c1", "secret": "s3cret"},
    }
    assert "scope" not in auth


def test_a_user_is_of_the_default_domain_and_for_one_project(time: Any) -> None:
    project = Project()
    connect(project, time).login.access()

    auth = project.asked[0].body["auth"]
    user = auth["identity"]["password"]["user"]
    assert (user["name"], user["domain"]) == ("me", {"name": "Default"})
    assert auth["scope"] == {"project": {"id": "p1"}}
    assert project.asked[0].path == "/auth/tokens"


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({"password": ""}, "No password for North; set providers.north.password."),
        ({"application_credential_id": "c1"}, "No application credential secret for North; set providers.north.appli"),
    ],
)
def test_half_an_account_is_refused_without_a_request(time: Any, account: dict[str, str], said: str) -> None:
    project = Project()

    with pytest.raises(Auth) as caught:
        connect(project, time, **account)

    assert str(caught.value).startswith(said)
    assert project.asked == []


def test_where_to_set_an_account_is_told_with_its_variables_if_it_has_any() -> None:
    assert PRESET.where("endpoint") == "providers.north.endpoint"
    known = replace(PRESET, environment=True)
    assert (
        known.where("username", "password") == "OS_USERNAME and OS_PASSWORD, or providers.north.username and password"
    )


def test_without_the_package_the_sentence_names_it(time: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keystoneauth1.identity", None)

    with pytest.raises(Permanent, match="North needs the Python package keystoneauth1"):
        connect(Project(), time)


# ---- where the token may go


@pytest.mark.parametrize(
    ("endpoint", "auth_url", "good"),
    [
        ("https://anywhere.example.org/v2", "https://keystone.example.net/v3", True),
        ("https://anywhere.example.org/v2", "http://127.0.0.1:5000/v3", True),
        ("http://127.0.0.1:8774/v2.1", "http://127.0.0.1:5000/v3", True),
        ("http://10.0.0.7/v2.1", "http://127.0.0.1:5000/v3", False),
        ("http://keystone.example.net/v2.1", "https://keystone.example.net/v3", False),
        ("ftp://keystone.example.net/", "https://keystone.example.net/v3", False),
    ],
)
def test_a_catalogue_cannot_take_the_token_off_an_encrypted_connection(
    endpoint: str, auth_url: str, good: bool
) -> None:
    assert trusted(endpoint, auth_url) is good


def test_an_address_without_tls_is_refused_by_name_before_the_token_is_sent(time: Any) -> None:
    project = Project(scheme="http")
    parts = _list(project, time)

    with pytest.raises(Permanent, match=r"http://r1\.example\.net/compute/v2\.1 in its catalogue, which is not encr"):
        list(parts.driver.list_nodes(parts.driver.scopes()[0], None))

    assert project.requests("GET") == []
