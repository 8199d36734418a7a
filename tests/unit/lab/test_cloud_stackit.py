"""The emulated STACKIT, asked over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.cloud.memory import MemoryMachines
from lab.cloud.ports import MachineSpec
from lab.cloud.testing import Emulator, emulator

OWNED = {"fleet.id": "lab", "fleet.pool": "workers"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEx0 me"


class Api:
    """One project's API; paths begin below its region unless they are whole."""

    def __init__(self, cloud: Emulator, region: str = "eu01") -> None:
        given = cloud.credentials["stackit"]
        self.cloud = cloud
        self.base = cloud.endpoints["stackit"]
        self.project = given["project_id"]
        self.below = f"/v2/projects/{self.project}/regions/{region}"
        self.headers = {"Authorization": f"Bearer {given['token']}"}

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        url = self.base + (path if path.startswith(("/v1", "/v2", "/pim", "/load")) else self.below + path)
        return requests.request(method, url, json=body, params=query, headers=self.headers, timeout=10)

    def get(self, path: str, **query: str) -> Any:
        return self._good(self.ask("GET", path, **query))

    def post(self, path: str, body: Any = None, **query: str) -> Any:
        return self._good(self.ask("POST", path, body or {}, **query))

    def put(self, path: str) -> Any:
        return self._good(self.ask("PUT", path))

    def patch(self, path: str, body: Any) -> Any:
        return self._good(self.ask("PATCH", path, body))

    def delete(self, path: str) -> int:
        answer = self.ask("DELETE", path)
        self._good(answer)
        return answer.status_code

    @staticmethod
    def _good(answer: requests.Response) -> Any:
        assert answer.ok, answer.text
        return answer.json() if answer.content else answer.status_code

    def items(self, path: str, **query: str) -> list[Any]:
        return list(self.get(path, **query)["items"])

    def names(self, path: str, **query: str) -> list[str]:
        return [one["name"] for one in self.items(path, **query)]

    def network(self) -> str:
        return str(self.post("/networks", {"name": "private"})["id"])

    def image(self, name: str = "Ubuntu 24.04") -> str:
        return next(str(image["id"]) for image in self.items("/images") if image["name"] == name)

    def order(self, name: str = "node-1", **changes: Any) -> dict[str, Any]:
        """The body of an order; a network is made unless one is named."""
        body = {
            "name": name,
            "machineType": "c2i.2",
            "availabilityZone": "eu01-2",
            "bootVolume": {"size": 20, "source": {"type": "image", "id": self.image()}, "deleteOnTermination": True},
            "labels": OWNED,
            **changes,
        }
        return body if "networking" in body else {**body, "networking": {"networkId": self.network()}}

    def bought(self, name: str = "node-1", **changes: Any) -> dict[str, Any]:
        made = self.post("/servers", self.order(name, **changes))
        self.cloud.settle()
        return self.seen(made)

    def seen(self, server: dict[str, Any]) -> dict[str, Any]:
        return dict(self.get(f"/servers/{server['id']}", details="true"))


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def api(cloud: Emulator) -> Api:
    return Api(cloud)


def message(answer: requests.Response) -> str:
    body = answer.json()
    assert (set(body), body["code"]) == ({"code", "msg"}, answer.status_code)
    return str(body["msg"])


def booted(cloud: Emulator) -> list[MachineSpec]:
    assert isinstance(cloud.machines, MemoryMachines)
    return cloud.machines.booted


# ---- the life of a server


def test_a_server_is_made_in_one_call_and_boots_by_itself(cloud: Emulator, api: Api) -> None:
    user_data = base64.b64encode(b"#cloud-config\n").decode()
    made = api.ask("POST", "/servers", api.order(userData=user_data))
    assert (made.status_code, made.json()["status"]) == (201, "CREATING")
    cloud.settle()
    server = api.seen(made.json())
    assert (server["status"], server["powerStatus"], server["labels"]) == ("ACTIVE", "RUNNING", OWNED)
    assert server["launchedAt"]
    assert server["userData"] == user_data
    (nic,) = server["nics"]
    (spec,) = booted(cloud)
    assert (spec.id, spec.provider, spec.zone, spec.user_data) == (server["id"], "stackit", "eu01-2", "#cloud-config\n")
    assert (spec.cpus, spec.memory_gib, spec.address) == (2, 4, nic["ipv4"])
    (view,) = cloud.store.servers("stackit")
    assert (view.state, view.location, view.type, view.labels) == ("ACTIVE", "eu01-2", "c2i.2", OWNED)
    assert (view.address, view.user_data) == (nic["ipv4"], "#cloud-config\n")


