"""gitops_tree and gitops_push: check mode predicts, a run changes, a second one does not, the difference tells why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.sovereign.fleet.plugins.module_utils.gitops import age
from ansible_collections.sovereign.fleet.plugins.modules import gitops_push, gitops_tree
from tests.unit.plugins.module_utils.gitops.git_remote import Person, git, make_remote, show
from tests.unit.plugins.module_utils.gitops.tools import AGE_KEYGEN, SOPS, needs_sops

Run = Callable[..., dict[str, Any]]
SECRET = {"path": "s.sops.yaml", "namespace": "podinfo", "name": "token", "data": {"TOKEN": "hunter22"}, "random": []}


class Case:
    """One of the two modules, and how to look at what it wrote."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.run: Run = gitops_push.run if name == "gitops_push" else gitops_tree.run
        self.remote = make_remote(folder)
        self.dest = folder / "dest"
        self.person = Person(self.remote, folder / "person")

    def params(self, **given: Any) -> dict[str, Any]:
        tree = {"files": {"a.yaml": "a: 1\n"}, "seeds": {"own.env": "X=1\n"}, "secrets": [], "sops": None}
        rest = {"manifest": ".fleet-manifest.json", "overwrite": [], "dest": str(self.dest)}
        push = {"repository": {"url": str(self.remote)}, "commit_message": None, "author": None, "timeout": 30}
        return {**tree, **rest, **(push if self.name == "gitops_push" else {}), **given}

    def text(self, path: str) -> str:
        return show(self.remote, path) if self.name == "gitops_push" else (self.dest / path).read_text().strip()

    def edit(self, path: str, text: str) -> None:
        if self.name == "gitops_push":
            self.person.commits({path: text})
        else:
            (self.dest / path).write_text(text)


@pytest.fixture(name="case", params=["gitops_tree", "gitops_push"])
def _case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path)


def test_check_mode_predicts_what_a_run_does(case: Case) -> None:
    predicted = case.run(case.params(), check_mode=True)
    assert not case.dest.exists()
    done = case.run(case.params())
    for key in ("changed", "created", "updated", "removed", "diff"):
        assert predicted[key] == done[key], key
    assert (done["changed"], done["created"]) == (True, ["a.yaml", "own.env"])
    assert case.text("a.yaml") == "a: 1"


def test_a_second_run_changes_nothing(case: Case) -> None:
    case.run(case.params())
    for check_mode in (True, False):
        again = case.run(case.params(), check_mode=check_mode)
        assert (again["changed"], again["diff"]) == (False, [])


def test_the_difference_tells_why(case: Case) -> None:
    case.run(case.params())
    diff = case.run(case.params(files={"b.yaml": "b: 2\n"}))["diff"]
    assert [(each["before_header"], each["before"], each["after"]) for each in diff] == [
        ("a.yaml (removed)", "a: 1\n", ""),
        ("b.yaml (created)", "", "b: 2\n"),
    ]


def test_a_long_file_is_named_and_not_shown(case: Case) -> None:
    (entry, _seed) = case.run(case.params(files={"crds.yaml": "x\n" * 2000}))["diff"]
    assert entry["after"].startswith("2000 lines, SHA-256")


def test_an_edit_by_hand_is_refused_until_it_is_given_up(case: Case) -> None:
    case.run(case.params())
    case.edit("a.yaml", "a: mine\n")
    case.edit("own.env", "X=2\n")
    refused = case.run(case.params())
    assert (refused["failed"], refused["code"]) == (True, "HandEdited")
    assert "a.yaml" in refused["msg"]
    assert "own.env" not in refused["msg"]
    assert case.text("a.yaml") == "a: mine"
    done = case.run(case.params(overwrite=["a.yaml"]))
    assert (done["updated"], case.text("a.yaml"), case.text("own.env")) == (["a.yaml"], "a: 1", "X=2")


