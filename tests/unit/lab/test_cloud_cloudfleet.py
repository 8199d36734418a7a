"""The emulated Cloudfleet: clusters in states, updates that replace, join information for machines."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
import requests
import yaml

from lab.cloud.memory import MemoryControlPlanes
from lab.cloud.testing import Emulator, emulator

WANTED = {"name": "development", "region": "europe-central-1a", "tier": "basic", "version_channel": "1.36.x-cfke.x"}


class Caller:
    """A client that sends what it is told."""

    def __init__(self, cloud: Emulator, secret: str = "", organization: str = "") -> None:
        given = cloud.credentials["cloudfleet"]
        pair = f"{given['token_id']}:{secret or given['token_secret']}".encode()
        self._url = cloud.endpoints["cloudfleet"]
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "X-Organization-Id": organization or given["organization_id"],
        }

    def __call__(self, method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(method, self._url + path, json=body, headers=self._headers, timeout=10)


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def call(cloud: Emulator) -> Caller:
    return Caller(cloud)


@pytest.fixture
def deployed(cloud: Emulator, call: Caller) -> str:
    number = str(call("POST", "/clusters", WANTED).json())
    cloud.settle()
    return number


def error(answered: requests.Response) -> tuple[int, str]:
    return answered.status_code, answered.json()["error"]["code"]


def test_a_cluster_is_ordered_by_name_and_answers_with_its_bare_id(cloud: Emulator, call: Caller) -> None:
    answered = call("POST", "/clusters", WANTED)
    number = answered.json()
    assert (answered.status_code, isinstance(number, str)) == (201, True)
    cloud.settle()
    cluster = call("GET", f"/clusters/{number}").json()
    assert (cluster["status"], cluster["name"], cluster["kubernetes_version"]) == ("deployed", "development", "1.36")
    assert cluster["endpoint"] == "https://127.0.0.1:1"
    assert cluster["release_channel"] == "rapid"
    assert [one["id"] for one in call("GET", "/clusters").json()] == [number]
    assert cloud.control_planes.running(number)


def test_nothing_can_be_done_before_it_is_deployed() -> None:
    with emulator(create_seconds=60) as cloud:
        call = Caller(cloud)
        number = call("POST", "/clusters", WANTED).json()
        assert call("GET", f"/clusters/{number}").json()["status"] == "creating"
        path = f"/clusters/{number}"
        for answered in (
            call("GET", f"{path}/kubeconfig"),
            call("GET", f"{path}/join-information?region=nbg1&zone=nbg1"),
            call("PUT", path, WANTED),
        ):
            assert error(answered) == (409, "failed_precondition")


def test_an_update_replaces_the_whole(cloud: Emulator, call: Caller, deployed: str) -> None:
    path = f"/clusters/{deployed}"
    call("PUT", path, {**WANTED, "tier": "pro", "release_channel": "stable"})
    cloud.settle()
    assert call("GET", path).json()["release_channel"] == "stable"
    answered = call("PUT", path, {"name": "renamed", "region": "europe-central-1a"})
    assert answered.json()["status"] == "updating"
    cloud.settle()
    cluster = call("GET", path).json()
    shown = (cluster["name"], cluster["tier"], cluster["release_channel"], cluster["status"])
    assert shown == ("renamed", "basic", "rapid", "deployed")


@pytest.mark.parametrize("field", ["id", "status", "endpoint", "networking", "created_at", "certificate_authority"])
def test_read_only_fields_are_refused(call: Caller, deployed: str, field: str) -> None:
    answered = call("PUT", f"/clusters/{deployed}", {**WANTED, field: "x"})
    assert error(answered) == (400, "invalid_argument")
    assert field in answered.json()["error"]["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 64},
        {"region": "moon-1"},
        {"tier": "free"},
        {"version_channel": "new"},
        {"networking": {"dual_stack": True}},
        {"nodes": 3},
    ],
)
def test_a_wrong_order_is_refused(cloud: Emulator, call: Caller, changes: dict[str, object]) -> None:
    assert error(call("POST", "/clusters", {**WANTED, **changes})) == (400, "invalid_argument")
    assert cloud.store.counts("cloudfleet") == {"cluster": 0}


def test_a_cluster_cannot_move(call: Caller, deployed: str) -> None:
    answered = call("PUT", f"/clusters/{deployed}", {**WANTED, "region": "northamerica-central-1"})
    assert error(answered) == (400, "invalid_argument")


def test_a_kubeconfig_is_yaml(call: Caller, deployed: str) -> None:
    answered = call("GET", f"/clusters/{deployed}/kubeconfig")
    assert yaml.safe_load(answered.text)["current-context"] == deployed


def test_join_information_is_cloud_init_for_one_place(call: Caller, deployed: str) -> None:
    path = f"/clusters/{deployed}/join-information"
    answered = call("GET", f"{path}?region=nbg1&zone=nbg1-dc3&node_labels=cfke.io/provider=hetzner,fleet/pool=a")
    rendered = answered.json()["rendered"]
    assert rendered.startswith("#cloud-config")
    assert "--node-labels=cfke.io/provider=hetzner,fleet/pool=a" in rendered
    assert error(call("GET", path)) == (400, "invalid_argument")
    assert error(call("GET", f"{path}?region=a&zone=b&node_labels=wrong")) == (400, "invalid_argument")


def test_a_deleted_cluster_is_gone_with_its_control_plane(cloud: Emulator, call: Caller, deployed: str) -> None:
    assert call("DELETE", f"/clusters/{deployed}").status_code == 204
    assert error(call("GET", f"/clusters/{deployed}")) == (404, "not_found")
    assert error(call("DELETE", f"/clusters/{deployed}")) == (404, "not_found")
    cloud.settle()
    assert not cloud.control_planes.running(deployed)


def test_credentials_and_organization_are_checked(cloud: Emulator) -> None:
    assert error(Caller(cloud, secret="wrong")("GET", "/clusters")) == (401, "unauthenticated")
    assert error(Caller(cloud, organization="other")("GET", "/clusters")) == (403, "permission_denied")


class BrokenPlanes(MemoryControlPlanes):
    """Cannot create anything."""

    async def create(self, cluster_id: str, name: str) -> None:
        raise RuntimeError("etcd did not start")


def test_a_control_plane_that_cannot_start_leaves_the_cluster_disabled() -> None:
    with emulator(control_planes=BrokenPlanes()) as cloud:
        call = Caller(cloud)
        number = call("POST", "/clusters", WANTED).json()
        cloud.settle()
        assert call("GET", f"/clusters/{number}").json()["status"] == "disabled"
