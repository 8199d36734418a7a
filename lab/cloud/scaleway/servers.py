"""Servers: creation in steps, power, deletion, user data, and how their states follow the machines behind them."""

from __future__ import annotations

import uuid

from lab.cloud.faults import Faults
from lab.cloud.jobs import Jobs
from lab.cloud.ports import Machines, MachineSpec
from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import invalid, precondition, refused, transient, unknown
from lab.cloud.scaleway.orders import Orders
from lab.cloud.scaleway.views import Views
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject, timestamp

_GIB = 1024**3
_CHANGING = ("starting", "stopping")


class Servers:
    """The servers of the project in all zones. Every state change is stored before anybody can see it."""

    def __init__(self, store: Store, machines: Machines, faults: Faults, views: Views, settings: CloudSettings) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._views = views
        self.orders = Orders(store, machines, faults, settings)
        self.jobs = Jobs("scaleway server", self._failed)

    def get(self, zone: str, number: str) -> JsonObject:
        """Give a server's row, or raise unknown_resource."""
        row = self._store.get("server", number)
        if row is None or row["zone"] != zone:
            raise unknown(number)
        return row

    def create(self, zone: str, body: JsonObject) -> JsonObject:
        """Create a stopped server from the body of POST servers."""
        row, puts = self.orders.rows(zone, body)
        self._store.write([("server", row["id"], row), *puts])
        return self.get(zone, row["id"])

    def update(self, zone: str, number: str, body: JsonObject) -> JsonObject:
        """Change name, tags, protection or groups."""
        row = dict(self.get(zone, number))
        for field in ("name", "tags", "protected", "dynamic_ip_required", "placement_group"):
            if field in body:
                row[field] = body[field]
        if body.get("security_group"):
            given = body["security_group"]
            row["security_group"] = given["id"] if isinstance(given, dict) else given
        row["modification_date"] = timestamp()
        self._store.write([("server", number, row)])
        return row

    # ---- user data

    def user_data(self, zone: str, number: str) -> dict[str, str]:
        """Give all user data of a server by key."""
        self.get(zone, number)
        row = self._store.get("user_data", number)
        return dict(row["texts"]) if row else {}

    def set_user_data(self, zone: str, number: str, key: str, text: str | None) -> None:
        """Set one key, or take it away with None."""
        texts = self.user_data(zone, number)
        if text is None:
            texts.pop(key, None)
        else:
            texts[key] = text
        self._store.write([("user_data", number, {"texts": texts})])

    # ---- power and deletion

    def act(self, zone: str, number: str, command: str) -> JsonObject:
        """Carry out POST servers/{id}/action and give the task."""
        row = self.get(zone, number)
        state = row["state"]
        if command not in ("poweron", "poweroff", "stop_in_place", "reboot", "terminate"):
            raise invalid("action", f"{command} is not a valid action")
        if state in _CHANGING and command != "terminate":
            raise transient(number, state)
        if command == "poweron" and state == "running":
            raise refused("server should be stopped")
        if command != "poweron" and state in ("stopped", "stopping"):
            raise refused("server should be running")
        if command in ("poweroff", "stop_in_place", "terminate") and row["protected"]:
            raise precondition("server is protected, remove the protection first")
        task = self._task(row, command)
        changing = {
            **row,
            "state": "starting" if command in ("poweron", "reboot") else "stopping",
            "state_detail": "allocating node" if command == "poweron" else "",
            "modification_date": timestamp(),
            "_task": task["id"],
            "_terminating": command == "terminate",
            "_in_place": command == "stop_in_place",
        }
        self._store.write([("server", number, changing), ("task", task["id"], task)])
        jobs = {"poweron": self._booted, "reboot": self._rebooted, "terminate": self._terminated}
        self.jobs.start(number, jobs.get(command, self._stopped))
        return task

    def _task(self, row: JsonObject, command: str) -> JsonObject:
        return {
            "id": str(uuid.uuid4()),
            "description": f"server_{command}",
            "status": "pending",
            "progress": 0,
            "href_from": f"/servers/{row['id']}/action",
            "href_result": f"/servers/{row['id']}",
            "started_at": timestamp(),
            "terminated_at": None,
            "zone": row["zone"],
        }

    def delete(self, zone: str, number: str) -> None:
        """Delete a stopped server; all its volumes and flexible IPs stay."""
        row = self.get(zone, number)
        if row["state"] in _CHANGING:
            raise transient(number, row["state"])
        if row["state"] != "stopped":
            raise refused("instance should be powered off")
        if row["protected"]:
            raise precondition("server is protected, remove the protection first")
        self._store.write([("leaving", number, {"zone": zone})])
        self._remove(row, False)
        self.jobs.start(number, self._left)

    # ---- what happens behind the answers

    def _failed(self, number: str, problem: BaseException) -> None:
        self._end(number, "stopped", "failure")

    def _finish(self, number: str, state: str, status: str = "success") -> None:
        """Show what a power job reached, unless the server is on its way out meanwhile."""
        row = self._store.get("server", number)
        if row is not None and not row["_terminating"]:
            self._end(number, state, status)

    def _end(self, number: str, state: str, status: str) -> None:
        row = self._store.get("server", number)
        if row is None:
            return
        detail = "booting kernel" if state == "running" else ""
        done = {**row, "state": state, "state_detail": detail, "modification_date": timestamp()}
        self._store.write(
            [("server", number, {**done, "_task": "", "_terminating": False}), *self._ended_task(row, status)]
        )

    def _ended_task(self, row: JsonObject, status: str) -> list[Put]:
        task = self._store.get("task", row["_task"])
        if task is None:
            return []
        return [("task", task["id"], {**task, "status": status, "progress": 100, "terminated_at": timestamp()})]

    async def _booted(self, number: str) -> None:
        row = self._store.rows("server")[number]
        if row["_terminating"]:
            return
        if self._faults.on_server(catalog.NAME, "boot-stall", row["commercial_type"], row["zone"]):
            return
        if self._faults.on_server(catalog.NAME, "boot-error", row["commercial_type"], row["zone"]):
            self._finish(number, "stopped", "failure")
            return
        await self._machines.boot(self.machine(row))
        self._finish(number, "running")

    async def _rebooted(self, number: str) -> None:
        await self._machines.power_off(number)
        await self._booted(number)

    async def _stopped(self, number: str) -> None:
        row = self._store.rows("server")[number]
        await self._machines.power_off(number)
        self._finish(number, "stopped in place" if row.get("_in_place") else "stopped")

    async def _left(self, number: str) -> None:
        """End the machine of a server that the API has forgotten already."""
        await self._machines.destroy(number)
        self._machines.release(number)
        self._store.write((), [("leaving", number)])

    async def _terminated(self, number: str) -> None:
        await self._machines.destroy(number)
        self._machines.release(number)
        self._remove(self._store.rows("server")[number], True)

    def _remove(self, row: JsonObject, with_local_volumes: bool) -> None:
        volumes = [volume for volume in self._store.rows("volume").values() if volume["_server"] == row["id"]]
        doomed = [volume for volume in volumes if with_local_volumes and volume["volume_type"] != "sbs_volume"]
        kept = [("volume", v["id"], {**v, "_server": ""}) for v in volumes if v not in doomed]
        addresses = [
            ("ip", ip["id"], {**ip, "_server": ""})
            for ip in self._store.rows("ip").values()
            if ip["_server"] == row["id"]
        ]
        nics = [nic for nic in self._store.rows("private_nic").values() if nic["server_id"] == row["id"]]
        private = [number for nic in nics for number in nic["ipam_ip_ids"]]
        self._store.write(
            [*kept, *addresses, *self._ended_task(row, "success")],
            [
                ("server", row["id"]),
                ("user_data", row["id"]),
                *[("volume", volume["id"]) for volume in doomed],
                *[("private_nic", nic["id"]) for nic in nics],
                *[("ipam_ip", number) for number in private],
            ],
        )
        self._views.forget(row["id"])

    def machine(self, row: JsonObject) -> MachineSpec:
        """Say what machine stands behind a server."""
        server_type = catalog.SERVER_TYPES[row["commercial_type"]]
        user_data = self._store.get("user_data", row["id"])
        return MachineSpec(
            id=row["id"],
            name=row["name"],
            provider=catalog.NAME,
            zone=row["zone"],
            cpus=server_type["ncpus"],
            memory_gib=max(1, server_type["ram"] // _GIB),
            address=row["_address"],
            user_data=user_data["texts"].get("cloud-init", "") if user_data else "",
        )

    async def restore(self) -> None:
        """After a start: running servers follow their machines; what was under way goes on."""
        for number in list(self._store.rows("leaving")):
            self.jobs.start(number, self._left)
        for number, row in list(self._store.rows("server").items()):
            running = self._machines.running(number)
            if row["_terminating"]:
                self.jobs.start(number, self._terminated)
            elif row["state"] == "stopping":
                self.jobs.start(number, self._stopped)
            elif row["state"] == "starting" and running:
                self._finish(number, "running")
            elif row["state"] == "starting":
                self.jobs.start(number, self._booted)
            elif row["state"] == "running" and not running:
                self._finish(number, "stopped")

    async def close(self) -> None:
        """Stop the jobs; they go on after the next start."""
        await self.jobs.close()
