"""Requests to the services of a region: whole lists, microversions, and regions that a project does not have."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import NotFound, Permanent, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import openstack_api
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_login import BALANCER, COMPUTE
from tests.unit.plugins.module_utils.providers.openstack_project import (
    LABELS,
    Asked,
    Project,
    Said,
    connect,
    server,
)

UNKNOWN_MARKER = Said(400, {"badRequest": {"code": 400, "message": "marker [b] not found"}})


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openstack_api, "PER_PAGE", 2)


def _paged(names: list[str], capped: int = 1000) -> Any:
    """Nova's way: a full page names a next one, even when that will be empty."""

    def reply(asked: Asked) -> Said:
        limit = min(int(asked.query["limit"]), capped)
        marker = asked.query.get("marker")
        if marker and marker not in names:
            return UNKNOWN_MARKER
        start = names.index(marker) + 1 if marker else 0
        part = [server(name) for name in names[start : start + limit]]
        links = {"servers_links": [{"rel": "next", "href": "https://elsewhere/"}]} if len(part) == limit else {}
        return Said(200, {"servers": part, **links})

    return reply


def _listed(parts: Any) -> list[str]:
    return [node.id for node in parts.driver.list_nodes(parts.driver.scopes()[0], None)]


# ---- pages


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_every_page_is_read(time: Any, pages: None, count: int) -> None:
    project, names = Project(), list("abcdef")[:count]
    project.on("GET", "compute", "/servers/detail", _paged(names))

    assert _listed(connect(project, time)) == names


def test_a_cloud_with_smaller_pages_than_we_ask_for_is_read_to_the_end(time: Any) -> None:
    project = Project()
    project.on("GET", "compute", "/servers/detail", _paged(list("abcde"), capped=2))

    assert _listed(connect(project, time)) == list("abcde")


def test_a_list_that_knows_no_markers_ends(time: Any, pages: None) -> None:
    project = Project()
    project.on("GET", "compute", "/servers/detail", {"servers": [server("a"), server("b")]})

    assert _listed(connect(project, time)) == ["a", "b"]


def test_when_the_last_server_of_a_page_goes_meanwhile_the_list_is_read_again(time: Any, pages: None) -> None:
    project, names = Project(), list("abcd")

    def reply(asked: Asked) -> Said:
        if asked.query.get("marker") == "b" and "b" in names:
            names.remove("b")
        return _paged(names)(asked)

    project.on("GET", "compute", "/servers/detail", reply)

    assert _listed(connect(project, time)) == ["a", "c", "d"]


def test_a_list_that_never_stands_still_is_an_error_and_not_half_a_list(time: Any, pages: None) -> None:
    project = Project()

    def reply(asked: Asked) -> Said:
        return UNKNOWN_MARKER if asked.query.get("marker") else Said(200, {"servers": [server("a"), server("b")]})

    project.on("GET", "compute", "/servers/detail", reply)

    with pytest.raises(Transient, match="changed its list of servers in r1 during each of 5 readings"):
        _listed(connect(project, time))


def test_an_answer_without_a_list_is_an_error(time: Any) -> None:
    project = Project()
    project.on("GET", "compute", "/servers/detail", {"error": "what"})

    with pytest.raises(Permanent, match="answer without 'servers'; is the endpoint right"):
        _listed(connect(project, time))


def test_servers_that_nova_cannot_read_just_now_may_be_ours(time: Any) -> None:
    project = Project()
    hidden = {"id": "x", "status": "UNKNOWN", "created": "2026-11-21T10:00:00Z", "tenant_id": "p1", "links": []}
    project.on("GET", "compute", "/servers/detail", {"servers": [server("a"), hidden]})

    with pytest.raises(Transient, match="cannot read 1 of the servers in r1 now, which may be ours"):
        _listed(connect(project, time))


def test_the_filter_is_ours_because_nova_has_none(time: Any) -> None:
    project = Project()
    others = [server("b", metadata={"fleet.id": "lab"}), server("c", metadata={})]
    project.on("GET", "compute", "/servers/detail", {"servers": [server("a"), *others]})
    driver = connect(project, time).driver

    assert [node.id for node in driver.list_nodes(driver.scopes()[0], LABELS)] == ["a"]
    assert not {key for asked in project.requests("GET", "compute") for key in asked.query} & {"metadata", "tags"}


