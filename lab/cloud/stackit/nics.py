"""Network interfaces.

A machine of the lab has one address. It is that of the server's first interface, and a public IP that is attached to
the interface shows it too.
"""

from __future__ import annotations

import secrets
import uuid

from lab.cloud.ports import Machines
from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import conflict, failure, now
from lab.cloud.stackit.groups import default_security_group
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.public_ips import PublicIps
from lab.cloud.stackit.rows import addressless, find, named, public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject


def new_nic(region: str, network: str, address: str, groups: list[str], automatic: bool) -> JsonObject:
    """A new interface; `automatic` ones come and go with their server. The caller writes it."""
    return {
        "id": str(uuid.uuid4()),
        "name": None,
        "description": None,
        "networkId": network,
        "mac": "fa:16:3e:" + secrets.token_bytes(3).hex(":"),
        "ipv4": address,
        "nicSecurity": True,
        "securityGroups": groups,
        "allowedAddresses": [],
        "labels": {},
        "device": None,
        "status": "DOWN",
        "type": "none",
        "createdAt": now(),
        "updatedAt": now(),
        "_region": region,
        "_automatic": automatic,
        "_public_ip": "",
    }


class Nics:
    """Create, change and delete; servers attach and detach them."""

    def __init__(self, store: Store, machines: Machines, ips: PublicIps) -> None:
        self._store = store
        self._machines = machines
        self._ips = ips

    def view(self, nic: JsonObject) -> JsonObject:
        """Show one interface."""
        shown = public(nic)
        if addressless(self._store, nic):
            del shown["mac"], shown["ipv4"]
        return shown

    def create(self, region: str, network: str, body: JsonObject) -> JsonObject:
        """Create an interface without a server; its address comes from the machines' range."""
        find(self._store, "network", region, network)
        nic = new_nic(region, network, "", self._groups(region, body), False)
        nic |= {
            "name": named(body) if body.get("name") else None,
            "description": body.get("description"),
            "labels": merged({}, body.get("labels")),
            "nicSecurity": body.get("nicSecurity", True),
            "allowedAddresses": list(body.get("allowedAddresses") or []),
            "ipv4": self._machines.reserve(catalog.NAME, nic["id"]),
        }
        self._store.write([("nic", nic["id"], nic)])
        return nic

    def _groups(self, region: str, body: JsonObject) -> list[str]:
        wanted = body.get("securityGroups")
        if wanted is None:
            return [default_security_group(region)]
        return [find(self._store, "security_group", region, number)["id"] for number in wanted]

    def find(self, region: str, network: str, number: str) -> JsonObject:
        """Give an interface of a network."""
        nic = find(self._store, "nic", region, number)
        if nic["networkId"] != network:
            raise failure(404, f"network interface {number} not found in network {network}")
        return nic

    def update(self, region: str, network: str, number: str, body: JsonObject) -> JsonObject:
        """Change what a client may change of an interface."""
        nic = self.find(region, network, number)
        changed = {**nic, "labels": merged(nic["labels"], body.get("labels")), "updatedAt": now()}
        changed |= {
            field: body[field] for field in ("name", "description", "nicSecurity", "allowedAddresses") if field in body
        }
        if body.get("securityGroups") is not None:
            changed["securityGroups"] = self._groups(region, body)
        self._store.write([("nic", number, changed)])
        return changed

    def delete(self, region: str, network: str, number: str) -> None:
        """Delete an interface that no server uses."""
        nic = self.find(region, network, number)
        if nic["device"]:
            raise conflict(f"network interface {number} is in use by server {nic['device']}")
        self._store.write(self._ips.freed(nic), [("nic", number)])
        self._machines.release(number)
