"""Pools that grow, shrink, and are interrupted at the worst moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.lab import console

pytestmark = pytest.mark.lab
SCALEWAY = ["development-scaleway-workers-1", "development-scaleway-workers-2"]


def _names(cloud: str) -> list[str]:
    return sorted(server["name"] for server in console.servers() if server["cloud"] == cloud)


def _node_uids() -> dict[str, str]:
    return {node["metadata"]["name"]: node["metadata"]["uid"] for node in console.objects("nodes")}


def _scale(count: int) -> console.Run:
    return console.playbook("scale", "-e", "pool=scaleway-workers", "-e", f"count={count}")


def test_growing_touches_the_new_node_alone_and_shrinking_drains_it_first(fleet: console.Run) -> None:
    servers, nodes = {server["id"] for server in console.servers()}, _node_uids()

    run = _scale(3)
    assert run.code == 0, run.output
    assert _names("scaleway") == [*SCALEWAY, "development-scaleway-workers-3"]
    assert servers < {server["id"] for server in console.servers()}
    assert nodes.items() < _node_uids().items()
    # Something that runs on the new node and nowhere else must be moved away, not cut off.
    console.kubectl("label", "node", "development-scaleway-workers-3", "fleet-test/here=yes")
    console.kubectl(
        *(
            "-n",
            "default",
            "create",
            "deployment",
            "guest",
            "--image=ghcr.io/stefanprodan/podinfo:6.9.2",
            "--replicas=1",
        )
    )
    pinned = {"spec": {"template": {"spec": {"nodeSelector": {"fleet-test/here": "yes"}}}}}
    console.kubectl("-n", "default", "patch", "deployment", "guest", "-p", json.dumps(pinned))
    console.kubectl("-n", "default", "rollout", "status", "deployment/guest", "--timeout=60s")

    run = _scale(2)
    try:
        assert run.code == 0, run.output
        assert _names("scaleway") == SCALEWAY
        assert _node_uids() == nodes
        assert {server["id"] for server in console.servers()} == servers
        evicted = console.kubectl(
            "-n", "default", "get", "pods", "-l", "app=guest", "-o", "jsonpath={.items[*].spec.nodeName}"
        )
        assert evicted == ""
    finally:
        console.kubectl("-n", "default", "delete", "deployment", "guest")


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 6])
def test_killed_while_buying_the_next_run_converges(fleet: console.Run, writes: int) -> None:
    """Scaleway wants three writing requests a server: two servers make six moments to die in."""
    console.lab("fault", "scaleway", "latency", "delay=0.3", "method=write")
    console.forget_requests()
    _kill_after(writes, "-e", "pool=scaleway-workers", "-e", "count=4")
    console.clear_faults()

    run = _scale(4)
    assert run.code == 0, run.output
    wanted = [*SCALEWAY, "development-scaleway-workers-3", "development-scaleway-workers-4"]
    assert _names("scaleway") == wanted
    assert {server["state"] for server in console.servers()} <= {"running", "ACTIVE"}
    assert sorted(name for name in _node_uids() if "scaleway" in name) == wanted
    run = _scale(2)
    assert run.code == 0, run.output
    assert _names("scaleway") == SCALEWAY
    assert sorted(name for name in _node_uids() if "scaleway" in name) == SCALEWAY


def _kill_after(writes: int, *words: str) -> None:
    """Starts scale.yml and kills it, with all its children, once so many writing requests have begun."""
    process = subprocess.Popen(
        [console.BIN / "ansible-playbook", "playbooks/scale.yml", *words],
        cwd=console.ROOT,
        env=console.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len([request for request in console.writes() if request["cloud"] == "scaleway"]) < writes:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run made no requests"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
