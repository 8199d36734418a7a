"""Creating: once, whatever happens to the answer; elsewhere when nothing is left; never for a foreign server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Capacity,
    NotFound,
    PlatformError,
    Quota,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from tests.contract.case import POOL, Case


def test_a_server_comes_up_with_its_labels_and_user_data(case: Case) -> None:
    driver, spec = case.driver(), case.spec()

    event = case.settle(driver, [case.create(driver, spec)])[0]

    assert event.error is None
    assert event.node is not None
    assert (event.node.name, event.node.state, event.node.owner) == (spec.name, "running", spec.owner)
    server = case.servers()[0]
    assert server.user_data == spec.user_data
    assert (server.location, server.type) == case.profile.first


def test_creating_the_same_node_twice_leaves_one_server(case: Case) -> None:
    driver, spec = case.driver(), case.spec()
    first = case.create(driver, spec)
    case.settle(driver, [first])

    event = case.settle(driver, [case.create(driver, spec)])[0]

    assert event.error is None
    assert event.node is not None
    assert event.node.id == first.id
    assert case.names() == [spec.name]
    case.assert_exactly(1)


def test_two_orders_of_one_node_at_once_leave_one_server(case: Case) -> None:
    first, second = case.driver(), case.driver()
    spec = case.spec()

    pendings = [(first, case.create(first, spec)), (second, case.create(second, spec))]
    events = [case.settle(driver, [pending])[0] for driver, pending in reversed(pendings)]

    assert [event.error for event in events] == [None, None]
    assert len({event.node.id for event in events if event.node}) == 1
    assert case.names() == [spec.name]
    case.assert_exactly(1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("reset-after-commit", {}, id="a reset after the order was taken"),
        pytest.param("cut-json", {}, id="a confirmation cut short"),
        pytest.param("html-502", {}, id="a gateway's page"),
        pytest.param("5xx", {"status": 504}, id="a gateway's timeout"),
        pytest.param("stall", {}, id="silence"),
    ],
)
def test_an_order_without_an_answer_is_ambiguous_for_the_driver(
    case: Case, impatient: None, kind: str, options: dict[str, Any]
) -> None:
    driver = case.driver()
    case.break_(kind, method="POST", path=case.profile.orders, count=1, **options)

    with pytest.raises(Ambiguous, match="may have been carried out"):
        case.create(driver, case.spec())

    orders = case.orders()
    assert len(orders) == 1, "a driver must not repeat an order by itself"


def test_an_order_whose_answer_was_lost_is_looked_up_before_another(case: Case) -> None:
    case.break_("reset-after-commit", method="POST", path=case.profile.orders, count=1)

    result = case.run(1)

    assert (result.get("msg"), result["created"]) == (None, case.wished(1))
    orders = case.orders()
    assert len(orders) == 1
    case.assert_exactly(1)
    case.assert_settled(1)


def _reads_of_a_plan(case: Case) -> int:
    """How many lists of servers a run reads before it orders anything."""
    case.cloud.requests.clear()
    case.run(1, check=True)
    reads = len([request for request in case.requests(case.profile.orders) if request.method == "GET"])
    case.cloud.requests.clear()
    return reads


def test_when_the_look_fails_too_nothing_more_is_ordered_and_the_next_run_finds_it(case: Case) -> None:
    reads = _reads_of_a_plan(case)
    case.break_("reset-after-commit", method="POST", path=case.profile.orders, count=1)
    case.break_("5xx", method="GET", path=case.profile.orders, skip=reads)

    result = case.run(1)

    assert result["failed"]
    assert "is not known" in result["msg"]
    assert "Run again" in result["msg"]
    orders = case.orders()
    assert len(orders) == 1
    case.cloud.faults.clear()
    assert case.run(1).get("msg") is None
    case.assert_exactly(1)


def test_a_rate_limited_order_is_repeated_because_it_was_not_taken(case: Case) -> None:
    case.break_("429", method="POST", path=case.profile.orders, count=3, retry_after=2)

    assert case.run(1).get("msg") is None
    case.assert_exactly(1)


def test_a_foreign_server_of_the_same_name_is_left_alone(case: Case) -> None:
    case.profile.make_foreign(case.cloud, case.spec().name, {"owner": "somebody"})
    case.quiet()
    before = [server.id for server in case.servers()]

    result = case.run(1)

    there = {server.id for server in case.servers()}
    assert set(before) <= there
    if case.driver().caps.unique_names:
        assert "does not carry this fleet's labels, so it is left alone" in result["msg"]
        assert there == set(before)
    else:
        assert result["created"] == case.wished(1)
        assert len(there) == 2


def _refused(case: Case, driver: NodeDriver) -> PlatformError | None:
    """Why an order came to nothing: refused at once, or, at some clouds, after it had been taken."""
    try:
        return case.settle(driver, [case.create(driver, case.spec())])[0].error
    except PlatformError as error:
        return error


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param("capacity", Capacity, id="no capacity"),
        pytest.param("quota", Quota, id="over the quota"),
        pytest.param("retired-type", NotFound, id="a retired type"),
    ],
)
def test_what_is_not_to_be_had_is_ordered_once_and_told_apart(case: Case, fault: str, error: type[Exception]) -> None:
    driver = case.driver()
    case.break_(fault)

    assert isinstance(_refused(case, driver), error)

    # Where orders name a type by an id, one that is not sold cannot even be ordered.
    assert len(case.orders()) == 1 or (fault == "retired-type" and case.orders() == [])


@pytest.mark.parametrize("fault", ["capacity", "quota", "retired-type"])
def test_the_next_offer_is_taken_when_one_is_not_to_be_had(case: Case, fault: str) -> None:
    location, kind = case.profile.first
    case.break_(fault, location=location, type=kind)

    result = case.run(pools=[case.pool(1, [case.profile.first, case.profile.second])])

    assert result.get("msg") is None
    assert [(node["location"], node["type"]) for node in result["nodes"]] == [case.profile.second]
    case.assert_exactly(1)


def test_an_unknown_image_is_no_reason_to_give_up_the_next_offer(case: Case) -> None:
    pool = case.pool(1, [case.profile.first, case.profile.second])
    pool["offers"][0]["image"] = "no-such-image"

    result = case.run(pools=[pool])

    assert result.get("msg") is None
    assert [(node["location"], node["type"]) for node in result["nodes"]] == [case.profile.second]


def test_without_another_offer_the_sentence_says_why_each_one_failed(case: Case) -> None:
    pool = case.pool(1)
    pool["offers"][0]["image"] = "no-such-image"

    result = case.run(pools=[pool])

    location, kind = case.profile.first
    assert result["failed"]
    assert "no-such-image" in result["msg"]
    assert f"{case.name}/{location}/{kind}" in result["msg"]
    assert case.names() == []


def test_an_offer_above_the_highest_price_is_never_bought(case: Case) -> None:
    driver = case.driver()
    location, kind = case.profile.first
    price = next(f.price_hour for f in driver.catalog(driver.caps.locations[location]) if f.name == kind)
    if not case.profile.priced:
        refused = case.run(pools=[case.pool(1, max_price_hour=1000.0)])
        assert "its price is not known, and max_price_hour is set" in refused["msg"]
        assert case.writes() == []
        return
    assert price is not None

    result = case.run(pools=[case.pool(1, max_price_hour=float(price - Decimal("0.0001")))])

    assert result["failed"]
    assert "above max_price_hour" in result["msg"]
    assert case.writes() == []
    assert case.run(pools=[case.pool(1, max_price_hour=float(price))]).get("msg") is None


def test_a_type_that_was_never_sold_is_refused_without_an_order(case: Case) -> None:
    result = case.run(pools=[case.pool(1, [(case.profile.first[0], "NOPE-1")])])

    assert "the type is not sold there" in result["msg"]
    assert case.writes() == []


def test_a_server_whose_boot_fails_is_cleared_away_and_another_offer_taken(case: Case) -> None:
    location, kind = case.profile.first
    case.break_("boot-error", location=location, type=kind)

    result = case.run(pools=[case.pool(1, [case.profile.first, case.profile.second])])

    assert result.get("msg") is None
    assert [(node["location"], node["type"]) for node in result["nodes"]] == [case.profile.second]
    case.assert_exactly(1)


def test_a_server_that_never_runs_is_told_at_the_deadline_and_kept_for_the_next_run(case: Case) -> None:
    case.break_("boot-stall")

    result = case.run(1, timeout=60)

    assert result["failed"]
    assert f"{case.wished(1)[0]} (id " in result["msg"]
    assert "was not running in time; its last state was creating" in result["msg"]
    assert 60 <= case.time.clock() <= 70
    assert case.names() == case.wished(1)


def test_a_server_of_ours_that_is_off_is_started_again(case: Case) -> None:
    case.run(1)
    case.profile.power_off(case.cloud, case.servers()[0].id)
    case.quiet()

    foreseen = case.run(1, check=True)
    result = case.run(1)

    assert foreseen["pending"]["start"] == case.wished(1)
    assert (result.get("msg"), result["started"], result["created"]) == (None, case.wished(1), [])
    case.assert_exactly(1)


def test_a_half_made_server_is_carried_on_with_fresh_user_data(case: Case) -> None:
    driver, spec = case.driver(), case.spec(user_data="")
    pending = case.create(driver, spec)  # and here the run dies

    result = case.run(1, user_data={POOL: "#cloud-config\n# fresh\n"})

    assert result.get("msg") is None
    assert [node["id"] for node in result["nodes"]] == [pending.id]
    case.assert_exactly(1)
    if case.profile.late_user_data:
        assert case.servers()[0].user_data == "#cloud-config\n# fresh\n"


def test_many_servers_are_made_side_by_side(case: Case) -> None:
    case.break_("latency", delay=0.05, method="POST")

    result = case.run(20)

    assert result.get("msg") is None
    case.assert_exactly(20)
    assert 12 <= case.cloud.requests.peak(case.profile.cloud) <= 16
    assert case.time.clock() < 15, "twenty servers must take about as long as one"


def test_no_order_carries_an_offer_of_another_place(case: Case) -> None:
    spec = case.spec()

    assert spec.offer == Offer(case.name, *case.profile.first)