def test_a_server_being_made_has_interfaces_without_anything_in_them(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("stackit", "boot-stall")
    made = api.bought()
    (nic,) = made["nics"]
    assert made["status"] == "CREATING"
    assert "powerStatus" not in made
    assert (nic["mac"], nic["networkName"], nic["ipv4"]) == ("", "", "")
    (free,) = api.items("/nics")
    assert free["id"] == nic["nicId"]
    assert {"mac", "ipv4"}.isdisjoint(free)


def test_what_costs_room_is_shown_with_details_only(cloud: Emulator, api: Api) -> None:
    server = api.bought(userData=base64.b64encode(b"x").decode())
    for brief in (api.items("/servers")[0], api.get(f"/servers/{server['id']}")):
        assert {"nics", "userData"}.isdisjoint(brief)
    assert "nics" in api.items("/servers", details="true")[0]


def test_names_are_not_unique_and_one_call_gives_all(cloud: Emulator, api: Api) -> None:
    networking = {"networkId": api.network()}
    made = [api.post("/servers", api.order(networking=networking))["id"] for _server in range(3)]
    assert len(set(made)) == 3
    assert [server["id"] for server in api.items("/servers", limit="1", page="2")] == made


def test_regions_are_worlds_of_their_own(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    other = Api(cloud, "eu02")
    assert other.items("/servers") == []
    assert other.ask("GET", f"/servers/{server['id']}").status_code == 404
    assert other.image() != api.image()
    assert api.items("/v2/regions/eu02/availability-zones") == ["eu02-1", "eu02-2", "eu02-3", "eu02-m"]
    assert api.ask("GET", "/v2/regions/eu09/availability-zones").status_code == 404


def test_power(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    path = f"/servers/{server['id']}"
    for command, status, power in (
        ("stop", "INACTIVE", "STOPPED"),
        ("start", "ACTIVE", "RUNNING"),
        ("reboot", "ACTIVE", "RUNNING"),
        ("deallocate", "DEALLOCATED", "STOPPED"),
    ):
        assert api.post(f"{path}/{command}") == 202
        cloud.settle()
        now = api.seen(server)
        assert (now["status"], now["powerStatus"]) == (status, power)
        assert cloud.machines.running(server["id"]) == (power == "RUNNING")
        assert now["nics"] == server["nics"]
    refused = api.ask("POST", f"{path}/stop")
    assert (refused.status_code, "while it is in status DEALLOCATED" in message(refused)) == (409, True)


def test_a_deleted_server_takes_its_interface_and_disk_along(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    assert api.delete(f"/servers/{server['id']}") == 204
    cloud.settle()
    assert api.ask("GET", f"/servers/{server['id']}").status_code == 404
    assert cloud.store.counts("stackit") == {**dict.fromkeys(cloud.store.counts("stackit"), 0), "network": 1}
    assert isinstance(cloud.machines, MemoryMachines)
    assert cloud.machines._addresses == {}


def test_a_server_on_its_way_out_is_shown_until_it_is_gone() -> None:
    with emulator(machines=Reluctant()) as cloud:
        api = Api(cloud)
        server = api.bought()
        assert api.delete(f"/servers/{server['id']}") == 204
        assert api.items("/servers")[0]["status"] == "DELETING"
        assert api.delete(f"/servers/{server['id']}") == 204


class Reluctant(MemoryMachines):
    """Never comes to the end of a machine."""

    async def destroy(self, machine_id: str) -> None:
        await self._sleep(3600)


class Broken(MemoryMachines):
    """Machines that fail to do one thing, until they are repaired."""

    fails = ""

    async def boot(self, spec: MachineSpec) -> None:
        if self.fails == "boot":
            raise OSError("no such hypervisor")
        await super().boot(spec)

    async def destroy(self, machine_id: str) -> None:
        if self.fails == "destroy":
            raise OSError("no such hypervisor")
        await super().destroy(machine_id)


def test_a_server_whose_machine_fails_is_in_error_and_can_be_deleted() -> None:
    machines = Broken()
    with emulator(machines=machines) as cloud:
        api = Api(cloud)
        machines.fails = "boot"
        server = api.bought()
        machines.fails = "destroy"
        for _attempt in range(2):
            assert (api.seen(server)["status"], api.seen(server)["errorMessage"]) == ("ERROR", "no such hypervisor")
            api.delete(f"/servers/{server['id']}")
            cloud.settle()
        machines.fails = ""
        api.delete(f"/servers/{server['id']}")
        cloud.settle()
        assert api.items("/servers") == []


def test_a_disk_outlives_its_server_unless_told_otherwise(cloud: Emulator, api: Api) -> None:
    boot = {"size": 20, "source": {"type": "image", "id": api.image()}, "performanceClass": "storage_premium_perf2"}
    server = api.bought(bootVolume=boot)
    (volume,) = api.items("/volumes")
    assert (volume["status"], volume["serverId"], volume["size"]) == ("ATTACHED", server["id"], 20)
    assert server["bootVolume"] == {"id": volume["id"], "deleteOnTermination": False}
    assert api.ask("DELETE", f"/volumes/{volume['id']}").status_code == 409
    api.patch(f"/volumes/{volume['id']}", {"labels": OWNED, "name": "node-1"})
    api.delete(f"/servers/{server['id']}")
    cloud.settle()
    (left,) = api.items("/volumes", label_selector="fleet.id=lab")
    assert (left["id"], left["status"], "serverId" in left) == (volume["id"], "AVAILABLE", False)
    again = api.bought(bootVolume={"source": {"type": "volume", "id": left["id"]}, "deleteOnTermination": True})
    assert again["volumes"] == [left["id"]]


def test_a_server_changes_its_name_and_labels(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    changed = api.patch(f"/servers/{server['id']}", {"name": "other", "labels": {"fleet.id": None, "new": "1"}})
    assert (changed["name"], changed["labels"]) == ("other", {"fleet.pool": "workers", "new": "1"})
    assert api.items("/servers")[0]["labels"] == changed["labels"]


def test_requests_tell_how_orders_go(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("stackit", "boot-stall", count=1)
    made = api.ask("POST", "/servers", api.order())
    path = f"/requests/{made.headers['X-Request-Id']}"
    shown = api.get(path)
    assert (shown["requestAction"], shown["requestType"], shown["status"]) == ("CREATE", "SERVER", "CREATING")
    gone = api.ask("DELETE", f"/servers/{made.json()['id']}")
    cloud.settle()
    assert api.get(path)["status"] == "DELETED"
    assert api.get(f"/requests/{gone.headers['X-Request-Id']}")["status"] == "DELETED"
    assert api.ask("GET", "/requests/req-0").status_code == 404


# ---- orders that are refused


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        pytest.param({"machineType": "x9.1"}, 400, "machine type x9.1 not found", id="no such type"),
        pytest.param({"availabilityZone": "eu02-1"}, 400, "availability zone eu02-1", id="zone of another region"),
        pytest.param({"name": "under_score"}, 400, "/name", id="name"),
        pytest.param({"name": "n" * 64}, 400, "/name", id="long name"),
        pytest.param({"networking": {}}, 400, "/networking", id="no network"),
        pytest.param({"networking": {"networkId": "none"}}, 404, "network none not found", id="unknown network"),
        pytest.param({"bootVolume": None}, 400, "either imageId or bootVolume", id="no image"),
        pytest.param({"bootVolume": {"source": {"type": "image", "id": "x"}, "size": 9}}, 404, "image x", id="image"),
        pytest.param({"userData": "no base64!"}, 400, "/userData", id="user data"),
        pytest.param({"userData": "QUJD" * 20000}, 400, "/userData", id="long user data"),
        pytest.param({"keypairName": "nobody"}, 404, "keypair nobody", id="unknown key"),
        pytest.param({"affinityGroup": "none"}, 404, "affinity group none", id="unknown affinity group"),
        pytest.param({"securityGroups": ["none"]}, 404, "security group none", id="unknown security group"),
        pytest.param({"labels": {"a/b": "c"}}, 400, "'a/b'", id="slash in a label"),
        pytest.param({"labels": {"k" * 64: "c"}}, 400, "pattern of label keys", id="long label"),
        pytest.param({"labels": {"stackit-x": "c"}}, 400, "reserved", id="reserved label"),
        pytest.param({"labels": {"a": "two words"}}, 400, "label values", id="label value"),
        pytest.param({"labels": {f"k{n}": "" for n in range(65)}}, 400, "at most 64", id="many labels"),
    ],
)
def test_a_wrong_order_is_refused(cloud: Emulator, api: Api, changes: dict[str, Any], status: int, says: str) -> None:
    refused = api.ask("POST", "/servers", api.order(**changes))
    assert (refused.status_code, says in message(refused)) == (status, True), refused.text
    assert cloud.store.servers() == []
    assert cloud.store.counts("stackit")["volume"] == 0


def test_a_disk_smaller_than_its_image_is_refused(api: Api) -> None:
    boot = {"size": 5, "source": {"type": "image", "id": api.image()}}
    refused = api.ask("POST", "/servers", api.order(bootVolume=boot))
    assert (refused.status_code, "smaller than the image" in message(refused)) == (400, True)


def test_an_image_without_a_boot_volume_leaves_no_volume(cloud: Emulator, api: Api) -> None:
    server = api.bought(bootVolume=None, imageId=api.image())
    assert (server["status"], server["volumes"], api.items("/volumes")) == ("ACTIVE", [], [])


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("fleet.id=lab", ["one", "two"]),
        ("fleet.id==lab,role=a", ["one"]),
        ("role!=a", ["two", "three"]),
        ("role in (a, b)", ["one", "two"]),
        ("role notin (a),fleet.id", ["two"]),
        ("!role", ["three"]),
        ("fleet.id=la", []),
        ("", ["one", "two", "three"]),
    ],
)
def test_label_selectors(cloud: Emulator, api: Api, selector: str, names: list[str]) -> None:
    networking = {"networkId": api.network()}
    for name, labels in (
        ("one", {"fleet.id": "lab", "role": "a"}),
        ("two", {"fleet.id": "lab", "role": "b"}),
        ("three", {}),
    ):
        api.post("/servers", api.order(name, labels=labels, networking=networking))
    assert api.names("/servers", label_selector=selector) == names


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "!a=b", "a b"])
def test_a_selector_that_is_none_is_refused(api: Api, selector: str) -> None:
    assert "label_selector" in message(api.ask("GET", "/servers", label_selector=selector))


