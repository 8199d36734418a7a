"""Waiting for Flux over real HTTP: lists, watches, requests to reconcile, failures and time-outs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict, NotFound, Permanent, PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.flux_wait import FluxWait
from ansible_collections.sovereign.fleet.plugins.module_utils.flux_watch import FluxWatch
from ansible_collections.sovereign.fleet.plugins.module_utils.kube_api import KubeApi
from tests.unit.plugins.conftest import Time
from tests.unit.plugins.flux_objects import COMMIT, NEW, OLD, SOURCES, WORKS, source, work
from tests.unit.plugins.kubernetes_server import KubernetesServer, status

FLEET, PODINFO = f"{SOURCES}/fleet", f"{WORKS}/podinfo"
REQUESTED = "reconcile.fluxcd.io/requestedAt"


class Rig:
    """A wait for one commit against a server, with the lines it said."""

    def __init__(self, kubernetes: KubernetesServer, folder: Path, time: Time, reconcile: bool) -> None:
        self.lines: list[str] = []
        self.wait = FluxWait(COMMIT)
        self.watch = FluxWatch(
            KubeApi(kubernetes.kubeconfig(folder), timeout=5, sleep=time.sleep),
            self.wait,
            reconcile=reconcile,
            say=self.lines.append,
            clock=time.clock,
            sleep=time.sleep,
            pause=0.01,
        )


@pytest.fixture
def rig(kubernetes: KubernetesServer, tmp_path: Path, time: Time) -> Callable[..., Rig]:
    def build(*, reconcile: bool = False) -> Rig:
        return Rig(kubernetes, tmp_path, time, reconcile)

    return build


def both(events: dict[str, Callable[[], Any]], kubernetes: KubernetesServer) -> Callable[[], None]:
    """Run what belongs to a kind when its first watch begins."""
    begun: set[str] = set()
    one_at_a_time = threading.Lock()

    def on_watch() -> None:
        with one_at_a_time:
            for path in {path for method, path in kubernetes.requests if method == "WATCH"} - begun:
                begun.add(path)
                events.get(path, lambda: None)()

    return on_watch


def test_nothing_to_wait_for_costs_two_requests(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo"))
    job = rig(reconcile=True)
    job.watch.run(60)
    assert kubernetes.requests == [("GET", SOURCES), ("GET", WORKS)]
    assert job.watch.requests == 0


def test_a_new_revision_is_followed_until_it_is_live(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source(fetched=OLD))
    kubernetes.put(PODINFO, work("podinfo", applied=OLD))

    def flux_works() -> None:
        kubernetes.put(FLEET, source())
        kubernetes.put(PODINFO, work("podinfo", ready="Unknown", reason="Progressing", message="Building", applied=OLD))
        kubernetes.put(PODINFO, work("podinfo"))

    kubernetes.on_watch = both({WORKS: flux_works}, kubernetes)
    job = rig()
    job.watch.run(60)
    assert "Kustomization/podinfo: Progressing: Building" in job.lines
    assert "Kustomization/podinfo: ready at main@sha1:bbbbbbbbbb" in job.lines
    assert job.watch.requests == 0


def test_flux_is_asked_to_look_now(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source(fetched=OLD))
    kubernetes.put(PODINFO, work("podinfo", applied=OLD))

    def answer_request() -> None:
        requested = kubernetes.objects[FLEET]["metadata"]["annotations"][REQUESTED]
        fetched = source()
        fetched["metadata"]["annotations"] = {REQUESTED: requested}
        fetched["status"]["lastHandledReconcileAt"] = requested
        kubernetes.put(FLEET, fetched)
        kubernetes.put(PODINFO, work("podinfo"))

    kubernetes.on_watch = both({WORKS: answer_request}, kubernetes)
    job = rig(reconcile=True)
    job.watch.run(60)
    assert job.watch.requests == 1
    assert ("PATCH", FLEET) in kubernetes.requests


def test_a_failed_build_ends_the_wait_at_once(
    kubernetes: KubernetesServer, rig: Callable[..., Rig], time: Time
) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo", applied=OLD))
    broken = work(
        "podinfo", ready="False", reason="BuildFailed", message="accumulating resources", applied=OLD, attempted=NEW
    )
    kubernetes.on_watch = both({WORKS: lambda: kubernetes.put(PODINFO, broken)}, kubernetes)
    with pytest.raises(Permanent, match=r"Kustomization/podinfo failed at .*BuildFailed: accumulating resources"):
        rig().watch.run(3600)
    assert time.now < 60


def test_a_failure_from_before_is_tried_again_first(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo", ready="False", reason="ReconciliationFailed", applied=OLD, attempted=NEW))
    kubernetes.on_watch = both({WORKS: lambda: kubernetes.put(PODINFO, work("podinfo"))}, kubernetes)
    job = rig(reconcile=True)
    job.watch.run(60)
    assert ("PATCH", PODINFO) in kubernetes.requests


def test_a_deleted_kustomization_is_not_waited_for(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo"))
    kubernetes.put(f"{WORKS}/old", work("old", applied=OLD))
    kubernetes.on_watch = both({WORKS: lambda: kubernetes.remove(f"{WORKS}/old")}, kubernetes)
    rig().watch.run(60)


def test_a_watch_that_ends_is_begun_anew(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo", applied=OLD))

    def end_after_a_missed_change() -> None:
        kubernetes.end_watches()
        kubernetes.put(PODINFO, work("podinfo"))

    kubernetes.on_watch = both({WORKS: end_after_a_missed_change}, kubernetes)
    rig().watch.run(60)
    assert kubernetes.requests.count(("GET", WORKS)) == 2


def test_out_of_time_tells_what_each_object_said_last(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo", ready="Unknown", reason="Progressing", message="Running health checks"))
    with pytest.raises(Conflict, match="Kustomization/podinfo: Progressing: Running health checks") as caught:
        rig().watch.run(0)
    assert caught.value.code == "Timeout"


def test_no_kustomization_at_all_is_said(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    with pytest.raises(Conflict, match="no Kustomization exists in namespace flux-system"):
        rig().watch.run(0)


def test_a_cluster_without_flux_is_named(kubernetes: KubernetesServer, rig: Callable[..., Rig], time: Time) -> None:
    kubernetes.script = lambda _method, path: (
        (404, status(404, "NotFound", "no such resource"), {}) if "fluxcd" in path else None
    )
    with pytest.raises(NotFound, match="Install Flux first"):
        rig().watch.run(300)
    assert time.now == pytest.approx(20, abs=0.1)


def test_flux_that_was_installed_a_moment_ago_is_waited_for(
    kubernetes: KubernetesServer, rig: Callable[..., Rig], time: Time
) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo"))
    absent = (404, status(404, "NotFound", "no such resource"), {})
    kubernetes.script = lambda _method, _path: absent if time.now < 3 else None
    rig().watch.run(300)


def test_a_refusal_while_watching_ends_the_wait(kubernetes: KubernetesServer, rig: Callable[..., Rig]) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo", applied=OLD))
    refusal = (403, status(403, "Forbidden", "kustomizations is forbidden"), {})

    def shut_out() -> None:
        kubernetes.script = lambda _method, path: refusal if path == WORKS else None
        kubernetes.end_watches()

    kubernetes.on_watch = both({WORKS: shut_out}, kubernetes)
    with pytest.raises(PlatformError, match="kustomizations is forbidden"):
        rig().watch.run(60)


@pytest.mark.parametrize(("applied", "ready"), [(NEW, True), (OLD, False)])
def test_a_look_neither_waits_nor_asks(
    kubernetes: KubernetesServer, rig: Callable[..., Rig], applied: str, ready: bool
) -> None:
    kubernetes.put(FLEET, source())
    kubernetes.put(PODINFO, work("podinfo", applied=applied))
    assert rig(reconcile=True).watch.look() is ready
    assert {method for method, _path in kubernetes.requests} == {"GET"}
