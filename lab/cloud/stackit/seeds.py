"""A server as it is long after its order, with all that comes along: for many servers at once."""

from __future__ import annotations

from collections.abc import Mapping

from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import now
from lab.cloud.stackit.groups import default_security_group
from lab.cloud.stackit.networks import new_network
from lab.cloud.stackit.nics import new_nic
from lab.cloud.stackit.orders import Wiring, new_server
from lab.cloud.stackit.public_ips import new_ip
from lab.cloud.stackit.volumes import new_volume
from lab.cloud.store import Put, Store

NAME = catalog.NAME
_MACHINE_TYPE = "g2i.1"
_DISK_GB = 20
_ZONES = [zone for zones in catalog.REGIONS.values() for zone in zones]


def server(store: Store, number: str, name: str, labels: Mapping[str, str], place: int, address: str) -> list[Put]:
    """Give the rows of a running server, its interface, volume and public IP; its network is written if missing."""
    zone = _ZONES[place % len(_ZONES)]
    region = catalog.region_of(zone)
    volume = new_volume(region, zone, _DISK_GB, None, {"type": "image", "id": catalog.images(region)[0]["id"]})
    volume |= {"serverId": number, "status": "ATTACHED", "_ends_with_server": True}
    nic = new_nic(region, _network(store, region), address, [default_security_group(region)], True)
    ip = {**new_ip(region, nic["id"]), "labels": dict(labels)}
    nic |= {"device": number, "status": "ACTIVE", "type": "server", "_public_ip": ip["id"]}
    order = {"name": name, "machineType": _MACHINE_TYPE, "labels": labels}
    row = new_server(number, zone, order, volume, Wiring([nic], address))
    row |= {"status": "ACTIVE", "powerStatus": "RUNNING", "launchedAt": now()}
    return [
        ("server", number, row),
        ("nic", nic["id"], nic),
        ("volume", volume["id"], volume),
        ("public_ip", ip["id"], ip),
    ]


def _network(store: Store, region: str) -> str:
    """Give the id of the one network that all seeded servers of a region are in."""
    number = catalog.stable_id(region, "seed")
    if store.get("network", number) is None:
        row = {**new_network(region, {"name": "seed"}), "id": number, "status": "CREATED"}
        store.write([("network", number, row)])
    return number
