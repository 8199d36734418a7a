from __future__ import annotations

from pathlib import Path

import pytest

from lab.tools import families
from lab.tools.families import FAMILIES, Family


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family that holds a program of the lab's own."""
    monkeypatch.setattr(families, "FOLDER", tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "go.mod").write_text("module lab.local/own\n\ngo 1.26.0\n\ntool lab.local/own\n")
    (tmp_path / "own" / "go.sum").touch()
    (tmp_path / "own" / "main.go").write_text("package main\n")
    return Family("own")


def test_a_program_of_the_labs_own_is_named_after_its_module(own: Family) -> None:
    assert own.programs() == ["lab.local/own"]
    assert own.binaries() == ["own"]


def test_its_source_counts_for_the_lock(own: Family) -> None:
    before = own.lock()
    assert own.lock() == before
    (own.folder / "main.go").write_text("package main // changed\n")
    assert own.lock() != before


@pytest.mark.parametrize(
    ("family", "module", "version"),
    [
        pytest.param("coredns", "github.com/coredns/coredns", "v1.14.7", id="a line of its own"),
        pytest.param("kubernetes", "k8s.io/cli-runtime", "v0.36.3", id="a line of a block"),
    ],
)
def test_a_version_is_what_go_mod_requires(family: str, module: str, version: str) -> None:
    assert families.family(family).version(module) == version


def test_a_module_that_is_not_required_has_no_version() -> None:
    with pytest.raises(KeyError, match=r"does not require example\.org/none"):
        families.family("coredns").version("example.org/none")


def test_no_two_families_build_a_program_of_the_same_name() -> None:
    names = [name for family in FAMILIES for name in family.binaries()]
    assert sorted(names) == sorted(set(names))
    for name in names:
        assert name in families.family_of(name).binaries()
