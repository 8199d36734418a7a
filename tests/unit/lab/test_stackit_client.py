"""The emulated STACKIT, spoken to by the vendor's own SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from stackit.core.configuration import Configuration
from stackit.iaas import (
    BootVolume,
    BootVolumeSource,
    CreateAffinityGroupPayload,
    CreateKeyPairPayload,
    CreateNetworkPayload,
    CreateNicPayload,
    CreatePublicIPPayload,
    CreateSecurityGroupPayload,
    CreateSecurityGroupRulePayload,
    CreateServerNetworking,
    CreateServerPayload,
    CreateServerPayloadAllOfNetworking,
    CreateVolumePayload,
    DefaultApi,
    Server,
    UpdateServerPayload,
)
from stackit.iaas.exceptions import ApiException, NotFoundException, UnauthorizedException

from lab.cloud.testing import Emulator, emulator

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
"""The SDK turns UUIDs into text in one place and wonders about that in another."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEx0 me"


class Client:
    """The SDK with project and region filled in."""

    def __init__(self, cloud: Emulator, token: str = "") -> None:
        given = cloud.credentials["stackit"]
        self.cloud = cloud
        self.api = DefaultApi(
            Configuration(
                custom_endpoint=cloud.endpoints["stackit"], service_account_token=token or str(given["token"])
            )
        )
        self.place = {"project_id": UUID(given["project_id"]), "region": "eu01"}

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.api, name)
        return lambda **options: call(**self.place, **options)

    def raw(self, name: str, **options: Any) -> Any:
        """An answer that the typed models have not seen."""
        answer = getattr(self, f"{name}_without_preload_content")(**options)
        assert answer.ok, answer.text
        return answer.json() if answer.content else answer.status_code

    def order(self, name: str = "node-1", **changes: Any) -> CreateServerPayload:
        network = self.create_network(create_network_payload=CreateNetworkPayload(name="private"))
        image = next(one for one in self.list_images().items if one.name == "Ubuntu 24.04")
        values = {
            "name": name,
            "machine_type": "c2i.2",
            "availability_zone": "eu01-1",
            "networking": CreateServerPayloadAllOfNetworking(CreateServerNetworking(network_id=network.id)),
            "boot_volume": BootVolume(
                size=20, delete_on_termination=True, source=BootVolumeSource(id=image.id, type="image")
            ),
            "labels": {"fleet.id": "lab"},
            **changes,
        }
        return CreateServerPayload(**values)

    def bought(self, name: str = "node-1", **changes: Any) -> Server:
        made = self.raw("create_server", create_server_payload=self.order(name, **changes))
        self.cloud.settle()
        server = self.get_server(server_id=UUID(made["id"]), details=True)
        assert isinstance(server, Server)
        return server


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def client(cloud: Emulator) -> Client:
    return Client(cloud)


def test_a_server_lives_and_dies(cloud: Emulator, client: Client) -> None:
    user_data = base64.b64encode(b"#cloud-config\n").decode()
    server = client.bought(user_data=user_data, affinity_group=None)
    assert (server.status, server.power_status, server.labels) == ("ACTIVE", "RUNNING", {"fleet.id": "lab"})
    nic = server.nics[0]
    assert (nic.network_name, bool(nic.ipv4), nic.nic_security) == ("private", True, True)
    assert [view.user_data for view in cloud.store.servers()] == ["#cloud-config\n"]
    assert [one.id for one in client.list_servers(details=True, label_selector="fleet.id=lab").items] == [server.id]
    assert client.list_servers(label_selector="fleet.id=other").items == []
    changed = client.update_server(
        server_id=server.id, update_server_payload=UpdateServerPayload(labels={"fleet.id": None, "a": "b"})
    )
    assert changed.name == "node-1"
    client.stop_server(server_id=server.id)
    cloud.settle()
    assert client.get_server(server_id=server.id).status == "INACTIVE"
    client.start_server(server_id=server.id)
    cloud.settle()
    client.delete_server(server_id=server.id)
    cloud.settle()
    with pytest.raises(NotFoundException) as gone:
        client.get_server(server_id=server.id)
    assert json.loads(gone.value.body) == {"code": 404, "msg": f"server {server.id} not found"}


def test_the_typed_models_choke_on_a_server_being_made(cloud: Emulator, client: Client) -> None:
    """The vendor's API answers so too; whoever wants to see such a server reads the raw answer."""
    cloud.faults.add("stackit", "boot-stall")
    made = client.raw("create_server", create_server_payload=client.order())
    assert (made["status"], made["nics"][0]["mac"]) == ("CREATING", "")
    with pytest.raises(ValidationError):
        client.list_servers(details=True)
    assert [one["status"] for one in client.raw("list_servers", details=True)["items"]] == ["CREATING"]
    assert [one.status for one in client.list_servers().items] == ["CREATING"]


def test_a_server_in_error_says_why(cloud: Emulator, client: Client) -> None:
    cloud.faults.add("stackit", "capacity")
    server = client.bought()
    assert (server.status, server.error_message[:24]) == ("ERROR", "No valid host was found.")
    cloud.faults.add("stackit", "quota")
    with pytest.raises(ApiException) as refused:
        client.create_server(create_server_payload=client.order())
    assert refused.value.status == 403
    assert json.loads(refused.value.body)["msg"].startswith("Quota exceeded")


