"""Servers that run already, without having been ordered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from lab.cloud.openstack import catalog
from lab.cloud.openstack.networks import Networks, default_group_id, moment, public_network_id
from lab.cloud.openstack.orders import server_row
from lab.cloud.ports import Machines
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store

NAME = catalog.NAME
_REGIONS = [region for region in catalog.REGIONS.values() if region.brand == NAME]
_FLAVOR = "d2-4"
_IMAGE = "Ubuntu 24.04"


def server(
    store: Store, machines: Machines, number: str, name: str, labels: Mapping[str, str], place: int, address: str
) -> list[Put]:
    """A server with its port, in one of the vendor's own regions by turns."""
    region = _REGIONS[place % len(_REGIONS)]
    flavor = next(flavor.id for flavor in region.flavors.values() if flavor.name == _FLAVOR)
    image = next(image["id"] for image in region.images.values() if image["name"] == _IMAGE)
    networks = Networks(store, machines, CloudSettings())
    network = store.rows("network")[public_network_id(region.name)]
    zone, groups = region.zones[0], [default_group_id(region.name)]
    port = networks.port_row(network, str(uuid.uuid4()), groups=groups, address=address, device=number, zone=zone)
    row = {
        **server_row(region.name, number, name, flavor, zone=zone, groups=groups),
        "status": "ACTIVE",
        "metadata": dict(labels),
        "_task": "",
        "_launched": moment(),
        "_image": image,
        "_ports": [port["id"]],
        "_addresses": networks.addresses([port]),
        "_address": address,
    }
    return [("server", number, row), ("port", port["id"], {**port, "status": "ACTIVE"})]
