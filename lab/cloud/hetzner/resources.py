"""Everything beside servers: SSH keys, networks, firewalls, placement groups, volumes, addresses, load balancers."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from functools import partial

from lab.cloud.hetzner import actions, addresses, balancers, catalog, labels
from lab.cloud.hetzner.answers import failure, invalid, missing
from lab.cloud.hetzner.networks import parsed_range, subnet
from lab.cloud.hetzner.rules import rule
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, timestamp

KINDS = {
    "ssh_keys": "ssh_key",
    "networks": "network",
    "firewalls": "firewall",
    "placement_groups": "placement_group",
    "volumes": "volume",
    "primary_ips": "primary_ip",
    "floating_ips": "floating_ip",
    "load_balancers": "load_balancer",
}
_PROTECTED = ("network", "volume", "primary_ip", "floating_ip", "load_balancer")


class Resources:
    """Create, change and delete. Every method gives the row and the actions of the answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, kind: str, number: object) -> JsonObject:
        """Give a row, or raise not_found."""
        row = self._store.get(kind, number)
        if row is None:
            raise missing(kind.replace("_", " "), number)
        return row

    def _servers(self) -> list[JsonObject]:
        return list(self._store.rows("server").values())

    # ---- create

    def create(self, kind: str, body: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
        """Create an object from the body of a POST."""
        self._name(kind, body.get("name"))
        makers: dict[str, Callable[[JsonObject], JsonObject]] = {
            "ssh_key": self._ssh_key,
            "network": self._network,
            "firewall": self._firewall,
            "placement_group": self._placement_group,
            "volume": self._volume,
            "primary_ip": partial(addresses.made_primary, self._store),
            "floating_ip": partial(addresses.made_floating, self._store),
            "load_balancer": partial(balancers.made, self._store),
        }
        row = {
            "id": self._store.allocate(),
            "name": body["name"],
            "labels": labels.checked(body.get("labels")),
            "created": timestamp(),
            **makers[kind](body),
        }
        if kind in _PROTECTED:
            row["protection"] = {"delete": False}
        begun: list[JsonObject] = []
        if kind in ("volume", "load_balancer"):
            begun.append(actions.ended(actions.begun(self._store, f"create_{kind}", (kind, row["id"]))))
        self._store.write([(kind, str(row["id"]), row), *[actions.put(action) for action in begun]])
        if kind == "firewall":
            begun += self._apply(row, body.get("apply_to") or [], True)
        if kind == "volume" and row["server"] is not None:
            begun.append(self._attach_volume(row, row["server"]))
        return self.get(kind, row["id"]), begun

    def _name(self, kind: str, name: object, itself: int = 0) -> None:
        if not isinstance(name, str) or not name:
            raise invalid("name", "Missing data for required field.")
        if any(row["name"] == name and row["id"] != itself for row in self._store.rows(kind).values()):
            raise failure("uniqueness_error", f"{kind.replace('_', ' ')} name is already used")

    def _ssh_key(self, body: JsonObject) -> JsonObject:
        text = str(body.get("public_key") or "").strip()
        parts = text.split()
        try:
            raw = base64.b64decode(parts[1], validate=True)
        except (IndexError, binascii.Error):
            raise invalid("public_key", "must be an SSH public key") from None
        digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        fingerprint = ":".join(digest[place : place + 2] for place in range(0, 32, 2))
        if any(row["fingerprint"] == fingerprint for row in self._store.rows("ssh_key").values()):
            raise failure("uniqueness_error", "SSH key with the same fingerprint already exists")
        return {"fingerprint": fingerprint, "public_key": text}

    def _network(self, body: JsonObject) -> JsonObject:
        outer = str(parsed_range("ip_range", body.get("ip_range")))
        subnets: list[JsonObject] = []
        for part in body.get("subnets") or []:
            subnets.append(subnet(outer, part, subnets))
        return {
            "ip_range": outer,
            "subnets": subnets,
            "routes": list(body.get("routes") or []),
            "expose_routes_to_vswitch": bool(body.get("expose_routes_to_vswitch")),
        }

    def _firewall(self, body: JsonObject) -> JsonObject:
        return {"rules": [rule(given) for given in body.get("rules") or []], "_selectors": []}

    def _placement_group(self, body: JsonObject) -> JsonObject:
        if body.get("type") != "spread":
            raise invalid("type", "must be spread")
        return {"type": "spread"}

    def _volume(self, body: JsonObject) -> JsonObject:
        size = body.get("size")
        if not isinstance(size, int) or not 10 <= size <= 10240:
            raise invalid("size", "must be between 10 and 10240")
        server = self.get("server", body["server"]) if body.get("server") else None
        location = server["location"] if server else body.get("location")
        place = catalog.find(catalog.LOCATIONS, location)
        if place is None:
            raise invalid("location", "location or server is required")
        return {
            "size": size,
            "location": place["name"],
            "server": server["id"] if server else None,
            "format": body.get("format"),
            "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{body['name']}",
            "status": "available",
        }

    # ---- change

    def update(self, kind: str, number: str, body: JsonObject) -> JsonObject:
        """Change name and labels (and auto_delete of a primary IP)."""
        row = dict(self.get(kind, number))
        if "name" in body:
            self._name(kind, body["name"], row["id"])
            row["name"] = body["name"]
        if "labels" in body:
            row["labels"] = labels.checked(body["labels"])
        if kind == "primary_ip" and "auto_delete" in body:
            row["auto_delete"] = bool(body["auto_delete"])
        if kind == "network" and "expose_routes_to_vswitch" in body:
            row["expose_routes_to_vswitch"] = bool(body["expose_routes_to_vswitch"])
        self._store.write([(kind, number, row)])
        return row

    def delete(self, kind: str, number: str) -> JsonObject | None:
        """Delete an object that nothing uses; for a load balancer that is an action."""
        row = self.get(kind, number)
        if row.get("protection", {}).get("delete"):
            raise failure("protected", f"{kind.replace('_', ' ')} deletion is protected")
        if self._in_use(kind, row):
            raise failure("resource_in_use", f"{kind.replace('_', ' ')} with ID '{number}' is still in use")
        if kind != "load_balancer":
            self._store.write((), [(kind, number)])
            return None
        action = actions.ended(actions.begun(self._store, "delete_load_balancer", (kind, row["id"])))
        self._store.write([actions.put(action)], [(kind, number)])
        return action

    def _in_use(self, kind: str, row: JsonObject) -> bool:
        if kind == "firewall":
            return bool(row["_selectors"]) or any(row["id"] in server["firewalls"] for server in self._servers())
        if kind == "volume":
            return row["server"] is not None
        if kind == "primary_ip":
            return row["assignee_id"] is not None
        if kind == "network":
            balancers = self._store.rows("load_balancer").values()
            joined = [net["network"] for server in self._servers() for net in server["private_net"]]
            return row["id"] in (*joined, *(balancer["network"] for balancer in balancers))
        if kind == "placement_group":
            return any(server["placement_group"] == row["id"] for server in self._servers())
        return False

    # ---- actions

    def act(self, kind: str, number: str, command: str, body: JsonObject) -> list[JsonObject]:
        """Carry out an action and give the actions of the answer."""
        row = self.get(kind, number)
        if command == "change_protection" and kind in _PROTECTED:
            return [self._changed(kind, {**row, "protection": {"delete": bool(body.get("delete"))}}, command)]
        if kind == "network" and command in _NETWORK:
            return [self._changed(kind, self._network_changed(row, command, body), command)]
        if kind == "firewall" and command == "set_rules":
            rules = [rule(given) for given in body.get("rules") or []]
            return [self._changed(kind, {**row, "rules": rules}, "set_firewall_rules")]
        if kind == "firewall" and command == "apply_to_resources":
            return self._apply(row, body.get("apply_to") or [], True)
        if kind == "firewall" and command == "remove_from_resources":
            return self._apply(row, body.get("remove_from") or [], False)
        if kind == "floating_ip" and command in ("assign", "unassign"):
            server = self.get("server", body.get("server"))["id"] if command == "assign" else None
            return [self._changed(kind, {**row, "server": server}, f"{command}_floating_ip")]
        if kind == "volume" and command == "attach":
            return [self._attach_volume(row, body.get("server"))]
        if kind == "volume" and command == "detach":
            return [self._detach_volume(row)]
        if kind == "volume" and command == "resize":
            if not isinstance(body.get("size"), int) or body["size"] < row["size"]:
                raise invalid("size", "a volume can only grow")
            return [self._changed(kind, {**row, "size": body["size"]}, "resize_volume")]
        raise failure("not_found", f"action {command} not found")

    def _changed(self, kind: str, row: JsonObject, command: str) -> JsonObject:
        action = actions.ended(actions.begun(self._store, command, (kind, row["id"])))
        self._store.write([(kind, str(row["id"]), row), actions.put(action)])
        return action

    def _network_changed(self, row: JsonObject, command: str, body: JsonObject) -> JsonObject:
        if command == "add_subnet":
            return {**row, "subnets": [*row["subnets"], subnet(row["ip_range"], body, row["subnets"])]}
        if command == "delete_subnet":
            return {**row, "subnets": [part for part in row["subnets"] if part["ip_range"] != body.get("ip_range")]}
        route = {"destination": body.get("destination"), "gateway": body.get("gateway")}
        others = [known for known in row["routes"] if known != route]
        return {**row, "routes": [*others, route] if command == "add_route" else others}

    def _apply(self, firewall: JsonObject, resources: list[JsonObject], wanted: bool) -> list[JsonObject]:
        done: list[JsonObject] = []
        for resource in resources:
            row = self.get("firewall", firewall["id"])
            if resource.get("type") == "label_selector":
                text = resource["label_selector"]["selector"]
                labels.selector(text)
                others = [known for known in row["_selectors"] if known != text]
                row = {**row, "_selectors": [*others, text] if wanted else others}
                done.append(self._changed("firewall", row, "apply_firewall" if wanted else "remove_firewall"))
                continue
            server = self.get("server", (resource.get("server") or {}).get("id"))
            kept = [number for number in server["firewalls"] if number != row["id"]]
            changed = {**server, "firewalls": [*kept, row["id"]] if wanted else kept}
            name = "apply_firewall" if wanted else "remove_firewall"
            action = actions.ended(actions.begun(self._store, name, ("server", server["id"]), ("firewall", row["id"])))
            self._store.write([("server", str(server["id"]), changed), actions.put(action)])
            done.append(action)
        return done

    def _attach_volume(self, row: JsonObject, number: object) -> JsonObject:
        server = self.get("server", number)
        if row["server"] not in (None, server["id"]) or row["location"] != server["location"]:
            raise failure("invalid_input", "volume is attached already or in another location")
        return self._volume_moved({**row, "server": server["id"]}, server, True)

    def _detach_volume(self, row: JsonObject) -> JsonObject:
        if row["server"] is None:
            raise failure("invalid_input", "volume is not attached")
        return self._volume_moved({**row, "server": None}, self.get("server", row["server"]), False)

    def _volume_moved(self, row: JsonObject, server: JsonObject, attached: bool) -> JsonObject:
        name = "attach_volume" if attached else "detach_volume"
        others = [number for number in server["volumes"] if number != row["id"]]
        held = {**server, "volumes": [*others, row["id"]] if attached else others}
        action = actions.ended(actions.begun(self._store, name, ("server", server["id"]), ("volume", row["id"])))
        self._store.write([("volume", str(row["id"]), row), ("server", str(server["id"]), held), actions.put(action)])
        return action


_NETWORK = ("add_subnet", "delete_subnet", "add_route", "delete_route")
