"""What must not stand in any file: this machine, a package index, an exception from a check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gates.project import ROOT, files

MACHINE_PATH = re.compile(r"(?<![\w.$}-])/(?:work|workspace|Users/\w+)/")
PACKAGE_INDEX = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.org|proxy\.golang\.org|deb\.debian\.org|galaxy\.ansible\.com/api"
)
CHECK_SWITCHED_OFF = re.compile(r"^\s*(?:ignore_errors:|skip_list:|warn_list:)|# noqa: [a-z-]+\[", re.MULTILINE)


def texts() -> Iterator[tuple[Path, str]]:
    for path in files():
        if path == Path(__file__).relative_to(ROOT):
            continue
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {found.group().strip()}"
        for path, text in texts()
        for found in pattern.finditer(text)
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("see /work/" + "notes", id="a path of a workplace"),
        pytest.param("HOME=/Users/" + "ann/src", id="a path of a person"),
    ],
)
def test_the_pattern_knows_a_machine_path(text: str) -> None:
    assert MACHINE_PATH.search(text)


def test_no_file_names_a_path_of_a_machine() -> None:
    assert places(MACHINE_PATH) == []
    for here in (ROOT, Path.home()):
        if len(here.parts) > 2:
            assert places(re.compile(re.escape(str(here)) + r"\b")) == []


def test_no_file_names_a_package_index() -> None:
    assert places(PACKAGE_INDEX) == []


def test_no_check_is_switched_off() -> None:
    assert places(CHECK_SWITCHED_OFF) == []


def test_there_are_no_ignore_files() -> None:
    ignore_lists = [path for path in files() if re.search(r"sanity.*ignore|ansible-lint-ignore", str(path))]
    assert ignore_lists == []
