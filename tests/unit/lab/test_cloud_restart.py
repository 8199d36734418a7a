"""State that survives the process: by restarts of the emulator, and by killing a real one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from hcloud import Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from lab.cloud.memory import MemoryControlPlanes, MemoryMachines
from lab.cloud.settings import CLOUDS, CONTROL, CloudSettings
from lab.cloud.store import Store
from lab.cloud.testing import Emulator, emulator
from lab.errors import LabError

ROOT = Path(__file__).resolve().parents[3]


def hetzner(cloud: Emulator) -> Client:
    return Client(cloud.credentials["hetzner"]["token"], cloud.endpoints["hetzner"], poll_interval=0.001, timeout=10)


def order(client: Client, name: str) -> None:
    client.servers.create(name, ServerType(name="cx33"), Image(name="ubuntu-24.04"), location=Location(name="nbg1"))


def scaleway(cloud: Emulator, method: str, path: str, body: object = None) -> requests.Response:
    url = f"{cloud.endpoints['scaleway']}/instance/v1/zones/fr-par-1/servers{path}"
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    return requests.request(method, url, json=body or {}, headers=token, timeout=10)


def scaleway_server(cloud: Emulator, name: str) -> str:
    wanted = {"name": name, "commercial_type": "DEV1-L", "image": "ubuntu_noble"}
    return str(scaleway(cloud, "POST", "", wanted).json()["server"]["id"])


def states(cloud: Emulator) -> dict[str, str]:
    return {view.name: view.state for view in cloud.store.servers()}


# ---- the store


def test_a_store_gives_back_what_was_written_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite")
    for name in ("c", "a", "b"):
        store.write([("thing", name, {"name": name})])
    store.write([("thing", "c", {"name": "changed"})], [("thing", "a")])
    store.close()
    again = Store(tmp_path / "a.sqlite")
    assert [row["name"] for row in again.rows("thing").values()] == ["changed", "b"]
    assert again.get("thing", "a") is None


def test_ids_are_never_given_twice(tmp_path: Path) -> None:
    seen: list[int] = []
    for _start in range(3):
        store = Store(tmp_path / "a.sqlite", first_id=100)
        seen += [store.allocate() for _row in range(1500)]
        store.close()
    assert (min(seen), len(set(seen))) == (100, 4500)


def test_a_write_is_all_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite")
    version = store.version
    with pytest.raises(TypeError):
        store.write([("thing", "a", {"name": "a"}), ("thing", "b", {"name": object()})])
    assert (store.rows("thing"), store.version) == ({}, version)
    store.close()
    assert Store(tmp_path / "a.sqlite").rows("thing") == {}


def test_a_store_is_for_its_owner_only(tmp_path: Path) -> None:
    Store(tmp_path / "new" / "a.sqlite").write([("user_data", "a", {"text": "token"})])
    assert [oct(path.stat().st_mode & 0o777) for path in (tmp_path / "new").iterdir()] == ["0o600"] * 3
    assert oct((tmp_path / "new").stat().st_mode & 0o777) == "0o700"


def test_a_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"this is no database, it is a text of some length" * 100)
    with pytest.raises(LabError, match=r"a\.sqlite cannot be used"):
        Store(tmp_path / "a.sqlite")


# ---- restarts


def test_running_servers_stay_running_while_their_machines_do(tmp_path: Path) -> None:
    machines = MemoryMachines()
    with emulator(state=tmp_path, machines=machines) as cloud:
        for name in ("node-1", "node-2"):
            order(hetzner(cloud), name)
            number = scaleway_server(cloud, f"scw-{name}")
            scaleway(cloud, "POST", f"/{number}/action", {"action": "poweron"})
        cloud.settle()
        dead = [view.id for view in cloud.store.servers() if view.name.endswith("node-2")]
        before = {view.name: (view.id, view.address) for view in cloud.store.servers()}
    machines = with_only(machines, dead)
    with emulator(state=tmp_path, machines=machines) as cloud:
        assert states(cloud) == {"node-1": "running", "node-2": "off", "scw-node-1": "running", "scw-node-2": "stopped"}
        assert {view.name: (view.id, view.address) for view in cloud.store.servers()} == before
        assert len(machines.booted) == 4


def with_only(machines: MemoryMachines, dead: list[str]) -> MemoryMachines:
    for number in dead:
        machines._running.pop(number)
    return machines


class SlowMachines(MemoryMachines):
    """Boots and destroys only when it is allowed to."""

    slow = True

    async def boot(self, spec) -> None:  # type: ignore[no-untyped-def]
        if self.slow:
            await self._sleep(3600)
        await super().boot(spec)

    async def destroy(self, machine_id: str) -> None:
        if self.slow:
            await self._sleep(3600)
        await super().destroy(machine_id)


def test_what_was_under_way_goes_on_after_a_restart(tmp_path: Path) -> None:
    machines = SlowMachines()
    with emulator(state=tmp_path, machines=machines) as cloud:
        cloud.store.seed("hetzner", 1, prefix="leaving")
        order(hetzner(cloud), "coming")
        leaving = hetzner(cloud).servers.get_by_name("leaving-1")
        assert leaving is not None
        leaving.delete()
        number = scaleway_server(cloud, "scw-coming")
        scaleway(cloud, "POST", f"/{number}/action", {"action": "poweron"})
        scaleway(cloud, "DELETE", f"/{scaleway_server(cloud, 'scw-leaving')}")
        assert states(cloud) == {"leaving-1": "deleting", "coming": "initializing", "scw-coming": "starting"}
    machines.slow = False
    with emulator(state=tmp_path, machines=machines) as cloud:
        cloud.settle()
        assert states(cloud) == {"coming": "running", "scw-coming": "running"}
        actions = [action.status for action in hetzner(cloud).servers.actions.get_all()]
        assert set(actions) == {"success"}
        assert sorted(machines._addresses) == sorted(view.id for view in cloud.store.servers())


def test_clusters_survive_a_restart(tmp_path: Path) -> None:
    def call(cloud: Emulator, method: str, path: str, body: object = None) -> requests.Response:
        given = cloud.credentials["cloudfleet"]
        return requests.request(
            method,
            cloud.endpoints["cloudfleet"] + path,
            json=body,
            auth=(given["token_id"], given["token_secret"]),
            headers={"X-Organization-Id": given["organization_id"]},
            timeout=10,
        )

    wanted = {"name": "development", "region": "europe-central-1a"}
    with emulator(state=tmp_path, create_seconds=3600) as cloud:
        number = call(cloud, "POST", "/clusters", wanted).json()
        assert call(cloud, "GET", f"/clusters/{number}").json()["status"] == "creating"
    planes = MemoryControlPlanes()
    with emulator(state=tmp_path, control_planes=planes) as cloud:
        cloud.settle()
        assert call(cloud, "GET", f"/clusters/{number}").json()["status"] == "deployed"
        assert planes.running(number)


def test_an_outage_ends_with_the_process(tmp_path: Path) -> None:
    machines = MemoryMachines()
    with emulator(state=tmp_path, machines=machines) as cloud:
        cloud.faults.add("hetzner", "outage")
        assert machines.network_down == {"hetzner"}
    with emulator(state=tmp_path, machines=machines) as cloud:
        assert hetzner(cloud).servers.get_all() == []
        assert machines.network_down == set()


def test_two_processes_do_not_share_a_port_nor_touch_each_others_machines(tmp_path: Path) -> None:
    machines = MemoryMachines()
    with emulator(state=tmp_path, machines=machines) as cloud:
        order(hetzner(cloud), "node-1")
        cloud.settle()
        port = int(cloud.endpoints["scaleway"].rpartition(":")[2])
        other = MemoryMachines()
        with (
            pytest.raises(LabError, match="emulated scaleway API cannot use its port"),
            emulator(state=tmp_path, machines=other, ports={"scaleway": port}),
        ):
            pass
        assert states(cloud) == {"node-1": "running"}
        assert scaleway(cloud, "GET", "").ok


# ---- a real process


class Process:
    """`python -m lab.cloud` on free ports."""

    def __init__(self, state: Path) -> None:
        ports = [f"--{name}-port=0" for name in (CONTROL, *CLOUDS)]
        command = [sys.executable, "-m", "lab.cloud", "--boot-seconds=0", f"--state={state}", *ports]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=state)
        assert self._process.stdout is not None
        port = json.loads(self._process.stdout.readline())["ports"]["hetzner"]
        self.client = Client(CloudSettings().hetzner_token, f"http://127.0.0.1:{port}/v1", timeout=10)

    def end(self, how: signal.Signals) -> int:
        self._process.send_signal(how)
        code = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    first = Process(tmp_path)
    order(first.client, "node-1")
    first.end(signal.SIGKILL)
    second = Process(tmp_path)
    assert [server.name for server in second.client.servers.get_all()] == ["node-1"]
    assert second.end(signal.SIGINT) == 0
