"""The emulated OpenStack, spoken to by its users' own tools: the openstack command and openstacksdk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.cloud.openstack import catalog
from lab.cloud.testing import Emulator, emulator

openstack = pytest.importorskip("openstack")
pytest.importorskip("openstackclient")

# openstacksdk warns of its own plans.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

REGION = "SBG5"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7YkZp0 me"


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


class Command:
    """The openstack command in one region; it must not complain."""

    def __init__(self, cloud: Emulator, home: Path) -> None:
        given = cloud.credentials["ovhcloud"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self._environment = {
            **kept,
            "HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "OS_AUTH_URL": cloud.endpoints["ovhcloud"],
            "OS_USERNAME": given["username"],
            "OS_PASSWORD": given["password"],
            "OS_PROJECT_ID": given["project_id"],
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": REGION,
        }

    def __call__(self, *words: str) -> str:
        program = Path(sys.executable).with_name("openstack")
        ended = subprocess.run(
            [str(program), *words], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
        return ended.stdout

    def read(self, *words: str) -> Any:
        return json.loads(self(*words, "-f", "json"))


def test_the_command_line_makes_shows_lists_and_deletes(cloud: Emulator, tmp_path: Path) -> None:
    command = Command(cloud, tmp_path)
    lists = (("flavor", "list"), ("image", "list"), ("security", "group", "list"))
    with ThreadPoolExecutor() as pool:
        flavors, images, groups = pool.map(lambda words: command.read(*words), lists)
    assert [row["RAM"] for row in flavors if row["Name"] == "d2-4"] == [4000]
    assert "Ubuntu 24.04" in [row["Name"] for row in images]
    assert [row["Name"] for row in groups] == ["default"]
    (tmp_path / "key.pub").write_text(KEY, encoding="utf-8")
    command("keypair", "create", "--public-key", str(tmp_path / "key.pub"), "me")
    words = ("--flavor", "d2-4", "--image", "Ubuntu 24.04", "--key-name", "me", "--network", "Ext-Net")
    made = command.read("server", "create", *words, "--property", "fleet.id=lab", "--wait", "node-1")
    assert (made["status"], made["properties"]) == ("ACTIVE", {"fleet.id": "lab"})
    (listed,) = command.read("server", "list")
    assert (listed["Name"], listed["Image"], listed["Flavor"]) == ("node-1", "Ubuntu 24.04", "d2-4")
    assert cloud.store.servers("ovhcloud")[0].address in listed["Networks"]["Ext-Net"]
    assert command.read("server", "show", "node-1")["id"] == listed["ID"]
    command("server", "delete", "--wait", "node-1")
    assert cloud.store.names("ovhcloud") == []


def test_the_sdk_lists_page_by_page_with_one_token(cloud: Emulator) -> None:
    regions = [name for name, region in catalog.REGIONS.items() if region.brand == "ovhcloud"]
    cloud.store.seed("ovhcloud", 5 * len(regions))
    given = cloud.credentials["ovhcloud"]
    connection = openstack.connect(
        auth_url=cloud.endpoints["ovhcloud"],
        username=given["username"],
        password=given["password"],
        project_id=given["project_id"],
        user_domain_name="Default",
        region_name=REGION,
        load_yaml_config=False,
        load_envvars=False,
    )
    with connection:
        names = [server.name for server in connection.compute.servers(limit=2)]
        assert len(set(names)) == len(names) == 5
        flavors = {flavor.name: flavor for flavor in connection.compute.flavors()}
        images = {image.name: image for image in connection.image.images()}
        (network,) = connection.network.networks(is_router_external=True)
        made = connection.compute.create_server(
            name="node-1",
            flavor_id=flavors["d2-8"].id,
            image_id=images["Ubuntu 24.04"].id,
            networks=[{"uuid": network.id}],
            metadata={"fleet.id": "lab"},
        )
        cloud.settle()
        found = connection.compute.get_server(made.id)
        assert (found.status, found.metadata, found.is_locked) == ("ACTIVE", {"fleet.id": "lab"}, False)
        assert [port.network_id for port in connection.network.ports(device_id=made.id)] == [network.id]
        connection.compute.delete_server(made.id)
        cloud.settle()
        assert connection.compute.find_server("node-1") is None
        assert list(connection.block_storage.volumes()) == []
        assert list(connection.load_balancer.load_balancers()) == []
    tokens = cloud.requests.entries("ovhcloud", "POST", "/identity/v3/auth/tokens")
    assert len(tokens) == 1
