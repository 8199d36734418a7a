"""Plain paths are read the way Jinja reads them, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.plugin_utils.expressions import (
    Missing,
    NotPlain,
    compile_once,
    read_plain_path,
)

VARIABLES: dict[str, Any] = {
    "zone": "fsn1",
    "none": "shadowed",
    "pool": "",
    "labels": {"team": "ops", "items": "x", "deep": {"er": [1, {"a": 2}]}},
    "tags": ["a"],
    "odd": object(),
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param("zone", "fsn1", id="a variable"),
        pytest.param("  zone ", "fsn1", id="with spaces around"),
        pytest.param("pool", "", id="empty is a value"),
        pytest.param("labels.team", "ops", id="a label"),
        pytest.param("labels.deep.er", [1, {"a": 2}], id="a list"),
    ],
)
def test_plain_paths_are_read(expression: str, value: object) -> None:
    assert read_plain_path(expression, VARIABLES) == value


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("zone | upper", id="a filter"),
        pytest.param("labels['team']", id="a subscript"),
        pytest.param("labels.items", id="a key that is a method of dict too"),
        pytest.param("none", id="a word of Jinja"),
        pytest.param("range", id="not a variable, maybe a global"),
        pytest.param("zone.upper", id="a method of a string"),
        pytest.param("tags.0", id="an index"),
        pytest.param("odd", id="an object"),
        pytest.param("", id="nothing"),
        pytest.param(1, id="no text"),
    ],
)
def test_anything_else_is_left_to_jinja(expression: object) -> None:
    with pytest.raises(NotPlain):
        read_plain_path(expression, VARIABLES)


def test_a_key_that_is_not_there_is_missing() -> None:
    with pytest.raises(Missing, match=r"labels\.nowhere"):
        read_plain_path("labels.nowhere", VARIABLES)


def test_what_is_read_can_be_changed_without_changing_the_variables() -> None:
    read_plain_path("labels.deep.er", VARIABLES).append(3)
    assert VARIABLES["labels"]["deep"]["er"] == [1, {"a": 2}]


def test_a_templar_built_otherwise_is_left_alone() -> None:
    assert compile_once(object()) is False
