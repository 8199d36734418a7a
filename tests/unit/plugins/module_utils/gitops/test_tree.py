"""What is decided about a tree, without files and without Git."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict, Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.tree import (
    MANIFEST_NAME,
    Manifest,
    Plan,
    Present,
    Wanted,
    check_path,
    plan,
    refuse_lost_work,
)

OTHER = f"clusters/production/{MANIFEST_NAME}"


def present(
    files: dict[str, str], generated: dict[str, str] | None = None, other: dict[str, str] | None = None
) -> Present:
    """A tree with these files; `generated` is what our manifest remembers, `other` what another cluster's does."""
    manifests = {}
    contents = {path: text.encode() for path, text in files.items()}
    if generated is not None:
        manifests[MANIFEST_NAME] = Manifest.of(generated)
        contents[MANIFEST_NAME] = Manifest.of(generated).text().encode()
    if other is not None:
        manifests[OTHER] = Manifest.of(other)
    return Present(contents, manifests)


def verbs(planned: Plan) -> dict[str, str]:
    return {change.path: change.verb for change in planned.changes if change.path != MANIFEST_NAME}


@pytest.mark.parametrize(
    ("wanted", "tree", "changes", "edited", "foreign"),
    [
        pytest.param({"a": "1"}, present({}), {"a": "created"}, (), (), id="a missing file is created"),
        pytest.param({"a": "1"}, present({"a": "1"}, {"a": "1"}), {}, (), (), id="what is there already stays"),
        pytest.param(
            {"a": "2"}, present({"a": "1"}, {"a": "1"}), {"a": "updated"}, (), (), id="what we wrote is updated"
        ),
        pytest.param({}, present({"a": "1"}, {"a": "1"}), {"a": "removed"}, (), (), id="what is no longer wanted goes"),
        pytest.param({}, present({}, {"a": "1"}), {}, (), (), id="what a person removed is gone already"),
        pytest.param({"a": "1"}, present({}, {"a": "1"}), {"a": "created"}, (), (), id="a removed file comes back"),
        pytest.param({"a": "1"}, present({"a": "x"}, {"a": "1"}), {}, ("a",), (), id="a hand-edited file is named"),
        pytest.param({}, present({"a": "x"}, {"a": "1"}), {}, ("a",), (), id="a hand-edited file is not removed"),
        pytest.param(
            {"a": "x"}, present({"a": "x"}, {"a": "1"}), {}, (), (), id="an edit to what is wanted is adopted"
        ),
        pytest.param({"a": "1"}, present({"a": "x"}, {}), {}, (), ("a",), id="a person's file is in the way"),
        pytest.param({"a": "1"}, present({"a": "1"}), {}, (), (), id="a person's file that is equal is adopted"),
        pytest.param({"b": "1"}, present({"a": "x"}), {"b": "created"}, (), (), id="other files are not looked at"),
        pytest.param({}, present({"a": "1"}, {"a": "1"}, {"a": "1"}), {}, (), (), id="another cluster's file stays"),
        pytest.param(
            {"a": "2"},
            present({"a": "1"}, None, {"a": "1"}),
            {"a": "updated"},
            (),
            (),
            id="another cluster's is updated",
        ),
        pytest.param(
            {"a": "2"}, present({"a": "x"}, None, {"a": "1"}), {}, ("a",), (), id="edited after another wrote it"
        ),
    ],
)
def test_plan(wanted: dict[str, str], tree: Present, changes: Any, edited: Any, foreign: Any) -> None:
    planned = plan(Wanted(wanted), tree)
    assert (verbs(planned), planned.edited, planned.foreign) == (changes, edited, foreign)


def test_overwrite_takes_edited_foreign_and_stale_files() -> None:
    tree = present({"edited": "x", "foreign": "x", "stale": "x"}, {"edited": "1", "stale": "1"})
    wanted = Wanted({"edited": "2", "foreign": "2"}, overwrite=frozenset({"edited", "foreign", "stale"}))
    planned = plan(wanted, tree)
    assert verbs(planned) == {"edited": "updated", "foreign": "updated", "stale": "removed"}
    refuse_lost_work(planned, "the tree", {})


def test_a_seed_is_written_once_and_never_again() -> None:
    wanted = Wanted({}, seeds={"greeting": "Hello"})
    assert verbs(plan(wanted, present({}))) == {"greeting": "created"}
    assert plan(wanted, present({"greeting": "Moin"})).changes == ()


def test_a_generated_file_that_becomes_a_seed_is_left_to_the_user() -> None:
    planned = plan(Wanted({}, seeds={"greeting": "Hello"}), present({"greeting": "Hi"}, {"greeting": "Hi"}))
    assert verbs(planned) == {}
    assert planned.edited == ()


def test_second_plan_is_empty() -> None:
    wanted = Wanted({"a": "1", "b/c": "2"}, seeds={"d": "3"})
    changes = plan(wanted, present({})).changes
    after = {change.path: change.after for change in changes if change.after is not None}
    manifest = Manifest.parse(MANIFEST_NAME, after[MANIFEST_NAME])
    assert set(manifest.files) == {"a", "b/c"}
    assert plan(wanted, Present(after, {MANIFEST_NAME: manifest})).changes == ()


def test_the_manifest_goes_with_the_last_file() -> None:
    planned = plan(Wanted({}), present({"a": "1"}, {"a": "1"}))
    assert [(change.path, change.verb) for change in planned.changes] == [(MANIFEST_NAME, "removed"), ("a", "removed")]


def test_the_refusal_names_file_commit_and_ways_out() -> None:
    planned = plan(Wanted({"a": "1"}), present({"a": "x"}, {"a": "1"}))
    with pytest.raises(
        Conflict, match=r"in the branch: a \(commit 1a by Ann\)\. .*delete the edited file.*overwrite: \['a'\]"
    ):
        refuse_lost_work(planned, "the branch", {"a": "commit 1a by Ann"})


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../a", "a/../b", "a//b", ".git/config", "a/.GIT/b", "a\\b", "a\nb", 'a"b']
)
def test_a_path_outside_the_tree_is_refused(path: str) -> None:
    with pytest.raises(Permanent, match="relative path"):
        check_path(path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param({"files": {"a": ""}, "seeds": {"a": ""}}, "generated file and a file of the user's", id="both"),
        pytest.param(
            {"files": {"a": "", "a/b": ""}}, "'a' cannot be a file and the folder of 'a/b'", id="file and folder"
        ),
        pytest.param({"files": {}, "manifest": "list.json"}, "must be named", id="other name of the manifest"),
        pytest.param(
            {"files": {MANIFEST_NAME + "/a": ""}}, "cannot be a file and the folder", id="manifest as a folder"
        ),
    ],
)
def test_a_contradiction_is_refused(options: Any, sentence: str) -> None:
    with pytest.raises(Permanent, match=sentence):
        Wanted(**options)


@pytest.mark.parametrize("content", [b"<<<<<<< HEAD", b"[]", b'{"files": []}', b"{}"])
def test_a_damaged_manifest_is_named(content: bytes) -> None:
    with pytest.raises(Permanent, match="clusters/a/.fleet-manifest.json is damaged"):
        Manifest.parse("clusters/a/.fleet-manifest.json", content)
