"""Values of charts: joined without losing lists, and patches that lead from one to the other."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops import values


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        pytest.param({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, id="mappings are joined"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="the second wins"),
        pytest.param({"a": [1, 2]}, {"a": [2, 3]}, {"a": [1, 2, 3]}, id="lists keep what they have"),
        pytest.param(
            {"a": [{"name": "x", "v": 1}, {"name": "y"}]},
            {"a": [{"name": "x", "w": 2}, {"name": "z"}]},
            {"a": [{"name": "x", "v": 1, "w": 2}, {"name": "y"}, {"name": "z"}]},
            id="entries of one name become one",
        ),
        pytest.param({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="a mapping in place of a text"),
    ],
)
def test_values_are_joined(first: dict[str, Any], second: dict[str, Any], both: dict[str, Any]) -> None:
    assert values.joined(first, second) == both


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="nothing changes"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 1, "c": [1]}}, {"a": {"c": [1]}}, id="only what is new"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}, id="a list is replaced as a whole"),
        pytest.param({"a": 1}, {"a": True}, {"a": True}, id="true is not 1"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {}, id="what only the first has stays"),
    ],
)
def test_a_patch_leads_from_one_to_the_other(
    before: dict[str, Any], after: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert values.difference(before, after) == patch
    assert values.patched(before, patch) == {**before, **after}


def test_variables_are_filled_in() -> None:
    known = {"cluster": "development", "zones": ["a", "b"], "count": 3}
    given = {"a": "${cluster}-x", "b": ["$cluster", "$$cluster"], "c": "${zones}", "d": "$count", "e": "$1 $(x)"}
    assert values.filled(given, known) == {
        "a": "development-x",
        "b": ["development", "$cluster"],
        "c": ["a", "b"],
        "d": 3,
        "e": "$1 $(x)",
    }
    with pytest.raises(Permanent, match="variable nobody has no value"):
        values.filled("${nobody}", known)


def test_what_cannot_be_said_yet_is_left_out_lists_as_a_whole() -> None:
    given = {"a": "${cluster}", "b": ["x", "${cluster}"], "c": {"d": "${cluster}"}, "e": ["y"], "f": {}}
    assert values.known_part(given, {}) == {"e": ["y"], "f": {}}


def test_leaves_name_everything_that_is_set() -> None:
    given: dict[str, Any] = {"a": {"b": 1, "c": {}}, "d": [{"e": 1}], "f": {"x.y/z": None}}
    assert list(values.leaves(given)) == [("a.b", 1), ("a.c", {}), ("d", [{"e": 1}]), ("f.x.y/z", None)]
