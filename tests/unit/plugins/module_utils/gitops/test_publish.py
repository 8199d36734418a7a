"""Publishing into a real repository on disk, with people who work in it at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Conflict,
    NotFound,
    Permanent,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.publish import ATTEMPTS, Published, Publisher
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.remote import Author, Remote
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.repository import Repository
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.request import Request

from .git_remote import Person, git, make_remote, password_server, show

SECRET = "s3cr3t/with spaces & $igns"


@pytest.fixture(name="remote")
def _remote(tmp_path: Path) -> Path:
    return make_remote(tmp_path)


@pytest.fixture(name="person")
def _person(tmp_path: Path, remote: Path) -> Person:
    return Person(remote, tmp_path / "person")


def publisher(tmp_path: Path, remote: Path | str, timeout: float = 30, **options: Any) -> Publisher:
    return Publisher(tmp_path / "clone", Remote(str(remote), "main", **options), Author("Fleet", "f@x"), timeout)


def request(files: dict[str, str], **options: Any) -> Request:
    defaults = {"seeds": {}, "secrets": [], "sops": None, "manifest": ".fleet-manifest.json", "overwrite": []}
    return Request.of({**defaults, "files": files, **options})


def publish(to: Publisher, what: Request) -> Published:
    return to.publish(what, lambda changes: f"{len(changes)} files")


def test_an_empty_repository_gets_its_first_commit(tmp_path: Path, remote: Path) -> None:
    done = publish(publisher(tmp_path, remote), request({"apps/ä b.yaml": "a: ü\n"}, seeds={"own": "x\n"}))
    assert done.commit == git(remote, "rev-parse", "main")
    assert show(remote, "apps/ä b.yaml") == "a: ü"
    assert done.seeds == {"own": "x\n"}
    assert git(remote, "log", "--format=%an %ae %cn %s", "main") == "Fleet f@x Fleet 3 files"
    assert (tmp_path / "clone/apps/ä b.yaml").read_text() == "a: ü\n"
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


def test_a_second_run_changes_nothing(tmp_path: Path, remote: Path) -> None:
    to, what = publisher(tmp_path, remote), request({"a": "1"}, seeds={"own": "x"})
    first = publish(to, what)
    second = publish(to, what)
    assert (second.changes, second.commit, second.warning) == ((), first.commit, "")


def test_a_prediction_tells_the_same_and_does_nothing(tmp_path: Path, remote: Path) -> None:
    to, what = publisher(tmp_path, remote), request({"a": "1"}, seeds={"own": "x"})
    predicted = to.predict(what)
    assert not (tmp_path / "clone").exists()
    assert git(remote, "for-each-ref") == ""
    assert predicted.changes == publish(to, what).changes
    assert to.predict(what).commit == git(remote, "rev-parse", "main")
    assert [change.path for change in to.predict(request({"a": "2"})).changes] == [".fleet-manifest.json", "a"]
    assert (tmp_path / "clone/a").read_text() == "1"


def test_the_greeting_is_changed_by_a_commit_alone(tmp_path: Path, remote: Path, person: Person) -> None:
    to, what = publisher(tmp_path, remote), request({"a": "1"}, seeds={"greeting.env": "M=Hello"})
    publish(to, what)
    commit = person.commits({"greeting.env": "M=Moin"})
    done = publish(to, what)
    assert (done.changes, done.commit, done.seeds) == ((), commit, {"greeting.env": "M=Moin"})
    assert (tmp_path / "clone/greeting.env").read_text() == "M=Moin"
    assert to.predict(what).seeds == {"greeting.env": "M=Moin"}


def test_work_of_people_is_kept(tmp_path: Path, remote: Path, person: Person) -> None:
    to = publisher(tmp_path, remote)
    publish(to, request({"a": "1", "old": "1"}))
    person.commits({"team/own.yaml": "mine: true"})
    publish(to, request({"a": "2"}))
    assert git(remote, "ls-tree", "-r", "--name-only", "main").split() == [".fleet-manifest.json", "a", "team/own.yaml"]
    assert git(remote, "log", "--format=%an", "main").split() == ["Fleet", "Ann", "Fleet"]


def test_a_commit_to_a_generated_file_is_named(tmp_path: Path, remote: Path, person: Person) -> None:
    to = publisher(tmp_path, remote)
    publish(to, request({"a": "1"}))
    commit = person.commits({"a": "by hand"})
    for attempt in (lambda: publish(to, request({"a": "1"})), lambda: to.predict(request({"a": "1"}))):
        with pytest.raises(Conflict, match=rf"edited by hand.*: a \(commit {commit[:7]} by Ann, \d{{4}}-"):
            attempt()
    person.commits({"a": None})
    publish(to, request({"a": "1"}))
    assert show(remote, "a") == "1"


def test_somebody_pushes_in_between(
    tmp_path: Path, remote: Path, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = publisher(tmp_path, remote)
    publish(to, request({"a": "1"}))
    _race(monkeypatch, lambda: person.commits({"own": "in between"}), times=1)
    publish(to, request({"a": "2"}))
    assert (show(remote, "a"), show(remote, "own")) == ("2", "in between")
    assert git(remote, "log", "--format=%an", "main").split() == ["Fleet", "Ann", "Fleet"]


def test_an_endless_race_is_given_up(
    tmp_path: Path, remote: Path, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(100))
    _race(monkeypatch, lambda: person.commits({"own": str(next(numbers))}), times=ATTEMPTS)
    with pytest.raises(Transient, match=f"moved on {ATTEMPTS} times"):
        publish(publisher(tmp_path, remote), request({"a": "1"}))


def _race(monkeypatch: pytest.MonkeyPatch, rival: Callable[[], Any], times: int) -> None:
    """Lets a rival push right before the first pushes of ours."""
    push, left = Repository.push, [None] * times

    def late(self: Repository, commit: str) -> None:
        if left:
            left.pop()
            rival()
        push(self, commit)

    monkeypatch.setattr(Repository, "push", late)


def test_a_person_s_changes_in_the_work_tree_stay(tmp_path: Path, remote: Path) -> None:
    to = publisher(tmp_path, remote)
    publish(to, request({"a": "1"}, seeds={"own": "x"}))
    (tmp_path / "clone/a").write_text("not committed")
    done = publish(to, request({"a": "2"}))
    assert "holds changes of your own" in done.warning
    assert (tmp_path / "clone/a").read_text() == "not committed"
    assert show(remote, "a") == "2"


def test_a_person_s_commits_in_the_work_tree_stay(tmp_path: Path, remote: Path) -> None:
    to, clone = publisher(tmp_path, remote), tmp_path / "clone"
    publish(to, request({"a": "1"}, seeds={"own": "x"}))
    (clone / "own").write_text("y")
    git(clone, "commit", "--quiet", "--all", "--message", "mine")
    mine = git(clone, "rev-parse", "HEAD")
    assert "holds commits of your own" in publish(to, request({"a": "2"})).warning
    assert git(clone, "rev-parse", "HEAD") == mine
    git(clone, "pull", "--quiet", "--rebase", "origin", "main")
    git(clone, "push", "--quiet", "origin", "main")
    done = publish(to, request({"a": "3"}))
    assert (done.warning, git(clone, "rev-parse", "HEAD")) == ("", done.commit)
    assert (clone / "own").read_text() == "y"


def test_a_repository_that_was_made_anew_is_followed(tmp_path: Path, remote: Path) -> None:
    to, what = publisher(tmp_path, remote), request({"a": "1"})
    publish(to, what)
    git(remote, "update-ref", "-d", "refs/heads/main")
    done = publish(to, request({"a": "2"}))
    assert (done.warning, git(remote, "rev-list", "--count", "main")) == ("", "1")
    assert (tmp_path / "clone/a").read_text() == "2"


def test_two_clusters_share_a_branch(tmp_path: Path, remote: Path) -> None:
    to = publisher(tmp_path, remote)
    development = {"manifest": "clusters/development/.fleet-manifest.json"}
    production = {"manifest": "clusters/production/.fleet-manifest.json"}
    publish(to, request({"base": "1", "overlays/hetzner": "1"}, **development))
    publish(to, request({"base": "1", "overlays/scaleway": "1"}, **production))
    assert publish(to, request({"base": "1", "overlays/hetzner": "1"}, **development)).changes == ()
    publish(to, request({}, **development))
    assert git(remote, "ls-tree", "-r", "--name-only", "main").split() == [
        "base",
        "clusters/production/.fleet-manifest.json",
        "overlays/scaleway",
    ]


def test_the_password_is_used_and_left_nowhere(tmp_path: Path, remote: Path) -> None:
    trace = tmp_path / "trace"
    with password_server(tmp_path, "fleet", SECRET) as base, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_TRACE2", str(trace))
        patch.setenv("GIT_TRACE_CURL_NO_DATA", "1")
        publish(publisher(tmp_path, f"{base}/{remote.name}", username="fleet", password=SECRET), request({"a": "1"}))
    assert show(remote, "a") == "1"
    assert "git-remote-http" in trace.read_text()
    kept = [file for file in (tmp_path / "clone").rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert (kept, SECRET in trace.read_text()) == ([], False)


@pytest.mark.parametrize("login", [{}, {"username": "fleet", "password": "wrong-one"}], ids=["none", "wrong"])
def test_a_refused_login_is_a_sentence_and_no_question(tmp_path: Path, remote: Path, login: dict[str, str]) -> None:
    with (
        password_server(tmp_path, "fleet", SECRET) as base,
        pytest.raises(Auth, match="Cannot fetch branch main.*Check that the user name and the password") as failed,
    ):
        publish(publisher(tmp_path, f"{base}/{remote.name}", **login), request({"a": "1"}))
    assert "wrong-one" not in str(failed.value)


def test_a_missing_repository_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"Cannot fetch branch main of .*missing\.git.*Create the repository first"):
        publish(publisher(tmp_path, tmp_path / "missing.git"), request({"a": "1"}))


def test_a_server_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Transient, match=r"Check URL and network"):
        publish(publisher(tmp_path, "http://127.0.0.1:9/fleet.git"), request({"a": "1"}))


def test_a_refused_push_is_a_sentence(tmp_path: Path, remote: Path) -> None:
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Auth, match="Cannot push to branch main.*does not let this user push"):
        publish(publisher(tmp_path, remote), request({"a": "1"}))
    assert git(remote, "for-each-ref") == ""


def test_a_stalled_git_is_ended(tmp_path: Path, remote: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_SSH_COMMAND", "sleep 60;")
        with pytest.raises(Transient, match=r"did not end within 0\.5 seconds"):
            publish(publisher(tmp_path, "ssh://git@127.0.0.1/x", timeout=0.5), request({"a": "1"}))


def test_a_folder_of_something_else_is_not_used(tmp_path: Path, remote: Path) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone/thesis.txt").write_text("mine")
    with pytest.raises(Conflict, match="is not a clone of"):
        publish(publisher(tmp_path, remote), request({"a": "1"}))


def test_a_clone_in_use_is_waited_for_and_then_given_up(tmp_path: Path, remote: Path) -> None:
    import fcntl

    publish(publisher(tmp_path, remote), request({"a": "1"}))
    ticks = iter(range(1000))
    lock = os.open(tmp_path / "clone", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    busy = Publisher(
        tmp_path / "clone",
        Remote(str(remote), "main"),
        Author("Fleet", "f@x"),
        5,
        sleep=lambda _seconds: None,
        clock=lambda: float(next(ticks)),
    )
    with pytest.raises(Transient, match="Another run has been using"):
        publish(busy, request({"a": "2"}))
    with pytest.raises(Transient, match="Another run has been using"):
        busy.predict(request({"a": "2"}))
    os.close(lock)


def test_a_clone_that_another_run_is_just_making_is_no_folder_of_something_else(tmp_path: Path, remote: Path) -> None:
    import fcntl

    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "half-made").write_text("")
    lock = os.open(clone, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def the_other_one_ends(_seconds: float) -> None:
        (clone / "half-made").unlink()
        git(clone, "init", "--quiet")
        fcntl.flock(lock, fcntl.LOCK_UN)

    late = Publisher(clone, Remote(str(remote), "main"), Author("Fleet", "f@x"), 5, sleep=the_other_one_ends)
    assert publish(late, request({"a": "1"})).commit == git(remote, "rev-parse", "main")
    os.close(lock)


@pytest.mark.parametrize(
    ("files", "present"),
    [({"a": "1"}, {"a/b": "x"}), ({"a/b": "1"}, {"a": "x"})],
    ids=["a folder is in the way", "a file is in the way"],
)
def test_files_and_folders_do_not_replace_each_other(
    tmp_path: Path, remote: Path, person: Person, files: dict[str, str], present: dict[str, str | None]
) -> None:
    person.commits(present)
    with pytest.raises(Conflict, match="a folder and a file are both called"):
        publish(publisher(tmp_path, remote), request(files))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"url": "https://ann:pw@git.example.org/x.git", "branch": "main"}, "holds a user name or password"),
        ({"url": "https://token@git.example.org/x.git", "branch": "main"}, "holds a user name or password"),
        ({"url": "x", "branch": "--upload-pack=x"}, "not a name for a branch"),
        ({"url": "x", "branch": "main", "password": "pw\n"}, "line break"),
    ],
)
def test_a_remote_that_would_leak_or_misbehave_is_refused(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(Permanent, match=sentence) as failed:
        Remote(**options)
    assert "pw" not in str(failed.value).replace("password", "")
