"""A tree in a folder of the file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.folder import Folder
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.tree import Change, Manifest


def test_files_are_written_and_removed_with_their_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "old/deep").mkdir(parents=True)
    (tmp_path / "old/deep/a").write_text("1")
    (tmp_path / "old/mine").write_text("mine")
    Folder(str(tmp_path)).apply([Change("new/deep/b", None, b"2"), Change("old/deep/a", b"1", None)])
    assert (tmp_path / "new/deep/b").read_text() == "2"
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == ["mine"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["b", "deep", "mine", "new", "old"]


def test_every_manifest_is_found_and_git_is_left_out(tmp_path: Path) -> None:
    for folder in ("clusters/a", "clusters/b", ".git"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / ".fleet-manifest.json").write_text(Manifest({}).text())
    assert sorted(Folder(str(tmp_path)).manifests()) == [
        "clusters/a/.fleet-manifest.json",
        "clusters/b/.fleet-manifest.json",
    ]


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "none"))
    assert (folder.manifests(), folder.read({"a"})) == ({}, {})


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_symbolic_link_does_not_lead_out(tmp_path: Path, link: str) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    tree.mkdir()
    path = "a" if link == "file" else "sub/a"
    (tree / path.split("/", maxsplit=1)[0]).symlink_to(outside / "a" if link == "file" else outside)
    with pytest.raises(Conflict, match="symbolic link"):
        Folder(str(tree)).apply([Change(path, None, b"x")])
    assert list(outside.iterdir()) == []


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(Conflict, match="is a folder, but a file"):
        Folder(str(tmp_path)).read({"a"})