# ---- faults


def test_no_room_shows_only_after_the_order(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("stackit", "capacity", type="c2i.2", location="eu01-2")
    made = api.ask("POST", "/servers", api.order())
    assert (made.status_code, made.json()["status"]) == (201, "CREATING")
    cloud.settle()
    server = api.seen(made.json())
    assert server["status"] == "ERROR"
    assert server["errorMessage"].startswith("No valid host was found.")
    assert (server["nics"], booted(cloud)) == ([], [])
    elsewhere = api.bought(availabilityZone="eu01-1")
    assert elsewhere["status"] == "ACTIVE"
    assert api.delete(f"/servers/{server['id']}") == 204


def test_a_fault_of_a_region_hits_all_its_zones(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("stackit", "capacity", location="eu01")
    assert {api.bought(availabilityZone=f"eu01-{zone}")["status"] for zone in ("1", "m")} == {"ERROR"}
    other = Api(cloud, "eu02")
    assert other.bought(availabilityZone="eu02-1")["status"] == "ACTIVE"


def test_a_deallocated_server_may_find_no_room_again(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    api.post(f"/servers/{server['id']}/deallocate")
    cloud.settle()
    cloud.faults.add("stackit", "capacity")
    api.post(f"/servers/{server['id']}/start")
    cloud.settle()
    assert api.seen(server)["errorMessage"].startswith("No valid host was found.")


def test_quota_retired_type_and_boot_error(cloud: Emulator, api: Api) -> None:
    order = api.order()
    cloud.faults.add("stackit", "quota", count=1)
    refused = api.ask("POST", "/servers", order)
    assert (refused.status_code, message(refused).startswith("Quota exceeded")) == (403, True)
    cloud.faults.add("stackit", "retired-type", type="c2i.2", location="eu01")
    assert message(api.ask("POST", "/servers", order)) == "machine type c2i.2 not found"
    assert "c2i.2" not in api.names("/machine-types")
    assert "c2i.2" in Api(cloud, "eu02").names("/machine-types")
    assert api.ask("GET", "/machine-types/c2i.2").status_code == 404
    cloud.faults.clear()
    cloud.faults.add("stackit", "boot-error", count=1)
    broken = api.bought()
    assert (broken["status"], bool(broken["errorMessage"])) == ("ERROR", True)
    assert [server.state for server in cloud.store.servers()] == ["ERROR"]


def test_common_faults_speak_the_vendors_language(cloud: Emulator, api: Api) -> None:
    for kind, options, status in (
        ("429", {"retry_after": 7}, 429),
        ("5xx", {"status": 503}, 503),
        ("unauthorized", {}, 401),
    ):
        cloud.faults.add("stackit", kind, count=1, **options)
        answer = api.ask("GET", "/servers")
        assert (answer.status_code, bool(message(answer))) == (status, True)
        assert answer.headers.get("Retry-After") == ("7" if kind == "429" else None)
    cloud.faults.add("stackit", "read-only")
    assert api.ask("GET", "/servers").status_code == 200
    assert api.ask("POST", "/v2/keypairs", {"publicKey": KEY}).status_code == 403


def test_credentials_and_paths_are_checked(cloud: Emulator, api: Api) -> None:
    stranger = Api(cloud)
    stranger.headers = {"Authorization": "Bearer wrong"}
    assert (stranger.ask("GET", "/servers").status_code, bool(message(stranger.ask("GET", "/servers")))) == (401, True)
    stranger.headers = {"Authorization": api.headers["Authorization"].replace("Bearer", "Basic")}
    assert stranger.ask("GET", "/servers").status_code == 401
    elsewhere = api.below.replace(api.project, "00000000-0000-4000-8000-0000000000ff")
    assert api.ask("GET", f"{elsewhere}/servers").status_code == 403
    assert message(api.ask("GET", "/nothing")) == "no matching operation was found"
    assert message(api.ask("PUT", "/servers")) == "method not allowed"
    assert api.get(f"/v2/projects/{api.project}")["status"] == "CREATED"


# ---- networks, interfaces, public IPs


def test_networks_come_and_go_in_steps(cloud: Emulator, api: Api) -> None:
    made = api.ask("POST", "/networks", {"name": "private", "labels": OWNED, "ipv4": {"prefixLength": 25}})
    assert (made.status_code, made.json()["status"]) == (202, "CREATING")
    cloud.settle()
    path = f"/networks/{made.json()['id']}"
    assert (api.get(path)["status"], api.get(path)["ipv4"]["prefixes"]) == ("CREATED", ["10.0.0.0/25"])
    assert api.ask("PATCH", path, {"name": "other", "labels": {"fleet.id": None}}).status_code == 202
    assert api.get(path)["labels"] == {"fleet.pool": "workers"}
    server = api.bought(networking={"networkId": made.json()["id"]})
    assert server["nics"][0]["networkName"] == "other"
    assert "still in use" in message(api.ask("DELETE", path))
    api.delete(f"/servers/{server['id']}")
    cloud.settle()
    assert api.delete(path) == 202
    cloud.settle()
    assert api.items("/networks") == []


def test_a_public_ip_shows_the_address_of_the_machine_and_outlives_it(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    (nic,) = server["nics"]
    assert "publicIp" not in nic
    ip = api.post("/public-ips", {"networkInterface": nic["nicId"], "labels": OWNED})
    assert ip["ip"] == nic["ipv4"]
    assert api.seen(server)["nics"][0]["publicIp"] == ip["ip"]
    assert api.ask("POST", "/public-ips", {"networkInterface": nic["nicId"]}).status_code == 409
    api.delete(f"/servers/{server['id']}")
    cloud.settle()
    (left,) = api.items("/public-ips", label_selector="fleet.id=lab")
    assert (left["id"], "networkInterface" in left, bool(left["ip"])) == (ip["id"], False, True)
    assert cloud.store.counts("stackit")["public_ip"] == 1
    assert api.delete(f"/public-ips/{ip['id']}") == 204
    assert api.items("/public-ips") == []


def test_a_public_ip_waits_until_the_interface_has_an_address(cloud: Emulator, api: Api) -> None:
    cloud.faults.add("stackit", "boot-stall")
    server = api.bought()
    ip = api.post("/public-ips")
    body = {"networkInterface": server["nics"][0]["nicId"]}
    for refused in (
        api.ask("POST", "/public-ips", body),
        api.ask("PATCH", f"/public-ips/{ip['id']}", body),
        api.ask("PUT", f"/servers/{server['id']}/public-ips/{ip['id']}"),
    ):
        assert (refused.status_code, "no fixed IPv4" in message(refused)) == (400, True)


def test_public_ips_move_between_servers(cloud: Emulator, api: Api) -> None:
    networking = {"networkId": api.network()}
    one, two = api.bought("one", networking=networking), api.bought("two", networking=networking)
    ip = api.post("/public-ips")
    alone = ip["ip"]
    assert api.put(f"/servers/{one['id']}/public-ips/{ip['id']}") == 202
    assert api.get(f"/public-ips/{ip['id']}")["ip"] == one["nics"][0]["ipv4"]
    assert api.ask("PUT", f"/servers/{two['id']}/public-ips/{ip['id']}").status_code == 409
    assert api.ask("DELETE", f"/servers/{two['id']}/public-ips/{ip['id']}").status_code == 404
    moved = api.patch(f"/public-ips/{ip['id']}", {"networkInterface": two["nics"][0]["nicId"]})
    assert moved["ip"] == two["nics"][0]["ipv4"]
    assert "publicIp" not in api.seen(one)["nics"][0]
    assert api.delete(f"/servers/{two['id']}/public-ips/{ip['id']}") == 204
    assert api.get(f"/public-ips/{ip['id']}")["ip"] == alone


def test_interfaces_can_be_made_before_their_server_and_stay_after_it(cloud: Emulator, api: Api) -> None:
    network = api.network()
    nic = api.post(f"/networks/{network}/nics", {"name": "eth0", "labels": OWNED})
    ip = api.post("/public-ips", {"networkInterface": nic["id"]})
    assert cloud.store.counts("stackit")["nic"] == 1
    server = api.bought(networking={"nicIds": [nic["id"]]})
    (shown,) = server["nics"]
    assert (shown["nicId"], shown["ipv4"], shown["publicIp"]) == (nic["id"], nic["ipv4"], ip["ip"])
    assert booted(cloud)[0].address == nic["ipv4"]
    assert cloud.store.counts("stackit")["nic"] == 0
    assert [one["device"] for one in api.items(f"/servers/{server['id']}/nics")] == [server["id"]]
    assert api.ask("POST", "/servers", api.order(networking={"nicIds": [nic["id"]]})).status_code == 409
    path = f"/networks/{network}/nics/{nic['id']}"
    assert api.ask("DELETE", path).status_code == 409
    api.delete(f"/servers/{server['id']}")
    cloud.settle()
    assert (api.get(path)["type"], api.get(f"/nics/{nic['id']}")["status"]) == ("none", "DOWN")
    assert api.patch(path, {"labels": {"fleet.id": None}})["labels"] == {"fleet.pool": "workers"}
    assert api.delete(path) == 204
    assert (api.items("/nics"), "networkInterface" in api.items("/public-ips")[0]) == ([], False)


def test_interfaces_join_and_leave_a_server(cloud: Emulator, api: Api) -> None:
    network = api.network()
    server = api.bought(networking={"networkId": network})
    own = server["nics"][0]["nicId"]
    extra = api.post(f"/networks/{network}/nics")["id"]
    assert api.put(f"/servers/{server['id']}/nics/{extra}") == 202
    assert [nic["nicId"] for nic in api.seen(server)["nics"]] == [own, extra]
    assert api.delete(f"/servers/{server['id']}/nics/{extra}") == 204
    assert api.delete(f"/servers/{server['id']}/nics/{own}") == 204
    assert [nic["id"] for nic in api.items(f"/networks/{network}/nics")] == [extra]
    assert api.seen(server)["nics"] == []
    assert api.ask("DELETE", f"/servers/{server['id']}/nics/{extra}").status_code == 404


# ---- volumes, groups, keys and the rest


def test_volumes_are_attached_and_detached(cloud: Emulator, api: Api) -> None:
    server = api.bought()
    volume = api.post("/volumes", {"name": "data", "availabilityZone": "eu01-2", "size": 5, "labels": OWNED})
    path = f"/servers/{server['id']}/volume-attachments"
    assert api.put(f"{path}/{volume['id']}") == {
        "serverId": server["id"],
        "volumeId": volume["id"],
        "deleteOnTermination": False,
    }
    assert [one["volumeId"] for one in api.items(path)] == [server["bootVolume"]["id"], volume["id"]]
    assert api.seen(server)["volumes"] == [server["bootVolume"]["id"], volume["id"]]
    assert api.patch(f"{path}/{volume['id']}", {"deleteOnTermination": True})["deleteOnTermination"]
    api.patch(f"{path}/{server['bootVolume']['id']}", {"deleteOnTermination": False})
    assert api.seen(server)["bootVolume"]["deleteOnTermination"] is False
    assert api.ask("DELETE", f"{path}/{server['bootVolume']['id']}").status_code == 400
    assert api.delete(f"{path}/{volume['id']}") == 204
    assert api.get(f"/volumes/{volume['id']}")["status"] == "AVAILABLE"
    assert api.post(f"/volumes/{volume['id']}/resize", {"size": 9}) == 202
    assert api.get(f"/volumes/{volume['id']}")["size"] == 9
    assert api.ask("POST", f"/volumes/{volume['id']}/resize", {"size": 9}).status_code == 400
    far = api.post("/volumes", {"availabilityZone": "eu01-1", "size": 5})
    assert "same availability zone" in message(api.ask("PUT", f"{path}/{far['id']}"))
    assert api.delete(f"/volumes/{volume['id']}") == 204


def test_security_groups_and_their_rules(cloud: Emulator, api: Api) -> None:
    assert api.names("/security-groups") == ["default"]
    default = api.items("/security-groups")[0]["id"]
    assert api.ask("DELETE", f"/security-groups/{default}").status_code == 409
    group = api.post("/security-groups", {"name": "guard", "labels": OWNED})
    rule = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22, "max": 22}}
    made = api.post(f"/security-groups/{group['id']}/rules", rule)
    assert made["protocol"] == {"name": "tcp", "number": 6}
    assert api.ask("POST", f"/security-groups/{group['id']}/rules", rule).status_code == 409
    assert [one["direction"] for one in api.items(f"/security-groups/{group['id']}/rules")] == [
        "egress",
        "egress",
        "ingress",
    ]
    by_name = api.bought("one", securityGroups=["guard"])
    assert by_name["nics"][0]["securityGroups"] == [group["id"]]
    plain = api.bought("two")
    path = f"/servers/{plain['id']}/security-groups/{group['id']}"
    assert plain["nics"][0]["securityGroups"] == [default]
    assert api.put(path) == 202
    assert api.seen(plain)["nics"][0]["securityGroups"] == [default, group["id"]]
    assert api.delete(path) == 204
    assert api.ask("DELETE", path).status_code == 404
    assert "in use" in message(api.ask("DELETE", f"/security-groups/{group['id']}"))
    assert api.delete(f"/security-groups/{group['id']}/rules/{made['id']}") == 204
    api.delete(f"/servers/{by_name['id']}")
    cloud.settle()
    assert api.delete(f"/security-groups/{group['id']}") == 204
    assert cloud.store.counts("stackit")["security_group"] == 0


def test_affinity_groups_know_their_servers(cloud: Emulator, api: Api) -> None:
    group = api.post("/affinity-groups", {"name": "spread", "policy": "soft-anti-affinity"})
    assert "/policy" in message(api.ask("POST", "/affinity-groups", {"name": "x", "policy": "apart"}))
    server = api.bought(affinityGroup=group["id"])
    assert server["affinityGroup"] == group["id"]
    assert api.items("/affinity-groups")[0]["members"] == [server["id"]]
    assert api.delete(f"/affinity-groups/{group['id']}") == 204
    assert "affinityGroup" not in api.seen(server)


def test_keys_belong_to_the_account(cloud: Emulator, api: Api) -> None:
    made = api.post("/v2/keypairs", {"name": "me", "publicKey": KEY, "labels": OWNED})
    assert len(made["fingerprint"]) == 47
    assert api.ask("POST", "/v2/keypairs", {"name": "me", "publicKey": KEY}).status_code == 409
    assert "/publicKey" in message(api.ask("POST", "/v2/keypairs", {"publicKey": "no key"}))
    assert Api(cloud, "eu02").names("/v2/keypairs", label_selector="fleet.id=lab") == ["me"]
    assert api.bought(keypairName="me")["keypairName"] == "me"
    assert api.patch("/v2/keypairs/me", {"labels": {"fleet.id": None}})["labels"] == {"fleet.pool": "workers"}
    assert api.delete("/v2/keypairs/me") == 204
    assert api.ask("GET", "/v2/keypairs/me").status_code == 404


def test_quotas_count_what_is_there(cloud: Emulator, api: Api) -> None:
    api.bought()
    quotas = api.get("/quotas")["quotas"]
    assert (quotas["vcpu"]["usage"], quotas["ram"]["usage"], quotas["gigabytes"]["usage"]) == (2, 4096, 20)
    assert (quotas["nics"]["usage"], quotas["publicIps"]["usage"]) == (1, 0)


def test_load_balancers_are_listed_and_deleted_by_name(cloud: Emulator, api: Api) -> None:
    path = f"/load-balancer/v2/projects/{api.project}/regions/eu01/load-balancers"
    api.post(path, {"name": "front", "labels": OWNED})
    assert [(one["name"], one["labels"]) for one in api.get(path)["loadBalancers"]] == [("front", OWNED)]
    assert cloud.store.counts("stackit")["load_balancer"] == 1
    assert api.delete(f"{path}/front") == 200
    assert (api.get(path)["loadBalancers"], api.ask("DELETE", f"{path}/front").status_code) == ([], 404)


# ---- what is for sale


def test_machine_types_can_be_filtered(api: Api) -> None:
    types = {one["name"]: one for one in api.items("/machine-types")}
    assert (types["g2i.1"]["vcpus"], types["g2i.1"]["ram"], types["g2i.1"]["disk"]) == (1, 4096, 0)
    assert api.names("/machine-types", filter="vcpus == 2 && ram > 4096") == ["g1.2", "g2i.2"]
    assert api.names("/machine-types", filter="extraSpecs.overcommit == '5' and vcpus==1") == ["c1.1"]
    assert "filter" in message(api.ask("GET", "/machine-types", filter="color == 'red'"))


def test_images_say_what_they_are(api: Api) -> None:
    images = {image["name"]: image for image in api.items("/images", all="true")}
    ubuntu = images["Ubuntu 24.04"]
    assert (ubuntu["scope"], ubuntu["status"], ubuntu["config"]["architecture"]) == ("public", "AVAILABLE", "x86")
    assert images["Ubuntu 24.04 ARM64"]["config"]["architecture"] == "arm64"
    assert api.get(f"/images/{ubuntu['id']}") == ubuntu


def prices(api: Api, **query: Any) -> tuple[list[dict[str, Any]], int]:
    """All SKUs, and how many pages they took."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for number in range(1, 100):
        answer = requests.get(f"{api.base}/pim/v2/skus", params={**query, **cursor}, timeout=10)
        page = answer.json()
        found += page["data"]
        if "nextCursor" not in page["meta"]:
            return found, number
        cursor = {"cursor": page["meta"]["nextCursor"]}
    raise AssertionError("the price list has no end")


def test_the_price_list_is_open_and_comes_in_pages(api: Api) -> None:
    everything, pages = prices(api, pageSize=100)
    assert len({sku["id"] for sku in everything}) == len(everything)
    assert pages == len(everything) // 100 + 2
    assert prices(api, region="eu02")[0] == [sku for sku in everything if sku["region"] == "eu02"]
    assert len(requests.get(f"{api.base}/pim/v2/skus", timeout=10).json()["data"]) == 10
    assert requests.get(f"{api.base}/pim/v2/skus?pageSize=101", timeout=10).status_code == 400
    assert requests.get(f"{api.base}/pim/v2/skus?cursor=x", timeout=10).status_code == 400


def test_prices_of_servers_disks_and_addresses(api: Api) -> None:
    def price(product: str, metro: bool = False, **attributes: Any) -> str:
        (value,) = (
            sku["prices"][0]["value"]
            for sku in prices(api, region="eu01", productName=product, pageSize=100)[0]
            if all(sku["productSpecificAttributes"].get(key, metro) == value for key, value in attributes.items())
            and sku["productSpecificAttributes"].get("metro", False) == metro
        )
        return str(value)

    assert price("Server", flavor="g2i.1") == "0.05115000000"
    assert price("Server", metro=True, flavor="g2i.1") > price("Server", flavor="g2i.1")
    assert price("Public IP Address") == "0.00405555556"
    assert price("Block Storage", type="capacity") == "0.00009076380"
    assert price("Block Storage", type="performance", **{"class": "storage_premium_perf1"}) == "0.01016666667"
    old = requests.get(f"{api.base}/pim/v1/skus?region=eu01", timeout=10).json()["services"]
    found = next(one for one in old if one["attributes"].get("flavor") == "c1.1" and not one["attributes"]["metro"])
    assert (found["price"], found["monthlyPrice"]) == ("0.01827000000", "13.15440000000")


# ---- restarts, and many


class Slow(MemoryMachines):
    """Boots and destroys only when it is allowed to."""

    slow = True

    async def boot(self, spec: MachineSpec) -> None:
        if self.slow:
            await self._sleep(3600)
        await super().boot(spec)

    async def destroy(self, machine_id: str) -> None:
        if self.slow:
            await self._sleep(3600)
        await super().destroy(machine_id)


def test_what_was_under_way_goes_on_after_a_restart(tmp_path: Path) -> None:
    machines = Slow()
    with emulator(state=tmp_path, machines=machines) as cloud:
        api = Api(cloud)
        networking = {"networkId": api.network()}
        cloud.store.seed("stackit", 1, prefix="leaving")
        coming = api.post("/servers", api.order("coming", networking=networking, userData="Zm9v"))
        (leaving,) = (view.id for view in cloud.store.servers() if view.name == "leaving-1")
        api.delete(f"{api.below}/servers/{leaving}")
        assert {view.name: view.state for view in cloud.store.servers()} == {
            "coming": "CREATING",
            "leaving-1": "DELETING",
        }
    machines.slow = False
    with emulator(state=tmp_path, machines=machines) as cloud:
        cloud.settle()
        api = Api(cloud)
        assert [(view.id, view.state) for view in cloud.store.servers()] == [(coming["id"], "ACTIVE")]
        assert machines.booted[0].user_data == "foo"
        assert api.seen(coming)["nics"][0]["ipv4"] == machines.booted[0].address
        (ip,) = api.items("/public-ips")
        assert set(machines._addresses) == {coming["id"], ip["id"]}


def test_running_servers_stay_running_while_their_machines_do(tmp_path: Path) -> None:
    machines = MemoryMachines()
    with emulator(state=tmp_path, machines=machines) as cloud:
        api = Api(cloud)
        networking = {"networkId": api.network()}
        alive, dead = (api.bought(name, networking=networking) for name in ("alive", "dead"))
        machines._running.pop(dead["id"])
    with emulator(state=tmp_path, machines=machines) as cloud:
        api = Api(cloud)
        assert api.seen(alive) == alive
        assert api.seen(dead)["status"] == "INACTIVE"
        assert len(machines.booted) == 2


@pytest.mark.parametrize("count", [0, 1, 120])
def test_a_list_is_whole_however_long_it_is(count: int) -> None:
    with emulator(seeded={"stackit": count}) as cloud:
        listed = [
            server for region in ("eu01", "eu02") for server in Api(cloud, region).items("/servers", details="true")
        ]
        assert len(listed) == count
        assert cloud.store.counts("stackit")["public_ip"] == count
        for one in listed[:1]:
            assert one["status"] == "ACTIVE"


def test_a_seeded_server_is_like_a_bought_one(cloud: Emulator, api: Api) -> None:
    cloud.store.seed("stackit", 1, prefix="seeded", labels=OWNED)
    bought = api.bought()
    api.post("/public-ips", {"networkInterface": bought["nics"][0]["nicId"], "labels": OWNED})
    seeded, own = api.items("/servers", details="true")
    assert (seeded["name"], seeded.keys()) == ("seeded-1", own.keys())
    assert seeded["nics"][0].keys() == api.seen(bought)["nics"][0].keys()
    assert {frozenset(one) for one in api.items("/volumes")} == {frozenset(api.items("/volumes")[0])}
    assert api.delete(f"/servers/{seeded['id']}") == 204
    cloud.settle()
    assert cloud.store.names("stackit") == ["node-1"]


def test_a_long_list_costs_a_few_milliseconds() -> None:
    with emulator(seeded={"stackit": 1000}) as cloud:
        api = Api(cloud)
        for _list in range(20):
            assert len(api.items("/servers", details="true")) == 500
        durations = sorted(entry.duration for entry in cloud.requests.entries("stackit"))
        assert durations[10] < 0.01
