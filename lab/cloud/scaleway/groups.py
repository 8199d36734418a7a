"""Security groups with their rules, and placement groups."""

from __future__ import annotations

import ipaddress
import uuid

from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import invalid, precondition, unknown
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, timestamp

GROUP_LIMIT = 20
"""How many servers a placement group takes."""
_MAIL_PORTS = (25, 465, 587)
_PORTLESS = ("ICMP", "ANY")


def default_security_group(zone: str) -> str:
    """The id of the security group that every zone has from the start."""
    return catalog.stable_id(zone, "default-security-group")


class Groups:
    """Create, change and delete groups of the project in all zones."""

    def __init__(self, store: Store, settings: CloudSettings) -> None:
        self._store = store
        self._owner = {"organization": settings.scaleway_organization_id, "project": settings.scaleway_project_id}

    def ensure_defaults(self) -> None:
        """Make sure that every zone has its default security group."""
        missing = [
            zone for zone in catalog.ZONES if self._store.get("security_group", default_security_group(zone)) is None
        ]
        groups = [
            self._security_group(zone, {"name": "Default security group"}, default_security_group(zone))
            for zone in missing
        ]
        if groups:
            self._store.write([("security_group", group["id"], {**group, "project_default": True}) for group in groups])

    def _find(self, kind: str, zone: str, number: str) -> JsonObject:
        row = self._store.get(kind, number)
        if row is None or row["zone"] != zone:
            raise unknown(number, "Security group" if kind == "security_group" else "")
        return row

    # ---- security groups

    def _security_group(self, zone: str, body: JsonObject, number: str) -> JsonObject:
        now = timestamp()
        return {
            "id": number,
            "name": body.get("name") or f"sg-{number[:8]}",
            "description": body.get("description") or "",
            "enable_default_security": body.get("enable_default_security", True),
            "inbound_default_policy": body.get("inbound_default_policy") or "accept",
            "outbound_default_policy": body.get("outbound_default_policy") or "accept",
            "stateful": body.get("stateful", True),
            "state": "available",
            "tags": list(body.get("tags") or []),
            "project_default": bool(body.get("project_default")),
            "organization_default": False,
            "creation_date": now,
            "modification_date": now,
            "zone": zone,
            **self._owner,
            "_rules": [],
        }

    def create_security_group(self, zone: str, body: JsonObject) -> JsonObject:
        """Create a security group."""
        row = self._security_group(zone, body, str(uuid.uuid4()))
        self._store.write([("security_group", row["id"], row)])
        return row

    def rules(self, zone: str, number: str) -> list[JsonObject]:
        """The rules of a group: the vendor's own against sending mail, which cannot be changed, then those that can."""
        group = self._find("security_group", zone, number)
        fixed = [_mail_rule(zone, port, place) for place, port in enumerate(_MAIL_PORTS, 1)]
        return [*(fixed if group["enable_default_security"] else []), *group["_rules"]]

    def set_rules(self, zone: str, number: str, rules: list[JsonObject]) -> list[JsonObject]:
        """Set all rules of a security group; those that say they are not editable are passed over."""
        group = self._find("security_group", zone, number)
        mine = [rule for rule in rules if rule.get("editable", True)]
        made = [_rule(zone, rule, place) for place, rule in enumerate(mine, 1)]
        self._store.write([("security_group", number, {**group, "_rules": made})])
        return self.rules(zone, number)

    def add_rule(self, zone: str, number: str, body: JsonObject) -> JsonObject:
        """Add one rule to a security group."""
        group = self._find("security_group", zone, number)
        rule = _rule(zone, body, len(group["_rules"]) + 1)
        self._store.write([("security_group", number, {**group, "_rules": [*group["_rules"], rule]})])
        return rule

    def delete_security_group(self, zone: str, number: str) -> None:
        """Delete a security group that no server uses."""
        row = self._find("security_group", zone, number)
        if row["project_default"] or any(s["security_group"] == number for s in self._store.rows("server").values()):
            raise precondition("the security group is in use")
        self._store.write((), [("security_group", number)])

    # ---- placement groups

    def create_placement_group(self, zone: str, body: JsonObject) -> JsonObject:
        """Create a placement group."""
        number = str(uuid.uuid4())
        row: JsonObject = {
            "id": number,
            "name": body.get("name") or f"pg-{number[:8]}",
            "policy_mode": body.get("policy_mode") or "optional",
            "policy_type": body.get("policy_type") or "max_availability",
            "policy_respected": True,
            "tags": list(body.get("tags") or []),
            "zone": zone,
            **self._owner,
        }
        if row["policy_mode"] not in ("optional", "enforced") or row["policy_type"] not in _POLICIES:
            raise invalid("policy_type", "policy_type or policy_mode is wrong")
        self._store.write([("placement_group", number, row)])
        return row

    def members(self, zone: str, number: str) -> list[JsonObject]:
        """The servers of a placement group, as the API lists them."""
        self._find("placement_group", zone, number)
        servers = [row for row in self._store.rows("server").values() if row["placement_group"] == number]
        return [{"id": row["id"], "name": row["name"], "policy_respected": True} for row in servers]

    def delete_placement_group(self, zone: str, number: str) -> None:
        """Delete a placement group that no server uses."""
        if self.members(zone, number):
            raise precondition("the placement group is in use")
        self._store.write((), [("placement_group", number)])


_POLICIES = ("max_availability", "low_latency")


def _rule(zone: str, body: JsonObject, position: int) -> JsonObject:
    if body.get("protocol") not in ("TCP", "UDP", "ICMP", "ANY"):
        raise invalid("protocol", "is not a valid protocol")
    if body.get("direction") not in ("inbound", "outbound") or body.get("action", "accept") not in ("accept", "drop"):
        raise invalid("direction", "direction or action is wrong")
    ports = (None, None) if body["protocol"] in _PORTLESS else (body.get("dest_port_from"), body.get("dest_port_to"))
    for port in ports:
        if port is not None and (not isinstance(port, int) or not 1 <= port <= 65535):
            raise invalid("dest_port_from", "must be a port")
    try:
        reach = str(ipaddress.ip_network(body.get("ip_range") or "0.0.0.0/0", strict=False))
    except ValueError:
        raise invalid("ip_range", "must be a network in CIDR notation") from None
    return {
        "id": body.get("id") or str(uuid.uuid4()),
        "protocol": body["protocol"],
        "direction": body["direction"],
        "action": body.get("action") or "accept",
        "ip_range": reach,
        "dest_port_from": ports[0],
        "dest_port_to": None if ports[1] == ports[0] else ports[1],
        "position": body.get("position") or position,
        "editable": True,
        "zone": zone,
    }


def _mail_rule(zone: str, port: int, position: int) -> JsonObject:
    return {
        "id": catalog.stable_id(zone, "mail", str(port)),
        "protocol": "TCP",
        "direction": "outbound",
        "action": "drop",
        "ip_range": "0.0.0.0/0",
        "dest_port_from": port,
        "dest_port_to": None,
        "position": position,
        "editable": False,
        "zone": zone,
    }