@needs_sops
def test_a_secret_is_written_encrypted_and_shown_to_nobody(case: Case, tmp_path: Path) -> None:
    keys = age.generate(AGE_KEYGEN)
    age.write_file(tmp_path / "key", keys)
    recipients = age.recipients(keys, AGE_KEYGEN)
    sops = {"program": SOPS, "age_key_file": str(tmp_path / "key"), "age_recipients": recipients}
    first = case.run(case.params(secrets=[SECRET], sops=sops))
    assert "s.sops.yaml" in first["created"]
    assert "TOKEN: ENC[" in case.text("s.sops.yaml")
    assert case.run(case.params(secrets=[SECRET], sops=sops))["changed"] is False
    second = case.run(case.params(secrets=[{**SECRET, "data": {"TOKEN": "other"}}], sops=sops))
    (entry,) = second["diff"]
    assert (entry["before"], entry["after"]) == ("encrypted\n", "encrypted anew\n")
    assert "hunter22" not in f"{first}{second}"
    left = [file for file in tmp_path.rglob("*") if file.is_file() and b"hunter22" in file.read_bytes()]
    assert left == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({"files": {"../a": ""}}, "'../a' cannot be a file of the tree", id="a path that leads out"),
        pytest.param({"files": {"a": {"b": 1}}}, "must be the text of the file, not a dict", id="data instead of text"),
        pytest.param({"secrets": [SECRET, SECRET]}, "must have a path of its own", id="two secrets in one file"),
        pytest.param({"secrets": [SECRET]}, "no age recipient is given", id="nobody to encrypt for"),
    ],
)
def test_a_wrong_option_is_a_sentence(case: Case, given: dict[str, Any], sentence: str) -> None:
    result = case.run(case.params(**given))
    assert result["failed"] is True
    assert sentence in result["msg"]


def test_a_folder_that_cannot_be_used_is_a_sentence(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = case.run(case.params(dest=str(tmp_path / "file/sub")))
    assert result["failed"] is True
    assert str(tmp_path / "file") in result["msg"]


def test_a_push_returns_commit_and_seeds(tmp_path: Path) -> None:
    case = Case("gitops_push", tmp_path)
    assert case.run(case.params(), check_mode=True)["commit"] == ""
    done = case.run(case.params(commit_message="first", author={"name": "Fleet", "email": "fleet@example.org"}))
    assert (done["commit"], done["seeds"]) == (git(case.remote, "rev-parse", "main"), {"own.env": "X=1\n"})
    assert git(case.remote, "log", "--format=%an <%ae> %s", "main") == "Fleet <fleet@example.org> first"
    case.edit("own.env", "X=2\n")
    again = case.run(case.params())
    assert (again["changed"], again["seeds"]) == (False, {"own.env": "X=2\n"})
    assert again["commit"] == git(case.remote, "rev-parse", "main")


def test_a_commit_tells_how_much_changed(tmp_path: Path) -> None:
    case = Case("gitops_push", tmp_path)
    case.run(case.params())
    case.run(case.params(files={"b.yaml": ""}))
    subjects = git(case.remote, "log", "--format=%s", "main").splitlines()
    assert subjects[0] == "Generate files from the inventory: 1 created, 1 removed"


def test_ansible_gets_neither_password_nor_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = Case("gitops_push", tmp_path)
    params = {key: value for key, value in case.params().items() if value is not None}
    params |= {
        "repository": {"url": "http://127.0.0.1:9/x.git", "username": "u", "password": "pa55word"},
        "secrets": [SECRET],
    }
    with patch_module_args(params), pytest.raises(SystemExit):
        gitops_push.main()
    said = capsys.readouterr().out
    result = json.loads(said)
    assert result["failed"] is True
    assert "Check URL and network" in result["msg"]
    assert result["invocation"]["module_args"]["secrets"][0]["name"] == "token"
    assert "pa55word" not in said
    assert "hunter22" not in said
