"""Servers: creation in steps, power, deletion, user data, and how their states follow the machines behind them."""

from __future__ import annotations

import uuid

from lab.cloud.faults import Faults
from lab.cloud.jobs import Job, Jobs
from lab.cloud.ports import Machines, MachineSpec
from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import denied, invalid, precondition, refused, transient, unknown
from lab.cloud.scaleway.resources import default_security_group
from lab.cloud.scaleway.views import Views
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store
from lab.cloud.wire import ApiFailure, JsonObject, timestamp

_GIB = 1024**3
_ROOT_SIZE = 10_000_000_000
_CHANGING = ("starting", "stopping")


class Servers:
    """The servers of the project in all zones. Every state change is stored before anybody can see it."""

    def __init__(self, store: Store, machines: Machines, faults: Faults, views: Views, settings: CloudSettings) -> None:
        self._store = store
        self._machines = machines
        self._faults = faults
        self._views = views
        self._settings = settings
        self.jobs = Jobs("scaleway server", self._failed)

    def get(self, zone: str, number: str) -> JsonObject:
        """Give a server's row, or raise unknown_resource."""
        row = self._store.get("server", number)
        if row is None or row["zone"] != zone:
            raise unknown(number)
        return row

    # ---- creation and change

    def create(self, zone: str, body: JsonObject) -> JsonObject:
        """Create a stopped server from the body of POST servers."""
        server_type = body.get("commercial_type")
        if server_type not in catalog.SERVER_TYPES:
            raise invalid("commercial_type", f"{server_type} is not a valid commercial type in this zone")
        if body.get("project", self._settings.scaleway_project_id) != self._settings.scaleway_project_id:
            raise denied("write", "instance")
        if not isinstance(body.get("tags") or [], list) or not all(
            isinstance(tag, str) for tag in body.get("tags") or []
        ):
            raise invalid("tags", "must be a list of strings")
        image = self._image(zone, body.get("image"), server_type)
        self._refuse_by_fault(server_type, zone)
        number = str(uuid.uuid4())
        name = body.get("name") or f"srv-{number[:8]}"
        volumes = self._volumes(zone, number, name, server_type, image, body.get("volumes") or {})
        addresses = self._flexible(number, zone, body)
        group = body.get("security_group")
        now = timestamp()
        row: JsonObject = {
            "id": number,
            "name": name,
            "tags": list(body.get("tags") or []),
            "commercial_type": server_type,
            "arch": catalog.SERVER_TYPES[server_type]["arch"],
            "zone": zone,
            "state": "stopped",
            "state_detail": "",
            "creation_date": now,
            "modification_date": now,
            "protected": bool(body.get("protected")),
            "dynamic_ip_required": body.get("dynamic_ip_required", True) is not False,
            "volumes": {place: volume["id"] for place, volume in volumes.items()},
            "security_group": group or default_security_group(zone),
            "placement_group": body.get("placement_group"),
            "_image": image,
            "_ips": [ip["id"] for ip in addresses],
            "_address": addresses[0]["address"] if addresses else self._machines.reserve(catalog.NAME, number),
            "_task": "",
            "_terminating": False,
        }
        self._check_groups(group, row["placement_group"])
        puts: list[Put] = [("server", number, row)]
        puts += [("volume", volume["id"], volume) for volume in volumes.values()]
        puts += [("ip", ip["id"], ip) for ip in addresses]
        self._store.write(puts)
        return row

    def _image(self, zone: str, wanted: object, server_type: str) -> JsonObject | None:
        if not wanted:
            return None
        image = catalog.find_image(zone, wanted, server_type)
        if image is None:
            raise invalid("image", f"image {wanted} not found")
        if server_type not in image["compatible_commercial_types"]:
            raise invalid("image", f"image {wanted} is not compatible with {server_type}")
        return image

    def _refuse_by_fault(self, server_type: str, zone: str) -> None:
        if self._faults.on_server(catalog.NAME, "quota", server_type, zone):
            resource = f"compute_instances_type_{server_type.lower().replace('-', '_')}_available"
            raise refused("Quota exceeded for this resource.", 403, resource=resource)
        if self._faults.on_server(catalog.NAME, "retired-type", server_type, zone):
            raise invalid("commercial_type", f"{server_type} is not available anymore")
        if self._faults.on_server(catalog.NAME, "capacity", server_type, zone):
            body = {"type": "out_of_stock", "message": "resource is out of stock", "resource": "commercial_type"}
            raise ApiFailure(503, body)

    def _volumes(
        self, zone: str, server: str, name: str, server_type: str, image: JsonObject | None, wanted: JsonObject
    ) -> dict[str, JsonObject]:
        local = catalog.SERVER_TYPES[server_type]["local"]
        if not wanted and image:
            kind = "l_ssd" if image["type"] == "instance_local" else "sbs_volume"
            wanted = {"0": {"volume_type": kind, "size": local if kind == "l_ssd" else _ROOT_SIZE}}
        volumes: dict[str, JsonObject] = {}
        for place, given in wanted.items():
            if given.get("id"):
                kept = self._store.get("volume", given["id"])
                if kept is None or kept["zone"] != zone:
                    raise unknown(given["id"], "Volume")
                if kept["_server"]:
                    raise refused("volume is already attached to a server")
                volumes[place] = {**kept, "_server": server}
                continue
            kind = given.get("volume_type") or ("l_ssd" if local else "sbs_volume")
            volumes[place] = self.volume(zone, given.get("name") or f"{name}-{place}", given.get("size"), kind, server)
        used = sum(volume["size"] for volume in volumes.values() if volume["volume_type"] == "l_ssd")
        if used > local:
            raise invalid("volumes", f"the total size of local volumes must be at most {local} bytes")
        return volumes

    def volume(self, zone: str, name: str, size: object, kind: str, server: str = "") -> JsonObject:
        """A new volume; the caller writes it."""
        if kind not in ("l_ssd", "sbs_volume", "b_ssd", "scratch"):
            raise invalid("volume_type", f"{kind} is not a valid volume type")
        now = timestamp()
        return {
            "id": str(uuid.uuid4()),
            "name": name,
            "size": int(str(size or _ROOT_SIZE)),
            "volume_type": kind,
            "organization": self._settings.scaleway_organization_id,
            "project": self._settings.scaleway_project_id,
            "export_uri": None,
            "creation_date": now,
            "modification_date": now,
            "state": "available",
            "tags": [],
            "zone": zone,
            "_server": server,
        }

    def _flexible(self, server: str, zone: str, body: JsonObject) -> list[JsonObject]:
        wanted = list(body.get("public_ips") or ([body["public_ip"]] if body.get("public_ip") else []))
        rows: list[JsonObject] = []
        for number in wanted:
            ip = self._store.get("ip", number)
            if ip is None or ip["zone"] != zone:
                raise unknown(number, "IP")
            if ip["_server"]:
                raise refused("ip is already attached to a server")
            rows.append({**ip, "_server": server})
        return rows

    def _check_groups(self, security: str | None, placement: str | None) -> None:
        if security and self._store.get("security_group", security) is None:
            raise unknown(security, "Security group")
        if placement and self._store.get("placement_group", placement) is None:
            raise unknown(placement, "Placement group")

    def update(self, zone: str, number: str, body: JsonObject) -> JsonObject:
        """Change name, tags, protection or groups."""
        row = dict(self.get(zone, number))
        for field in ("name", "tags", "protected", "dynamic_ip_required", "placement_group"):
            if field in body:
                row[field] = body[field]
        if body.get("security_group"):
            given = body["security_group"]
            row["security_group"] = given["id"] if isinstance(given, dict) else given
        if isinstance(body.get("public_ips"), list):
            row["_ips"] = [ip["id"] if isinstance(ip, dict) else ip for ip in body["public_ips"]]
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
        self.jobs.start(number, self._job(command, number))
        return task

    def _task(self, row: JsonObject, command: str) -> JsonObject:
        return {
            "id": str(uuid.uuid4()),
            "description": f"server_{_TASKS[command]}",
            "status": "pending",
            "progress": 0,
            "href_from": f"/servers/{row['id']}/action",
            "href_result": f"/servers/{row['id']}",
            "started_at": timestamp(),
            "terminated_at": None,
            "zone": row["zone"],
        }

    def _job(self, command: str, number: str) -> Job:
        if command in ("poweron", "reboot"):
            return self._booted(number, command == "reboot")
        return self._terminated(number) if command == "terminate" else self._stopped(number)

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
        self.jobs.start(number, self._left(number))

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

    async def _booted(self, number: str, again: bool) -> None:
        row = self._store.rows("server")[number]
        if row["_terminating"]:
            return
        if again:
            await self._machines.power_off(number)
        elif self._faults.on_server(catalog.NAME, "boot-stall", row["commercial_type"], row["zone"]):
            return
        elif self._faults.on_server(catalog.NAME, "boot-error", row["commercial_type"], row["zone"]):
            self._finish(number, "stopped", "failure")
            return
        await self._machines.boot(self.machine(row))
        self._finish(number, "running")

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
            self.jobs.start(number, self._left(number))
        for number, row in list(self._store.rows("server").items()):
            running = self._machines.running(number)
            if row["_terminating"]:
                self.jobs.start(number, self._terminated(number))
            elif row["state"] == "stopping":
                self.jobs.start(number, self._stopped(number))
            elif row["state"] == "starting" and running:
                self._finish(number, "running")
            elif row["state"] == "starting":
                self.jobs.start(number, self._booted(number, False))
            elif row["state"] == "running" and not running:
                self._finish(number, "stopped")

    async def close(self) -> None:
        """Stop the jobs; they go on after the next start."""
        await self.jobs.close()


_TASKS = {
    "poweron": "poweron",
    "poweroff": "poweroff",
    "stop_in_place": "stop_in_place",
    "reboot": "reboot",
    "terminate": "terminate",
}
