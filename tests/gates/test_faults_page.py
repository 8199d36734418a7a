"""docs/faults.md is what the fault suite plays."""

from __future__ import annotations

from scripts.faults_page import PAGE, page


def test_the_page_of_faults_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m scripts.faults_page`"
