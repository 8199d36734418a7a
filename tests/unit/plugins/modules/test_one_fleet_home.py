"""Several runs at the same moment in one folder of a fleet: real processes, one age key, one clone, whole files."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.plugins.apply_server import ApplyServer

ROOT = Path(__file__).resolve().parents[4]
RUNS = 3
SECRET = "/api/v1/namespaces/flux-system/secrets/sops-age"

RUN = """
import json, sys, time
from pathlib import Path
from ansible_collections.sovereign.fleet.plugins.modules import age_key, gitops_push, kubeconfig

order = json.load(sys.stdin)
Path(order["ready"]).touch()
while not Path(order["go"]).exists():
    time.sleep(0.002)
results = [module.run(order[name]) for name, module in
           (("kubeconfig", kubeconfig), ("age_key", age_key), ("gitops_push", gitops_push))]
json.dump(results, sys.stdout)
"""
KEYGEN = """#!/bin/sh
if [ "$1" = -y ]; then
  sed -n 's/^AGE-SECRET-KEY-\\([0-9A-Z]*\\)$/age1\\1/p'
else
  sleep 0.1
  echo "AGE-SECRET-KEY-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n' | tr a-f A-F)"
fi
"""


@pytest.fixture(name="server")
def _server() -> Iterator[ApplyServer]:
    with ApplyServer() as server:
        yield server


def _order(number: int, folder: Path, server: ApplyServer) -> dict[str, Any]:
    home = folder / "home"
    return {
        "ready": str(folder / f"ready-{number}"),
        "go": str(folder / "go"),
        "kubeconfig": {"src": str(folder / "kubeconfig"), "dest": str(home / "dev/kubeconfig"), "context": ""},
        "age_key": {
            "path": str(home / "age.agekey"),
            "key": None,
            "kubeconfig": str(folder / "kubeconfig"),
            "replace": False,
            "program": str(folder / "age-keygen"),
        },
        "gitops_push": {
            "repository": {"url": str(folder / "remote.git"), "branch": "main", "username": None, "password": None},
            "dest": str(home / "git"),
            "manifest": f"clusters/c{number}/.fleet-manifest.json",
            "files": {f"clusters/c{number}/app.yaml": f"number: {number}\n"},
            "seeds": {"greeting": "hello\n"},
            "secrets": [],
            "sops": None,
            "overwrite": [],
            "commit_message": None,
            "author": None,
            "timeout": 60,
        },
    }


def test_runs_that_start_together_agree_on_one_key_and_one_clone(server: ApplyServer, tmp_path: Path) -> None:
    server.kubeconfig(tmp_path)
    program = tmp_path / "age-keygen"
    program.write_text(KEYGEN)
    program.chmod(0o755)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", tmp_path / "remote.git"], check=True)
    runs = []
    for number in range(RUNS):
        run = subprocess.Popen(
            [sys.executable, "-c", RUN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / '.collections'}"},
        )
        assert run.stdin is not None
        run.stdin.write(json.dumps(_order(number, tmp_path, server)))
        run.stdin.close()
        run.stdin = None
        runs.append(run)
    for number, run in enumerate(runs):
        while not (tmp_path / f"ready-{number}").exists():
            assert run.poll() is None, "it ended before it began"
    (tmp_path / "go").touch()
    results = [json.loads(run.communicate(timeout=60)[0]) for run in runs]

    assert [[result.get("msg") for result in of_one] for of_one in results] == [[None] * 3] * RUNS
    home = tmp_path / "home"
    key = (home / "age.agekey").read_text()
    assert key.count("AGE-SECRET-KEY-") == 1
    assert base64.b64decode(server.objects[SECRET]["data"]["age.agekey"]).decode() == key
    (recipients,) = {tuple(keys["recipients"]) for _kubeconfig, keys, _push in results}
    assert (home / "age.agekey.pub").read_text().split() == list(recipients)
    assert yaml.safe_load((home / "dev/kubeconfig").read_text())["current-context"] == "fake"
    shown = subprocess.run(
        ["git", "--git-dir", tmp_path / "remote.git", "ls-tree", "-r", "--name-only", "main"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert {f"clusters/c{number}/app.yaml" for number in range(RUNS)} < set(shown)
    litter = [path for path in home.rglob(".*") if path.name.startswith((".kubeconfig-", ".age"))]
    assert litter == []
