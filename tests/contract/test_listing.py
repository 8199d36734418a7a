"""Listing: every server, once, whatever the pages; ours told from foreign ones."""

from __future__ import annotations

import importlib

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import NODE_STATES, Node, Owner
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from tests.contract.conftest import CLUSTER, FLEET, LABELS, Case

PER_PAGE = 3


def _all(driver: NodeDriver, labels: dict[str, str] | None = None) -> list[Node]:
    return [node for scope in driver.scopes() for node in driver.list_nodes(scope, labels)]


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(0, id="no server"),
        pytest.param(1, id="one"),
        pytest.param(PER_PAGE, id="exactly one page"),
        pytest.param(PER_PAGE + 1, id="one more than a page"),
        pytest.param(3 * PER_PAGE, id="exactly three pages"),
        pytest.param(3 * PER_PAGE + 1, id="one more than three pages"),
    ],
)
def test_every_page_is_read(case: Case, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    driver = case.driver()
    module = importlib.import_module(type(driver).__module__)
    monkeypatch.setattr(module, "PER_PAGE", PER_PAGE)
    specs = [case.spec(ordinal) for ordinal in range(1, count + 1)]
    case.settle(driver, [case.create(driver, spec) for spec in specs])
    case.cloud.requests.clear()

    nodes = _all(driver, LABELS)

    assert sorted(node.name for node in nodes) == sorted(spec.name for spec in specs)
    asked = [
        request.path
        for request in case.cloud.requests.entries(case.name)
        if request.path.startswith(case.profile.orders)
    ]
    assert len(asked) == max(1, -(-count // PER_PAGE))


def test_a_node_tells_all_that_the_platform_needs(case: Case) -> None:
    driver, spec = case.driver(), case.spec()
    case.settle(driver, [case.create(driver, spec)])

    node = _all(driver, LABELS)[0]

    location, kind = case.profile.first
    place = driver.caps.locations[location]
    assert (node.provider, node.name, node.location, node.type) == (case.name, spec.name, location, kind)
    assert (node.zone, node.region, node.country) == (location, place.region, place.country)
    assert (node.state, node.owner, node.protected) == ("running", spec.owner, False)
    assert node.public_ipv4
    assert node.provider_id.startswith(driver.caps.provider_id_prefix)
    assert node.provider_id.endswith(node.id)
    assert node.price_hour is not None
    assert node.price_hour > 0
    assert node.created[:2] == "20"


def test_servers_of_others_are_listed_without_an_owner_and_left_out_by_the_filter(case: Case) -> None:
    case.profile.make_foreign(case.cloud, "stranger", {"fleet.id": "other", "fleet.cluster": CLUSTER})
    driver = case.driver()

    assert [(node.name, node.owner) for node in _all(driver)] == [("stranger", None)]
    assert _all(driver)[0].state in NODE_STATES
    assert _all(driver, LABELS) == []


def test_labels_with_a_wrong_token_make_no_owner(case: Case) -> None:
    labels = {**Owner.of(FLEET, CLUSTER, "web", "stranger").labels(), "fleet.token": "0" * 16}
    case.profile.make_foreign(case.cloud, "stranger", labels)

    assert [node.owner for node in _all(case.driver(), LABELS)] == [None]


def test_a_page_that_fails_fails_the_listing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = case.driver()
    monkeypatch.setattr(importlib.import_module(type(driver).__module__), "PER_PAGE", 1)
    case.settle(driver, [case.create(driver, case.spec(ordinal)) for ordinal in (1, 2, 3)])
    case.cloud.faults.add(case.name, "5xx", status=503, path=case.profile.orders, query="page=2")

    with pytest.raises(Transient, match="503"):
        _all(driver, LABELS)


def test_the_catalogue_knows_prices_and_what_is_not_for_sale(case: Case) -> None:
    location, kind = case.profile.first
    case.cloud.faults.add(case.name, "retired-type", type=kind, location=location)
    driver = case.driver()

    flavors = {flavor.name: flavor for flavor in driver.catalog(driver.caps.locations[location])}

    assert not flavors[kind].available if kind in flavors else True
    others = [flavor for flavor in flavors.values() if flavor.name != kind]
    assert any(flavor.available and flavor.price_hour and flavor.cpus and flavor.memory_gib for flavor in others)
