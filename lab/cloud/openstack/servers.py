"""Servers: creation, power, locks, deletion, and how their states follow the machines behind them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from lab.cloud.faults import Faults
from lab.cloud.jobs import Jobs
from lab.cloud.openstack import catalog
from lab.cloud.openstack.answers import compute, invalid
from lab.cloud.openstack.networks import Networks, moment
from lab.cloud.openstack.orders import Orders, check_metadata, check_name
from lab.cloud.openstack.views import Views, vm_state
from lab.cloud.openstack.volumes import attached
from lab.cloud.ports import Machines, MachineSpec
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Key, Put, Store
from lab.cloud.wire import JsonObject

_DELETING = "deleting"
_NO_HOST = "No valid host was found. There are not enough hosts available."
# What an action is called in Nova's messages, the states from which it can be begun, and what it shows meanwhile.
_POWER: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "os-start": ("start", ("SHUTOFF",), "powering-on"),
    "os-stop": ("stop", ("ACTIVE", "ERROR"), "powering-off"),
    "reboot": ("reboot", ("ACTIVE", "SHUTOFF", "ERROR"), "rebooting"),
}


class Servers:
    """The servers of the project in all regions. Every state change is stored before anybody can see it."""

    def __init__(
        self,
        store: Store,
        machines: Machines,
        faults: Faults,
        views: Views,
        settings: CloudSettings,
        networks: Networks,
    ) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._views = views
        self._networks = networks
        self._orders = Orders(store, machines, faults, settings, networks)
        self.jobs = Jobs("ovhcloud server", self._failed)

    def get(self, region: str, number: str) -> JsonObject:
        """Give a server's row, or raise itemNotFound."""
        row = self._store.get("server", number)
        if row is None or row["region"] != region:
            raise compute(404, f"Instance {number} could not be found.")
        return row

    def of_region(self, region: str) -> list[JsonObject]:
        """Give all servers of a region, the newest first."""
        return [row for row in self._store.rows("server").values() if row["region"] == region][::-1]

    def create(self, region: str, body: JsonObject, hints: JsonObject, minor: int) -> tuple[JsonObject, str]:
        """Begin to build a server from the body of POST /servers; give its row and its password."""
        order = self._orders.order(region, body, hints, minor)
        row = order.row
        puts: list[Put] = [("server", row["id"], row), *order.puts]
        if order.user_data:
            puts.append(("user_data", row["id"], {"text": order.user_data}))
        self._store.write(puts)
        self.jobs.start(row["id"], self._built)
        return self.get(region, row["id"]), str(body.get("adminPass") or secrets.token_urlsafe(9))

    def rename(self, region: str, number: str, body: JsonObject) -> JsonObject:
        """Carry out PUT /servers/{id}."""
        row = self.get(region, number)
        changes: JsonObject = {}
        if "name" in body:
            changes["name"] = check_name(body["name"])
        if "description" in body:
            changes["_description"] = body["description"]
        return self._change(row, **changes)

    def set_metadata(self, region: str, number: str, metadata: object, replace: bool) -> dict[str, str]:
        """Carry out PUT (replace) or POST (merge) of a server's metadata and give all of it."""
        row = self.get(region, number)
        self._refuse_if_locked(row)
        self._refuse_unless_still(row, "update metadata", ("ACTIVE", "SHUTOFF"))
        given = check_metadata(metadata)
        merged = check_metadata(given if replace else {**row["metadata"], **given})
        self._change(row, metadata=merged)
        return merged

    def drop_metadata(self, region: str, number: str, key: str) -> None:
        """Take one key out of a server's metadata."""
        row = self.get(region, number)
        if key not in row["metadata"]:
            raise compute(404, "Metadata item was not found")
        self._refuse_if_locked(row)
        self._refuse_unless_still(row, "delete metadata", ("ACTIVE", "SHUTOFF"))
        self._change(row, metadata={name: value for name, value in row["metadata"].items() if name != key})

    def _change(self, row: JsonObject, **changes: object) -> JsonObject:
        changed = {**row, **changes, "updated": moment()}
        self._store.write([("server", row["id"], changed)])
        return changed

    # ---- actions and deletion

    def act(self, region: str, number: str, body: JsonObject) -> JsonObject | None:
        """Carry out POST /servers/{id}/action; give the body of its answer, if it has one."""
        row = self.get(region, number)
        if len(body) != 1:
            raise compute(400, "There is no such action: exactly one is expected")
        command, options = next(iter(body.items()))
        if command == "os-getConsoleOutput":
            return {"output": ""}
        if command == "lock":
            reason = options.get("locked_reason") if isinstance(options, dict) else None
            self._change(row, _locked=True, _locked_reason=reason)
        elif command == "unlock":
            self._change(row, _locked=False, _locked_reason=None)
        elif command in _POWER:
            self._power(row, command, options)
        else:
            raise compute(400, f"There is no such action: {command}")
        return None

    def _power(self, row: JsonObject, command: str, options: object) -> None:
        if command == "reboot" and (not isinstance(options, dict) or options.get("type") not in ("SOFT", "HARD")):
            raise invalid("reboot", options, "'type' is a required property")
        name, states, task = _POWER[command]
        self._refuse_if_locked(row)
        self._refuse_unless_still(row, name, states)
        status = "REBOOT" if command == "reboot" else row["status"]
        self._change(row, status=status, _task=task, _fault=None)
        jobs = {"os-start": self._booted, "os-stop": self._stopped, "reboot": self._rebooted}
        self.jobs.start(row["id"], jobs[command])

    @staticmethod
    def _refuse_if_locked(row: JsonObject) -> None:
        if row["_locked"]:
            raise compute(409, f"Instance {row['id']} is locked")

    @staticmethod
    def _refuse_unless_still(row: JsonObject, doing: str, states: tuple[str, ...]) -> None:
        """Raise unless the server is in one of the states and nothing is under way."""
        if row["status"] in states and not row["_task"]:
            return
        where = f"task_state {row['_task']}" if row["status"] in states else f"vm_state {vm_state(row)}"
        raise compute(409, f"Cannot '{doing}' instance {row['id']} while it is in {where}")

    def delete(self, region: str, number: str) -> None:
        """Begin to delete a server; it is listed until its machine is gone."""
        row = self.get(region, number)
        self._refuse_if_locked(row)
        if row["_task"] == _DELETING:
            return
        self._change(row, _task=_DELETING)
        self.jobs.start(number, self._destroyed)

    # ---- disks

    def attach(self, region: str, number: str, wanted: JsonObject) -> JsonObject:
        """Give a server a volume that exists, and the answer of POST os-volume_attachments."""
        row = self.get(region, number)
        self._refuse_if_locked(row)
        self._refuse_unless_still(row, "attach_volume", ("ACTIVE", "SHUTOFF"))
        volume = self._store.get("volume", wanted.get("volumeId"))
        if volume is None or volume["region"] != region:
            raise compute(404, f"Volume {wanted.get('volumeId')} could not be found.")
        if volume["attachments"]:
            raise compute(400, f"Invalid volume: volume {volume['id']} is already attached")
        device = str(wanted.get("device") or f"/dev/sd{'bcdefghijklmnopqrstuvwxyz'[len(row['_volumes']) % 25]}")
        entry = {"id": volume["id"], "delete_on_termination": bool(wanted.get("delete_on_termination"))}
        kept = {**volume, **attached(number, device)}
        changed = {**row, "_volumes": [*row["_volumes"], entry], "updated": moment()}
        self._store.write([("server", number, changed), ("volume", volume["id"], kept)])
        return self.attachments(region, number)[-1]

    def detach(self, region: str, number: str, volume_id: str) -> None:
        """Take a volume away from a server."""
        row = self.get(region, number)
        if volume_id not in [volume["id"] for volume in row["_volumes"]]:
            raise compute(404, f"Instance {number} is not attached to volume {volume_id}.")
        left = [volume for volume in row["_volumes"] if volume["id"] != volume_id]
        puts: list[Put] = [("server", number, {**row, "_volumes": left, "updated": moment()})]
        volume = self._store.get("volume", volume_id)
        if volume:
            puts.append(("volume", volume_id, {**volume, "status": "available", "attachments": []}))
        self._store.write(puts)

    def attachments(self, region: str, number: str) -> list[JsonObject]:
        """Show a server's volumes."""
        shown = []
        for entry in self.get(region, number)["_volumes"]:
            volume = self._store.get("volume", entry["id"])
            if volume:
                device = volume["attachments"][0]["device"] if volume["attachments"] else ""
                one = {"id": volume["id"], "volumeId": volume["id"], "serverId": number, "device": device}
                shown.append({**one, "tag": None, "delete_on_termination": entry["delete_on_termination"]})
        return shown

    # ---- what happens behind the answers

    def _failed(self, number: str, problem: BaseException) -> None:
        self._end(number, "ERROR", f"The machine failed: {problem}")

    def _finish(self, number: str, status: str, problem: str = "") -> None:
        """Show what a job reached, unless the server is on its way out meanwhile."""
        row = self._store.get("server", number)
        if row is not None and row["_task"] != _DELETING:
            self._end(number, status, problem)

    def _end(self, number: str, status: str, problem: str) -> None:
        row = self._store.get("server", number)
        if row is None:
            return
        fault = {"code": 500, "created": moment(), "message": problem} if problem else None
        launched = row["_launched"] or (moment() if status == "ACTIVE" else "")
        done = {**row, "status": status, "_task": "", "_fault": fault, "_launched": launched, "updated": moment()}
        ports = [("port", port["id"], {**port, "status": "ACTIVE"}) for port in self._ports(row) if status == "ACTIVE"]
        self._store.write([("server", number, done), *ports])

    def _ports(self, row: JsonObject) -> list[JsonObject]:
        found = [self._store.get("port", number) for number in row["_ports"]]
        return [port for port in found if port and port["device_id"] == row["id"]]

    async def _built(self, number: str) -> None:
        if self._store.rows("server")[number]["_homeless"]:
            self._finish(number, "ERROR", _NO_HOST)
            return
        await self._booted(number)

    async def _booted(self, number: str) -> None:
        row = self._store.rows("server")[number]
        if row["_task"] == _DELETING:
            return
        flavor = catalog.REGIONS[row["region"]].flavors[row["_flavor"]].name
        if self._faults.on_server(catalog.NAME, "boot-stall", flavor, row["region"]):
            return
        if self._faults.on_server(catalog.NAME, "boot-error", flavor, row["region"]):
            self._finish(number, "ERROR", f"Build of instance {number} aborted: the guest could not be started")
            return
        if row["_task"] == "scheduling":
            self._store.write([("server", number, {**row, "_task": "spawning"})])
        await self._machines.boot(self.machine(row))
        self._finish(number, "ACTIVE")

    async def _rebooted(self, number: str) -> None:
        await self._machines.power_off(number)
        await self._booted(number)

    async def _stopped(self, number: str) -> None:
        await self._machines.power_off(number)
        self._finish(number, "SHUTOFF")

    async def _destroyed(self, number: str) -> None:
        await self._machines.destroy(number)
        self._machines.release(number)
        row = self._store.rows("server")[number]
        puts: list[Put] = []
        gone: list[Key] = [("server", number), ("user_data", number)]
        for port in self._ports(row):
            if port["_nova"]:
                gone.append(("port", port["id"]))
                self._machines.release(port["id"])
            else:
                free = {**port, "device_id": "", "device_owner": "", "status": "DOWN"}
                puts.append(("port", port["id"], free))
        doomed = {entry["id"] for entry in row["_volumes"] if entry["delete_on_termination"]}
        for entry in row["_volumes"]:
            volume = self._store.get("volume", entry["id"])
            if volume and entry["id"] in doomed:
                gone.append(("volume", entry["id"]))
            elif volume:
                puts.append(("volume", entry["id"], {**volume, "status": "available", "attachments": []}))
        lost = {number for kind, number in gone if kind == "port"}
        for ip in self._store.rows("floating_ip").values():
            if ip["port_id"] in lost:
                puts.append(("floating_ip", ip["id"], {**ip, "port_id": None, "fixed_ip_address": None}))
        self._store.write(puts, gone)
        self._views.forget(number)

    def refresh(self, server_id: str) -> None:
        """Show the addresses and groups that a server's ports have now; ids of other things are ignored."""
        row = self._store.get("server", server_id)
        if row is not None:
            ports = self._ports(row)
            groups = list(dict.fromkeys(group for port in ports for group in port["security_groups"]))
            self._change(row, _addresses=self._networks.addresses(ports), _groups=groups)

    def user_data(self, number: str) -> str:
        """Give a server's user data as text."""
        row = self._store.get("user_data", number)
        return row["text"] if row else ""

    def machine(self, row: JsonObject) -> MachineSpec:
        """Say what machine stands behind a server."""
        flavor = catalog.REGIONS[row["region"]].flavors[row["_flavor"]]
        return MachineSpec(
            id=row["id"],
            name=row["name"],
            provider=catalog.NAME,
            zone=row["region"],
            cpus=flavor.vcpus,
            memory_gib=flavor.memory_gib,
            address=row["_address"],
            user_data=self.user_data(row["id"]),
        )

    async def restore(self) -> None:
        """After a start: running servers follow their machines; what was under way goes on."""
        for number, row in list(self._store.rows("server").items()):
            running = self._machines.running(number)
            if row["_task"] == _DELETING:
                self.jobs.start(number, self._destroyed)
            elif row["_task"] == "powering-off":
                self.jobs.start(number, self._stopped)
            elif row["_task"] and running:
                self._finish(number, "ACTIVE")
            elif row["status"] == "BUILD":
                self.jobs.start(number, self._built)
            elif row["_task"]:
                self.jobs.start(number, self._booted)
            elif row["status"] == "ACTIVE" and not running:
                self._finish(number, "SHUTOFF")

    async def close(self) -> None:
        """Stop the jobs; they go on after the next start."""
        await self.jobs.close()
