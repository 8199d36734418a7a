"""The age key of a fleet: file and cluster hold the same, and none is ever lost by mistake."""

from __future__ import annotations

import base64
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.age import Keys, decide, generate, recipients
from ansible_collections.sovereign.fleet.plugins.modules import age_key
from tests.unit.plugins.apply_server import ApplyServer

SECRET = "/api/v1/namespaces/flux-system/secrets/sops-age"
OLD, NEW = Keys("AGE-SECRET-KEY-1OLD\n"), Keys("# a comment\nAGE-SECRET-KEY-1NEW\n")
BOTH, NONE = Keys("AGE-SECRET-KEY-1OLD\nAGE-SECRET-KEY-1NEW\n"), Keys("")

needs_age = pytest.mark.skipif(shutil.which("age-keygen") is None, reason="age-keygen is not installed (package age)")


@pytest.fixture(name="server")
def _server() -> Iterator[ApplyServer]:
    with ApplyServer() as server:
        yield server


@pytest.fixture(name="params")
def _params(server: ApplyServer, tmp_path: Path) -> dict[str, Any]:
    return {
        "path": str(tmp_path / "fleet/age.agekey"),
        "key": None,
        "kubeconfig": str(server.kubeconfig(tmp_path)),
        "replace": False,
        "program": "age-keygen",
    }


@pytest.mark.parametrize(
    ("given", "file", "cluster", "keys", "write_file", "write_cluster"),
    [
        pytest.param(NONE, NONE, None, NONE, True, False, id="a new key is made"),
        pytest.param(NONE, NONE, NONE, NONE, True, True, id="a new key is made and given to the cluster"),
        pytest.param(NONE, OLD, NONE, OLD, False, True, id="a new cluster gets the key of the file"),
        pytest.param(NONE, NONE, OLD, OLD, True, False, id="a second person gets the key of the cluster"),
        pytest.param(NONE, OLD, OLD, OLD, False, False, id="nothing changes"),
        pytest.param(OLD, NONE, NONE, OLD, True, True, id="a given key is taken"),
        pytest.param(BOTH, OLD, OLD, BOTH, True, True, id="a key is added"),
        pytest.param(NONE, BOTH, OLD, BOTH, False, True, id="the cluster learns the second key"),
    ],
)
def test_which_key_is_taken(
    given: Keys, file: Keys, cluster: Keys | None, keys: Keys, write_file: bool, write_cluster: bool
) -> None:
    decision = decide(given, file, cluster, replace=False)
    found = (decision.keys.identities, decision.write_file, decision.write_cluster)
    assert found == (keys.identities, write_file, write_cluster)


@pytest.mark.parametrize(
    ("given", "file", "cluster", "holder"),
    [
        pytest.param(NEW, OLD, None, "the key file", id="a given key would replace the file's"),
        pytest.param(NONE, NEW, OLD, "the cluster", id="the file's key would replace the cluster's"),
        pytest.param(NONE, OLD, BOTH, "the cluster", id="the cluster would lose one of two"),
    ],
)
def test_no_key_is_lost_by_mistake(given: Keys, file: Keys, cluster: Keys | None, holder: str) -> None:
    with pytest.raises(Conflict, match=f"There is an age key in {holder} that") as refused:
        decide(given, file, cluster, replace=False)
    assert "AGE-SECRET" not in str(refused.value)
    assert decide(given, file, cluster, replace=True).write_cluster is (cluster is not None)


@needs_age
def test_a_key_is_made_once(server: ApplyServer, params: dict[str, Any]) -> None:
    first = age_key.run(params)
    path = Path(params["path"])
    assert (first["changed"], stat.S_IMODE(path.stat().st_mode)) == (True, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert re.fullmatch("age1[0-9a-z]{58}", first["recipients"][0])
    assert base64.b64decode(server.objects[SECRET]["data"]["age.agekey"]).decode() == path.read_text()
    assert Path(f"{path}.pub").read_text().split() == first["recipients"]
    assert "AGE-SECRET" not in str(first)
    second = age_key.run(params)
    assert (second["changed"], second["recipients"]) == (False, first["recipients"])


@needs_age
def test_a_second_person_gets_the_same_key(params: dict[str, Any], tmp_path: Path) -> None:
    first = age_key.run(params)
    other = {**params, "path": str(tmp_path / "other/age.agekey")}
    assert age_key.run(other)["recipients"] == first["recipients"]
    assert age_key.run(other)["changed"] is False


@needs_age
def test_a_key_is_rotated_in_two_runs(server: ApplyServer, params: dict[str, Any]) -> None:
    old = age_key.run(params)["recipients"]
    new = generate("age-keygen")
    both = Path(params["path"]).read_text() + new.text
    assert age_key.run({**params, "key": both})["recipients"] == [*old, *recipients(new, "age-keygen")]
    assert age_key.run({**params, "key": new.text})["code"] == "KeyWouldBeLost"
    assert age_key.run({**params, "key": new.text, "replace": True})["changed"] is True
    assert Keys(base64.b64decode(server.objects[SECRET]["data"]["age.agekey"]).decode()) == new


def test_check_mode_on_a_clean_fleet_tells_and_does_nothing(params: dict[str, Any], tmp_path: Path) -> None:
    predicted = age_key.run({**params, "kubeconfig": str(tmp_path / "none")}, check_mode=True)
    assert (predicted["changed"], predicted["recipients"]) == (True, [])
    assert "Secret flux-system/sops-age: a new key" in predicted["diff"]["after"]
    assert not Path(params["path"]).parent.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"key": "hunter2"}, "The given key is no age key", id="a password instead of a key"),
        pytest.param({"program": "/no/age-keygen"}, "cannot be started", id="no age-keygen"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence(params: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    result = age_key.run({**params, **change})
    assert (result["failed"], "hunter2" in str(result)) == (True, False)
    assert sentence in result["msg"]


def test_a_file_of_something_else_is_left_alone(params: dict[str, Any]) -> None:
    path = Path(params["path"])
    path.parent.mkdir()
    path.write_text("thesis")
    assert "holds no age key" in age_key.run(params)["msg"]
    assert path.read_text() == "thesis"


def test_printing_keys_shows_none() -> None:
    assert "OLD" not in f"{OLD!r} {decide(OLD, NONE, None, replace=False)}"
