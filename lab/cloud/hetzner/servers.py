"""Servers: validated creation, power, deletion, and how their states follow the machines behind them."""

from __future__ import annotations

import re
import secrets

from lab.cloud.faults import Faults
from lab.cloud.hetzner import actions, catalog, labels
from lab.cloud.hetzner.answers import failure, invalid, missing
from lab.cloud.hetzner.networks import attachment
from lab.cloud.hetzner.views import Views, ipv6_network
from lab.cloud.jobs import Jobs
from lab.cloud.ports import Machines, MachineSpec
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject, timestamp

_HOSTNAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_USER_DATA_LIMIT = 32 * 1024
_GROUP_LIMIT = 10
_CHANGING = ("initializing", "starting", "stopping", "deleting")


class Servers:
    """The servers of the project. Every state change is stored before anybody can see it."""

    def __init__(self, store: Store, machines: Machines, faults: Faults, views: Views) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._views = views
        self.jobs = Jobs("hetzner server", self._failed)

    def get(self, number: object) -> JsonObject:
        """Give a server's row, or raise not_found."""
        row = self._store.get("server", number)
        if row is None:
            raise missing("server", number)
        return row

    # ---- creation

    def create(self, body: JsonObject) -> JsonObject:
        """Create a server from the body of POST /servers and give the body of the answer."""
        server_type, location, image = self._offer(body)
        name = self._free_name(body.get("name"))
        given = labels.checked(body.get("labels"))
        user_data = body.get("user_data") or ""
        if not isinstance(user_data, str) or len(user_data.encode()) > _USER_DATA_LIMIT:
            raise invalid("user_data", "must be text of at most 32 KiB")
        references = self._references(body, location["name"])
        self._refuse_by_fault(server_type["name"], location["name"])
        number = self._store.allocate()
        address = self._machines.reserve(catalog.NAME, str(number))
        row: JsonObject = {
            "id": number,
            "name": name,
            "status": "initializing",
            "created": timestamp(),
            "server_type": server_type["name"],
            "location": location["name"],
            "image": image["id"],
            "labels": given,
            "address": address,
            "protection": {"delete": False, "rebuild": False},
            "primary_disk_size": server_type["disk"],
            "start": body.get("start_after_create", True) is not False,
            "doing": [],
            **references,
        }
        puts = self._addresses(row, body.get("public_net") or {})
        first = actions.begun(self._store, "create_server", ("server", number))
        following = [actions.begun(self._store, "start_server", ("server", number))] if row["start"] else []
        row["doing"] = [action["id"] for action in (first, *following)]
        puts += [actions.put(action) for action in (first, *following)]
        puts += self._claim_volumes(row)
        if user_data:
            puts.append(("user_data", str(number), {"text": user_data}))
        self._store.write([("server", str(number), row), *puts])
        self._begin_boot(row)
        return {
            "server": self._views.server(row),
            "action": first,
            "next_actions": following,
            "root_password": None if body.get("ssh_keys") else secrets.token_urlsafe(12),
        }

    def _offer(self, body: JsonObject) -> tuple[JsonObject, JsonObject, JsonObject]:
        for field in ("name", "server_type", "image"):
            if not body.get(field):
                raise invalid(field, "Missing data for required field.")
        server_type = catalog.find(catalog.SERVER_TYPES, body["server_type"])
        if server_type is None:
            raise failure("invalid_input", f"server type {body['server_type']} not found")
        wanted = body.get("location") or server_type["locations"][0]["name"]
        location = catalog.find(catalog.LOCATIONS, wanted)
        if location is None:
            raise failure("invalid_input", f"location {wanted} not found")
        sold = next((place for place in server_type["locations"] if place["name"] == location["name"]), None)
        if sold is None:
            raise failure("invalid_input", "unsupported location for server type")
        if sold["deprecation"]:
            raise failure("invalid_input", "server type is deprecated")
        image = catalog.image_for(body["image"], server_type["architecture"])
        if image is None:
            raise failure("invalid_input", f"image {body['image']} not found")
        if image["architecture"] != server_type["architecture"]:
            raise failure("invalid_input", "image is not compatible with the architecture of the server type")
        return server_type, location, image

    def _free_name(self, name: object, itself: int = 0) -> str:
        if not isinstance(name, str) or not _HOSTNAME.fullmatch(name) or len(name) > 253:
            raise invalid("name", "must be a valid hostname as per RFC 1123")
        if any(row["name"] == name and row["id"] != itself for row in self._store.rows("server").values()):
            raise failure("uniqueness_error", "server name is already used", {"fields": [{"name": "name"}]})
        return name

    def _references(self, body: JsonObject, location: str) -> JsonObject:
        for key in body.get("ssh_keys") or []:
            if not any(str(key) in (row["name"], str(row["id"])) for row in self._store.rows("ssh_key").values()):
                raise failure("invalid_input", f"SSH key {key} not found")
        firewalls = [entry.get("firewall") for entry in body.get("firewalls") or []]
        for kind, wanted in (("firewall", firewalls), ("volume", body.get("volumes") or [])):
            for number in wanted:
                if self._store.get(kind, number) is None:
                    raise missing(kind, number)
        for number in body.get("volumes") or []:
            volume = self._store.get("volume", number)
            if volume and (volume["location"] != location or volume["server"] is not None):
                raise failure("invalid_input", "volume is attached already or in another location")
        private: list[JsonObject] = []
        for number in body.get("networks") or []:
            private.append(attachment(self._store, number, None))
        group = body.get("placement_group")
        if group is not None:
            self._check_group(group)
        return {
            "firewalls": firewalls,
            "volumes": list(body.get("volumes") or []),
            "private_net": private,
            "placement_group": group,
        }

    def _check_group(self, number: int) -> None:
        if self._store.get("placement_group", number) is None:
            raise missing("placement group", number)
        members = sum(1 for row in self._store.rows("server").values() if row["placement_group"] == number)
        if members >= _GROUP_LIMIT:
            raise failure("resource_limit_exceeded", "placement group is full")

    def _refuse_by_fault(self, server_type: str, location: str) -> None:
        if self._faults.on_server(catalog.NAME, "quota", server_type, location):
            raise failure("resource_limit_exceeded", "server limit reached", {"limits": [{"name": "server_limit"}]})
        if self._faults.on_server(catalog.NAME, "retired-type", server_type, location):
            raise failure("invalid_input", "server type is deprecated")
        if self._faults.on_server(catalog.NAME, "capacity", server_type, location):
            raise failure("resource_unavailable", "error during placement")

    def _addresses(self, row: JsonObject, wanted: JsonObject) -> list[Put]:
        puts: list[Put] = []
        for family, address in (("ipv4", row["address"]), ("ipv6", ipv6_network(row["id"]))):
            row[family] = None
            if wanted.get(f"enable_{family}", True) is False:
                continue
            chosen = wanted.get(family)
            if chosen is not None:
                kept = self._store.get("primary_ip", chosen)
                if kept is None:
                    raise missing("primary ip", chosen)
                ip = {**kept, "assignee_id": row["id"]}
            else:
                ip = primary_ip(self._store.allocate(), family, address, row["location"], row["id"])
            row[family] = {"id": ip["id"], "ip": ip["ip"]}
            puts.append(("primary_ip", str(ip["id"]), ip))
        return puts

    def _claim_volumes(self, row: JsonObject) -> list[Put]:
        claimed = [self._store.get("volume", number) for number in row["volumes"]]
        return [("volume", str(volume["id"]), {**volume, "server": row["id"]}) for volume in claimed if volume]

    # ---- change

    def update(self, number: str, body: JsonObject) -> JsonObject:
        """Rename or relabel a server."""
        row = dict(self.get(number))
        if "name" in body:
            row["name"] = self._free_name(body["name"], row["id"])
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
        return {**row, "private_net": [*others, attachment(self._store, body.get("network"), body.get("ip"))]}

    def _grouped(self, row: JsonObject, command: str, body: JsonObject) -> JsonObject:
        if command == "remove_from_placement_group":
            return {**row, "placement_group": None}
        if row["status"] != "off":
            raise failure("invalid_input", "server must be stopped")
        self._check_group(body.get("placement_group") or 0)
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
        self.jobs.start(
            number, self._stopped(number) if goal == "off" else self._restarted(number, row["status"] == "running")
        )
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
        self.jobs.start(number, self._destroyed(number))
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
        self.jobs.start(number, self._booted(number) if row["start"] else self._installed(number))

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

    async def _restarted(self, number: str, was_running: bool) -> None:
        if was_running:
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
                self.jobs.start(number, self._destroyed(number))
            elif row["status"] == "stopping":
                self.jobs.start(number, self._stopped(number))
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


def primary_ip(number: int, family: str, address: str, location: str, server: int | None) -> JsonObject:
    """A primary IP that lives and dies with its server."""
    return {
        "id": number,
        "name": f"primary_ip-{number}",
        "ip": address,
        "type": family,
        "location": location,
        "assignee_id": server,
        "assignee_type": "server",
        "auto_delete": True,
        "created": timestamp(),
        "labels": {},
        "protection": {"delete": False},
    }
