"""Servers: order, power, deletion, and how their states follow the machines behind them."""

from __future__ import annotations

from lab.cloud.faults import Faults
from lab.cloud.jobs import Jobs
from lab.cloud.ports import Machines, MachineSpec
from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import conflict, failure, now
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.orders import Orders, server_name
from lab.cloud.stackit.public_ips import PublicIps
from lab.cloud.stackit.requests import request_for
from lab.cloud.stackit.rows import find
from lab.cloud.stackit.views import Views
from lab.cloud.stackit.volumes import freed
from lab.cloud.store import Key, Put, Store
from lab.cloud.wire import JsonObject

_MIB_PER_GIB = 1024
_NO_ROOM = "No valid host was found. There are not enough hosts available."
_BOOT_FAILED = "Build of instance aborted: the server did not boot."
_RUNNING = ("ACTIVE", "RUNNING")
_COMMANDS = {
    "start": (("INACTIVE", "DEALLOCATED"), "STARTING"),
    "stop": (("ACTIVE",), "STOPPING"),
    "deallocate": (("ACTIVE", "INACTIVE"), "DEALLOCATING"),
    "reboot": (("ACTIVE",), "REBOOTING"),
}
"""By command: the states in which it is taken, and the one that it leads to first."""


class Servers:
    """The servers of the project in all regions. Every state change is stored before anybody can see it."""

    def __init__(self, store: Store, machines: Machines, faults: Faults, ips: PublicIps, views: Views) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._ips = ips
        self._views = views
        self._orders = Orders(store, machines, faults)
        self.jobs = Jobs("stackit server", self._failed)

    def get(self, region: str, number: str) -> JsonObject:
        """Give a server's row, or raise 404."""
        return find(self._store, "server", region, number)

    def create(self, region: str, body: JsonObject) -> tuple[JsonObject, str]:
        """Take the body of POST servers; give the new server's row and the id of the request."""
        row, puts = self._orders.rows(region, body)
        request = request_for(region, "CREATE", "server", row["id"])
        self._store.write([("server", row["id"], row), *puts, request])
        self.jobs.start(row["id"], self._booted)
        return self._store.rows("server")[row["id"]], request[1]

    def update(self, region: str, number: str, body: JsonObject) -> JsonObject:
        """Change name, labels or metadata."""
        row = self.get(region, number)
        changed = {**row, "labels": merged(row["labels"], body.get("labels")), "updatedAt": now()}
        if "name" in body:
            changed["name"] = server_name(body["name"])
        if isinstance(body.get("metadata"), dict):
            changed["metadata"] = body["metadata"]
        self._store.write([("server", number, changed)])
        return changed

    def act(self, region: str, number: str, command: str) -> None:
        """Take start, stop, deallocate or reboot."""
        row = self.get(region, number)
        allowed, status = _COMMANDS[command]
        if row["status"] not in allowed:
            raise conflict(f"Cannot '{command}' instance {number} while it is in status {row['status']}")
        lacking = row["status"] == "DEALLOCATED" and self._no_room(row)
        self._store.write([("server", number, {**row, "status": status, "_lacking": lacking, "updatedAt": now()})])
        jobs = {"start": self._booted, "reboot": self._rebooted}
        self.jobs.start(number, jobs.get(command, self._stopped))

    def _no_room(self, row: JsonObject) -> bool:
        hit = catalog.fault_on(self._faults, "capacity", row["machineType"], row["availabilityZone"])
        return hit is not None

    def delete(self, region: str, number: str) -> str:
        """Delete a server; give the id of the request. There is no protection against it."""
        row = self.get(region, number)
        request = request_for(region, "DELETE", "server", number)
        self._store.write([("server", number, {**row, "status": "DELETING", "updatedAt": now()}), request])
        if row["status"] != "DELETING":
            self.jobs.start(number, self._deleted)
        return request[1]

    # ---- interfaces and groups

    def join_nic(self, region: str, number: str, nic_id: str) -> None:
        """Attach a free interface to a server."""
        row, nic = self.get(region, number), find(self._store, "nic", region, nic_id)
        if nic["device"]:
            raise conflict(f"network interface {nic_id} is in use by server {nic['device']}")
        joined = {**nic, "device": number, "type": "server", "status": "ACTIVE", "updatedAt": now()}
        self._store.write([("server", number, {**row, "_nics": [*row["_nics"], nic_id]}), ("nic", nic_id, joined)])

    def leave_nic(self, region: str, number: str, nic_id: str) -> None:
        """Take an interface from a server; one that came with the server is gone then."""
        row, nic = self.get(region, number), find(self._store, "nic", region, nic_id)
        if nic_id not in row["_nics"]:
            raise failure(404, f"network interface {nic_id} is not attached to server {number}")
        puts, deletes = self._parted([nic])
        rest = [one for one in row["_nics"] if one != nic_id]
        self._store.write([("server", number, {**row, "_nics": rest}), *puts], deletes)

    def _parted(self, nics: list[JsonObject]) -> tuple[list[Put], list[Key]]:
        """Give what to write when a server parts from interfaces."""
        puts: list[Put] = []
        deletes: list[Key] = []
        for nic in nics:
            if nic["_automatic"]:
                puts += self._ips.freed(nic)
                deletes.append(("nic", nic["id"]))
            else:
                alone = {**nic, "device": None, "type": "none", "status": "DOWN", "updatedAt": now()}
                puts.append(("nic", nic["id"], alone))
        return puts, deletes

    def set_group(self, region: str, number: str, group: str, wanted: bool) -> None:
        """Add a security group to all interfaces of a server, or take it away."""
        row = self.get(region, number)
        find(self._store, "security_group", region, group)
        nics = [self._store.rows("nic")[one] for one in row["_nics"]]
        if not wanted and not any(group in nic["securityGroups"] for nic in nics):
            raise failure(404, f"security group {group} is not assigned to server {number}")
        others = {nic["id"]: [one for one in nic["securityGroups"] if one != group] for nic in nics}
        end = [group] if wanted else []
        self._store.write([("nic", nic["id"], {**nic, "securityGroups": [*others[nic["id"]], *end]}) for nic in nics])

    # ---- what happens behind the answers

    def _failed(self, number: str, problem: BaseException) -> None:
        """Show that a job came to nothing; a server in ERROR can be deleted, even when that is what failed."""
        row = self._store.get("server", number)
        if row is not None:
            self._end(row, "ERROR", "ERROR", str(problem))

    def _finish(self, number: str, status: str, power: str, message: str | None = None) -> None:
        """Show what a job reached, unless the server is on its way out meanwhile."""
        row = self._store.get("server", number)
        if row is not None and row["status"] != "DELETING":
            self._end(row, status, power, message)

    def _end(self, row: JsonObject, status: str, power: str, message: str | None) -> None:
        done = {**row, "status": status, "powerStatus": power, "errorMessage": message, "updatedAt": now()}
        puts: list[Put] = []
        if status == "ACTIVE" and row["launchedAt"] is None:
            done["launchedAt"] = now()
            nics = [self._store.rows("nic")[one] for one in row["_nics"]]
            volumes = [self._store.rows("volume")[one] for one in row["volumes"]]
            puts += [("nic", nic["id"], {**nic, "status": "ACTIVE"}) for nic in nics]
            puts += [("volume", volume["id"], {**volume, "status": "ATTACHED"}) for volume in volumes]
        self._store.write([("server", row["id"], done), *puts])

    async def _booted(self, number: str) -> None:
        row = self._store.rows("server")[number]
        if row["status"] == "DELETING":
            return
        if row["_lacking"]:
            self._finish(number, "ERROR", "ERROR", _NO_ROOM)
            return
        if catalog.fault_on(self._faults, "boot-stall", row["machineType"], row["availabilityZone"]):
            return
        if catalog.fault_on(self._faults, "boot-error", row["machineType"], row["availabilityZone"]):
            self._finish(number, "ERROR", "CRASHED", _BOOT_FAILED)
            return
        await self._machines.boot(self.machine(row))
        self._finish(number, *_RUNNING)

    async def _rebooted(self, number: str) -> None:
        await self._machines.power_off(number)
        await self._booted(number)

    async def _stopped(self, number: str) -> None:
        deallocating = self._store.rows("server")[number]["status"] == "DEALLOCATING"
        await self._machines.power_off(number)
        self._finish(number, "DEALLOCATED" if deallocating else "INACTIVE", "STOPPED")

    async def _deleted(self, number: str) -> None:
        await self._machines.destroy(number)
        row = self._store.rows("server")[number]
        puts, deletes = self._parted([self._store.rows("nic")[one] for one in row["_nics"]])
        for volume in (self._store.rows("volume")[one] for one in row["volumes"]):
            if volume["_ends_with_server"]:
                deletes.append(("volume", volume["id"]))
            else:
                puts.append(("volume", volume["id"], freed(volume)))
        self._store.write(puts, [("server", number), ("user_data", number), *deletes])
        self._machines.release(number)
        self._views.forget(number)

    def machine(self, row: JsonObject) -> MachineSpec:
        """Say what machine stands behind a server."""
        machine_type = catalog.MACHINE_TYPES[row["machineType"]]
        user_data = self._store.get("user_data", row["id"])
        return MachineSpec(
            id=row["id"],
            name=row["name"],
            provider=catalog.NAME,
            zone=row["availabilityZone"],
            cpus=machine_type["vcpus"],
            memory_gib=max(1, machine_type["ram"] // _MIB_PER_GIB),
            address=row["_address"],
            user_data=user_data["text"] if user_data else "",
        )

    async def restore(self) -> None:
        """After a start: running servers follow their machines; what was under way goes on."""
        for number, row in list(self._store.rows("server").items()):
            status, running = row["status"], self._machines.running(number)
            if status == "DELETING":
                self.jobs.start(number, self._deleted)
            elif status in ("STOPPING", "DEALLOCATING"):
                self.jobs.start(number, self._stopped)
            elif status in ("CREATING", "STARTING", "REBOOTING") and running:
                self._finish(number, *_RUNNING)
            elif status in ("CREATING", "STARTING", "REBOOTING"):
                self.jobs.start(number, self._booted)
            elif status == "ACTIVE" and not running:
                self._finish(number, "INACTIVE", "STOPPED")

    async def close(self) -> None:
        """Stop the jobs; they go on after the next start."""
        await self.jobs.close()
