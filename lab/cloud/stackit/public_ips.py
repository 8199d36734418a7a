"""Public IPs. One that is attached to an interface shows its address, one that is free shows an address of its own."""

from __future__ import annotations

import uuid

from lab.cloud.ports import Machines
from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import conflict, failure, now
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.rows import addressless, find, public
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject


def new_ip(region: str, nic: str | None) -> JsonObject:
    """A new public IP without an address of its own, attached to an interface or to nothing. The caller writes it."""
    return {
        "id": str(uuid.uuid4()),
        "labels": {},
        "networkInterface": nic,
        "createdAt": now(),
        "updatedAt": now(),
        "_region": region,
        "_address": "",
    }


class PublicIps:
    """Create, attach, move and give back."""

    def __init__(self, store: Store, machines: Machines) -> None:
        self._store = store
        self._machines = machines

    def view(self, row: JsonObject) -> JsonObject:
        """Show one public IP."""
        return {**public(row), "ip": self.address(row)}

    def address(self, row: JsonObject) -> str:
        """Give the address that a public IP shows."""
        nic = self._store.get("nic", row["networkInterface"]) if row["networkInterface"] else None
        return str(nic["ipv4"] if nic else row["_address"])

    def create(self, region: str, body: JsonObject) -> JsonObject:
        """Create a public IP, attached to an interface if the body names one."""
        labels = merged({}, body.get("labels"))
        nic = self._target(region, body["networkInterface"]) if body.get("networkInterface") else None
        row = {**new_ip(region, nic["id"] if nic else None), "labels": labels}
        puts: list[Put] = [("public_ip", row["id"], row)]
        if nic:
            puts.append(("nic", nic["id"], {**nic, "_public_ip": row["id"]}))
        else:
            row["_address"] = self._machines.reserve(catalog.NAME, row["id"])
        self._store.write(puts)
        return row

    def _target(self, region: str, number: str) -> JsonObject:
        """Give the interface that a public IP may be attached to."""
        nic = find(self._store, "nic", region, number)
        if nic["_public_ip"]:
            raise conflict(f"network interface {number} has a public ip already")
        if addressless(self._store, nic):
            raise failure(400, f"Cannot add floating IP to port {number} because it has no fixed IPv4 addresses")
        return nic

    def update(self, region: str, number: str, body: JsonObject) -> JsonObject:
        """Change labels, or move the IP to another interface (null takes it away)."""
        row = find(self._store, "public_ip", region, number)
        changed = {**row, "labels": merged(row["labels"], body.get("labels")), "updatedAt": now()}
        wanted = body.get("networkInterface", row["networkInterface"])
        puts: list[Put] = []
        if wanted != row["networkInterface"]:
            puts = self._moved(changed, self._target(region, wanted) if wanted else None)
        self._store.write([*puts, ("public_ip", number, changed)])
        return changed

    def attach(self, region: str, server: JsonObject, number: str) -> None:
        """Attach a public IP to a server's first interface."""
        row = find(self._store, "public_ip", region, number)
        if row["networkInterface"] in server["_nics"]:
            return
        if row["networkInterface"]:
            raise conflict(f"public ip {number} is in use")
        if not server["_nics"]:
            raise failure(400, f"server {server['id']} has no network interface")
        changed = {**row, "updatedAt": now()}
        puts = self._moved(changed, self._target(region, server["_nics"][0]))
        self._store.write([*puts, ("public_ip", number, changed)])

    def detach(self, region: str, server: JsonObject, number: str) -> None:
        """Take a public IP from a server."""
        row = find(self._store, "public_ip", region, number)
        if row["networkInterface"] not in server["_nics"]:
            raise failure(404, f"public ip {number} is not attached to server {server['id']}")
        self.update(region, number, {"networkInterface": None})

    def _moved(self, row: JsonObject, target: JsonObject | None) -> list[Put]:
        """Point a public IP at an interface or at nothing; give the interfaces that change with it."""
        puts: list[Put] = []
        if row["networkInterface"]:
            nic = self._store.rows("nic")[row["networkInterface"]]
            puts.append(("nic", nic["id"], {**nic, "_public_ip": ""}))
        if target:
            puts.append(("nic", target["id"], {**target, "_public_ip": row["id"]}))
        row["networkInterface"] = target and target["id"]
        if not target and not row["_address"]:
            row["_address"] = self._machines.reserve(catalog.NAME, row["id"])
        return puts

    def freed(self, nic: JsonObject) -> list[Put]:
        """Give what becomes of the public IP of an interface that goes: it stays, and costs money."""
        row = self._store.get("public_ip", nic["_public_ip"]) if nic["_public_ip"] else None
        if row is None:
            return []
        address = row["_address"] or self._machines.reserve(catalog.NAME, row["id"])
        return [("public_ip", row["id"], {**row, "networkInterface": None, "_address": address, "updatedAt": now()})]

    def delete(self, region: str, number: str) -> None:
        """Give a public IP back; its interface goes on without."""
        row = find(self._store, "public_ip", region, number)
        nic = self._store.get("nic", row["networkInterface"]) if row["networkInterface"] else None
        puts: list[Put] = [("nic", nic["id"], {**nic, "_public_ip": ""})] if nic else []
        self._store.write(puts, [("public_ip", number)])
        self._machines.release(number)
