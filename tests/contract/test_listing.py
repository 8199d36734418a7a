"""Listing: every server, once, whatever the pages; ours told from foreign ones."""

from __future__ import annotations

import importlib

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import NODE_STATES, Owner
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from lab.cloud.testing import emulator
from tests.contract.case import CLUSTER, FLEET, LABELS, Case
from tests.contract.profiles import Profile

PER_PAGE = 3


def _pages_of(case: Case, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    if not case.profile.page:
        pytest.skip(f"{case.name} gives a whole list in one answer")
    module, _colon, attribute = case.profile.page.partition(":")
    monkeypatch.setattr(importlib.import_module(f"{registry.__name__.rpartition('.')[0]}.{module}"), attribute, size)


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
    _pages_of(case, monkeypatch, PER_PAGE)
    driver = case.driver()
    specs = [case.spec(ordinal) for ordinal in range(1, count + 1)]
    case.settle(driver, [case.create(driver, spec) for spec in specs])
    case.cloud.requests.clear()

    nodes = case.listed(driver, LABELS)

    assert sorted(node.name for node in nodes) == sorted(spec.name for spec in specs)
    needed = max(1, -(-count // PER_PAGE))
    # A list that is read by markers may end with an empty page.
    assert needed <= len(case.requests(case.profile.orders)) <= needed + (count > 0 and count % PER_PAGE == 0)


def test_a_node_tells_all_that_the_platform_needs(case: Case) -> None:
    driver, spec = case.driver(), case.spec()
    case.settle(driver, [case.create(driver, spec)])

    node = case.listed(driver, LABELS)[0]

    location, kind = case.profile.first
    place = driver.caps.locations[location]
    assert (node.provider, node.name, node.location, node.type) == (case.name, spec.name, location, kind)
    assert (node.zone, node.region, node.country) == (location, place.region, place.country)
    assert (node.state, node.owner, node.protected) == ("running", spec.owner, False)
    assert node.public_ipv4
    assert node.provider_id.startswith(driver.caps.provider_id_prefix)
    assert node.provider_id.endswith(node.id)
    assert bool(node.price_hour) is case.profile.priced
    assert node.created[:2] == "20"


def test_servers_of_others_are_listed_without_an_owner_and_left_out_by_the_filter(case: Case) -> None:
    case.profile.make_foreign(case.cloud, "stranger", {"fleet.id": "other", "fleet.cluster": CLUSTER})

    assert [(node.name, node.owner) for node in case.listed()] == [("stranger", None)]
    assert case.listed()[0].state in NODE_STATES
    assert case.listed(labels=LABELS) == []


def test_labels_with_a_wrong_token_make_no_owner(case: Case) -> None:
    labels = {**Owner.of(FLEET, CLUSTER, "web", "stranger").labels(), "fleet.token": "0" * 16}
    case.profile.make_foreign(case.cloud, "stranger", labels)

    assert [node.owner for node in case.listed(labels=LABELS)] == [None]


def test_a_page_that_fails_fails_the_listing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    _pages_of(case, monkeypatch, 1)
    driver = case.driver()
    case.settle(driver, [case.create(driver, case.spec(ordinal)) for ordinal in (1, 2, 3)])
    case.break_("5xx", status=503, path=case.profile.orders, skip=1)

    with pytest.raises(Transient, match="503"):
        case.listed(driver, LABELS)


def test_the_catalogue_knows_prices_and_what_is_not_for_sale(case: Case) -> None:
    location, kind = case.profile.first
    case.break_("retired-type", type=kind, location=location)
    driver = case.driver()

    flavors = {flavor.name: flavor for flavor in driver.catalog(driver.caps.locations[location])}

    assert not flavors[kind].available if kind in flavors else True
    others = [flavor for flavor in flavors.values() if flavor.name != kind]
    assert any(flavor.available and flavor.cpus and flavor.memory_gib for flavor in others)
    assert all(bool(flavor.price_hour) is case.profile.priced for flavor in others if flavor.available)


def test_a_part_that_fails_fails_the_provider_although_the_nodes_are_in_another(case: Case) -> None:
    case.run(2)
    case.cloud.requests.clear()
    case.listed()
    listings = {entry.path.partition("?")[0] for entry in case.requests() if entry.method == "GET"}
    elsewhere = sorted(path for path in listings if not path.startswith(case.profile.orders))
    if not elsewhere:
        pytest.skip(f"{case.name} is listed as a whole")
    case.cloud.requests.clear()
    case.break_("5xx", status=503, method="GET", path=elsewhere[-1])

    result = case.run(3)

    assert "503" in result["msg"]
    assert "Pool web stays as it is." in result["msg"]
    assert case.writes() == [], "what was not seen is not taken for absent"


def test_a_server_that_is_still_being_made_is_a_node_already(profile: Profile) -> None:
    with emulator(boot_seconds=0.3) as cloud:
        case = Case(profile, cloud)
        driver, spec = case.driver(), case.spec()
        pending = case.create(driver, spec)

        seen = case.listed(labels=LABELS)

        assert [(node.name, node.owner, node.id) for node in seen] == [(spec.name, spec.owner, pending.id)]
        assert seen[0].state in ("creating", "stopped")
        assert seen[0].as_result()["name"] == spec.name
        assert case.settle(driver, [pending], looks=400)[0].error is None
        assert case.listed(labels=LABELS)[0].public_ipv4
