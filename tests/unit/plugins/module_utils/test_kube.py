"""Nodes of a cluster, over real HTTP: reading, patching, draining, and every way an API can refuse."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    RateLimited,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.kube import Kube
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Taint
from tests.unit.plugins.conftest import Time
from tests.unit.plugins.kubernetes_server import Answer, KubernetesServer, status

NODE = "/api/v1/nodes/a"
CHANGED = "2026-01-01T00:01:00Z"
READY = {
    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": CHANGED}],
    "nodeInfo": {"kubeletVersion": "v1.36.3"},
    "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "a"}],
}


@pytest.fixture
def kube(kubernetes: KubernetesServer, tmp_path: Path, time: Time) -> Kube:
    return Kube(kubernetes.kubeconfig(tmp_path), timeout=5, sleep=time.sleep)


def pod(name: str, node: str = "a", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", **metadata}, "spec": {"nodeName": node}}


def put_pod(kubernetes: KubernetesServer, name: str, **metadata: Any) -> str:
    path = f"/api/v1/namespaces/default/pods/{name}"
    kubernetes.put(path, pod(name, **metadata))
    return path


def test_nodes_are_read_by_one_request_and_sorted(kubernetes: KubernetesServer, kube: Kube) -> None:
    taint = {"key": "node.cloudprovider", "value": "hetzner", "effect": "NoSchedule"}
    kubernetes.put("/api/v1/nodes/b", {"metadata": {}, "spec": {"unschedulable": True}, "status": {}})
    kubernetes.put(
        NODE,
        {
            "metadata": {
                "labels": {"x": "y"},
                "annotations": {"n": "1"},
                "uid": "u",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"taints": [taint, {"key": "k", "effect": "NoExecute"}], "providerID": "hcloud://1"},
            "status": READY,
        },
    )
    first, second = kube.nodes()
    assert (first.created, first.ready_changed, first.addresses) == ("2026-01-01T00:00:00Z", CHANGED, ("192.0.2.1",))
    assert (second.created, second.ready_changed, second.addresses) == ("", "", ())
    assert (first.name, first.ready, first.labels, first.uid) == ("a", True, {"x": "y"}, "u")
    assert first.taints == (Taint("node.cloudprovider", "hetzner", "NoSchedule"), Taint("k", "", "NoExecute"))
    assert (first.provider_id, first.version, first.annotations) == ("hcloud://1", "v1.36.3", {"n": "1"})
    assert (second.name, second.ready, second.unschedulable) == ("b", False, True)
    assert kubernetes.requests == [("GET", "/api/v1/nodes")]
    assert first.as_result()["taints"] == ["node.cloudprovider=hetzner:NoSchedule", "k:NoExecute"]


def test_a_patch_changes_only_what_is_given(kubernetes: KubernetesServer, kube: Kube) -> None:
    kubernetes.put(NODE, {"metadata": {"labels": {"keep": "1", "go": "1"}}, "spec": {"podCIDR": "10.0.0.0/24"}})
    taint = Taint("k", "", "NoSchedule")
    patched = kube.patch_node("a", labels={"go": None, "come": "2"}, taints=[taint], provider_id="hcloud://1")
    assert patched.labels == {"keep": "1", "come": "2"}
    assert (patched.taints, patched.provider_id) == ((taint,), "hcloud://1")
    assert kubernetes.objects[NODE]["spec"]["podCIDR"] == "10.0.0.0/24"


def test_a_patch_of_an_outdated_node_is_a_conflict(kubernetes: KubernetesServer, kube: Kube) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}})
    seen = kube.node("a")
    kube.cordon("a")
    with pytest.raises(Conflict):
        kube.patch_node("a", taints=[], resource_version=seen.resource_version)
    kube.uncordon("a")
    assert not kube.node("a").unschedulable


def test_deleting_a_node_twice_is_fine(kubernetes: KubernetesServer, kube: Kube) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}})
    kube.delete_node("a")
    kube.delete_node("a")
    assert NODE not in kubernetes.objects


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        pytest.param((401, status(401, "Unauthorized", "Unauthorized"), {}), Auth, "not valid", id="who are you"),
        pytest.param((403, status(403, "Forbidden", "no nodes"), {}), Auth, "lacks this right", id="you may not"),
        pytest.param((404, status(404, "NotFound", "gone"), {}), NotFound, "gone.", id="not there"),
        pytest.param((409, status(409, "Conflict", "changed"), {}), Conflict, "changed.", id="changed meanwhile"),
        pytest.param((422, status(422, "Invalid", "bad label."), {}), Permanent, "bad label.", id="refused value"),
        pytest.param((429, status(429, "TooMany", "slow"), {"Retry-After": "3"}), RateLimited, "slow.", id="slower"),
        pytest.param((503, {}, {}), Transient, "refused GET /api/v1/nodes", id="no word of explanation"),
    ],
)
def test_a_refusal_has_its_class_and_the_words_of_the_api(
    kubernetes: KubernetesServer, kube: Kube, answer: Answer, kind: type[PlatformError], words: str
) -> None:
    kubernetes.script = lambda _method, _path: answer
    with pytest.raises(kind, match=words) as caught:
        kube.nodes()
    assert caught.value.provider == "kubernetes"
    assert ".." not in str(caught.value)
    assert len(kubernetes.requests) == (3 if kind in (RateLimited, Transient) else 1)


def test_a_short_hiccup_is_no_news(kubernetes: KubernetesServer, kube: Kube) -> None:
    answers = iter([(503, {}, {}), None])
    kubernetes.script = lambda _method, _path: next(answers)
    assert kube.version() == "v1.36.3"


def test_retry_after_is_told(kubernetes: KubernetesServer, kube: Kube, time: Time) -> None:
    kubernetes.script = lambda _method, _path: (429, status(429, "TooMany", "slow", retryAfterSeconds=7), {})
    with pytest.raises(RateLimited):
        kube.version()
    assert time.slept == [7, 7]


def test_something_else_than_kubernetes_is_named(kubernetes: KubernetesServer, kube: Kube) -> None:
    kubernetes.script = lambda _method, _path: (200, [], {})  # type: ignore[return-value]
    with pytest.raises(Transient, match="something else than a Kubernetes object"):
        kube.version()


def test_an_api_that_is_not_there_is_one_sentence(kubernetes: KubernetesServer, tmp_path: Path, time: Time) -> None:
    path = kubernetes.kubeconfig(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        path.write_text(path.read_text().replace(kubernetes.url, f"http://127.0.0.1:{closed.getsockname()[1]}"))
        with pytest.raises(Transient, match=r"cannot be reached: .*refused") as caught:
            Kube(path, sleep=time.sleep).version()
    assert str(path) in str(caught.value)


def test_a_silent_api_is_given_up(tmp_path: Path, kubernetes: KubernetesServer, time: Time) -> None:
    path = kubernetes.kubeconfig(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path.write_text(path.read_text().replace(kubernetes.url, f"http://127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(Transient, match="timed out"):
            Kube(path, timeout=0.05, sleep=time.sleep).version()


def test_a_certificate_of_somebody_else_is_said(kubernetes: KubernetesServer, tmp_path: Path, time: Time) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    kubernetes.use_tls(context)
    with pytest.raises(Permanent, match=r"shows a certificate that kubeconfig .* does not trust") as caught:
        Kube(kubernetes.kubeconfig(tmp_path), sleep=time.sleep).version()
    assert caught.value.code == "Untrusted"


def self_signed(folder: Path) -> Path:
    """A file with a key and a certificate for nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = folder / "server.pem"
    path.write_bytes(pem)
    return path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param(None, NotFound, id="no file"),
        pytest.param("nonsense", Permanent, id="no kubeconfig"),
        pytest.param("apiVersion: v1\ncurrent-context: x\n", Permanent, id="no context"),
    ],
)
def test_an_unusable_kubeconfig_is_named(tmp_path: Path, text: str | None, kind: type[PlatformError]) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind, match=str(path)):
        Kube(path).version()


