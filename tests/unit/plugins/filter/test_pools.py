"""The filters for pools."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.filter.pools import FilterModule, pools_fault, with_counts

POOLS: list[dict[str, Any]] = [
    {"name": "a", "count": 1, "offers": [{"provider": "hetzner", "location": "nbg1", "type": "cx33"}]},
    {"name": "b", "count": 2, "offers": [{"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L"}]},
]


@pytest.mark.parametrize(
    ("pools", "words"),
    [
        pytest.param(POOLS, "", id="nothing is wrong"),
        pytest.param([], "", id="no pool at all"),
        pytest.param("x", "pools is 'x'", id="no list"),
        pytest.param([POOLS[0], POOLS[0]], "pools[1].name is 'a'", id="a name twice"),
        pytest.param([{**POOLS[0], "colour": "blue"}], "Unknown key pools[0].colour", id="an unknown key"),
        pytest.param(
            [{**POOLS[0], "offers": [{"provider": "hetzner", "location": "fr-par-1", "type": "cx33"}]}],
            "pools[0].offers[0].location is 'fr-par-1'; allowed: fsn1",
            id="a place of another provider",
        ),
        pytest.param([{**POOLS[0], "name": "a" * 60}], "74 characters long", id="too long with the cluster's name"),
    ],
)
def test_pools_fault(pools: Any, words: str) -> None:
    fault = pools_fault(pools, "development")
    assert words in fault
    assert bool(words) == bool(fault)


def test_other_counts_for_named_pools_only() -> None:
    changed = with_counts(POOLS, {"b": "5", "never-heard-of": 9})
    assert [pool["count"] for pool in changed] == [1, 5]
    assert POOLS[1]["count"] == 2


def test_both_are_offered() -> None:
    assert set(FilterModule().filters()) == {"pools_fault", "with_counts"}
