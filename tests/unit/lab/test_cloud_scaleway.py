"""The emulated Scaleway, spoken to by the vendor's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from scaleway import Client, ScalewayException
from scaleway.iam.v1alpha1 import IamV1Alpha1API
from scaleway.instance.v1 import CreateServerResponse, Server, ServerAction
from scaleway.instance.v1.custom_api import InstanceUtilsV1API
from scaleway.instance.v1.types import SetSecurityGroupRulesRequestRule, VolumeServerTemplate
from scaleway.ipam.v1 import IpamV1API
from scaleway.lb.v1 import LbV1ZonedAPI
from scaleway.marketplace.v2 import MarketplaceV2API
from scaleway.product_catalog.v2alpha1 import ProductCatalogV2Alpha1PublicCatalogAPI
from scaleway.vpc.v2 import VpcV2API

from lab.cloud.memory import MemoryMachines
from lab.cloud.testing import Emulator, emulator

ZONES = [*(f"{region}-{place}" for region in ("fr-par", "nl-ams", "pl-waw") for place in (1, 2, 3)), "it-mil-1"]
PRICES = "/product-catalog/v2alpha1/public-catalog/products"
OWNED = ["fleet.id=lab", "fleet.pool=workers"]


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def api(cloud: Emulator) -> InstanceUtilsV1API:
    return InstanceUtilsV1API(client_of(cloud))


def client_of(cloud: Emulator, secret: str = "") -> Client:
    given = cloud.credentials["scaleway"]
    return Client(
        access_key=given["access_key"],
        secret_key=secret or given["secret_key"],
        default_project_id=given["project_id"],
        default_organization_id=given["project_id"],
        default_zone="fr-par-1",
        default_region="fr-par",
        api_url=cloud.endpoints["scaleway"],
    )


def order(api: InstanceUtilsV1API, name: str, **options: Any) -> Server:
    chosen = {"commercial_type": "DEV1-L", "image": "ubuntu_noble", "tags": OWNED, **options}
    made: CreateServerResponse = api.create_server(name=name, **chosen)
    assert made.server is not None
    return made.server


def bought(cloud: Emulator, api: InstanceUtilsV1API, name: str, **options: Any) -> Server:
    made = order(api, name, **options)
    api.server_action(server_id=made.id, action=ServerAction.POWERON)
    cloud.settle()
    return seen(api, made)


def seen(api: InstanceUtilsV1API, server: Server) -> Server:
    found = api.get_server(server_id=server.id, zone=server.zone).server
    assert found is not None
    return found


def refusal(call: Any, *arguments: Any, **options: Any) -> requests.Response:
    with pytest.raises(ScalewayException) as caught:
        call(*arguments, **options)
    return caught.value.response


def raw(cloud: Emulator, path: str, **headers: str) -> requests.Response:
    given = headers or {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    return requests.get(cloud.endpoints["scaleway"] + path, headers=given, timeout=10)


def test_a_server_is_made_in_three_calls(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    made = order(api, "node-1")
    assert (made.state, made.public_ips, made.tags, made.image.arch) == ("stopped", [], OWNED, "x86_64")
    api.set_server_user_data(made.id, "cloud-init", b"#cloud-config\n")
    task = api.server_action(server_id=made.id, action=ServerAction.POWERON).task
    assert task is not None
    assert (task.status, task.href_result) == ("pending", f"/servers/{made.id}")
    cloud.settle()
    running = seen(api, made)
    assert (running.state, running.location.zone_id) == ("running", "par1")
    assert isinstance(cloud.machines, MemoryMachines)
    spec = cloud.machines.booted[0]
    assert (spec.id, spec.provider, spec.zone, spec.user_data) == (made.id, "scaleway", "fr-par-1", "#cloud-config\n")
    assert (spec.cpus, spec.memory_gib, spec.address) == (4, 8, running.public_ips[0].address)
    assert raw(cloud, f"/instance/v1/zones/fr-par-1/tasks/{task.id}").json()["task"]["status"] == "success"
    assert [entry.status for entry in cloud.requests.writes("scaleway")] == [201, 204, 202]


def test_a_half_made_server_stays_stopped_and_shows_what_is_missing(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    made = order(api, "node-1")
    cloud.settle()
    assert seen(api, made).state == "stopped"
    assert api.list_server_user_data(server_id=made.id).user_data == []
    api.set_server_user_data(made.id, "cloud-init", b"x")
    assert api.list_server_user_data(server_id=made.id).user_data == ["cloud-init"]
    assert api.get_server_user_data(made.id, "cloud-init").content == b"x"
    api.delete_server_user_data(server_id=made.id, key="cloud-init")
    assert api.list_server_user_data(server_id=made.id).user_data == []
    assert refusal(api.get_server_user_data, made.id, "cloud-init").status_code == 404


def test_user_data_must_be_plain_text(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    path = f"/instance/v1/zones/fr-par-1/servers/{order(api, 'node-1').id}/user_data/cloud-init"
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    answered = requests.patch(cloud.endpoints["scaleway"] + path, json={"a": "b"}, headers=token, timeout=10)
    assert answered.status_code == 400


def test_names_are_not_unique(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    assert order(api, "node-1").id != order(api, "node-1").id
    assert cloud.store.names("scaleway") == ["node-1", "node-1"]


@pytest.mark.parametrize("count", [0, 50, 51])
def test_pages_tell_the_total_and_the_next_address(count: int) -> None:
    with emulator(seeded={"scaleway": count * len(ZONES)}) as cloud:
        path = "/instance/v1/zones/nl-ams-1/servers"
        first = raw(cloud, path)
        assert first.headers["X-Total-Count"] == str(count)
        assert ('</servers?page=2&per_page=50>; rel="next"' in first.headers["Link"]) == (count > 50)
        assert len(raw(cloud, f"{path}?per_page=1000").json()["servers"]) == count
        api = InstanceUtilsV1API(client_of(cloud))
        assert len(api.list_servers_all(zone="nl-ams-1")) == count


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        (["fleet.id=lab"], ["one", "two"]),
        (["fleet.id=lab", "role=a"], ["one"]),
        (["role=a", "fleet.id=lab"], ["one"]),
        (["fleet.id=la"], []),
        (["Fleet.id=lab"], []),
    ],
)
def test_tags_match_whole_and_all(cloud: Emulator, api: InstanceUtilsV1API, tags: list[str], names: list[str]) -> None:
    order(api, "one", tags=["fleet.id=lab", "role=a"])
    order(api, "two", tags=["fleet.id=lab", "role=b"])
    assert sorted(server.name for server in api.list_servers_all(tags=tags)) == names


def test_lists_filter_by_zone_state_and_name(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    bought(cloud, api, "one")
    two = order(api, "two")
    order(api, "three", zone="nl-ams-2")
    assert [server.name for server in api.list_servers_all()] == ["two", "one"]
    assert [server.name for server in api.list_servers_all(state="running")] == ["one"]
    assert [server.name for server in api.list_servers_all(name="tw")] == ["two"]
    assert [server.name for server in api.list_servers_all(servers=[two.id])] == ["two"]
    assert [server.name for server in api.list_servers_all(zone="nl-ams-2")] == ["three"]
    assert api.list_servers_all(project="00000000-0000-4000-8000-0000000000ff") == []
    assert refusal(api.get_server, server_id=two.id, zone="nl-ams-2").status_code == 404


def test_every_zone_answers_and_no_other(cloud: Emulator) -> None:
    assert [raw(cloud, f"/instance/v1/zones/{zone}/servers").status_code for zone in ZONES] == [200] * len(ZONES)
    unknown = raw(cloud, "/instance/v1/zones/xx-yyy-1/servers")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "not_found")


def test_terminate_takes_local_volumes_along(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    server = bought(cloud, api, "node-1")
    api.server_action(server_id=server.id, action=ServerAction.TERMINATE)
    cloud.settle()
    assert api.list_servers_all() == []
    assert set(cloud.store.counts("scaleway").values()) == {0}
    assert refusal(api.get_server, server_id=server.id).json()["type"] == "unknown_resource"


def test_block_volumes_outlive_their_server(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    server = bought(cloud, api, "node-1", commercial_type="PLAY2-NANO")
    volume = server.volumes["0"]
    assert volume.volume_type == "sbs_volume"
    path = "/block/v1/zones/fr-par-1/volumes"
    assert raw(cloud, path).json()["volumes"][0]["references"][0]["product_resource_id"] == server.id
    api.server_action(server_id=server.id, action=ServerAction.TERMINATE)
    cloud.settle()
    left = raw(cloud, path).json()["volumes"]
    assert [(one["id"], one["status"]) for one in left] == [(volume.id, "available")]
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    gone = requests.delete(f"{cloud.endpoints['scaleway']}{path}/{volume.id}", headers=token, timeout=10)
    assert (gone.status_code, raw(cloud, path).json()["total_count"]) == (204, 0)


def test_a_stopped_server_is_deleted_and_leaves_its_volumes(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    server = bought(cloud, api, "node-1")
    assert refusal(api.delete_server, server_id=server.id).json()["message"] == "instance should be powered off"
    api.server_action(server_id=server.id, action=ServerAction.POWEROFF)
    cloud.settle()
    stopped = seen(api, server)
    assert (stopped.state, stopped.public_ips, stopped.location) == ("stopped", [], None)
    refused = refusal(api.server_action, server_id=server.id, action=ServerAction.TERMINATE)
    assert (refused.status_code, refused.json()["message"]) == (400, "server should be running")
    api.delete_server(server_id=server.id)
    cloud.settle()
    left = api.list_volumes_all()
    assert [(volume.id, volume.server) for volume in left] == [(server.volumes["0"].id, None)]
    api.delete_volume(volume_id=left[0].id)
    assert set(cloud.store.counts("scaleway").values()) == {0}


def test_a_protected_server_stays(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    server = bought(cloud, api, "node-1", protected=True)
    refused = refusal(api.server_action, server_id=server.id, action=ServerAction.TERMINATE)
    assert (refused.status_code, refused.json()["type"]) == (412, "precondition_failed")
    api._update_server(server_id=server.id, protected=False, name="other", tags=["a=b"])
    changed = seen(api, server)
    assert (changed.name, changed.tags, changed.protected) == ("other", ["a=b"], False)


def test_a_server_in_between_refuses_and_says_so(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    cloud.faults.add("scaleway", "boot-stall")
    server = bought(cloud, api, "node-1")
    assert server.state == "starting"
    refused = refusal(api.server_action, server_id=server.id, action=ServerAction.POWEROFF)
    assert refused.status_code == 409
    assert (refused.json()["type"], refused.json()["current_state"]) == ("transient_state", "starting")


def test_reboot_and_stop_in_place(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    server = bought(cloud, api, "node-1")
    api.server_action(server_id=server.id, action=ServerAction.REBOOT)
    cloud.settle()
    assert seen(api, server).state == "running"
    api.server_action(server_id=server.id, action=ServerAction.STOP_IN_PLACE)
    cloud.settle()
    in_place = seen(api, server)
    assert (in_place.state, len(in_place.public_ips)) == ("stopped in place", 1)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        pytest.param({"commercial_type": "NONE-1"}, "commercial_type", id="no such type"),
        pytest.param({"image": "windows_95"}, "image", id="no such image"),
        pytest.param(
            {"volumes": {"0": VolumeServerTemplate(size=900_000_000_000, volume_type="l_ssd")}},
            "volumes",
            id="too large",
        ),
    ],
)
def test_a_wrong_order_is_refused(
    cloud: Emulator, api: InstanceUtilsV1API, options: dict[str, Any], field: str
) -> None:
    refused = refusal(order, api, "node-1", **options)
    assert refused.status_code == 400
    assert list(refused.json()["fields"]) == [field]
    assert cloud.store.servers() == []


def test_credentials_are_checked(cloud: Emulator) -> None:
    stranger = InstanceUtilsV1API(client_of(cloud, "00000000-0000-4000-8000-00000000dead"))
    refused = refusal(stranger.list_servers)
    assert refused.status_code == 401
    assert refused.json() == {
        "type": "denied_authentication",
        "message": "authentication is denied",
        "method": "api_key",
        "reason": "not_found",
    }
    assert raw(cloud, "/instance/v1/zones/fr-par-1/servers", Accept="*/*").json()["reason"] == "invalid_argument"
    foreign = InstanceUtilsV1API(client_of(cloud))
    denied = refusal(order, foreign, "node-1", project="00000000-0000-4000-8000-0000000000ff")
    assert (denied.status_code, denied.json()["type"]) == (403, "permissions_denied")


def test_the_catalogue_is_complete(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    types = api.list_servers_types().servers
    assert (types["DEV1-L"].ncpus, types["DEV1-L"].ram, types["DEV1-L"].hourly_price) == (4, 8 * 2**30, 0.04284)
    assert types["BASIC2-A2C-4G"].arch == "arm64"
    assert api.get_server_types_availability().servers["DEV1-L"].availability == "available"
    market = MarketplaceV2API(client_of(cloud))
    images = market.list_local_images_all(image_label="ubuntu_noble", zone="fr-par-2", type_="instance_local")
    found = next(image for image in images if "DEV1-L" in image.compatible_commercial_types)
    assert order(api, "node-1", zone="fr-par-2", image=found.id).image.name == "Ubuntu 24.04 Noble Numbat"
    open_page = raw(cloud, "/product-catalog/v2alpha1/public-catalog/products?zone=fr-par-1", Accept="*/*").json()
    price = next(one for one in open_page["products"] if one["product"] == "DEV1-L")["price"]["retail_price"]
    assert price == {"currency_code": "EUR", "units": 0, "nanos": 42_840_000}


def test_flexible_ips_stay_when_their_server_goes(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    ip = api.create_ip(tags=OWNED, type_="routed_ipv4", project=cloud.credentials["scaleway"]["project_id"]).ip
    assert ip is not None
    server = bought(cloud, api, "node-1", public_ips=[ip.id])
    assert [(one.address, one.dynamic) for one in server.public_ips] == [(ip.address, False)]
    assert isinstance(cloud.machines, MemoryMachines)
    assert cloud.machines.booted[0].address == ip.address
    api.server_action(server_id=server.id, action=ServerAction.TERMINATE)
    cloud.settle()
    assert [(one.id, one.server) for one in api.list_ips_all(tags=OWNED)] == [(ip.id, None)]
    api.delete_ip(ip=ip.id)
    assert set(cloud.store.counts("scaleway").values()) == {0}


def test_private_networks_give_addresses_through_ipam(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    vpc, ipam = VpcV2API(client_of(cloud)), IpamV1API(client_of(cloud))
    network = vpc.create_private_network(name="private", default_route_propagation_enabled=False)
    server = bought(cloud, api, "node-1")
    nic = api.create_private_nic(server_id=server.id, private_network_id=network.id, ip_ids=[]).private_nic
    assert nic is not None
    addresses = ipam.list_i_ps_all(resource_id=nic.id)
    assert [address.address for address in addresses] == ["172.16.0.2/22"]
    assert seen(api, server).private_nics[0].mac_address == nic.mac_address
    assert [one.name for one in api.list_servers_all(private_networks=[network.id])] == ["node-1"]
    assert vpc.list_vp_cs_all()[0].is_default
    with pytest.raises(ScalewayException):
        vpc.delete_private_network(private_network_id=network.id)
    api.delete_private_nic(server_id=server.id, private_nic_id=nic.id)
    vpc.delete_private_network(private_network_id=network.id)
    assert ipam.list_i_ps_all() == []


def test_security_and_placement_groups(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    assert [group.project_default for group in api.list_security_groups_all()] == [True]
    made = api.create_security_group(name="guard", description="", stateful=True, inbound_default_policy="drop")
    group = made.security_group
    assert group is not None
    api.create_security_group_rule(
        security_group_id=group.id,
        protocol="TCP",
        direction="inbound",
        action="accept",
        ip_range="0.0.0.0/0",
        position=1,
        editable=True,
        dest_port_from=22,
    )
    rules = api.list_security_group_rules_all(security_group_id=group.id)
    assert [(rule.dest_port_from, rule.editable) for rule in rules if rule.direction == "inbound"] == [(22, True)]
    assert {rule.dest_port_from for rule in rules if not rule.editable} == {25, 465, 587}
    spread = api.create_placement_group(name="spread", policy_mode="enforced").placement_group
    assert spread is not None
    server = order(api, "node-1", security_group=group.id, placement_group=spread.id)
    assert (server.security_group.name, server.placement_group.policy_mode) == ("guard", "enforced")
    for refused in (
        refusal(api.delete_security_group, security_group_id=group.id),
        refusal(api.delete_placement_group, placement_group_id=spread.id),
    ):
        assert refused.status_code == 412


def test_all_rules_are_set_at_once_but_those_that_are_fixed(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    group = api.create_security_group(name="guard", description="", stateful=True).security_group
    assert group is not None
    wanted = [
        SetSecurityGroupRulesRequestRule(
            action="accept", protocol=protocol, direction="inbound", ip_range=reach, position=place, editable=editable,
            dest_port_from=first, dest_port_to=last,
        )
        for place, (protocol, reach, first, last, editable) in enumerate(
            [("TCP", "203.0.113.7", 22, 22, True), ("ICMP", "0.0.0.0/0", 8, None, True), ("TCP", "::/0", 80, 90, False)]
        )
    ]  # fmt: skip
    api.set_security_group_rules(security_group_id=group.id, rules=wanted)
    rules = [rule for rule in api.list_security_group_rules_all(security_group_id=group.id) if rule.editable]
    shown = [(rule.protocol, rule.ip_range, rule.dest_port_from, rule.dest_port_to) for rule in rules]
    assert shown == [("TCP", "203.0.113.7/32", 22, None), ("ICMP", "0.0.0.0/0", None, None)]


def test_a_placement_group_takes_twenty(cloud: Emulator, api: InstanceUtilsV1API) -> None:
    group = api.create_placement_group(name="spread", tags=OWNED).placement_group
    assert group is not None
    names = {order(api, f"node-{place}", placement_group=group.id).name for place in range(20)}
    assert {server.name for server in api.get_placement_group_servers(placement_group_id=group.id).servers} == names
    assert "maximum of 20" in refusal(order, api, "node-20", placement_group=group.id).json()["message"]
    assert [found.id for found in api.list_placement_groups_all(tags=OWNED)] == [group.id]


def test_a_private_network_card_is_ready_a_moment_later_and_there_is_one_for_a_network(
    cloud: Emulator, api: InstanceUtilsV1API
) -> None:
    vpc = VpcV2API(client_of(cloud))
    network = vpc.create_private_network(
        name="private", default_route_propagation_enabled=False, subnets=["10.64.0.0/16"], tags=OWNED
    )
    with pytest.raises(ScalewayException, match="overlaps"):
        vpc.create_private_network(name="b", default_route_propagation_enabled=False, subnets=["10.64.8.0/24"])
    server = order(api, "node-1")
    nic = api.create_private_nic(server_id=server.id, private_network_id=network.id, ip_ids=[]).private_nic
    assert (nic is not None, nic and nic.state) == (True, "syncing")
    cloud.settle()
    assert [card.state for card in seen(api, server).private_nics] == ["available"]
    refused = refusal(api.create_private_nic, server_id=server.id, private_network_id=network.id, ip_ids=[])
    assert refused.status_code == 400
    assert cloud.store.counts("scaleway")["private_nic"] == 1


def test_load_balancers_keep_their_address_unless_it_is_released(cloud: Emulator) -> None:
    client = client_of(cloud)
    balancers, vpc = LbV1ZonedAPI(client), VpcV2API(client)
    network = vpc.create_private_network(name="private", default_route_propagation_enabled=False)
    made = [balancers.create_lb(name=name, description="", type_="LB-S", tags=OWNED) for name in ("one", "two")]
    url = f"{cloud.endpoints['scaleway']}/lb/v1/zones/fr-par-1/lbs/{made[0].id}/attach-private-network"
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    requests.post(url, json={"private_network_id": network.id}, headers=token, timeout=10).raise_for_status()
    with pytest.raises(ScalewayException):
        vpc.delete_private_network(private_network_id=network.id)
    assert [lb.name for lb in balancers.list_lbs_all(tags=OWNED[:1])] == ["one", "two"]
    balancers.delete_lb(lb_id=made[0].id, release_ip=True)
    balancers.delete_lb(lb_id=made[1].id, release_ip=False)
    vpc.delete_private_network(private_network_id=network.id)
    left = raw(cloud, "/lb/v1/zones/fr-par-1/ips").json()["ips"]
    assert [(ip["id"], ip["lb_id"]) for ip in left] == [(made[1].ip[0].id, None)]
    assert cloud.store.counts("scaleway")["load_balancer"] == 0


def test_the_price_list_has_addresses_and_disks_of_every_zone(cloud: Emulator) -> None:
    catalogue = ProductCatalogV2Alpha1PublicCatalogAPI(client_of(cloud))
    found = catalogue.list_public_catalog_products_all(zone="nl-ams-1", page_size=1000)
    prices = {one.product: (one.unit_of_measure.unit, one.price.retail_price.nanos) for one in found}
    assert prices["Public IPv4"] == ("ip", 4_000_000)
    assert prices["Block Storage 5K"] == ("gigabyte", 109_589)
    assert prices["Local Storage"] == ("gigabyte", 44_000)
    disks = raw(cloud, f"{PRICES}?product_types=block_storage&region=fr-par", Accept="*/*").json()
    assert disks["total_count"] == 0, "all of them are sold by zone"
    assert raw(cloud, f"{PRICES}?product_types=block_storage", Accept="*/*").json()["total_count"] == 2 * len(ZONES)


def test_ssh_keys_belong_to_the_project(cloud: Emulator) -> None:
    iam = IamV1Alpha1API(client_of(cloud))
    project = cloud.credentials["scaleway"]["project_id"]
    key = iam.create_ssh_key(name="me", public_key="ssh-ed25519 AAAAC3Nz me", project_id=project)
    assert [(one.id, one.name, one.disabled) for one in iam.list_ssh_keys_all()] == [(key.id, "me", False)]
    iam.update_ssh_key(ssh_key_id=key.id, name="you")
    assert iam.get_ssh_key(ssh_key_id=key.id).name == "you"
    iam.delete_ssh_key(ssh_key_id=key.id)
    assert iam.list_ssh_keys_all() == []


def test_a_body_in_a_get_is_ignored(cloud: Emulator) -> None:
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    url = cloud.endpoints["scaleway"] + "/instance/v1/zones/fr-par-1/servers"
    assert requests.get(url, data="{}", headers=token, timeout=10).json() == {"servers": []}


def test_a_page_of_fifty_costs_a_few_milliseconds() -> None:
    with emulator(seeded={"scaleway": 1000}) as cloud:
        for _page in range(20):
            assert raw(cloud, "/instance/v1/zones/fr-par-1/servers?per_page=50").status_code == 200
        durations = sorted(entry.duration for entry in cloud.requests.entries("scaleway"))
        assert durations[10] < 0.01