def test_a_drain_evicts_what_must_go_and_leaves_the_rest(kubernetes: KubernetesServer, kube: Kube, time: Time) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}, "status": READY})
    owner = {"kind": "DaemonSet", "controller": True, "name": "d"}
    stays = [
        put_pod(kubernetes, "agent", ownerReferences=[owner]),
        put_pod(kubernetes, "static", annotations={"kubernetes.io/config.mirror": "x"}),
    ]
    goes = [put_pod(kubernetes, "web"), put_pod(kubernetes, "bare")]
    elsewhere = "/api/v1/namespaces/default/pods/elsewhere"
    kubernetes.put(elsewhere, pod("elsewhere", node="b"))
    kube.drain("a", deadline=100, sleep=time.sleep, clock=time.clock)
    assert kubernetes.objects[NODE]["spec"]["unschedulable"] is True
    assert set(kubernetes.objects) == {NODE, elsewhere, *stays}
    assert not set(goes) & set(kubernetes.objects)


def test_a_drain_waits_for_the_budget(kubernetes: KubernetesServer, kube: Kube, time: Time) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}, "status": READY})
    put_pod(kubernetes, "web")
    held = (429, status(429, "TooManyRequests", "Cannot evict pod: the disruption budget web needs 1."), {})
    kubernetes.on_evict = lambda _pod: held if time.now < 9 else None
    kube.drain("a", deadline=100, sleep=time.sleep, clock=time.clock)
    assert time.now == pytest.approx(12, abs=2)


def test_a_drain_out_of_time_names_the_pod_and_its_budget(kubernetes: KubernetesServer, kube: Kube, time: Time) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}, "status": READY})
    path = put_pod(kubernetes, "web")
    kubernetes.on_evict = lambda _pod: (429, status(429, "TooManyRequests", "the disruption budget web needs 1."), {})
    with pytest.raises(Conflict, match=r"default/web is held: .*budget web needs 1") as caught:
        kube.drain("a", deadline=10, sleep=time.sleep, clock=time.clock)
    assert caught.value.code == "DrainTimeout"
    assert time.now <= 10
    assert path in kubernetes.objects
    assert kubernetes.objects[NODE]["spec"]["unschedulable"] is True


