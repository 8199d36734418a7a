"""One module, two ways to run it: in the task's worker, and as a payload like any other module."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.plugin_utils.in_process import InProcess
from lab.cloud.testing import Emulator, emulator

ROOT = Path(__file__).resolve().parents[4]
PLAY: dict[str, Any] = {
    "hosts": "localhost",
    "connection": "local",
    "gather_facts": False,
    "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
}
AS_A_PAYLOAD = {"environment": {"ANY": "variable keeps a task out of the worker"}}


def _play(folder: Path, *tasks: dict[str, Any], words: tuple[str, ...] = ()) -> tuple[int, str]:
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([{**PLAY, "tasks": list(tasks)}]))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", path, *words],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.json",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def _results(output: str) -> list[dict[str, Any]]:
    tasks = json.loads(output[output.index('{\n    "custom_stats"') :])["plays"][0]["tasks"]
    found: list[dict[str, Any]] = [task["hosts"]["localhost"] for task in tasks]
    for result in found:
        for key in ("invocation", "action", "_ansible_no_log"):
            result.pop(key, None)
    return found


def _info(cloud: Emulator, **more: Any) -> dict[str, Any]:
    return {"sovereign.fleet.node_pool_info": {"fleet": "acme", "providers": {"hetzner": _account(cloud, **more)}}}


def _account(cloud: Emulator, **more: Any) -> dict[str, Any]:
    return {**cloud.providers["hetzner"], **more}


@pytest.mark.parametrize("module", sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py")))
def test_every_module_has_an_action_plugin(module: str) -> None:
    action = importlib.import_module(f"ansible_collections.sovereign.fleet.plugins.action.{module}").ActionModule
    assert issubclass(action, InProcess) or module == "flux_ready"


@pytest.fixture
def both_ways(tmp_path: Path) -> Any:
    with emulator() as cloud:

        def run(**more: Any) -> tuple[int, list[dict[str, Any]], str]:
            task = {**_info(cloud, **more), "ignore_errors": True}
            code, output = _play(tmp_path, task, {**task, **AS_A_PAYLOAD}, words=("-vvv",))
            return code, _results(output), output

        yield run


def test_both_ways_give_the_same_result(both_ways: Any) -> None:
    code, (here, payload), _output = both_ways()
    assert code == 0
    assert here["nodes"] == []
    assert here == payload


def test_only_the_payload_starts_a_process(tmp_path: Path) -> None:
    with emulator() as cloud:
        _code, here = _play(tmp_path, _info(cloud), words=("-vvv",))
        _code, payload = _play(tmp_path, {**_info(cloud), **AS_A_PAYLOAD}, words=("-vvv",))
    assert "> EXEC " not in here
    assert "> EXEC " in payload


def test_both_ways_fail_with_the_same_sentence_and_without_the_secret(both_ways: Any) -> None:
    _code, (here, payload), output = both_ways(token="canary-not-a-token")
    assert here["failed"]
    assert here["msg"] == payload["msg"]
    assert "canary-not-a-token" not in here["msg"] + json.dumps(here)
    assert "canary-not-a-token" not in output


def test_a_wrong_option_is_refused_by_the_modules_own_spec(tmp_path: Path) -> None:
    code, output = _play(tmp_path, {"sovereign.fleet.node_pool_info": {"flete": "acme"}})
    assert code != 0
    assert "fleet" in _results(output)[0]["msg"]
