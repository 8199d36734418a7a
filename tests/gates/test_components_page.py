"""The page of the components says what the catalogue says."""

from __future__ import annotations

from scripts.components_page import PAGE, current


def test_the_page_of_the_components_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == current(), "write it anew: python -m scripts.components_page"