def _held_by(budget: str) -> Answer:
    """What an API server answers when a PodDisruptionBudget refuses an eviction."""
    cause = {
        "reason": "DisruptionBudget",
        "message": f"The disruption budget {budget} needs 2 healthy pods and has 2 currently",
    }
    said = "Cannot evict pod as it would violate the pod's disruption budget."
    return 429, status(429, "TooManyRequests", said, causes=[cause]), {}


def test_one_step_evicts_what_may_go_names_what_holds_the_rest_and_waits_for_nothing(
    kubernetes: KubernetesServer, kube: Kube, time: Time
) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}, "status": READY})
    free, held = put_pod(kubernetes, "free"), put_pod(kubernetes, "web")
    kubernetes.on_evict = lambda pod: _held_by("web-budget") if pod == held else None

    hold = kube.evict("a")

    assert hold is not None
    assert hold.held == ("default/web",)
    assert hold.waits_for == (
        "pod default/web, which is held: Kubernetes refused POST /api/v1/namespaces/default/pods/web/eviction: Cannot "
        "evict pod as it would violate the pod's disruption budget. The disruption budget web-budget needs 2 healthy "
        "pods and has 2 currently"
    )
    assert "budget web-budget needs 2 healthy pods" in str(hold.too_late("a"))
    assert free not in kubernetes.objects
    assert time.slept == []

    kubernetes.on_evict = lambda _pod: None
    kubernetes.requests.clear()
    assert kube.evict("a") is not None, "it was only just asked to go"
    assert ("PATCH", NODE) not in kubernetes.requests, "it is cordoned already"
    assert kube.evict("a") is None


def test_a_step_leaves_a_locked_node_as_it_is(kubernetes: KubernetesServer, kube: Kube) -> None:
    kubernetes.put(NODE, {"metadata": {"labels": {"fleet/upgrade-lock": ""}}, "spec": {}, "status": READY})
    put_pod(kubernetes, "web")

    hold = kube.evict("a")

    assert hold is not None
    assert hold.waits_for == "the label fleet/upgrade-lock to be removed from its Kubernetes Node"
    assert [method for method, _path in kubernetes.requests] == ["GET"]


def test_a_drain_gives_up_at_once_on_a_pod_with_two_budgets(
    kubernetes: KubernetesServer, kube: Kube, time: Time
) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}, "status": READY})
    put_pod(kubernetes, "web")
    refusal = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    kubernetes.on_evict = lambda _pod: (500, status(500, "InternalError", refusal), {})
    with pytest.raises(Permanent, match="default/web can never be evicted"):
        kube.drain("a", deadline=1000, sleep=time.sleep, clock=time.clock)
    assert time.now == 0


def test_a_drain_waits_for_the_upgrade_lock(kubernetes: KubernetesServer, kube: Kube, time: Time) -> None:
    kubernetes.put(NODE, {"metadata": {"labels": {"fleet/upgrade-lock": "night-shift"}}, "spec": {}, "status": READY})
    with pytest.raises(Conflict, match="fleet/upgrade-lock=night-shift"):
        kube.drain("a", deadline=7, sleep=time.sleep, clock=time.clock)
    assert "unschedulable" not in kubernetes.objects[NODE]["spec"]

    def release(seconds: float) -> None:
        time.sleep(seconds)
        if time.now > 20:
            kubernetes.objects[NODE]["metadata"]["labels"] = {}

    kube.drain("a", deadline=100, sleep=release, clock=time.clock)
    assert kubernetes.objects[NODE]["spec"]["unschedulable"] is True


@pytest.mark.parametrize(
    ("node_status", "drained"),
    [
        pytest.param({}, True, id="the kubelet is gone, so nobody can confirm"),
        pytest.param(READY, False, id="the kubelet is there and still stops it"),
    ],
)
def test_a_pod_that_is_being_deleted(
    kubernetes: KubernetesServer, kube: Kube, time: Time, node_status: dict[str, Any], drained: bool
) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}, "status": node_status})
    put_pod(kubernetes, "web", deletionTimestamp="2026-01-01T00:00:00Z")

    def drain() -> None:
        kube.drain("a", deadline=5, sleep=time.sleep, clock=time.clock)

    if drained:
        drain()
    else:
        with pytest.raises(Conflict, match="default/web is shutting down"):
            drain()


def test_a_node_that_kubernetes_does_not_know_is_drained(kube: Kube, time: Time) -> None:
    kube.drain("a", deadline=5, sleep=time.sleep, clock=time.clock)
    assert time.slept == []


def test_a_watch_ends_when_the_server_ends_it(kubernetes: KubernetesServer, kube: Kube) -> None:
    kubernetes.put(NODE, {"metadata": {}, "spec": {}})

    def happen() -> None:
        kubernetes.put("/api/v1/nodes/b", {"metadata": {}})
        kubernetes.remove(NODE)
        kubernetes.end_watches()

    kubernetes.on_watch = happen
    events = kube.api.watch("/api/v1/nodes", resource_version="1", seconds=5)
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "b"),
        ("DELETED", "a"),
    ]
