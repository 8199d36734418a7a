"""The emulated OpenStack of OVHcloud, spoken to over HTTP as its own clients do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.cloud.memory import MemoryMachines
from lab.cloud.openstack import catalog
from lab.cloud.openstack.identity import APPLICATION_CREDENTIAL_ID, APPLICATION_CREDENTIAL_SECRET, PROJECT_NAME, Tokens
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.testing import Emulator, emulator
from lab.cloud.wire import ApiFailure

OWNED = {"fleet.id": "lab", "fleet.pool": "workers"}
NEW = "2.96"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7YkZp0 me"


class Api:
    """One region with a token of its own; every call gives the answer, whatever its status."""

    def __init__(self, cloud: Emulator, region: str = "GRA11", version: str = NEW, token: str = "") -> None:
        self.base = cloud.endpoints["ovhcloud"].removesuffix("/identity/v3")
        self.region = region
        self.headers = {"X-Auth-Token": token or token_of(cloud), "OpenStack-API-Version": f"compute {version}"}

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(method, self.base + path, json=body, headers=self.headers, timeout=10)

    def nova(self, method: str, path: str, body: object = None) -> requests.Response:
        return self.call(method, f"/compute/{self.region}/v2.1{path}", body)

    def neutron(self, method: str, path: str, body: object = None) -> requests.Response:
        return self.call(method, f"/network/{self.region}/v2.0{path}", body)

    def cinder(self, method: str, path: str, body: object = None) -> requests.Response:
        return self.call(method, f"/volume/{self.region}/v3/{CloudSettings().ovhcloud_project_id}{path}", body)

    def made(self, plural: str, key: str, **fields: object) -> dict[str, Any]:
        answered = self.neutron("POST", f"/{plural}", {key: fields})
        assert answered.status_code == 201, answered.text
        return dict(answered.json()[key])

    def server(self, number: str) -> dict[str, Any]:
        return dict(self.nova("GET", f"/servers/{number}").json()["server"])

    def names(self, query: str = "") -> list[str]:
        return [server["name"] for server in self.nova("GET", f"/servers/detail{query}").json()["servers"]]


def password_body(cloud: Emulator, **scope: object) -> dict[str, Any]:
    given = cloud.credentials["ovhcloud"]
    user = {"name": given["username"], "domain": {"name": "Default"}, "password": given["password"]}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return {"auth": {**auth, "scope": scope}} if scope else {"auth": auth}


def log_in(cloud: Emulator, body: object) -> requests.Response:
    return requests.post(f"{cloud.endpoints['ovhcloud']}/auth/tokens", json=body, timeout=10)


def token_of(cloud: Emulator) -> str:
    project = {"id": cloud.credentials["ovhcloud"]["project_id"]}
    return log_in(cloud, password_body(cloud, project=project)).headers["X-Subject-Token"]


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def api(cloud: Emulator) -> Api:
    return Api(cloud)


def flavor(name: str, region: str = "GRA11") -> str:
    return next(one.id for one in catalog.REGIONS[region].flavors.values() if one.name == name)


def image(region: str = "GRA11") -> str:
    return next(number for number, row in catalog.REGIONS[region].images.items() if row["name"] == "Ubuntu 24.04")


def wanted(region: str = "GRA11", **fields: object) -> dict[str, Any]:
    body = {"name": "node-1", "flavorRef": flavor("d2-4", region), "imageRef": image(region), "networks": "auto"}
    return {key: value for key, value in {**body, **fields}.items() if value is not None}


def order(api: Api, **fields: object) -> str:
    answered = api.nova("POST", "/servers", {"server": wanted(api.region, **fields)})
    assert answered.status_code == 202, answered.text
    return str(answered.json()["server"]["id"])


def refusal(answered: requests.Response, status: int, kind: str) -> str:
    assert answered.status_code == status, answered.text
    body = answered.json()
    assert list(body) == [kind]
    assert body[kind].get("code", status) == status
    return str(body[kind]["message"])


# ---- Keystone


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_password_gives_a_token_with_the_catalogue_of_all_regions(cloud: Emulator, by: str) -> None:
    number = cloud.credentials["ovhcloud"]["project_id"]
    project = {"id": number} if by == "id" else {"name": PROJECT_NAME, "domain": {"id": "default"}}
    answered = log_in(cloud, password_body(cloud, project=project))
    assert answered.status_code == 201
    token = answered.json()["token"]
    assert (token["project"]["id"], token["user"]["name"], token["methods"]) == (number, "user-lab", ["password"])
    services = {service["type"]: service["endpoints"] for service in token["catalog"]}
    assert set(services) == {
        "identity",
        "compute",
        "network",
        "image",
        "volumev3",
        "block-storage",
        "load-balancer",
    }
    for endpoints in services.values():
        assert {one["region"] for one in endpoints} == set(catalog.REGIONS)
        assert {one["interface"] for one in endpoints} == {"public"}
    assert {"GRA11", "SBG5", "DE1", "WAW1", "dc3-a", "dc4-a"} <= set(catalog.REGIONS)


def test_an_application_credential_gives_a_token_of_its_project(cloud: Emulator) -> None:
    proof = {"id": APPLICATION_CREDENTIAL_ID, "secret": APPLICATION_CREDENTIAL_SECRET}
    methods = {"methods": ["application_credential"], "application_credential": proof}
    answered = log_in(cloud, {"auth": {"identity": methods}})
    assert answered.status_code == 201
    assert Api(cloud, token=answered.headers["X-Subject-Token"]).nova("GET", "/servers").status_code == 200
    scoped = {"auth": {"identity": methods, "scope": {"project": {"id": "other"}}}}
    assert "cannot request a scope" in refusal(log_in(cloud, scoped), 401, "error")
    proof["secret"] = "wrong"
    refusal(log_in(cloud, {"auth": {"identity": methods}}), 401, "error")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"password": "wrong"}, id="password"),
        pytest.param({"name": "other"}, id="user"),
        pytest.param({"domain": {"name": "Other"}}, id="domain"),
    ],
)
def test_wrong_credentials_are_refused_alike(cloud: Emulator, change: dict[str, Any]) -> None:
    body = password_body(cloud, project={"id": cloud.credentials["ovhcloud"]["project_id"]})
    body["auth"]["identity"]["password"]["user"].update(change)
    answered = log_in(cloud, body)
    assert refusal(answered, 401, "error") == "The request you have made requires authentication."
    assert answered.json()["error"]["title"] == "Unauthorized"


def test_a_foreign_project_is_refused_and_without_one_nothing_is_allowed(cloud: Emulator) -> None:
    refusal(log_in(cloud, password_body(cloud, project={"id": "f" * 32})), 401, "error")
    refusal(log_in(cloud, {"auth": {}}), 400, "error")
    unscoped = log_in(cloud, password_body(cloud))
    assert "catalog" not in unscoped.json()["token"]
    refusal(Api(cloud, token=unscoped.headers["X-Subject-Token"]).nova("GET", "/servers"), 403, "forbidden")


def test_every_service_refuses_an_unknown_token(cloud: Emulator) -> None:
    stranger = Api(cloud, token="gAAAAAunknown")
    for answered in (
        stranger.nova("GET", "/servers/detail"),
        stranger.neutron("GET", "/networks"),
        stranger.cinder("GET", "/volumes/detail"),
        stranger.call("GET", "/image/GRA11/v2/images"),
        stranger.call("GET", "/load-balancer/GRA11/v2/lbaas/loadbalancers"),
        stranger.call("GET", "/identity/v3/auth/projects"),
    ):
        assert "requires authentication" in refusal(answered, 401, "error")
        assert answered.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_a_token_ends_after_an_hour_and_survives_the_process_until_then(tmp_path: Path) -> None:
    now, settings = [1_000_000.0], CloudSettings()
    user = {
        "name": settings.ovhcloud_username,
        "domain": {"id": "default"},
        "password": settings.ovhcloud_password,
    }
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    store = Store(tmp_path / "a.sqlite")
    tokens = Tokens(store, settings, clock=lambda: now[0])
    token, _row = tokens.issue(body)
    store.close()
    assert token.encode() not in (tmp_path / "a.sqlite").read_bytes()
    tokens = Tokens(Store(tmp_path / "a.sqlite"), settings, clock=lambda: now[0])
    now[0] += 3599
    assert tokens.find(token) is not None
    now[0] += 1
    assert tokens.find(token) is None
    tokens.issue(body)
    assert tokens.issued == 1
    with pytest.raises(ApiFailure):
        tokens.issue({"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}})


def test_a_token_can_be_looked_at_and_revoked(cloud: Emulator, api: Api) -> None:
    subject = {**api.headers, "X-Subject-Token": api.headers["X-Auth-Token"]}
    url = f"{cloud.endpoints['ovhcloud']}/auth/tokens"
    assert requests.get(url, headers=subject, timeout=10).json()["token"]["roles"]
    assert requests.delete(url, headers=subject, timeout=10).status_code == 204
    refusal(api.nova("GET", "/servers"), 401, "error")


def test_one_token_opens_every_region(cloud: Emulator, api: Api) -> None:
    for region in catalog.REGIONS:
        assert api.call("GET", f"/compute/{region}/v2.1/servers/detail").json() == {"servers": []}
    tokens = cloud.requests.entries("ovhcloud", "POST", "/identity/v3/auth/tokens")
    assert [entry.status for entry in tokens] == [201]
    refusal(api.call("GET", "/compute/GRA1/v2.1/servers/detail"), 404, "itemNotFound")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/identity", 300),
        ("/identity/v3", 200),
        ("/identity/v3/", 200),
        ("/compute/GRA11", 200),
        ("/compute/GRA11/v2.1/", 200),
        ("/network/GRA11", 200),
        ("/image/GRA11", 300),
        ("/volume/GRA11/v3/", 200),
        ("/load-balancer/GRA11", 200),
    ],
)
def test_versions_are_told_without_a_token(cloud: Emulator, path: str, status: int) -> None:
    base = cloud.endpoints["ovhcloud"].removesuffix("/identity/v3")
    answered = requests.get(base + path, timeout=10)
    assert answered.status_code == status
    assert f"{base}{path}".rstrip("/") in answered.text


# ---- servers


def test_a_server_is_ordered_built_and_booted(cloud: Emulator, api: Api) -> None:
    assert api.nova("POST", "/os-keypairs", {"keypair": {"name": "me", "public_key": KEY}}).status_code == 201
    user_data = base64.b64encode(b"#cloud-config\n").decode()
    body = wanted(metadata=OWNED, user_data=user_data, key_name="me", security_groups=[{"name": "default"}])
    answered = api.nova("POST", "/servers", {"server": body})
    made = answered.json()["server"]
    assert (answered.status_code, answered.headers["Location"]) == (202, made["links"][0]["href"])
    assert set(made) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    cloud.settle()
    server = api.server(made["id"])
    assert (server["status"], server["OS-EXT-STS:task_state"], server["OS-EXT-STS:power_state"]) == ("ACTIVE", None, 1)
    assert (server["metadata"], server["key_name"], server["locked"]) == (OWNED, "me", False)
    assert server["flavor"]["original_name"] == "d2-4"
    assert isinstance(cloud.machines, MemoryMachines)
    spec = cloud.machines.booted[0]
    assert (spec.id, spec.provider, spec.zone, spec.user_data) == (made["id"], "ovhcloud", "GRA11", "#cloud-config\n")
    assert (spec.cpus, spec.memory_gib) == (2, 4)
    addresses = server["addresses"]["Ext-Net"]
    assert sorted(one["version"] for one in addresses) == [4, 6]
    assert [one["addr"] for one in addresses if one["version"] == 4] == [spec.address]
    assert {one["OS-EXT-IPS:type"] for one in addresses} == {"fixed"}
    view = cloud.store.servers("ovhcloud")[0]
    assert (view.labels, view.location, view.type, view.state) == (OWNED, "GRA11", "d2-4", "ACTIVE")
    assert view.user_data == "#cloud-config\n"


def test_a_server_that_is_being_built_has_no_addresses(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("ovhcloud", "boot-stall")
    number = order(api)
    cloud.settle()
    server = api.server(number)
    assert (server["status"], server["OS-EXT-STS:vm_state"], server["addresses"]) == ("BUILD", "building", {})
    busy = refusal(api.nova("POST", f"/servers/{number}/action", {"os-stop": None}), 409, "conflictingRequest")
    assert busy == f"Cannot 'stop' instance {number} while it is in vm_state building"
    refusal(api.nova("POST", f"/servers/{number}/metadata", {"metadata": {"a": "b"}}), 409, "conflictingRequest")
    assert api.nova("DELETE", f"/servers/{number}").status_code == 204
    cloud.settle()
    refusal(api.nova("GET", f"/servers/{number}"), 404, "itemNotFound")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("capacity", "No valid host was found. There are not enough hosts available."),
        ("boot-error", "aborted: the guest could not be started"),
    ],
)
def test_a_failed_build_ends_in_error_with_a_fault(cloud: Emulator, api: Api, kind: str, message: str) -> None:
    cloud.faults.add("ovhcloud", kind, count=1, location="GRA11", type="d2-4")
    number = order(api)
    cloud.settle()
    server = api.server(number)
    assert (server["status"], server["fault"]["code"], server["addresses"]) == ("ERROR", 500, {})
    assert message in server["fault"]["message"]
    assert api.nova("DELETE", f"/servers/{number}").status_code == 204
    cloud.settle()
    assert set(cloud.store.counts("ovhcloud").values()) == {0}
    assert isinstance(cloud.machines, MemoryMachines)
    assert cloud.machines._addresses == {}


def test_deletion_is_shown_until_the_machine_is_gone() -> None:
    class Lasting(MemoryMachines):
        async def destroy(self, machine_id: str) -> None:
            await self._sleep(3600)

    with emulator(machines=Lasting()) as cloud:
        api = Api(cloud)
        number = order(api)
        cloud.settle()
        assert api.nova("DELETE", f"/servers/{number}").status_code == 204
        assert api.server(number)["OS-EXT-STS:task_state"] == "deleting"
        assert api.nova("DELETE", f"/servers/{number}").status_code == 204


def test_a_deleted_server_takes_its_ports_along(cloud: Emulator, api: Api) -> None:
    number = order(api)
    cloud.settle()
    ports = api.neutron("GET", f"/ports?device_id={number}").json()["ports"]
    assert [(port["status"], port["device_owner"]) for port in ports] == [("ACTIVE", "compute:nova")]
    assert cloud.store.counts("ovhcloud")["port"] == 0
    api.nova("DELETE", f"/servers/{number}")
    cloud.settle()
    assert api.neutron("GET", "/ports").json()["ports"] == []
    assert set(cloud.store.counts("ovhcloud").values()) == {0}


def test_power_follows_the_actions(cloud: Emulator, api: Api) -> None:
    number = order(api)
    cloud.settle()
    path = f"/servers/{number}/action"
    assert api.nova("POST", path, {"os-stop": None}).status_code == 202
    cloud.settle()
    assert (api.server(number)["status"], cloud.machines.running(number)) == ("SHUTOFF", False)
    off = refusal(api.nova("POST", path, {"os-stop": None}), 409, "conflictingRequest")
    assert off.endswith("while it is in vm_state stopped")
    for body in ({"os-start": None}, {"reboot": {"type": "HARD"}}):
        assert api.nova("POST", path, body).status_code == 202
        cloud.settle()
        assert (api.server(number)["status"], cloud.machines.running(number)) == ("ACTIVE", True)
    assert api.nova("POST", path, {"os-getConsoleOutput": {}}).json() == {"output": ""}
    refusal(api.nova("POST", path, {"reboot": {}}), 400, "badRequest")
    refusal(api.nova("POST", path, {"explode": None}), 400, "badRequest")


def test_a_locked_server_stays(cloud: Emulator, api: Api) -> None:
    number = order(api)
    cloud.settle()
    path = f"/servers/{number}/action"
    assert api.nova("POST", path, {"lock": {"locked_reason": "mine"}}).status_code == 202
    assert (api.server(number)["locked"], api.server(number)["locked_reason"]) == (True, "mine")
    assert cloud.store.servers("ovhcloud")[0].protected
    for answered in (api.nova("DELETE", f"/servers/{number}"), api.nova("POST", path, {"os-stop": None})):
        assert refusal(answered, 409, "conflictingRequest") == f"Instance {number} is locked"
    assert api.nova("POST", path, {"unlock": None}).status_code == 202
    assert api.nova("DELETE", f"/servers/{number}").status_code == 204


def test_metadata_is_merged_replaced_and_dropped(cloud: Emulator, api: Api) -> None:
    number = order(api, metadata={"a": "1"})
    cloud.settle()
    path = f"/servers/{number}/metadata"
    assert api.nova("POST", path, {"metadata": {"b": "2"}}).json() == {"metadata": {"a": "1", "b": "2"}}
    assert api.nova("PUT", path, {"metadata": {"c": "3", "d": "4"}}).json() == {"metadata": {"c": "3", "d": "4"}}
    assert api.nova("DELETE", f"{path}/c").status_code == 204
    refusal(api.nova("DELETE", f"{path}/c"), 404, "itemNotFound")
    assert api.nova("GET", path).json() == {"metadata": {"d": "4"}}
    assert api.nova("PUT", f"/servers/{number}", {"server": {"name": "other"}}).json()["server"]["name"] == "other"
    many = {f"key{place}": "" for place in range(129)}
    assert "exceeds 128" in refusal(api.nova("PUT", path, {"metadata": many}), 403, "forbidden")


def test_names_are_not_unique(cloud: Emulator, api: Api) -> None:
    assert order(api) != order(api)
    assert cloud.store.names("ovhcloud") == ["node-1", "node-1"]


@pytest.mark.parametrize(
    ("fields", "status", "kind", "message"),
    [
        ({"name": ""}, 400, "badRequest", "attribute name"),
        ({"flavorRef": "nothing"}, 400, "badRequest", "Flavor nothing could not be found."),
        ({"imageRef": flavor("d2-4")}, 400, "badRequest", "Can not find requested image"),
        ({"imageRef": "Ubuntu 24.04"}, 400, "badRequest", "Invalid imageRef provided."),
        ({"key_name": "nobody"}, 400, "badRequest", "Invalid key_name provided."),
        ({"networks": None}, 400, "badRequest", "'networks' is a required property"),
        ({"networks": [{"uuid": "x"}]}, 400, "badRequest", "Network x could not be found."),
        ({"security_groups": [{"name": "x"}]}, 400, "badRequest", "Security group x not found"),
        ({"availability_zone": "x"}, 400, "badRequest", "availability zone is not available"),
        ({"user_data": "no base64!"}, 400, "badRequest", "is not a 'base64'"),
        ({"user_data": "QUFB" * 16384}, 400, "badRequest", "is too long"),
        ({"metadata": {"a": "b" * 256}}, 400, "badRequest", "is too long"),
        ({"metadata": {"a/b": "c"}}, 400, "badRequest", "does not match any of the regexes"),
        ({"metadata": {"a": 1}}, 400, "badRequest", "is not of type 'string'"),
        ({"colour": "blue"}, 400, "badRequest", "('colour' was unexpected)"),
    ],
)
def test_a_wrong_order_is_refused(
    cloud: Emulator, api: Api, fields: dict[str, Any], status: int, kind: str, message: str
) -> None:
    answered = api.nova("POST", "/servers", {"server": wanted(**fields)})
    assert message in refusal(answered, status, kind)
    assert cloud.store.servers() == []
    assert isinstance(cloud.machines, MemoryMachines)
    assert cloud.machines._addresses == {}


def test_quota_and_retired_flavors_are_told_at_once(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("ovhcloud", "quota", count=1)
    answered = api.nova("POST", "/servers", {"server": wanted()})
    assert refusal(answered, 403, "forbidden").startswith("Quota exceeded for instances: Requested 1, but already used")
    cloud.faults.add("ovhcloud", "retired-type", type="d2-4", location="GRA11")
    left = [one["name"] for one in api.nova("GET", "/flavors/detail").json()["flavors"]]
    assert "d2-4" not in left
    assert "d2-8" in left
    refusal(api.nova("GET", f"/flavors/{flavor('d2-4')}"), 404, "itemNotFound")
    gone = api.nova("POST", "/servers", {"server": wanted()})
    assert refusal(gone, 400, "badRequest") == f"Flavor {flavor('d2-4')} could not be found."
    assert order(Api(cloud, "DE1"))


# ---- lists


@pytest.mark.parametrize("count", [0, 2, 4, 5])
def test_pages_follow_the_marker_and_the_last_full_one_names_another(cloud: Emulator, api: Api, count: int) -> None:
    made = [order(api, name=f"node-{place}") for place in range(count)]
    cloud.settle()
    seen: list[str] = []
    path, pages = "/servers/detail?limit=2", 0
    while path:
        body = api.nova("GET", path).json()
        seen += [server["id"] for server in body["servers"]]
        href = body.get("servers_links", [{"href": ""}])[0]["href"]
        path = href.partition("/v2.1")[2]
        pages += 1
    assert (seen, pages) == (made[::-1], count // 2 + 1)
    unknown = api.nova("GET", "/servers/detail?marker=nothing")
    assert refusal(unknown, 400, "badRequest") == "marker [nothing] not found"
    refusal(api.nova("GET", "/servers?limit=few"), 400, "badRequest")


def test_a_page_holds_a_thousand_at_most() -> None:
    regions = sum(1 for region in catalog.REGIONS.values() if region.brand == "ovhcloud")
    with emulator(seeded={"ovhcloud": 1001 * regions}) as cloud:
        api = Api(cloud)
        first = api.nova("GET", "/servers/detail?limit=5000").json()
        assert len(first["servers"]) == 1000
        second = requests.get(first["servers_links"][0]["href"], headers=api.headers, timeout=10).json()
        assert len(second["servers"]) == 1
        assert "servers_links" not in second
        for _again in range(20):
            api.nova("GET", "/servers/detail?limit=50")
        durations = sorted(entry.duration for entry in cloud.requests.entries("ovhcloud") if "limit=50" in entry.path)
        assert durations[10] < 0.01


def test_lists_filter_by_name_and_status_within_a_region(cloud: Emulator, api: Api) -> None:
    for name in ("one", "two", "two-more"):
        number = order(api, name=name)
    order(Api(cloud, "DE1"), name="elsewhere")
    cloud.settle()
    api.nova("POST", f"/servers/{number}/action", {"os-stop": None})
    cloud.settle()
    assert api.names() == ["two-more", "two", "one"]
    assert api.names("?name=two") == ["two-more", "two"]
    assert api.names("?name=%5Etwo%24") == ["two"]
    assert api.names("?status=SHUTOFF") == ["two-more"]
    assert api.names("?changes-since=2026-01-01T00:00:00Z&all_tenants=0") == ["two-more", "two", "one"]
    refusal(Api(cloud, "DE1").nova("GET", f"/servers/{number}"), 404, "itemNotFound")


def test_microversions_change_what_is_shown(cloud: Emulator, api: Api) -> None:
    number = order(api)
    old = Api(cloud, version="2.1")
    shown = old.nova("GET", f"/servers/{number}")
    assert shown.headers["OpenStack-API-Version"] == "compute 2.1"
    assert "locked" not in shown.json()["server"]
    assert shown.json()["server"]["flavor"]["id"] == flavor("d2-4")
    assert api.server(number)["flavor"]["original_name"] == "d2-4"
    assert order(old, networks=None)
    for version, status in (("2.97", 406), ("3.0", 400), ("now", 400)):
        assert Api(cloud, version=version).nova("GET", "/servers").status_code == status
    assert "max" in refusal(Api(cloud, version="2.100").nova("GET", "/servers"), 406, "computeFault")
    assert Api(cloud, version="latest").nova("GET", "/servers").headers["OpenStack-API-Version"] == f"compute {NEW}"


# ---- what stands around servers


def test_flavors_and_images_have_ids_of_their_region(cloud: Emulator, api: Api) -> None:
    found = {one["name"]: one for one in api.nova("GET", "/flavors/detail").json()["flavors"]}
    small = found["d2-4"]
    assert (small["vcpus"], small["ram"], small["disk"]) == (2, 4000, 50)
    assert small["id"] != flavor("d2-4", "DE1")
    assert small["os-flavor-access:is_public"]
    images = api.call("GET", "/image/GRA11/v2/images?name=Ubuntu%2024.04").json()["images"]
    assert [one["id"] for one in images] == [image()]
    first = api.call("GET", "/image/GRA11/v2/images?limit=2").json()
    second = api.call("GET", f"/image/GRA11{first['next']}").json()
    assert (len(first["images"]), len(second["images"]), "next" in second) == (2, 1, False)
    assert api.call("GET", f"/image/GRA11/v2/images/{image()}").json()["os_version"] == "24.04"
    assert api.call("GET", "/image/GRA11/v2/images/x").json()["code"] == "404 Not Found"
    other = Api(cloud, "dc4-a").nova("GET", "/flavors").json()["flavors"]
    assert "a2-ram4-disk20-perf1" in [one["name"] for one in other]


def test_key_pairs_belong_to_a_region(cloud: Emulator, api: Api) -> None:
    body = {"keypair": {"name": "me", "public_key": KEY}}
    made = api.nova("POST", "/os-keypairs", body).json()["keypair"]
    assert (made["name"], made["type"], made["fingerprint"].count(":")) == ("me", "ssh", 15)
    assert refusal(api.nova("POST", "/os-keypairs", body), 409, "conflictingRequest").endswith("already exists.")
    assert api.nova("GET", "/os-keypairs").json()["keypairs"][0]["keypair"]["public_key"] == KEY
    refusal(Api(cloud, "DE1").nova("GET", "/os-keypairs/me"), 404, "itemNotFound")
    bad = {"keypair": {"name": "bad", "public_key": "nonsense"}}
    assert "Keypair data is invalid" in refusal(api.nova("POST", "/os-keypairs", bad), 400, "badRequest")
    assert api.nova("DELETE", "/os-keypairs/me").status_code == 204
    assert cloud.store.counts("ovhcloud")["keypair"] == 0


def test_server_groups_hold_their_members(cloud: Emulator, api: Api) -> None:
    body = {"server_group": {"name": "spread", "policy": "anti-affinity"}}
    group = api.nova("POST", "/os-server-groups", body).json()["server_group"]
    order_body = {"server": wanted(), "os:scheduler_hints": {"group": group["id"]}}
    number = api.nova("POST", "/servers", order_body).json()["server"]["id"]
    assert api.nova("GET", f"/os-server-groups/{group['id']}").json()["server_group"]["members"] == [number]
    assert api.server(number)["server_groups"] == [group["id"]]
    assert Api(cloud, version="2.1").nova("GET", "/os-server-groups").json()["server_groups"][0]["policies"]
    unknown = api.nova("POST", "/servers", {"server": wanted(), "os:scheduler_hints": {"group": "x"}})
    assert "Instance group x" in refusal(unknown, 400, "badRequest")
    refusal(api.nova("POST", "/os-server-groups", {"server_group": {"name": "x", "policy": "?"}}), 400, "badRequest")
    assert api.nova("DELETE", f"/os-server-groups/{group['id']}").status_code == 204


def test_zones_and_limits(cloud: Emulator, api: Api) -> None:
    order(api)
    used = api.nova("GET", "/limits").json()["limits"]["absolute"]
    assert (used["totalInstancesUsed"], used["totalCoresUsed"]) == (1, 2)
    zones = Api(cloud, "EU-WEST-PAR").nova("GET", "/os-availability-zone").json()["availabilityZoneInfo"]
    assert [zone["zoneName"] for zone in zones] == ["eu-west-par-a", "eu-west-par-b", "eu-west-par-c"]


# ---- Neutron


def test_the_public_network_and_the_default_group_are_everywhere(cloud: Emulator, api: Api) -> None:
    for region in catalog.REGIONS:
        there = Api(cloud, region, token=api.headers["X-Auth-Token"])
        networks = there.neutron("GET", "/networks?router:external=true").json()["networks"]
        assert [network["name"] for network in networks] == [catalog.REGIONS[region].public_network]
        groups = there.neutron("GET", "/security-groups?name=default").json()["security_groups"]
        directions = sorted(rule["direction"] for rule in groups[0]["security_group_rules"])
        assert directions == ["egress", "egress", "ingress", "ingress"]
        refused = there.neutron("DELETE", f"/security-groups/{groups[0]['id']}")
        assert refused.json()["NeutronError"]["type"] == "SecurityGroupCannotRemoveDefault"
        assert there.neutron("DELETE", f"/networks/{networks[0]['id']}").status_code == 403
    assert set(cloud.store.counts("ovhcloud").values()) == {0}


def test_security_groups_with_rules_and_tags(cloud: Emulator, api: Api) -> None:
    group = api.made("security-groups", "security_group", name="fleet")
    path = f"/security-groups/{group['id']}"
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp", "port_range_min": 22}
    api.made("security-group-rules", "security_group_rule", **rule)
    again = api.neutron("POST", "/security-group-rules", {"security_group_rule": rule})
    assert (again.status_code, again.json()["NeutronError"]["type"]) == (409, "SecurityGroupRuleExists")
    tags = ["fleet.id=lab", "fleet.token=abc"]
    assert api.neutron("PUT", f"{path}/tags", {"tags": tags}).json() == {"tags": tags}
    other = api.made("security-groups", "security_group", name="fleet")
    assert api.neutron("PUT", f"/security-groups/{other['id']}/tags/fleet.id=lab").status_code == 201

    def found(query: str) -> list[str]:
        listed = api.neutron("GET", f"/security-groups?{query}").json()["security_groups"]
        return [row["id"] for row in listed]

    assert found("tags=fleet.id=lab,fleet.token=abc") == [group["id"]]
    assert found("tags-any=fleet.token=abc,fleet.id=lab") == [group["id"], other["id"]]
    assert found("name=fleet&not-tags=fleet.token=abc") == [other["id"]]
    assert api.neutron("GET", f"{path}?fields=name").json() == {"security_group": {"name": "fleet"}}
    numbers = [{"name": group["id"]}]
    twice = api.nova("POST", "/servers", {"server": wanted(security_groups=[{"name": "fleet"}])})
    assert "Multiple security groups found" in refusal(twice, 409, "conflictingRequest")
    number = order(api, security_groups=numbers)
    cloud.settle()
    assert api.neutron("DELETE", path).json()["NeutronError"]["type"] == "SecurityGroupInUse"
    assert api.server(number)["security_groups"] == [{"name": "fleet"}]
    assert api.neutron("DELETE", f"/security-groups/{other['id']}").status_code == 204
    assert cloud.store.counts("ovhcloud")["security_group"] == 1


def test_tags_are_set_apart_from_creation(api: Api) -> None:
    refused = api.neutron("POST", "/networks", {"network": {"name": "a", "tags": ["x"]}})
    assert (refused.status_code, refused.json()["NeutronError"]["type"]) == (400, "HTTPBadRequest")
    aliases = [row["alias"] for row in api.neutron("GET", "/extensions").json()["extensions"]]
    assert "standard-attr-tag" in aliases
    assert api.neutron("GET", "/extensions/standard-attr-tag").json()["extension"]["alias"] == "standard-attr-tag"
    assert api.neutron("GET", "/extensions/none").status_code == 404


def test_a_private_network_gives_addresses_from_its_subnet(cloud: Emulator, api: Api) -> None:
    network = api.made("networks", "network", name="private")
    subnet = api.made("subnets", "subnet", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    number = order(api, networks=[{"uuid": network["id"]}])
    cloud.settle()
    assert [one["addr"] for one in api.server(number)["addresses"]["private"]] == ["10.0.0.2"]
    in_use = api.neutron("DELETE", f"/networks/{network['id']}").json()["NeutronError"]
    assert in_use["type"] == "NetworkInUse"
    router = api.made("routers", "router", name="way out")
    api.neutron("PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    assert api.neutron("DELETE", f"/routers/{router['id']}").json()["NeutronError"]["type"] == "RouterInUse"
    api.neutron("PUT", f"/routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]})
    assert api.neutron("DELETE", f"/routers/{router['id']}").status_code == 204
    api.nova("DELETE", f"/servers/{number}")
    cloud.settle()
    assert cloud.store.counts("ovhcloud")["network"] == 1
    assert api.neutron("DELETE", f"/networks/{network['id']}").status_code == 204
    assert api.neutron("GET", f"/subnets/{subnet['id']}").status_code == 404
    assert set(cloud.store.counts("ovhcloud").values()) == {0}


def test_two_private_networks_leave_the_choice_to_the_client(api: Api) -> None:
    for name in ("a", "b"):
        network = api.made("networks", "network", name=name)
        api.made("subnets", "subnet", network_id=network["id"], cidr="10.0.0.0/24")
    answered = api.nova("POST", "/servers", {"server": wanted()})
    assert "Multiple possible networks found" in refusal(answered, 409, "conflictingRequest")


def test_a_port_that_was_made_before_its_server_outlives_it(cloud: Emulator, api: Api) -> None:
    network = api.neutron("GET", "/networks?name=Ext-Net").json()["networks"][0]
    port = api.made("ports", "port", network_id=network["id"], name="mine")
    number = order(api, networks=[{"port": port["id"]}])
    cloud.settle()
    address = next(one["ip_address"] for one in port["fixed_ips"] if "." in one["ip_address"])
    assert cloud.store.servers("ovhcloud")[0].address == address
    assert cloud.store.counts("ovhcloud")["port"] == 0
    api.nova("DELETE", f"/servers/{number}")
    cloud.settle()
    assert cloud.store.counts("ovhcloud")["port"] == 1
    assert api.neutron("DELETE", f"/ports/{port['id']}").status_code == 204


def test_floating_ips_show_at_their_server_and_stay_without_it(cloud: Emulator, api: Api) -> None:
    external = api.neutron("GET", "/networks?name=Ext-Net").json()["networks"][0]
    network = api.made("networks", "network", name="private")
    api.made("subnets", "subnet", network_id=network["id"], cidr="10.0.0.0/24")
    number = order(api, networks=[{"uuid": network["id"]}])
    cloud.settle()
    port = api.neutron("GET", f"/ports?device_id={number}").json()["ports"][0]
    ip = api.made("floatingips", "floatingip", floating_network_id=external["id"], port_id=port["id"])
    shown = api.server(number)["addresses"]["private"]
    assert [(one["addr"], one["OS-EXT-IPS:type"]) for one in shown] == [
        ("10.0.0.2", "fixed"),
        (ip["floating_ip_address"], "floating"),
    ]
    api.nova("DELETE", f"/servers/{number}")
    cloud.settle()
    left = api.neutron("GET", "/floatingips").json()["floatingips"]
    assert [(one["id"], one["port_id"]) for one in left] == [(ip["id"], None)]
    assert api.neutron("DELETE", f"/floatingips/{ip['id']}").status_code == 204
    assert cloud.store.counts("ovhcloud")["floating_ip"] == 0


# ---- Cinder, Octavia, prices


@pytest.mark.parametrize("with_server", [True, False])
def test_boot_volumes_end_with_their_server_only_if_so_ordered(cloud: Emulator, api: Api, with_server: bool) -> None:
    disk = {
        "uuid": image(),
        "source_type": "image",
        "destination_type": "volume",
        "boot_index": 0,
        "volume_size": 20,
        "delete_on_termination": with_server,
    }
    number = order(api, imageRef=None, block_device_mapping_v2=[disk])
    cloud.settle()
    server = api.server(number)
    (held,) = server["os-extended-volumes:volumes_attached"]
    assert (server["image"], held["delete_on_termination"]) == ("", with_server)
    volume = api.cinder("GET", f"/volumes/{held['id']}").json()["volume"]
    assert (volume["status"], volume["size"], volume["attachments"][0]["server_id"]) == ("in-use", 20, number)
    assert "must be available" in refusal(api.cinder("DELETE", f"/volumes/{held['id']}"), 400, "badRequest")
    api.nova("DELETE", f"/servers/{number}")
    cloud.settle()
    left = api.cinder("GET", "/volumes/detail").json()["volumes"]
    assert [one["status"] for one in left] == ([] if with_server else ["available"])
    for one in left:
        assert api.cinder("DELETE", f"/volumes/{one['id']}").status_code == 202
    assert set(cloud.store.counts("ovhcloud").values()) == {0}


def test_volumes_carry_metadata_and_can_be_attached(cloud: Emulator, api: Api) -> None:
    made = api.cinder("POST", "/volumes", {"volume": {"size": 10, "name": "data", "metadata": {"a": "1"}}})
    assert made.status_code == 202
    volume = made.json()["volume"]
    path = f"/volumes/{volume['id']}"
    assert api.cinder("POST", f"{path}/metadata", {"metadata": {"b": "2"}}).json()["metadata"] == {"a": "1", "b": "2"}
    assert api.cinder("DELETE", f"{path}/metadata/a").status_code == 200
    found = api.cinder("GET", "/volumes/detail?metadata=%7B'b':'2'%7D").json()["volumes"]
    assert [one["name"] for one in found] == ["data"]
    number = order(api)
    cloud.settle()
    attachments = f"/servers/{number}/os-volume_attachments"
    api.nova("POST", attachments, {"volumeAttachment": {"volumeId": volume["id"]}})
    assert [one["volumeId"] for one in api.nova("GET", attachments).json()["volumeAttachments"]] == [volume["id"]]
    api.nova("DELETE", f"/servers/{number}")
    cloud.settle()
    assert api.cinder("GET", path).json()["volume"]["attachments"] == []
    refusal(api.cinder("GET", "/volumes/x"), 404, "itemNotFound")
    refusal(api.cinder("POST", "/volumes", {"volume": {"size": 0}}), 400, "badRequest")
    refusal(api.call("GET", "/volume/GRA11/v3/other/volumes"), 400, "badRequest")


def test_load_balancers_are_found_and_deleted(cloud: Emulator, api: Api) -> None:
    root = "/load-balancer/GRA11/v2/lbaas/loadbalancers"
    made = api.call("POST", root, {"loadbalancer": {"name": "lb", "vip_network_id": "x", "tags": ["fleet.id=lab"]}})
    number = made.json()["loadbalancer"]["id"]
    assert [one["name"] for one in api.call("GET", f"{root}?tags=fleet.id=lab").json()["loadbalancers"]] == ["lb"]
    assert api.call("GET", f"{root}?tags=other").json()["loadbalancers"] == []
    assert api.call("DELETE", f"{root}/{number}").status_code == 204
    gone = api.call("DELETE", f"{root}/{number}")
    assert (gone.status_code, gone.json()["faultcode"]) == (404, "Client")
    assert cloud.store.counts("ovhcloud")["load_balancer"] == 0


def test_prices_are_public(cloud: Emulator) -> None:
    url = f"{cloud.credentials['ovhcloud']['price_endpoint']}/order/catalog/public/cloud"
    listed = requests.get(url, params={"ovhSubsidiary": "DE"}, timeout=10).json()
    assert listed["locale"]["currencyCode"] == "EUR"
    prices = {addon["planCode"]: addon["pricings"][0] for addon in listed["addons"]}
    assert prices["d2-4.consumption"]["price"] == 2_060_000
    assert prices["d2-4.consumption"]["capacities"] == ["consumption"]
    refused = requests.get(url, timeout=10)
    assert (refused.status_code, refused.json()["class"]) == (400, "Client::BadRequest")


# ---- faults


def test_every_service_has_its_own_errors(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("ovhcloud", "429", retry_after=3, count=1)
    limited = api.nova("GET", "/servers")
    assert (limited.status_code, limited.headers["Retry-After"], list(limited.json())) == (429, "3", ["overLimit"])
    cloud.faults.add("ovhcloud", "5xx", status=503, count=1, path="/network")
    assert list(api.neutron("GET", "/networks").json()) == ["NeutronError"]
    cloud.faults.add("ovhcloud", "5xx", count=1)
    refusal(api.nova("GET", "/servers"), 500, "computeFault")
    cloud.faults.add("ovhcloud", "read-only", count=1, path="/compute")
    refusal(api.nova("POST", "/servers", {"server": wanted()}), 403, "forbidden")
    for path, kind in (
        ("/compute/GRA11/v2.1/nothing", "itemNotFound"),
        ("/network/GRA11/v2.0/nothing", "NeutronError"),
        ("/identity/v3/nothing", "error"),
    ):
        refusal(api.call("GET", path), 404, kind)
    refusal(api.nova("PATCH", "/servers"), 405, "badMethod")
    assert api.nova("GET", "/servers").headers["X-Openstack-Request-Id"].startswith("req-")


def test_refused_credentials_concern_tokens_too(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("ovhcloud", "unauthorized")
    refusal(api.nova("GET", "/servers"), 401, "error")
    refusal(log_in(cloud, password_body(cloud)), 401, "error")


# ---- restarts


def test_servers_tokens_and_networks_survive_a_restart(tmp_path: Path) -> None:
    machines = MemoryMachines()
    with emulator(state=tmp_path, machines=machines) as cloud:
        api = Api(cloud)
        alive, dead = order(api, name="alive"), order(api, name="dead")
        cloud.settle()
        before = {view.id: view.address for view in cloud.store.servers()}
        token = api.headers["X-Auth-Token"]
    machines._running.pop(dead)
    with emulator(state=tmp_path, machines=machines) as cloud:
        api = Api(cloud, token=token)
        assert (api.server(alive)["status"], api.server(dead)["status"]) == ("ACTIVE", "SHUTOFF")
        assert {view.id: view.address for view in cloud.store.servers()} == before
        assert len(api.neutron("GET", "/networks").json()["networks"]) == 1
        assert len(machines.booted) == 2


class Slow(MemoryMachines):
    """Boots, stops and destroys only when it is allowed to."""

    slow = True

    async def boot(self, spec: Any) -> None:
        await self._wait()
        await super().boot(spec)

    async def power_off(self, machine_id: str) -> None:
        await self._wait()
        await super().power_off(machine_id)

    async def destroy(self, machine_id: str) -> None:
        await self._wait()
        await super().destroy(machine_id)

    async def _wait(self) -> None:
        if self.slow:
            await self._sleep(3600)


def test_what_was_under_way_goes_on_after_a_restart(tmp_path: Path) -> None:
    machines = Slow()
    with emulator(state=tmp_path, machines=machines) as cloud:
        api = Api(cloud)
        cloud.store.seed("ovhcloud", 20, prefix="old")
        leaving, stopping = (row["id"] for row in api.nova("GET", "/servers").json()["servers"])
        coming = order(api, name="coming")
        api.nova("DELETE", f"/servers/{leaving}")
        api.nova("POST", f"/servers/{stopping}/action", {"os-stop": None})
        tasks = [api.server(number)["OS-EXT-STS:task_state"] for number in (leaving, stopping, coming)]
        assert tasks == ["deleting", "powering-off", "spawning"]
    machines.slow = False
    with emulator(state=tmp_path, machines=machines) as cloud:
        cloud.settle()
        api = Api(cloud)
        assert {number: api.server(number)["status"] for number in (stopping, coming)} == {
            stopping: "SHUTOFF",
            coming: "ACTIVE",
        }
        refusal(api.nova("GET", f"/servers/{leaving}"), 404, "itemNotFound")
        assert sorted(machines._addresses) == sorted(view.id for view in cloud.store.servers())
