"""The vendor's own client from Debian works against the emulated Hetzner: a third party's word that it is like it.

hcloud 1.30 is older than the day on which the vendor took `datacenter` off servers. It does without, but it shows where
a server is only if the emulator still tells (`datacenters=True`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from lab import prerequisites
from lab.cloud.testing import Emulator, emulator
from lab.errors import LabError

PACKAGE = "hcloud-cli"
Hcloud = Callable[..., str]


@pytest.fixture(scope="module")
def program() -> str:
    """The client; installed when that is possible. In CI it must be there, elsewhere the tests do without."""
    if shutil.which("hcloud") is None:
        try:
            if os.geteuid() != 0:
                raise LabError(f"`hcloud` is missing and only root can install it: `apt-get install {PACKAGE}`.")
            prerequisites.install([PACKAGE], lambda _line: None)
        except LabError as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing), pytrace=False)
            pytest.skip(str(missing))
    return shutil.which("hcloud") or "hcloud"


@pytest.fixture(params=[False, True], ids=["as the vendor answers today", "with the datacenter of old"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An empty project."""
    with emulator(datacenters=request.param) as running:
        yield running


@pytest.fixture
def hcloud(program: str, cloud: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Hcloud:
    """Run the client as a person does; it must succeed and have nothing to complain about."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HCLOUD_")}
    environment = {
        **plain,
        "HCLOUD_ENDPOINT": cloud.endpoints["hetzner"],
        "HCLOUD_TOKEN": cloud.credentials["hetzner"]["token"],
        "HCLOUD_CONFIG": str(tmp_path_factory.mktemp("hcloud") / "cli.toml"),
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            [program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"hcloud {' '.join(words)}"
        return done.stdout

    return run


def test_a_server_is_made_listed_described_and_deleted(hcloud: Hcloud, cloud: Emulator) -> None:
    assert hcloud("server", "list", "-o", "noheader") == ""

    made = hcloud(
        *("server", "create", "--name", "by-cli", "--type", "cx23", "--image", "ubuntu-24.04"),
        *("--location", "nbg1", "--label", "team=ops"),
    )
    (server,) = cloud.store.servers("hetzner")
    assert f"Server {server.id} created" in made
    assert (server.name, server.type, server.location, dict(server.labels)) == (
        "by-cli",
        "cx23",
        "nbg1",
        {"team": "ops"},
    )

    line = hcloud("server", "list", "-o", "noheader", "-o", "columns=id,name,status,ipv4")
    assert line.split() == [server.id, "by-cli", "running", server.address]
    (seen,) = json.loads(hcloud("server", "list", "-o", "json"))
    assert (seen["server_type"]["name"], seen["labels"], seen["locked"]) == ("cx23", {"team": "ops"}, False)

    described = hcloud("server", "describe", "by-cli")
    assert server.id in described
    assert "ubuntu-24.04" in described

    assert hcloud("server", "delete", "by-cli") == "Server by-cli deleted\n"
    assert cloud.store.servers("hetzner") == []
    assert cloud.store.counts("hetzner")["primary_ip"] == 0


@pytest.mark.parametrize("cloud", [True], indirect=True)
def test_it_says_where_a_server_is_if_the_emulator_still_tells(hcloud: Hcloud, cloud: Emulator) -> None:
    cloud.store.seed("hetzner", 1, prefix="seeded")

    (seen,) = json.loads(hcloud("server", "list", "-o", "json"))

    assert seen["datacenter"]["location"]["name"] == cloud.store.servers("hetzner")[0].location


def test_a_server_of_ours_is_one_of_theirs(hcloud: Hcloud, cloud: Emulator) -> None:
    cloud.store.seed("hetzner", 3, prefix="node", labels={"fleet.id": "acme"})

    names = hcloud("server", "list", "--selector", "fleet.id=acme", "-o", "noheader", "-o", "columns=name").split()

    assert sorted(names) == ["node-1", "node-2", "node-3"]
