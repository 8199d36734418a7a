"""A provider more is a driver file and one line: node pools, the inventory and this suite come for free."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.modules import node_pool_info
from tests.contract import (
    fifth,
    test_at_once,
    test_claims,
    test_creating,
    test_deleting,
    test_listing,
    test_prerequisites,
    test_prices,
)
from tests.contract.case import CLUSTER, FLEET, Case
from tests.contract.clock import HurriedClock
from tests.unit.plugins.inventory.reading import Reader, Spoken, load_collection, stale_hosts

BORROWED: dict[ModuleType, tuple[str, ...]] = {
    test_at_once: ("runs_that_want_the_same_buy_it_once", "runs_that_remove_the_same_both_succeed"),
    test_claims: (
        "a_claimed_server_is_listed_with_its_claim",
        "marking_writes_our_labels_and_keeps_the_others",
        "an_adopted_server_is_a_member_like_any_other",
    ),
    test_creating: (
        "a_server_comes_up_with_its_labels_and_user_data",
        "creating_the_same_node_twice_leaves_one_server",
        "two_orders_of_one_node_at_once_leave_one_server",
        "a_foreign_server_of_the_same_name_is_left_alone",
        "what_is_not_to_be_had_is_ordered_once_and_told_apart",
        "the_next_offer_is_taken_when_one_is_not_to_be_had",
        "an_unknown_image_is_no_reason_to_give_up_the_next_offer",
        "without_another_offer_the_sentence_says_why_each_one_failed",
        "an_offer_above_the_highest_price_is_never_bought",
        "a_type_that_was_never_sold_is_refused_without_an_order",
        "a_server_whose_boot_fails_is_cleared_away_and_another_offer_taken",
        "a_server_that_never_runs_is_told_at_the_deadline_and_kept_for_the_next_run",
        "a_server_of_ours_that_is_off_is_started_again",
    ),
    test_deleting: (
        "a_server_goes_with_everything_that_was_made_with_it",
        "a_server_that_is_off_goes_with_its_disk",
        "a_server_that_was_only_ordered_goes_too",
        "a_server_that_is_gone_already_is_success",
        "a_server_that_lost_our_labels_is_left_alone",
        "a_protected_server_is_refused_by_name_before_any_writing_request",
        "the_highest_number_goes_first",
        "a_pool_that_is_not_listed_any_more_goes_only_with_prune_and_confirmation",
        "nothing_is_left_behind_that_carries_our_mark",
        "what_others_left_behind_is_not_ours",
    ),
    test_listing: (
        "a_node_tells_all_that_the_platform_needs",
        "servers_of_others_are_listed_without_an_owner_and_left_out_by_the_filter",
        "labels_with_a_wrong_token_make_no_owner",
        "the_catalogue_knows_prices_and_what_is_not_for_sale",
    ),
    test_prerequisites: ("a_plain_server_needs_nothing_made",),
    test_prices: ("a_month_is_told_to_the_cent_without_floats",),
}
"""The suite's own tests that need no HTTP. They find this file's `case` in place of the emulated clouds."""
globals().update(
    {f"test_{name}": getattr(module, f"test_{name}") for module, names in BORROWED.items() for name in names}
)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> fifth.FifthCloud:
    """An account at the fifth provider, which one line has made known."""
    monkeypatch.setitem(registry._DRIVERS, fifth.NAME, lambda: fifth)
    monkeypatch.setitem(fifth.ACCOUNTS, "token-of-the-fifth", fifth.FifthCloud("token-of-the-fifth"))
    return fifth.ACCOUNTS["token-of-the-fifth"]


@pytest.fixture
def case(cloud: fifth.FifthCloud) -> Case:
    """The suite's view of it."""
    return Case(fifth.PROFILE, cloud, HurriedClock())  # type: ignore[arg-type]


def test_it_is_known_like_the_others(case: Case) -> None:
    assert fifth.NAME in registry.known()
    assert registry.capabilities(fifth.NAME).title == "Fifth Cloud"


def test_node_pool_foresees_buys_rests_and_removes(case: Case) -> None:
    foreseen = case.run(3, check=True)
    assert [item["name"] for item in foreseen["pending"]["create"]] == case.wished(3)
    assert case.names() == []

    assert case.run(3)["created"] == case.wished(3)
    case.assert_exactly(3)
    case.assert_settled(3)

    assert case.run(1)["deleted"] == list(reversed(case.wished(3)[1:]))
    case.assert_exactly(1)


def test_node_pool_info_shows_its_nodes(case: Case) -> None:
    case.run(2)

    result = node_pool_info.run({"fleet": FLEET, "cluster": CLUSTER, "providers": {case.name: case.account()}})

    assert [node["name"] for node in result["nodes"]] == case.wished(2)
    assert {node["provider"] for node in result["nodes"]} == {"fifth"}


def test_a_cloud_that_is_away_keeps_its_pool_as_it_is(case: Case) -> None:
    case.run(2)
    case.break_("outage")

    result = case.run(1)

    assert result["failed"]
    assert "Pool web stays as it is." in result["msg"]
    assert case.names() == case.wished(2)


def test_the_inventory_lists_it_and_remembers_it(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_collection()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spoken = Spoken()
    spoken.listen(monkeypatch)
    reader = Reader(tmp_path, spoken, {"providers": {case.name: case.account()}})
    case.run(2)

    inventory = reader.read()
    assert sorted(inventory.hosts) == case.wished(2)
    assert {"provider_fifth", "location_vie1", "country_at", "pool_web"} <= set(inventory.groups)
    host: dict[str, Any] = inventory.hosts[case.wished(1)[0]].vars
    assert (host["ansible_host"], host["stale"], host["country"]) == ("192.0.2.1", False, "AT")

    case.break_("outage")
    assert stale_hosts(reader.read()) == set(case.wished(2))


def test_a_refused_account_is_named(case: Case) -> None:
    result = case.run(providers={case.name: {"token": "nobody's"}})

    assert result["failed"]
    assert "set FIFTH_TOKEN or providers.fifth.token." in result["msg"]
