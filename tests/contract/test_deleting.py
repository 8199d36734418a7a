"""Deleting: only ours, only what may go, with all that belongs to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node, Owner
from tests.contract.case import LABELS, Case


def _made(case: Case, ordinal: int = 1) -> Node:
    driver = case.driver()
    event = case.settle(driver, [case.create(driver, case.spec(ordinal))])[0]
    assert event.node is not None
    node: Node = event.node
    return node


def test_a_server_goes_with_everything_that_was_made_with_it(case: Case) -> None:
    node, driver = _made(case), case.driver()

    event = case.settle(driver, [driver.delete_node(node)])[0]

    assert event.error is None
    case.assert_exactly(0)


def test_a_server_that_is_off_goes_with_its_disk(case: Case) -> None:
    node, driver = _made(case), case.driver()
    case.profile.power_off(case.cloud, node.id)
    case.quiet()

    event = case.settle(driver, [driver.delete_node(node)])[0]

    assert event.error is None
    case.assert_exactly(0)


def test_a_server_that_was_only_ordered_goes_too(case: Case) -> None:
    driver = case.driver()
    pending = case.create(driver, case.spec())
    assert pending.node is not None

    event = case.settle(driver, [driver.delete_node(pending.node)])[0]

    assert event.error is None
    case.assert_exactly(0)


def test_a_server_that_is_gone_already_is_success(case: Case) -> None:
    node, driver = _made(case), case.driver()
    case.settle(driver, [driver.delete_node(node)])

    assert case.settle(driver, [driver.delete_node(node)])[0].error is None


def test_a_server_that_lost_our_labels_is_left_alone(case: Case) -> None:
    node, driver = _made(case), case.driver()
    stolen = replace(node, owner=Owner.of("other", "dev", "web", node.name))

    with pytest.raises(Conflict, match="left alone"):
        driver.delete_node(stolen)
    with pytest.raises(Conflict, match="left alone"):
        driver.delete_node(replace(node, owner=None))

    assert case.names() == [node.name]


def test_a_protected_server_is_refused_by_name_before_any_writing_request(case: Case) -> None:
    node, driver = _made(case), case.driver()
    case.profile.protect(case.cloud, node.id)
    case.cloud.requests.clear()

    with pytest.raises(Conflict, match=rf"{node.name} \(id {node.id}\) is protected"):
        driver.delete_node(node)

    assert case.writes() == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("reset-after-commit", {}, id="a reset after the order was taken"),
        pytest.param("reset-before", {}, id="a reset before"),
        pytest.param("5xx", {"status": 503}, id="503"),
        pytest.param("429", {"retry_after": 3}, id="429"),
        pytest.param("html-502", {}, id="a gateway's page"),
        pytest.param("cut-json", {}, id="an answer cut short"),
        pytest.param("stall", {}, id="silence"),
    ],
)
def test_lost_answers_do_not_keep_a_server(case: Case, impatient: None, kind: str, options: dict[str, Any]) -> None:
    case.run(3)
    case.break_(kind, method="write", path=case.profile.servers, count=2, **options)

    result = case.run(1)

    assert (result.get("msg"), sorted(result["deleted"])) == (None, case.wished(3)[1:])
    case.cloud.faults.clear()
    case.assert_exactly(1)
    case.assert_settled(1)


def test_the_highest_number_goes_first(case: Case) -> None:
    case.run(4)

    foreseen = case.run(1, check=True)
    result = case.run(1)

    assert [item["name"] for item in foreseen["pending"]["delete"]] == list(reversed(case.wished(4)[1:]))
    assert result["deleted"] == list(reversed(case.wished(4)[1:]))
    case.assert_exactly(1)


def test_a_failed_listing_neither_deletes_nor_buys(case: Case) -> None:
    case.run(2)
    case.cloud.requests.clear()
    case.break_("5xx", status=503, method="GET", path=case.profile.orders)

    grow, shrink, prune = case.run(5), case.run(1), case.run(pools=[], prune=True)

    assert all(result["failed"] and "503" in result["msg"] for result in (grow, shrink, prune))
    assert not grow["changed"]
    assert "Pool web stays as it is." in grow["msg"]
    assert case.writes() == []


def test_a_pool_that_is_not_listed_any_more_goes_only_with_prune_and_confirmation(case: Case) -> None:
    case.run(2)
    left = case.run(pools=[])
    assert (left.get("msg"), left["changed"]) == (None, False)
    assert "Pool web is not listed but still has 2 nodes" in left["warnings"][0]

    refused = case.run(pools=[], prune=True)
    assert "it deletes the last node of pool web" in refused["msg"]
    assert case.names() == case.wished(2)

    gone = case.run(pools=[], prune=True, confirm=refused["plan_hash"])
    assert (gone.get("msg"), gone["nodes"]) == (None, [])
    case.assert_exactly(0)


def test_nothing_is_left_behind_that_carries_our_mark(case: Case) -> None:
    case.run(2)
    foreseen = case.run(0, check=True)
    case.run(0, confirm=foreseen["plan_hash"])

    assert case.driver().leftovers(LABELS) == []


def test_what_others_left_behind_is_not_ours(case: Case) -> None:
    case.profile.make_foreign(case.cloud, "stranger", {"owner": "somebody"})
    case.quiet()

    assert case.driver().leftovers(None) == []
