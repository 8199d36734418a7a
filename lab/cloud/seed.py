"""Many servers at once, without their creation: for benchmarks of whoever lists them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from lab.cloud.hetzner import catalog as hetzner
from lab.cloud.hetzner.orders import primary_ip
from lab.cloud.hetzner.views import ipv6_network
from lab.cloud.memory import MemoryMachines
from lab.cloud.openstack import seeds as openstack
from lab.cloud.ports import Machines
from lab.cloud.scaleway import catalog as scaleway
from lab.cloud.scaleway.resources import default_security_group
from lab.cloud.service import CloudService
from lab.cloud.settings import CloudSettings
from lab.cloud.stackit import seeds as stackit
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject, timestamp
from lab.errors import LabError


def seed(
    service: CloudService,
    machines: Machines,
    cloud: str,
    count: int,
    *,
    prefix: str = "seed",
    labels: Mapping[str, str] | None = None,
) -> None:
    """Put running servers `<prefix>-1` … `<prefix>-<count>` into a cloud, spread over all its locations."""
    makers = {"hetzner": _hetzner, "scaleway": _scaleway, "ovhcloud": _ovhcloud, "stackit": _stackit}
    if cloud not in makers:
        raise LabError(f"Only {', '.join(makers)} can be seeded, not {cloud!r}.")
    store = service.store(cloud)
    puts: list[Put] = []
    for place in range(1, count + 1):
        puts += makers[cloud](store, machines, place, f"{prefix}-{place}", dict(labels or {"seed": str(place % 10)}))
    store.write(puts)


def _running(machines: Machines, provider: str, machine_id: str) -> str:
    if isinstance(machines, MemoryMachines):
        machines.power(provider, machine_id)
    return machines.reserve(provider, machine_id)


def _hetzner(store: Store, machines: Machines, place: int, name: str, labels: Mapping[str, str]) -> list[Put]:
    server_type = hetzner.SERVER_TYPES["cx33"]
    locations = [entry["name"] for entry in server_type["locations"]]
    number, location = store.allocate(), locations[place % len(locations)]
    address = _running(machines, hetzner.NAME, str(number))
    four = primary_ip(store.allocate(), "ipv4", address, location, number)
    six = primary_ip(store.allocate(), "ipv6", ipv6_network(number), location, number)
    row: JsonObject = {
        "id": number,
        "name": name,
        "status": "running",
        "created": timestamp(),
        "server_type": server_type["name"],
        "location": location,
        "image": 161547269,
        "labels": dict(labels),
        "address": address,
        "ipv4": {"id": four["id"], "ip": address},
        "ipv6": {"id": six["id"], "ip": six["ip"]},
        "protection": {"delete": False, "rebuild": False},
        "primary_disk_size": server_type["disk"],
        "start": True,
        "doing": [],
        "firewalls": [],
        "volumes": [],
        "private_net": [],
        "placement_group": None,
    }
    return [("server", str(number), row), *[("primary_ip", str(ip["id"]), ip) for ip in (four, six)]]


def _scaleway(store: Store, machines: Machines, place: int, name: str, labels: Mapping[str, str]) -> list[Put]:
    owner = CloudSettings()
    number, volume, now = str(uuid.uuid4()), str(uuid.uuid4()), timestamp()
    zone = scaleway.ZONES[place % len(scaleway.ZONES)]
    row: JsonObject = {
        "id": number,
        "name": name,
        "tags": [f"{key}={value}" for key, value in labels.items()],
        "commercial_type": "DEV1-L",
        "arch": "x86_64",
        "zone": zone,
        "state": "running",
        "state_detail": "booting kernel",
        "creation_date": now,
        "modification_date": now,
        "protected": False,
        "dynamic_ip_required": True,
        "volumes": {"0": volume},
        "security_group": default_security_group(zone),
        "placement_group": None,
        "_image": scaleway.find_image(zone, "ubuntu_noble", "DEV1-L"),
        "_ips": [],
        "_address": _running(machines, scaleway.NAME, number),
        "_task": "",
        "_terminating": False,
    }
    root: JsonObject = {
        "id": volume,
        "name": f"{name}-0",
        "size": scaleway.SERVER_TYPES["DEV1-L"]["local"],
        "volume_type": "l_ssd",
        "organization": owner.scaleway_organization_id,
        "project": owner.scaleway_project_id,
        "export_uri": None,
        "creation_date": now,
        "modification_date": now,
        "state": "available",
        "tags": [],
        "zone": zone,
        "_server": number,
    }
    return [("server", number, row), ("volume", volume, root)]


def _stackit(store: Store, machines: Machines, place: int, name: str, labels: Mapping[str, str]) -> list[Put]:
    number = str(uuid.uuid4())
    return stackit.server(store, number, name, labels, place, _running(machines, stackit.NAME, number))


def _ovhcloud(store: Store, machines: Machines, place: int, name: str, labels: Mapping[str, str]) -> list[Put]:
    number = str(uuid.uuid4())
    address = _running(machines, openstack.NAME, number)
    return openstack.server(store, machines, number, name, labels, place, address)
