"""Faults: the bookkeeping with a clock of its own, and what clients of the three APIs get to see."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from lab.cloud.faults import KINDS, Fault, Faults, parse
from lab.cloud.memory import MemoryMachines
from lab.cloud.testing import Emulator, emulator
from lab.errors import LabError

ORDER = {"name": "node-1", "server_type": "cx33", "image": "ubuntu-24.04", "location": "nbg1"}
SCALEWAY_ORDER = {"name": "node-1", "commercial_type": "DEV1-L", "image": "ubuntu_noble"}
CLUSTER = {"name": "development", "region": "europe-central-1a"}


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Side:
    """How to read from a cloud and how to buy something there."""

    name: str
    headers: dict[str, str]
    collection: str
    order: dict[str, str]


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


def sides(cloud: Emulator) -> list[Side]:
    given = cloud.credentials["cloudfleet"]
    pair = base64.b64encode(f"{given['token_id']}:{given['token_secret']}".encode()).decode()
    base = cloud.endpoints
    return [
        Side(
            "hetzner",
            {"Authorization": f"Bearer {cloud.credentials['hetzner']['token']}"},
            base["hetzner"] + "/servers",
            ORDER,
        ),
        Side(
            "scaleway",
            {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]},
            base["scaleway"] + "/instance/v1/zones/fr-par-1/servers",
            SCALEWAY_ORDER,
        ),
        Side(
            "cloudfleet",
            {"Authorization": f"Basic {pair}", "X-Organization-Id": given["organization_id"]},
            base["cloudfleet"] + "/clusters",
            CLUSTER,
        ),
    ]


def side(cloud: Emulator, name: str) -> Side:
    return next(one for one in sides(cloud) if one.name == name)


def get(one: Side, query: str = "", timeout: float = 10) -> requests.Response:
    return requests.get(one.collection + query, headers=one.headers, timeout=timeout)


def post(one: Side, timeout: float = 10) -> requests.Response:
    return requests.post(one.collection, json=one.order, headers=one.headers, timeout=timeout)


def stored(cloud: Emulator, one: Side) -> int:
    counts = cloud.store.counts(one.name)
    return int(counts["cluster" if one.name == "cloudfleet" else "server"])


def on_get(faults: Faults, path: str = "/v1/servers", query: tuple[tuple[str, str], ...] = ()) -> list[str]:
    return [fault.kind for fault in faults.on_request("hetzner", "GET", path, query)]


# ---- bookkeeping


def test_a_timed_fault_ends_by_itself() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.add(Fault("hetzner", "5xx", seconds=10))
    assert faults.seconds_left("5xx") == 10
    clock.now = 9.9
    assert on_get(faults) == ["5xx"]
    clock.now = 10
    assert on_get(faults) == []
    assert faults.active() == []


def test_a_counted_fault_hits_that_often_and_lets_the_first_ones_through() -> None:
    faults = Faults()
    faults.add(Fault("hetzner", "429", count=2, skip=1))
    assert [on_get(faults) for _request in range(4)] == [[], ["429"], ["429"], []]


def test_a_fault_is_limited_to_method_path_and_query() -> None:
    faults = Faults()
    faults.add(Fault("hetzner", "5xx", method="POST,PUT"))
    faults.add(Fault("hetzner", "stall", path="/v1/actions"))
    faults.add(Fault("hetzner", "429", query="page=2"))
    assert on_get(faults) == []
    assert on_get(faults, "/v1/actions/7") == ["stall"]
    assert on_get(faults, query=(("per_page", "50"), ("page", "2"))) == ["429"]
    assert on_get(faults, query=(("page", "22"),)) == []
    assert [fault.kind for fault in faults.on_request("hetzner", "PUT", "/v1/servers/1", ())] == ["5xx"]
    assert faults.on_request("scaleway", "PUT", "/v1/servers/1", ()) == []


def test_a_reset_after_the_commit_spares_reads_unless_asked() -> None:
    faults = Faults()
    faults.add(Fault("hetzner", "reset-after-commit"))
    assert on_get(faults) == []
    assert len(faults.on_request("hetzner", "DELETE", "/v1/servers/1", ())) == 1
    faults.clear()
    faults.add(Fault("hetzner", "reset-after-commit", method="GET"))
    assert on_get(faults) == ["reset-after-commit"]


def test_a_capacity_fault_is_limited_to_type_and_place() -> None:
    faults = Faults()
    faults.add(Fault("hetzner", "capacity", type="cx33", location="nbg1", count=1))
    assert faults.on_server("hetzner", "capacity", "cx33", "fsn1") is None
    assert faults.on_server("hetzner", "capacity", "cx23", "nbg1") is None
    assert faults.on_server("hetzner", "capacity", "cx33", "nbg1") is not None
    assert faults.on_server("hetzner", "capacity", "cx33", "nbg1") is None


def test_faults_are_cleared_by_cloud_kind_or_number() -> None:
    faults = Faults()
    first = faults.add(Fault("hetzner", "5xx"))
    faults.add(Fault("hetzner", "429"))
    faults.add(Fault("scaleway", "429"))
    assert faults.clear(fault_id=first.id) == 1
    assert faults.clear(cloud="hetzner", kind="429") == 1
    assert [fault.cloud for fault in faults.active()] == ["scaleway"]
    assert faults.clear() == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"cloud": "azure", "kind": "5xx"}, "hetzner, scaleway, cloudfleet"),
        ({"cloud": "hetzner", "kind": "meteor"}, "There is no fault 'meteor'"),
        ({"cloud": "hetzner", "kind": "5xx", "hits": 3}, "no option hits"),
        ({"cloud": "hetzner", "kind": "5xx", "count": "3"}, "count"),
        ({"cloud": "hetzner", "kind": "5xx", "seconds": -1}, "seconds"),
        ({"cloud": "hetzner", "kind": "5xx", "status": 200}, "status"),
        ({"cloud": "hetzner", "kind": "5xx", "method": 5}, "method"),
    ],
)
def test_a_wrong_fault_is_refused_with_what_is_allowed(data: dict[str, Any], said: str) -> None:
    with pytest.raises(LabError, match=said):
        parse(data)


# ---- on the wire


@pytest.mark.parametrize("name", ["hetzner", "scaleway", "cloudfleet"])
@pytest.mark.parametrize("retry_after", [None, 7])
def test_429_is_the_vendors_and_nothing_is_stored(cloud: Emulator, name: str, retry_after: int | None) -> None:
    one = side(cloud, name)
    cloud.faults.add(name, "429", count=1, retry_after=retry_after)
    limited = post(one)
    assert limited.status_code == 429
    assert limited.headers.get("Retry-After") == (str(retry_after) if retry_after else None)
    assert isinstance(limited.json(), dict)
    assert (stored(cloud, one), post(one).ok) == (0, True)


@pytest.mark.parametrize("name", ["hetzner", "scaleway", "cloudfleet"])
@pytest.mark.parametrize("status", [500, 503, 504])
def test_5xx_is_json_and_nothing_is_stored(cloud: Emulator, name: str, status: int) -> None:
    one = side(cloud, name)
    cloud.faults.add(name, "5xx", status=status)
    answered = post(one)
    assert (answered.status_code, stored(cloud, one)) == (status, 0)
    assert isinstance(answered.json(), dict)


def test_proxies_answer_in_html(cloud: Emulator) -> None:
    one = side(cloud, "hetzner")
    cloud.faults.add("hetzner", "html-502", count=1)
    cloud.faults.add("hetzner", "html-200", count=1, skip=1)
    for status in (502, 200):
        answered = get(one)
        assert (answered.status_code, answered.headers["Content-Type"].split(";")[0]) == (status, "text/html")
        with pytest.raises(ValueError, match="Expecting value"):
            answered.json()


@pytest.mark.parametrize("name", ["hetzner", "scaleway", "cloudfleet"])
def test_a_reset_after_the_commit_loses_only_the_answer(cloud: Emulator, name: str) -> None:
    one = side(cloud, name)
    cloud.faults.add(name, "reset-after-commit", count=1)
    with pytest.raises(requests.ConnectionError):
        post(one)
    assert stored(cloud, one) == 1
    assert cloud.requests.entries(name)[-1].status == 0
    assert get(one).ok


@pytest.mark.parametrize("name", ["hetzner", "scaleway", "cloudfleet"])
def test_a_reset_before_does_nothing(cloud: Emulator, name: str) -> None:
    one = side(cloud, name)
    cloud.faults.add(name, "reset-before", count=1)
    with pytest.raises(requests.ConnectionError):
        post(one)
    assert stored(cloud, one) == 0


def test_a_stall_answers_nothing_until_it_is_cleared(cloud: Emulator) -> None:
    one = side(cloud, "hetzner")
    cloud.faults.add("hetzner", "stall", method="GET")
    with pytest.raises(requests.ReadTimeout):
        get(one, timeout=0.2)
    assert post(one).status_code == 201
    cloud.faults.clear()
    assert get(one).ok


def test_a_cut_answer_is_shorter_than_promised(cloud: Emulator) -> None:
    one = side(cloud, "hetzner")
    post(one)
    cloud.faults.add("hetzner", "cut-json", count=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(one)


def test_latency_delays_every_answer(cloud: Emulator) -> None:
    cloud.faults.add("hetzner", "latency", delay=0.05)
    get(side(cloud, "hetzner"))
    get(side(cloud, "scaleway"))
    assert cloud.requests.entries("hetzner")[0].duration >= 0.05
    assert cloud.requests.entries("scaleway")[0].duration < 0.05


@pytest.mark.parametrize("name", ["hetzner", "scaleway", "cloudfleet"])
def test_credentials_can_lose_their_rights(cloud: Emulator, name: str) -> None:
    one = side(cloud, name)
    cloud.faults.add(name, "read-only")
    assert (get(one).status_code, post(one).status_code) == (200, 403)
    cloud.faults.add(name, "unauthorized")
    assert get(one).status_code == 401
    assert stored(cloud, one) == 0


def test_capacity_quota_and_retired_types_are_the_vendors_refusals(cloud: Emulator) -> None:
    hetzner, scaleway = side(cloud, "hetzner"), side(cloud, "scaleway")
    expected = {
        ("hetzner", "capacity"): (412, "resource_unavailable"),
        ("hetzner", "quota"): (403, "resource_limit_exceeded"),
        ("hetzner", "retired-type"): (422, "invalid_input"),
        ("scaleway", "capacity"): (503, "out_of_stock"),
        ("scaleway", "quota"): (403, "invalid_request_error"),
        ("scaleway", "retired-type"): (400, "invalid_request_error"),
    }
    for (name, kind), (status, code) in expected.items():
        one = hetzner if name == "hetzner" else scaleway
        cloud.faults.add(name, kind, count=1)
        answered = post(one)
        body = answered.json()
        assert (answered.status_code, body["error"]["code"] if name == "hetzner" else body["type"]) == (status, code)
        cloud.faults.clear()
    assert cloud.store.servers() == []
    assert post(hetzner).status_code == 201


def test_the_catalogue_shows_what_is_gone(cloud: Emulator) -> None:
    hetzner, scaleway = side(cloud, "hetzner"), side(cloud, "scaleway")

    def places() -> dict[str, dict[str, Any]]:
        url = cloud.endpoints["hetzner"] + "/server_types?name=cx33"
        listed = requests.get(url, headers=hetzner.headers, timeout=10).json()["server_types"][0]["locations"]
        return {place["name"]: place for place in listed}

    def availability() -> str:
        url = scaleway.collection.replace("/servers", "/products/servers/availability")
        answered = requests.get(url, headers=scaleway.headers, timeout=10).json()
        return str(answered["servers"]["DEV1-L"]["availability"])

    cloud.faults.add("hetzner", "capacity", type="cx33", location="nbg1")
    assert places()["nbg1"]["available"]
    cloud.faults.add("hetzner", "capacity", type="cx33", location="nbg1", visible=True)
    assert (places()["nbg1"]["available"], places()["fsn1"]["available"]) == (False, True)
    cloud.faults.add("hetzner", "retired-type", type="cx33", location="fsn1")
    assert places()["fsn1"]["deprecation"]["unavailable_after"]
    assert availability() == "available"
    cloud.faults.add("scaleway", "retired-type", type="DEV1-L", location="fr-par-1")
    assert availability() == "shortage"


def test_a_boot_can_fail_or_never_end(cloud: Emulator) -> None:
    hetzner, scaleway = side(cloud, "hetzner"), side(cloud, "scaleway")
    cloud.faults.add("hetzner", "boot-error", count=1)
    made = post(hetzner).json()
    cloud.settle()
    query = f"/actions/{made['action']['id']}"
    action = requests.get(cloud.endpoints["hetzner"] + query, headers=hetzner.headers, timeout=10).json()["action"]
    assert (action["status"], action["error"]["code"]) == ("error", "server_error")
    cloud.faults.add("scaleway", "boot-stall")
    number = post(scaleway).json()["server"]["id"]
    url = f"{scaleway.collection}/{number}/action"
    requests.post(url, json={"action": "poweron"}, headers=scaleway.headers, timeout=10)
    cloud.settle()
    assert {view.cloud: view.state for view in cloud.store.servers()} == {"hetzner": "off", "scaleway": "starting"}


def refused(cloud: Emulator, name: str) -> bool:
    port = int(cloud.endpoints[name].split(":")[2].split("/")[0])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_an_outage_refuses_connections_and_cuts_machines_off(cloud: Emulator) -> None:
    one = side(cloud, "hetzner")
    assert isinstance(cloud.machines, MemoryMachines)
    with requests.Session() as session:
        assert session.get(one.collection, headers=one.headers, timeout=10).ok
        cloud.faults.add("hetzner", "outage")
        with pytest.raises(requests.ConnectionError):
            session.get(one.collection, headers=one.headers, timeout=10)
    assert (refused(cloud, "hetzner"), refused(cloud, "scaleway")) == (True, False)
    assert cloud.machines.network_down == {"hetzner"}
    cloud.faults.clear()
    assert get(one).ok
    assert cloud.machines.network_down == set()


def test_a_timed_outage_ends_without_a_request(cloud: Emulator) -> None:
    cloud.faults.add("scaleway", "outage", seconds=0.05)
    assert refused(cloud, "scaleway")
    cloud.outages_over()
    assert not refused(cloud, "scaleway")
    assert isinstance(cloud.machines, MemoryMachines)
    assert cloud.machines.network_down == set()


# ---- the control API


def test_the_control_api_sets_shows_and_clears_faults(cloud: Emulator) -> None:
    url = cloud.endpoints["control"]
    wanted = {"cloud": "hetzner", "kind": "5xx", "status": 503, "count": 3}
    made = requests.post(f"{url}/faults", json=wanted, timeout=10)
    assert made.status_code == 201
    assert get(side(cloud, "hetzner")).status_code == 503
    shown = requests.get(f"{url}/faults", timeout=10).json()
    assert [(fault["kind"], fault["count"], fault["hits"]) for fault in shown["faults"]] == [("5xx", 2, 1)]
    assert set(shown["kinds"]) == set(KINDS)
    number = made.json()["fault"]["id"]
    assert requests.delete(f"{url}/faults/{number}", timeout=10).json() == {"cleared": 1}
    assert requests.delete(f"{url}/faults?cloud=hetzner", timeout=10).json() == {"cleared": 0}
    assert get(side(cloud, "hetzner")).ok


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/faults", {"cloud": "hetzner", "kind": "meteor"}),
        ("POST", "/faults", ["hetzner"]),
        ("GET", "/servers?cloud=azure", None),
        ("GET", "/requests?since=yesterday", None),
    ],
)
def test_the_control_api_refuses_with_a_sentence(cloud: Emulator, method: str, path: str, body: object) -> None:
    answered = requests.request(method, cloud.endpoints["control"] + path, json=body, timeout=10)
    assert answered.status_code == 400
    assert answered.json()["error"].endswith(".")


def test_the_control_api_shows_requests_and_servers(cloud: Emulator) -> None:
    url = cloud.endpoints["control"]
    requests.post(
        cloud.endpoints["hetzner"] + "/servers",
        json={**ORDER, "user_data": "#cloud-config\nsecret", "labels": {"fleet.id": "lab"}},
        headers=side(cloud, "hetzner").headers,
        timeout=10,
    )
    cloud.settle()
    get(side(cloud, "scaleway"), "?page=1")
    log = requests.get(f"{url}/requests", timeout=10).json()
    assert [(entry["method"], entry["status"]) for entry in log["requests"]] == [("POST", 201), ("GET", 200)]
    assert log["requests"][1]["path"].endswith("/servers?page=1")
    assert (log["count"], log["peak_concurrency"]["hetzner"]) == (2, 1)
    newer = requests.get(f"{url}/requests?since={log['requests'][0]['index']}", timeout=10).json()
    assert [entry["cloud"] for entry in newer["requests"]] == ["scaleway"]
    (server,) = requests.get(f"{url}/servers?cloud=hetzner", timeout=10).json()["servers"]
    assert (server["name"], server["state"], server["labels"]) == ("node-1", "running", {"fleet.id": "lab"})
    assert "secret" not in json.dumps(server)
    assert requests.delete(f"{url}/requests", timeout=10).json() == {"count": 0}
    health = requests.get(f"{url}/healthz", timeout=10).json()
    assert (health["status"], health["objects"]["hetzner"]["server"]) == ("ok", 1)


def test_concurrency_is_seen(cloud: Emulator) -> None:
    one = side(cloud, "hetzner")
    cloud.faults.add("hetzner", "stall", method="GET")
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(_get_or_reset, one) for _number in range(8)]
        while cloud.requests.count("hetzner") < 8:
            wait(waiting, timeout=0.01)
        cloud.faults.clear()
    assert cloud.requests.peak("hetzner") == 8
    assert max(entry.concurrency for entry in cloud.requests.entries("hetzner")) == 8


def _get_or_reset(one: Side) -> None:
    with contextlib.suppress(requests.ConnectionError):
        get(one)
