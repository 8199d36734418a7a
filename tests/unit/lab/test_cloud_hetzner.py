"""The emulated Hetzner Cloud, spoken to by the vendor's own SDK."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from hcloud import APIException, Client
from hcloud.actions import ActionFailedException
from hcloud.firewalls import FirewallResource, FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.networks import NetworkSubnet
from hcloud.placement_groups import PlacementGroup
from hcloud.server_types import ServerType
from hcloud.servers import CreateServerResponse
from hcloud.servers.client import BoundServer
from hcloud.servers.domain import ServerCreatePublicNetwork

from lab.cloud.memory import MemoryMachines
from lab.cloud.ports import MachineSpec
from lab.cloud.testing import Emulator, emulator

UBUNTU = Image(name="ubuntu-24.04")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJr0c5w2m1Vn8m9tDJhb0GxIFxk3sVYcDqZ0b6Rz5v9e lab"


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def client(cloud: Emulator) -> Client:
    return client_of(cloud)


def client_of(cloud: Emulator) -> Client:
    token = cloud.credentials["hetzner"]["token"]
    return Client(token, cloud.endpoints["hetzner"], poll_interval=0.001, timeout=10)


def order(client: Client, name: str, **options: object) -> CreateServerResponse:
    chosen: dict[str, object] = {"location": Location(name="nbg1"), **options}
    return client.servers.create(name, ServerType(name="cx33"), UBUNTU, **chosen)  # type: ignore[arg-type]


def bought(cloud: Emulator, client: Client, name: str, **options: object) -> BoundServer:
    made = order(client, name, **options)
    cloud.settle()
    return client.servers.get_by_id(made.server.id)


def refusal(call: object, *arguments: object, **options: object) -> APIException:
    with pytest.raises(APIException) as caught:
        call(*arguments, **options)  # type: ignore[operator]
    return caught.value


def raw(cloud: Emulator, path: str, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token or cloud.credentials['hetzner']['token']}"}
    return requests.get(cloud.endpoints["hetzner"] + path, headers=headers, timeout=10)


def test_a_new_server_is_initializing_and_then_runs(cloud: Emulator, client: Client) -> None:
    made = order(client, "node-1", labels={"fleet.id": "lab"}, user_data="#cloud-config\n")
    assert made.server.status == "initializing"
    assert [made.action.command, *[action.command for action in made.next_actions]] == ["create_server", "start_server"]
    assert made.root_password
    made.action.wait_until_finished()
    for action in made.next_actions:
        action.wait_until_finished()
    server = client.servers.get_by_name("node-1")
    assert server is not None
    assert (server.status, server.location.name, server.server_type.name) == ("running", "nbg1", "cx33")
    assert server.image.name == "ubuntu-24.04"
    assert server.labels == {"fleet.id": "lab"}
    assert server.created.tzinfo is not None
    assert isinstance(cloud.machines, MemoryMachines)
    spec = cloud.machines.booted[0]
    assert (spec.id, spec.name, spec.provider, spec.zone) == (str(server.id), "node-1", "hetzner", "nbg1")
    assert (spec.cpus, spec.memory_gib, spec.user_data) == (4, 8, "#cloud-config\n")
    assert spec.address == server.public_net.ipv4.ip


def test_servers_have_no_datacenter_unless_it_is_asked_for(cloud: Emulator, client: Client) -> None:
    order(client, "node-1")
    assert "datacenter" not in raw(cloud, "/servers").json()["servers"][0]
    assert raw(cloud, "/datacenters").status_code == 410
    with emulator(datacenters=True) as old:
        order(client_of(old), "node-1")
        assert raw(old, "/servers").json()["servers"][0]["datacenter"]["location"]["name"] == "nbg1"


def test_a_deleted_server_is_gone_with_its_addresses(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    action = server.delete()
    action.wait_until_finished()
    assert client.servers.get_all() == []
    assert cloud.store.counts("hetzner")["primary_ip"] == 0
    assert refusal(client.servers.get_by_id, server.id).code == "not_found"
    assert not cloud.machines.running(str(server.id))


def test_a_name_is_unique_until_its_server_is_gone(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    refused = refusal(order, client, "node-1")
    assert (refused.code, refused.correlation_id is not None) == ("uniqueness_error", True)
    server.delete().wait_until_finished()
    assert order(client, "node-1").server.id != server.id


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        pytest.param({"user_data": "x" * 32769}, "invalid_input", "user_data", id="user data above 32 KiB"),
        pytest.param({"labels": {"a b": "c"}}, "invalid_input", "labels", id="a label key with a space"),
        pytest.param({"labels": {"a": "b" * 64}}, "invalid_input", "labels", id="a label value of 64 characters"),
        pytest.param({"location": Location(name="ash")}, "invalid_input", "unsupported location", id="not sold there"),
        pytest.param({"location": Location(name="nowhere")}, "invalid_input", "nowhere", id="no such location"),
        pytest.param({"networks": [PlacementGroup(id=7)]}, "not_found", "network", id="no such network"),
    ],
)
def test_a_wrong_order_is_refused(
    cloud: Emulator, client: Client, options: dict[str, object], code: str, message: str
) -> None:
    refused = refusal(order, client, "node-1", **options)
    assert refused.code == code
    assert message in refused.message
    assert cloud.store.servers() == []


def test_a_wrong_name_is_refused(client: Client) -> None:
    assert refusal(order, client, "under_score").code == "invalid_input"


def test_a_type_without_a_future_is_refused(client: Client) -> None:
    retired = client.server_types.get_by_name("cpx31")
    assert retired is not None
    assert all(place.deprecation and not place.available for place in retired.locations)
    refused = refusal(client.servers.create, "node-1", ServerType(name="cpx31"), UBUNTU, location=Location(name="nbg1"))
    assert refused.code == "invalid_input"


def test_pages_hold_at_most_fifty(cloud: Emulator, client: Client) -> None:
    cloud.store.seed("hetzner", 101)
    first = raw(cloud, "/servers?per_page=500").json()
    assert len(first["servers"]) == 50
    assert first["meta"]["pagination"] == {
        "page": 1,
        "per_page": 50,
        "previous_page": None,
        "next_page": 2,
        "last_page": 3,
        "total_entries": 101,
    }
    last = raw(cloud, "/servers?per_page=50&page=3").json()
    assert (len(last["servers"]), last["meta"]["pagination"]["next_page"]) == (1, None)
    assert len(raw(cloud, "/servers").json()["servers"]) == 25
    assert len(client.servers.get_all()) == 101


@pytest.mark.parametrize("count", [0, 50, 100])
def test_pages_end_where_the_servers_end(count: int) -> None:
    with emulator(seeded={"hetzner": count}) as cloud:
        assert len(client_of(cloud).servers.get_all()) == count
        assert cloud.requests.count("hetzner") == max(1, count // 50)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("role=a", ["one"]),
        ("role==a", ["one"]),
        ("role!=a", ["three", "two"]),
        ("role", ["one", "two"]),
        ("!role", ["three"]),
        ("role in (a, b)", ["one", "two"]),
        ("role notin (a,b)", ["three"]),
        ("role,fleet.id=lab", ["one", "two"]),
        ("role in (a,b),role!=b", ["one"]),
        ("", ["one", "three", "two"]),
    ],
)
def test_label_selectors_choose(cloud: Emulator, client: Client, selector: str, names: list[str]) -> None:
    for name, labels in (("one", {"role": "a"}), ("two", {"role": "b"}), ("three", {})):
        order(client, name, labels={"fleet.id": "lab", **labels})
    assert sorted(server.name for server in client.servers.get_all(label_selector=selector)) == names


def test_a_wrong_selector_is_refused(client: Client) -> None:
    assert refusal(client.servers.get_all, label_selector="a=b=c").code == "invalid_input"


def test_lists_sort_and_filter(cloud: Emulator, client: Client) -> None:
    for name in ("b", "a", "c"):
        order(client, name)
    cloud.settle()
    assert [server["name"] for server in raw(cloud, "/servers?sort=name:desc").json()["servers"]] == ["c", "b", "a"]
    assert [server.name for server in client.servers.get_all(name="a", status=["running"])] == ["a"]
    assert client.servers.get_all(status=["off"]) == []
    assert raw(cloud, "/servers?sort=colour").status_code == 422


@pytest.mark.parametrize("token", ["wrong", "lab-hetzner-"])
def test_a_wrong_token_is_refused_in_the_vendors_words(cloud: Emulator, token: str) -> None:
    answered = raw(cloud, "/servers", token)
    assert answered.status_code == 401
    assert answered.json()["error"] == {"code": "unauthorized", "message": "unable to authenticate", "details": {}}


def test_answers_tell_the_rate_limit() -> None:
    with emulator(requests_per_hour=2) as cloud:
        headers = raw(cloud, "/locations").headers
        assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("2", "1")
        assert int(headers["RateLimit-Reset"]) > 0
        assert len(headers["X-Correlation-Id"]) == 32
        raw(cloud, "/locations")
        limited = raw(cloud, "/locations")
        assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert limited.headers["RateLimit-Remaining"] == "0"


def test_power_follows_the_machine(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    server.power_off().wait_until_finished()
    assert client.servers.get_by_id(server.id).status == "off"
    assert not cloud.machines.running(str(server.id))
    server.power_on().wait_until_finished()
    assert cloud.machines.running(str(server.id))
    server.reboot().wait_until_finished()
    server.reset().wait_until_finished()
    assert client.servers.get_by_id(server.id).status == "running"
    server.shutdown().wait_until_finished()
    assert client.servers.get_by_id(server.id).status == "off"


def test_a_server_can_wait_with_its_first_start(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1", start_after_create=False)
    assert server.status == "off"
    assert isinstance(cloud.machines, MemoryMachines)
    assert cloud.machines.booted == []


def test_a_protected_server_stays(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    server.change_protection(delete=True, rebuild=True).wait_until_finished()
    assert refusal(server.delete).code == "protected"
    server.change_protection(delete=False, rebuild=False)
    server.delete().wait_until_finished()
    assert client.servers.get_all() == []


def test_a_busy_server_is_locked_but_can_be_deleted() -> None:
    with emulator(boot_seconds=60) as cloud:
        client = client_of(cloud)
        made = order(client, "node-1")
        assert refusal(made.server.power_off).code == "locked"
        cloud.faults.add("hetzner", "boot-stall")
        other = order(client, "node-2")
        other.server.delete().wait_until_finished()
        assert client.actions.get_by_id(other.action.id).status == "error"
        assert cloud.store.names() == ["node-1"]


class BrokenMachines(MemoryMachines):
    """Fails at what it is told to."""

    broken = ""

    async def boot(self, spec: MachineSpec) -> None:
        if self.broken == "boot":
            raise RuntimeError("no memory left")
        await super().boot(spec)

    async def destroy(self, machine_id: str) -> None:
        if self.broken == "destroy":
            raise RuntimeError("device busy")
        await super().destroy(machine_id)


def test_a_machine_that_fails_fails_the_action() -> None:
    machines = BrokenMachines()
    with emulator(machines=machines) as cloud:
        client = client_of(cloud)
        machines.broken = "boot"
        made = order(client, "node-1")
        cloud.settle()
        with pytest.raises(ActionFailedException, match="no memory left"):
            made.action.wait_until_finished()
        assert client.servers.get_by_id(made.server.id).status == "off"
        machines.broken = "destroy"
        action = made.server.delete()
        with pytest.raises(ActionFailedException, match="device busy"):
            action.wait_until_finished()
        assert cloud.store.names() == ["node-1"]
        machines.broken = ""
        made.server.delete().wait_until_finished()
        assert cloud.store.names() == []


def test_a_server_deleted_while_it_boots_leaves_no_machine() -> None:
    with emulator(boot_seconds=0.05) as cloud:
        client = client_of(cloud)
        made = order(client, "node-1")
        made.server.delete().wait_until_finished()
        cloud.settle()
        assert cloud.store.servers() == []
        assert not cloud.machines.running(str(made.server.id))
        assert refusal(client.servers.get_by_id, made.server.id).code == "not_found"


def test_many_actions_are_read_in_one_request(cloud: Emulator, client: Client) -> None:
    made = [order(client, f"node-{place}") for place in range(3)]
    cloud.settle()
    query = "&".join(f"id={one.action.id}" for one in made)
    assert [action["status"] for action in raw(cloud, f"/actions?{query}").json()["actions"]] == ["success"] * 3
    assert raw(cloud, "/actions").json()["error"]["code"] == "deprecated_api_endpoint"


def test_rename_and_relabel(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    bought(cloud, client, "node-2")
    changed = server.update(name="other", labels={"a": "b"})
    assert (changed.name, changed.labels) == ("other", {"a": "b"})
    assert refusal(server.update, name="node-2").code == "uniqueness_error"
    assert client.servers.get_by_id(server.id).labels == {"a": "b"}


def test_a_network_gives_addresses_and_holds_on_to_its_servers(cloud: Emulator, client: Client) -> None:
    network = client.networks.create(
        "private",
        "10.0.0.0/16",
        subnets=[NetworkSubnet(ip_range="10.0.1.0/24", network_zone="eu-central", type="cloud")],
    )
    server = bought(cloud, client, "node-1", networks=[network])
    other = bought(cloud, client, "node-2")
    other.attach_to_network(network, ip="10.0.1.77").wait_until_finished()
    assert [net.ip for net in client.servers.get_by_id(server.id).private_net] == ["10.0.1.1"]
    assert [net.ip for net in client.servers.get_by_id(other.id).private_net] == ["10.0.1.77"]
    assert len(client.networks.get_by_id(network.id).servers) == 2
    assert refusal(network.delete).code == "resource_in_use"
    server.detach_from_network(network).wait_until_finished()
    other.delete().wait_until_finished()
    network.delete()
    assert client.networks.get_all() == []


def test_a_server_joins_the_subnet_of_its_network_zone(cloud: Emulator, client: Client) -> None:
    east = NetworkSubnet(ip_range="10.0.2.0/24", network_zone="us-east", type="cloud")
    network = client.networks.create("private", "10.0.0.0/16", subnets=[east])
    refused = refusal(order, client, "node-1", networks=[network])
    assert (refused.code, "network zone eu-central" in refused.message) == ("invalid_input", True)
    overlapping = NetworkSubnet(ip_range="10.0.2.0/25", network_zone="eu-central", type="cloud")
    assert "overlaps" in refusal(network.add_subnet, overlapping).message
    network.add_subnet(NetworkSubnet(ip_range="10.0.1.0/24", network_zone="eu-central", type="cloud"))
    server = bought(cloud, client, "node-1", networks=[network])
    assert server.private_net[0].ip == "10.0.1.1"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        pytest.param({"port": "22", "source_ips": ["203.0.113.7"]}, "CIDR", id="an address that is no range"),
        pytest.param({"port": "22", "source_ips": ["203.0.113.7/24"]}, "CIDR", id="bits beside the range"),
        pytest.param({"port": "22", "source_ips": []}, "source_ips", id="from nowhere"),
        pytest.param({"port": "ssh", "source_ips": ["0.0.0.0/0"]}, "port", id="a port by name"),
        pytest.param({"protocol": "icmp", "port": "22", "source_ips": ["0.0.0.0/0"]}, "port", id="a port of icmp"),
    ],
)
def test_a_wrong_rule_is_refused(cloud: Emulator, client: Client, rule: dict[str, object], why: str) -> None:
    body = {"name": "guard", "rules": [{"direction": "in", "protocol": "tcp", **rule}]}
    refused = refusal(client.request, method="POST", url="/firewalls", json=body)
    assert refused.code == "invalid_input"
    assert why in str(refused.details)
    assert cloud.store.counts("hetzner")["firewall"] == 0


def test_load_balancers_hold_on_to_their_network(cloud: Emulator, client: Client) -> None:
    network = client.networks.create("private", "10.0.0.0/16")
    kind = client.load_balancer_types.get_by_name("lb11")
    assert kind is not None
    made = client.load_balancers.create(
        "front", kind, location=Location(name="nbg1"), network=network, labels={"fleet.id": "lab"}
    )
    made.action.wait_until_finished()
    found = client.load_balancers.get_all(label_selector="fleet.id=lab")[0]
    assert (found.name, found.load_balancer_type.name, found.location.name) == ("front", "lb11", "nbg1")
    assert found.private_net[0].network.id == network.id
    assert refusal(client.load_balancers.create, "front", kind, location=Location(name="nbg1")).code == (
        "uniqueness_error"
    )
    assert refusal(network.delete).code == "resource_in_use"
    found.delete()
    network.delete()
    assert set(cloud.store.counts("hetzner").values()) == {0}


def test_a_floating_ip_stays_when_its_server_goes(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    made = client.floating_ips.create("ipv4", name="front", server=server, labels={"fleet.id": "lab"})
    assert [ip.id for ip in client.servers.get_by_id(server.id).public_net.floating_ips] == [made.floating_ip.id]
    server.delete().wait_until_finished()
    left = client.floating_ips.get_all(label_selector="fleet.id=lab")
    assert [(ip.name, ip.server, ip.home_location.name) for ip in left] == [("front", None, "nbg1")]
    left[0].delete()
    assert cloud.store.counts("hetzner")["floating_ip"] == 0


def test_a_firewall_applies_to_servers_and_selectors(cloud: Emulator, client: Client) -> None:
    rule = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0"])
    firewall = client.firewalls.create("guard", rules=[rule]).firewall
    direct = bought(cloud, client, "node-1", firewalls=[firewall])
    chosen = bought(cloud, client, "node-2", labels={"fleet.id": "lab"})
    selector = FirewallResource.from_dict({"type": "label_selector"})
    assert selector.type == "label_selector"
    client.request(
        method="POST",
        url=f"/firewalls/{firewall.id}/actions/apply_to_resources",
        json={"apply_to": [{"type": "label_selector", "label_selector": {"selector": "fleet.id=lab"}}]},
    )
    for server in (direct, chosen):
        applied = client.servers.get_by_id(server.id).public_net.firewalls
        assert [(one.firewall.id, one.status) for one in applied] == [(firewall.id, "applied")]
    assert {one.type for one in client.firewalls.get_by_id(firewall.id).applied_to} == {"server", "label_selector"}
    assert refusal(firewall.delete).code == "resource_in_use"


def test_a_placement_group_holds_ten(cloud: Emulator, client: Client) -> None:
    group = client.placement_groups.create("spread", "spread").placement_group
    for place in range(10):
        order(client, f"node-{place}", placement_group=group)
    refused = refusal(order, client, "node-10", placement_group=group)
    assert refused.code == "placement_group_member_limit_reached"
    assert "contains already 10 servers" in refused.message
    assert len(client.placement_groups.get_by_id(group.id).servers) == 10
    assert client.servers.get_all()[0].placement_group.name == "spread"


def test_volumes_outlive_their_server(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    made = client.volumes.create(size=10, name="data", server=server)
    made.action.wait_until_finished()
    assert client.volumes.get_by_id(made.volume.id).server.id == server.id
    assert refusal(made.volume.delete).code == "resource_in_use"
    server.delete().wait_until_finished()
    left = client.volumes.get_by_id(made.volume.id)
    assert left.server is None
    left.delete()
    assert client.volumes.get_all() == []


def test_ssh_keys_are_unique_by_name_and_fingerprint(cloud: Emulator, client: Client) -> None:
    key = client.ssh_keys.create("me", KEY)
    assert len(key.fingerprint.split(":")) == 16
    assert refusal(client.ssh_keys.create, "again", KEY).code == "uniqueness_error"
    assert refusal(client.ssh_keys.create, "bad", "none").code == "invalid_input"
    assert client.ssh_keys.get_by_fingerprint(key.fingerprint).name == "me"
    assert order(client, "node-1", ssh_keys=[key]).root_password is None
    key.delete()
    assert client.ssh_keys.get_all() == []


def test_primary_ips_are_listed_and_may_stay(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1")
    four = next(ip for ip in client.primary_ips.get_all() if ip.type == "ipv4")
    assert (four.ip, four.assignee_id) == (server.public_net.ipv4.ip, server.id)
    four.update(auto_delete=False)
    server.delete().wait_until_finished()
    assert [(ip.id, ip.assignee_id) for ip in client.primary_ips.get_all()] == [(four.id, None)]


def test_a_server_may_do_without_public_addresses(cloud: Emulator, client: Client) -> None:
    server = bought(cloud, client, "node-1", public_net=ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=False))
    assert (server.public_net.ipv4, server.public_net.ipv6) == (None, None)
    assert client.primary_ips.get_all() == []


def test_the_catalogue_is_complete(cloud: Emulator, client: Client) -> None:
    places = {place.name: (place.country, place.network_zone) for place in client.locations.get_all()}
    assert places["nbg1"] == ("DE", "eu-central")
    assert set(places) == {"fsn1", "nbg1", "hel1", "ash", "hil", "sin"}
    cx33 = client.server_types.get_by_name("cx33")
    assert cx33 is not None
    assert (cx33.cores, cx33.memory, cx33.disk, cx33.architecture) == (4, 8.0, 80, "x86")
    assert {price["location"] for price in cx33.prices} == {"fsn1", "nbg1", "hel1"}
    assert cx33.prices[0]["price_monthly"]["net"] == "8.4900000000"
    assert all(place.available for place in cx33.locations)
    assert client.images.get_by_name_and_architecture("ubuntu-24.04", "arm") is not None
    prices = raw(cloud, "/pricing").json()["pricing"]
    assert (prices["currency"], prices["volume"]["price_per_gb_month"]["net"]) == ("EUR", "0.0572000000")
    assert [kind.name for kind in client.load_balancer_types.get_all()] == ["lb11"]
    for path in ("isos", "load_balancers", "certificates", "floating_ips"):
        assert raw(cloud, f"/{path}").json()[path] == []


def test_unknown_paths_and_methods_are_refused_in_the_vendors_words(cloud: Emulator) -> None:
    assert raw(cloud, "/nothing").json()["error"]["code"] == "not_found"
    token = {"Authorization": f"Bearer {cloud.credentials['hetzner']['token']}"}
    wrong = requests.patch(cloud.endpoints["hetzner"] + "/servers", headers=token, timeout=10)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    broken = requests.post(cloud.endpoints["hetzner"] + "/servers", data="{", headers=token, timeout=10)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "json_error")


def test_a_page_of_fifty_costs_a_few_milliseconds() -> None:
    with emulator(seeded={"hetzner": 1000}) as cloud:
        raw(cloud, "/servers?per_page=50")
        before = time.process_time()
        for _page in range(20):
            assert raw(cloud, "/servers?per_page=50").status_code == 200
        assert (time.process_time() - before) / 20 < 0.03
        pages = cloud.requests.entries("hetzner", path="/v1/servers")
        assert sorted(entry.duration for entry in pages)[len(pages) // 2] < 0.01


def test_ten_thousand_servers_are_there_at_once() -> None:
    started = time.monotonic()
    with emulator(seeded={"hetzner": 10_000}) as cloud:
        assert time.monotonic() - started < 10
        assert raw(cloud, "/servers?per_page=50&page=200").json()["meta"]["pagination"]["total_entries"] == 10_000
