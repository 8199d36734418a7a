"""A kubeconfig at another place: self-contained, private, and never quoted in an error."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils import kubeconfig_file
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Permanent


def write(folder: Path, **changes: Any) -> Path:
    (folder / "pki").mkdir(exist_ok=True)
    (folder / "pki/ca.crt").write_text("CA")
    (folder / "pki/key").write_text("KEY")
    (folder / "token").write_text("TOKEN\n")
    config = {
        "clusters": [
            {"name": "one", "cluster": {"server": "https://one", "certificate-authority": "pki/ca.crt"}},
            {"name": "two", "cluster": {"server": "https://two"}},
        ],
        "users": [
            {"name": "kim", "user": {"client-key": "pki/key", "client-certificate-data": "Q0VSVA=="}},
            {"name": "bot", "user": {"tokenFile": "token"}},
        ],
        "contexts": [
            {"name": "first", "context": {"cluster": "one", "user": "kim", "namespace": "web"}},
            {"name": "second", "context": {"cluster": "two", "user": "bot"}},
        ],
        "current-context": "first",
        **changes,
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_current_context_is_taken_with_its_files_inside(tmp_path: Path) -> None:
    config = yaml.safe_load(kubeconfig_file.self_contained(write(tmp_path)))
    assert config["current-context"] == "first"
    assert [entry["name"] for entry in config["clusters"]] == ["one"]
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    assert cluster == {
        "server": "https://one",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
    }
    assert user == {"client-certificate-data": "Q0VSVA==", "client-key-data": base64.b64encode(b"KEY").decode()}
    assert config["contexts"][0]["context"]["namespace"] == "web"


def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    config = yaml.safe_load(kubeconfig_file.self_contained(write(tmp_path), "second"))
    assert config["users"] == [{"name": "bot", "user": {"token": "TOKEN"}}]


@pytest.mark.parametrize(
    ("context", "changes", "words"),
    [
        pytest.param("third", {}, "no context named 'third'; it has: first, second", id="unknown context"),
        pytest.param("", {"users": []}, "no user named 'kim'; it has: none", id="dangling user"),
        pytest.param("", {"clusters": "x"}, "is not a kubeconfig", id="another kind of file"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, context: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Permanent, match=words):
        kubeconfig_file.self_contained(write(tmp_path, **changes), context)


def test_a_file_that_it_names_and_that_is_gone_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "pki/key").unlink()
    with pytest.raises(Permanent, match="names the file pki/key"):
        kubeconfig_file.self_contained(path)


@pytest.mark.parametrize("content", ["token: hunter2: [", "- hunter2"])
def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(Permanent, match="is not a kubeconfig") as caught:
        kubeconfig_file.self_contained(path)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(Permanent, match="cannot be read: No such file"):
        kubeconfig_file.self_contained(tmp_path / "nothing")


def test_it_is_written_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "fleet/development/kubeconfig"
    assert kubeconfig_file.differs(path, "text")
    assert kubeconfig_file.diff(path)["before"] == ""
    kubeconfig_file.write(path, "text")
    assert path.read_text() == "text"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not kubeconfig_file.differs(path, "text")
    assert [file.name for file in path.parent.iterdir()] == ["kubeconfig"]
    assert kubeconfig_file.differs(path, "other")
    path.chmod(0o644)
    assert kubeconfig_file.differs(path, "text")
    assert "text" not in str(kubeconfig_file.diff(path)).replace("content", "")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Permanent, match=r"cannot be written: Not a directory|cannot be written: File exists"):
        kubeconfig_file.write(tmp_path / "file/kubeconfig", "text")
