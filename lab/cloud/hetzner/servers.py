"""Servers: creation, power, deletion, and how their states follow the machines behind them."""

from __future__ import annotations

import secrets

from lab.cloud.faults import Faults
from lab.cloud.hetzner import actions, catalog, labels
from lab.cloud.hetzner.answers import failure, missing
from lab.cloud.hetzner.networks import attachment
from lab.cloud.hetzner.orders import Orders
from lab.cloud.hetzner.views import Views
from lab.cloud.jobs import Jobs
from lab.cloud.ports import Machines, MachineSpec
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

_CHANGING = ("initializing", "starting", "stopping", "deleting")


class Servers:
    """The servers of the project. Every state change is stored before anybody can see it."""

    def __init__(self, store: Store, machines: Machines, faults: Faults, views: Views) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._views = views
        self._orders = Orders(store, machines, faults)
        self.jobs = Jobs("hetzner server", self._failed)

    def get(self, number: object) -> JsonObject:
        """Give a server's row, or raise not_found."""
        row = self._store.get("server", number)
        if row is None:
            raise missing("server", number)
        return row

    def create(self, body: JsonObject) -> JsonObject:
        """Create a server from the body of POST /servers and give the body of the answer."""
        row, puts = self._orders.rows(body)
        number = row["id"]
        first = actions.begun(self._store, "create_server", ("server", number))
        following = [actions.begun(self._store, "start_server", ("server", number))] if row["start"] else []
        row["doing"] = [action["id"] for action in (first, *following)]
        begun = [actions.put(action) for action in (first, *following)]
        self._store.write([("server", str(number), row), *puts, *begun])
        self._begin_boot(row)
        return {
            "server": self._views.server(row),
            "action": first,
            "next_actions": following,
            "root_password": None if body.get("ssh_keys") else secrets.token_urlsafe(12),
        }

    def update(self, number: str, body: JsonObject) -> JsonObject:
        """Rename or relabel a server."""
        row = dict(self.get(number))
        if "name" in body:
            row["name"] = self._orders.free_name(body["name"], row["id"])
        if "labels" in body:
            row["labels"] = labels.checked(body["labels"])
        self._store.write([("server", number, row)])
        return row

    def act(self, number: str, command: str, body: JsonObject) -> JsonObject:
        """Carry out POST /servers/{id}/actions/{command} and give the action."""
        row = self.get(number)
        if command == "change_protection":
            return self._done(self._protected(row, body), "change_protection")
        if row["doing"]:
            raise failure("locked", "server is locked")
        if command in ("attach_to_network", "detach_from_network"):
            return self._done(self._networked(row, command, body), command)
        if command in ("add_to_placement_group", "remove_from_placement_group"):
            return self._done(self._grouped(row, command, body), command)
        if command not in _POWER:
            raise failure("not_found", f"action {command} not found")
        return self._power(row, command)

    def _done(self, row: JsonObject, command: str) -> JsonObject:
        action = actions.ended(actions.begun(self._store, command, ("server", row["id"])))
        self._store.write([("server", str(row["id"]), row), actions.put(action)])
        return action

    def _protected(self, row: JsonObject, body: JsonObject) -> JsonObject:
        wanted = {key: bool(body[key]) for key in ("delete", "rebuild") if key in body}
        merged = {**row["protection"], **wanted}
        if merged["delete"] != merged["rebuild"]:
            raise failure("invalid_input", "delete and rebuild protection must have the same value")
        return {**row, "protection": merged}

    def _networked(self, row: JsonObject, command: str, body: JsonObject) -> JsonObject:
        others = [net for net in row["private_net"] if net["network"] != body.get("network")]
        if command == "detach_from_network":
            return {**row, "private_net": others}
        if len(others) != len(row["private_net"]):
            raise failure("conflict", "server already attached to network", status=409)
        return {**row, "private_net": [*others, self._joined(row, body)]}

    def _joined(self, row: JsonObject, body: JsonObject) -> JsonObject:
        return attachment(self._store, body.get("network"), body.get("ip"), row["location"])

    def _grouped(self, row: JsonObject, command: str, body: JsonObject) -> JsonObject:
        if command == "remove_from_placement_group":
            return {**row, "placement_group": None}
        if row["status"] != "off":
            raise failure("invalid_input", "server must be stopped")
        self._orders.check_group(body.get("placement_group") or 0)
        return {**row, "placement_group": body["placement_group"]}

    def _power(self, row: JsonObject, command: str) -> JsonObject:
        name, goal = _POWER[command]
        action = actions.begun(self._store, name, ("server", row["id"]))
        if row["status"] == goal and command not in ("reboot", "reset"):
            action = actions.ended(action)
            self._store.write([actions.put(action)])
            return action
        status = "stopping" if goal == "off" else "starting"
        changing = {**row, "status": status, "doing": [action["id"]]}
        self._store.write([("server", str(row["id"]), changing), actions.put(action)])
        number = str(row["id"])
        boot = self._restarted if row["status"] == "running" else self._booted
        self.jobs.start(number, self._stopped if goal == "off" else boot)
        return action

    # ---- deletion

    def delete(self, number: str) -> JsonObject:
        """Begin to delete a server and give the action."""
        row = self.get(number)
        if row["protection"]["delete"]:
            raise failure("protected", "server deletion is protected")
        if row["status"] == "deleting":
            raise failure("locked", "server is locked")
        action = actions.begun(self._store, "delete_server", ("server", row["id"]))
        left = [actions.ended(known, _ABORTED) for known in self._doing(row)]
        gone = {**row, "status": "deleting", "doing": [action["id"]]}
        self._store.write([("server", number, gone), *[actions.put(known) for known in (*left, action)]])
        self.jobs.start(number, self._destroyed)
        return action

    def _doing(self, row: JsonObject) -> list[JsonObject]:
        found = [self._store.get(actions.KIND, number) for number in row["doing"]]
        return [action for action in found if action and action["status"] == "running"]

    # ---- what happens behind the answers

    def _failed(self, number: str, problem: BaseException) -> None:
        self._end(number, "off", {"code": "server_error", "message": f"the machine failed: {problem}"})

    def _finish(self, number: str, status: str, error: JsonObject | None = None) -> None:
        """Show what a power job reached, unless the server is on its way out meanwhile."""
        row = self._store.get("server", number)
        if row is not None and row["status"] != "deleting":
            self._end(number, status, error)

    def _end(self, number: str, status: str, error: JsonObject | None) -> None:
        row = self._store.get("server", number)
        if row is None:
            return
        ended = [actions.put(actions.ended(action, error)) for action in self._doing(row)]
        self._store.write([("server", number, {**row, "status": status, "doing": []}), *ended])

    def _begin_boot(self, row: JsonObject) -> None:
        number = str(row["id"])
        self.jobs.start(number, self._booted if row["start"] else self._installed)

    async def _installed(self, number: str) -> None:
        self._finish(number, "off")

    async def _booted(self, number: str) -> None:
        row = self.get(number)
        if row["status"] == "deleting":
            return
        if self._faults.on_server(catalog.NAME, "boot-stall", row["server_type"], row["location"]):
            return
        if self._faults.on_server(catalog.NAME, "boot-error", row["server_type"], row["location"]):
            self._finish(number, "off", {"code": "server_error", "message": "the server could not be started"})
            return
        await self._machines.boot(self.machine(row))
        self._finish(number, "running")

    async def _restarted(self, number: str) -> None:
        await self._machines.power_off(number)
        await self._booted(number)

    async def _stopped(self, number: str) -> None:
        await self._machines.power_off(number)
        self._finish(number, "off")

    async def _destroyed(self, number: str) -> None:
        await self._machines.destroy(number)
        row = self.get(number)
        addresses = [self._store.get("primary_ip", row[family]["id"]) for family in ("ipv4", "ipv6") if row[family]]
        volumes = [self._store.get("volume", volume) for volume in row["volumes"]]
        kept = [
            ("primary_ip", str(ip["id"]), {**ip, "assignee_id": None})
            for ip in addresses
            if ip and not ip["auto_delete"]
        ]
        freed = [("volume", str(volume["id"]), {**volume, "server": None}) for volume in volumes if volume]
        floating = [ip for ip in self._store.rows("floating_ip").values() if ip["server"] == row["id"]]
        freed += [("floating_ip", str(ip["id"]), {**ip, "server": None}) for ip in floating]
        gone = [("primary_ip", str(ip["id"])) for ip in addresses if ip and ip["auto_delete"]]
        ended = [actions.put(actions.ended(action)) for action in self._doing(row)]
        self._machines.release(number)
        self._store.write([*kept, *freed, *ended], [("server", number), ("user_data", number), *gone])
        self._views.forget(number)

    def machine(self, row: JsonObject) -> MachineSpec:
        """Say what machine stands behind a server."""
        server_type = catalog.SERVER_TYPES[row["server_type"]]
        user_data = self._store.get("user_data", row["id"])
        return MachineSpec(
            id=str(row["id"]),
            name=row["name"],
            provider=catalog.NAME,
            zone=row["location"],
            cpus=server_type["cores"],
            memory_gib=int(server_type["memory"]),
            address=row["address"],
            user_data=user_data["text"] if user_data else "",
        )

    async def restore(self) -> None:
        """After a start: running servers follow their machines; what was under way goes on."""
        for number, row in list(self._store.rows("server").items()):
            running = self._machines.running(number)
            if row["status"] == "deleting":
                self.jobs.start(number, self._destroyed)
            elif row["status"] == "stopping":
                self.jobs.start(number, self._stopped)
            elif row["status"] in _CHANGING and not running:
                self._begin_boot({**row, "start": row["start"] or row["status"] == "starting"})
            elif row["status"] in _CHANGING:
                self._finish(number, "running")
            elif row["status"] == "running" and not running:
                self._finish(number, "off")

    async def close(self) -> None:
        """Stop the jobs; they go on after the next start."""
        await self.jobs.close()


_ABORTED: JsonObject = {"code": "action_failed", "message": "the server was deleted"}
_POWER = {
    "poweron": ("start_server", "running"),
    "poweroff": ("stop_server", "off"),
    "shutdown": ("shutdown_server", "off"),
    "reboot": ("reboot_server", "running"),
    "reset": ("reset_server", "running"),
}
