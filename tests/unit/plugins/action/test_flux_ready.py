"""The action: progress on the terminal, one sentence when it fails, nothing but a look in check mode."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.flux_objects import COMMIT, NEW, OLD, SOURCES, WORKS, source, work
from tests.unit.plugins.kubernetes_server import KubernetesServer

ROOT = Path(__file__).parents[4]
Run = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def run(kubernetes: KubernetesServer, tmp_path: Path) -> Run:
    """Run the task by `ansible`; its result and what was printed."""

    def task(*flags: str, **options: Any) -> tuple[dict[str, Any], str]:
        given = {"kubeconfig": str(kubernetes.kubeconfig(tmp_path)), "revision": COMMIT, "timeout": 20, **options}
        command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local", *flags]
        done = subprocess.run(
            [*command, "-m", "sovereign.fleet.flux_ready", "-a", json.dumps(given)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(tmp_path),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
                "ANSIBLE_LOAD_CALLBACK_PLUGINS": "false",
                "ANSIBLE_NOCOLOR": "true",
            },
            check=False,
            timeout=60,
        )
        result = done.stdout[done.stdout.index("=> {") + 3 :]
        return json.loads(result[: result.rindex("}") + 1]), done.stdout

    return task


def test_progress_is_printed_while_it_waits(kubernetes: KubernetesServer, run: Run) -> None:
    kubernetes.put(f"{SOURCES}/fleet", source())
    kubernetes.put(f"{WORKS}/podinfo", work("podinfo", applied=OLD))
    kubernetes.on_watch = lambda: kubernetes.put(f"{WORKS}/podinfo", work("podinfo")) and None
    result, printed = run()
    assert (result["ready"], result["changed"]) == (True, False)
    assert result["kustomizations"] == [{"name": "podinfo", "revision": NEW, "message": "applied"}]
    assert "[localhost] Kustomization/podinfo: ready at main@sha1:bbbbbbbbbb" in printed


def test_a_failure_is_the_sentence_of_flux(kubernetes: KubernetesServer, run: Run) -> None:
    kubernetes.put(f"{SOURCES}/fleet", source())
    broken = work("podinfo", ready="False", reason="BuildFailed", message="missing file", applied=OLD, attempted=NEW)
    kubernetes.put(f"{WORKS}/podinfo", broken)
    result, printed = run()
    assert result["msg"].startswith("Kustomization/podinfo failed at main@sha1:bbbbbbbbbb: BuildFailed: missing file.")
    assert result["code"] == "Failed"
    assert "Traceback" not in printed


def test_check_mode_only_looks(kubernetes: KubernetesServer, run: Run, tmp_path: Path) -> None:
    kubernetes.put(f"{SOURCES}/fleet", source())
    kubernetes.put(f"{WORKS}/podinfo", work("podinfo", applied=OLD))
    result, _printed = run("--check", reconcile=True)
    assert (result["ready"], result["changed"]) == (False, False)
    assert "Kustomization/podinfo: waiting for a newer revision" in result["msg"]
    assert {method for method, _path in kubernetes.requests} == {"GET"}
    result, _printed = run("--check", kubeconfig=str(tmp_path / "not-yet"))
    assert result["ready"] is False