def test_credentials_are_checked(cloud: Emulator) -> None:
    with pytest.raises(UnauthorizedException):
        Client(cloud, "wrong").list_servers()


def test_networks_interfaces_and_public_ips(cloud: Emulator, client: Client) -> None:
    network = client.create_network(create_network_payload=CreateNetworkPayload(name="private", labels={"a": "b"}))
    assert network.status == "CREATING"
    cloud.settle()
    shown = client.get_network(network_id=network.id)
    assert (shown.status, shown.ipv4.prefixes, shown.routed) == ("CREATED", ["10.0.0.0/24"], True)
    nic = client.create_nic(network_id=network.id, create_nic_payload=CreateNicPayload(name="eth0"))
    ip = client.create_public_ip(create_public_ip_payload=CreatePublicIPPayload(network_interface=nic.id))
    assert (ip.ip, ip.network_interface) == (nic.ipv4, nic.id)
    server = client.bought()
    other = client.create_public_ip(create_public_ip_payload=CreatePublicIPPayload(labels={"a": "b"}))
    client.add_public_ip_to_server(server_id=server.id, public_ip_id=other.id)
    assert client.get_server(server_id=server.id, details=True).nics[0].public_ip == server.nics[0].ipv4
    assert len(client.list_public_ips().items) == 2
    client.remove_public_ip_from_server(server_id=server.id, public_ip_id=other.id)
    client.delete_public_ip(public_ip_id=other.id)
    client.delete_public_ip(public_ip_id=ip.id)
    client.delete_nic(network_id=network.id, nic_id=nic.id)
    client.delete_network(network_id=network.id)
    cloud.settle()
    assert [one.id for one in client.list_project_nics().items] == [server.nics[0].nic_id]
    assert network.id not in {one.id for one in client.list_networks().items}


def test_keypairs(cloud: Emulator) -> None:
    api = Client(cloud).api
    made = api.create_key_pair(CreateKeyPairPayload(name="me", public_key=KEY, labels={"a": "b"}))
    assert len(made.fingerprint) == 47
    assert [one.name for one in api.list_key_pairs(label_selector="a=b").items] == ["me"]
    assert api.get_key_pair("me").public_key == KEY
    api.delete_key_pair("me")
    assert api.list_key_pairs().items == []


def test_the_catalogue(cloud: Emulator, client: Client) -> None:
    types = {one.name: one for one in client.list_machine_types().items}
    assert (types["g1.2"].vcpus, types["g1.2"].ram) == (2, 8192)
    assert client.get_machine_type(machine_type="g1.2") == types["g1.2"]
    assert [one.name for one in client.list_machine_types(filter="vcpus==1 && ram==2048").items] == ["c1.1"]
    image = client.list_images(all=True).items[0]
    assert client.get_image(image_id=image.id).config.architecture == "x86"
    assert client.api.list_availability_zones("eu01").items == ["eu01-1", "eu01-2", "eu01-3", "eu01-m"]
    assert "storage_premium_perf1" in {one.name for one in client.list_volume_performance_classes().items}
    assert client.list_quotas().quotas.vcpu.usage == 0
    assert client.api.get_project_details(client.place["project_id"]).status == "CREATED"


def test_volumes_and_groups(cloud: Emulator, client: Client) -> None:
    affinity = client.create_affinity_group(
        create_affinity_group_payload=CreateAffinityGroupPayload(name="spread", policy="soft-anti-affinity")
    )
    group = client.create_security_group(create_security_group_payload=CreateSecurityGroupPayload(name="guard"))
    rule = client.create_security_group_rule(
        security_group_id=group.id,
        create_security_group_rule_payload=CreateSecurityGroupRulePayload.from_dict(
            {"direction": "ingress", "ethertype": "IPv4", "ipRange": "0.0.0.0/0"}
        ),
    )
    assert len(client.list_security_group_rules(security_group_id=group.id).items) == 3
    assert len(client.get_security_group(security_group_id=group.id).rules) == 3
    server = client.bought(affinity_group=affinity.id, security_groups=[str(group.id)])
    assert server.nics[0].security_groups == [UUID(group.id)]
    assert client.list_affinity_groups().items[0].members == [UUID(server.id)]
    volume = client.create_volume(
        create_volume_payload=CreateVolumePayload(availability_zone="eu01-1", size=10, name="data")
    )
    attached = client.add_volume_to_server(server_id=server.id, volume_id=volume.id)
    assert (attached.server_id, attached.delete_on_termination) == (server.id, False)
    assert {one.status for one in client.list_volumes().items} == {"ATTACHED"}
    client.delete_server(server_id=server.id)
    cloud.settle()
    assert [(one.id, one.status) for one in client.list_volumes().items] == [(volume.id, "AVAILABLE")]
    client.delete_security_group_rule(security_group_id=group.id, security_group_rule_id=rule.id)
    client.delete_security_group(security_group_id=group.id)
    client.delete_affinity_group(affinity_group_id=affinity.id)
    client.delete_volume(volume_id=volume.id)
    assert {one.name for one in client.list_security_groups().items} == {"default"}


def test_requests_are_known_by_the_id_in_the_header(cloud: Emulator, client: Client) -> None:
    made = client.create_server_without_preload_content(create_server_payload=client.order())
    cloud.settle()
    shown = client.get_project_request(request_id=made.headers["X-Request-Id"])
    assert (shown.request_type, shown.status, str(shown.resources[0].id)) == ("SERVER", "CREATED", made.json()["id"])