# ---- microversions


def test_an_older_nova_is_asked_for_less_from_then_on(time: Any) -> None:
    project = Project()

    def reply(asked: Asked) -> Said:
        if asked.headers["OpenStack-API-Version"] == "compute 2.69":
            message = "Version 2.69 is not supported by the API. Minimum is 2.1 and maximum is 2.60."
            return Said(406, {"computeFault": {"code": 406, "message": message}})
        return Said(200, {"servers": []})

    project.on("GET", "compute", "/servers/detail", reply)
    driver = connect(project, time).driver

    for _time in range(2):
        assert list(driver.list_nodes(driver.scopes()[0], None)) == []

    asked = [one.headers["OpenStack-API-Version"] for one in project.requests("GET", "compute")]
    assert asked == ["compute 2.69", "compute 2.47", "compute 2.47"]


def test_a_nova_that_is_older_still_tells_types_by_id_and_they_are_looked_up(time: Any) -> None:
    project = Project()

    def reply(asked: Asked) -> Said:
        if asked.headers["OpenStack-API-Version"] != "compute 2.38":
            return Said(406, {"computeFault": {"code": 406, "message": "maximum is 2.38."}})
        flavors = [{"id": "f1"}, {"id": "retired"}, None]
        return Said(
            200, {"servers": [server(name, flavor=flavor) for name, flavor in zip("abc", flavors, strict=True)]}
        )

    project.on("GET", "compute", "/servers/detail", reply)
    project.on("GET", "compute", "/flavors/detail", {"flavors": [{"id": "f1", "name": "small"}]})
    driver = connect(project, time).driver

    assert [node.type for node in driver.list_nodes(driver.scopes()[0], None)] == ["small", "", ""]
    assert len(project.requests("GET", "compute", "/flavors")) == 1


def test_a_nova_that_is_too_old_says_so(time: Any) -> None:
    project = Project()
    message = "Version 2.38 is not supported by the API. Minimum is 2.1 and maximum is 2.25."
    project.on("GET", "compute", "/servers/detail", Said(406, {"computeFault": {"message": message}}))

    with pytest.raises(Permanent, match="maximum is 2.25"):
        _listed(connect(project, time))


# ---- places


def test_a_region_that_the_project_does_not_have_holds_no_servers_and_sells_nothing(time: Any) -> None:
    project = Project(regions=("r1", "r2"))
    driver = connect(project, time).driver
    wide = driver.caps.locations["wide"]

    assert list(driver.list_nodes(wide, None)) == []
    with pytest.raises(NotFound) as caught:
        driver.catalog(wide)

    assert str(caught.value) == (
        "North does not give this project the region wide; it has r1, r2. Take one of these, or have the region "
        "enabled for the project."
    )
    assert project.requests("GET") == []


def test_a_region_that_is_gone_does_not_make_its_servers_gone(time: Any) -> None:
    driver = connect(Project(regions=("r2",)), time).driver
    project = Project()
    project.on("GET", "compute", "/servers/detail", {"servers": [server("a")]})
    (node,) = connect(project, time).driver.list_nodes(driver.caps.locations["r1"], None)

    with pytest.raises(NotFound, match="does not give this project the region r1"):
        driver.delete_node(node)


def test_a_service_that_a_region_lacks_is_named(time: Any) -> None:
    api = connect(Project(), time).api

    with pytest.raises(NotFound, match=r"North has no load balancers in r1\."):
        api.get(BALANCER, "r1", "/lbaas/loadbalancers")
    assert api.has(COMPUTE, "r1")


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("https://x/v2.1/p1", "https://x/v2.1/p1"),
        ("https://x/v2.0/", "https://x/v2.0"),
        ("https://x/network", "https://x/network/v2.0"),
        ("https://network.v2x.example/", "https://network.v2x.example/v2.0"),
    ],
)
def test_the_version_is_added_where_a_catalogue_does_not_tell_it(endpoint: str, base: str) -> None:
    assert openstack_api._versioned(endpoint, "/v2.0") == base
