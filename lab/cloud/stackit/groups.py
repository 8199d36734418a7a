"""Security groups with their rules, and affinity groups."""

from __future__ import annotations

import uuid

from lab.cloud.stackit import catalog
from lab.cloud.stackit.answers import conflict, failure, invalid, not_found, now
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.rows import find, named, public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

_POLICIES = ("hard-affinity", "hard-anti-affinity", "soft-affinity", "soft-anti-affinity")
_PROTOCOLS = {"icmp": 1, "ipv6-icmp": 58, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "sctp": 132}


def default_security_group(region: str) -> str:
    """The id of the security group that every region has from the start."""
    return catalog.stable_id(region, "default-security-group")


class Groups:
    """Create, change and delete."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ensure_defaults(self) -> None:
        """Make sure that every region has its default security group."""
        for region in catalog.REGIONS:
            number = default_security_group(region)
            if self._store.get("security_group", number) is None:
                group = _security_group(region, number, {"name": "default", "description": "Default security group"})
                rules = [{"direction": "egress", "ethertype": kind} for kind in ("IPv4", "IPv6")]
                group["rules"] = [_rule(number, rule) for rule in rules]
                self._store.write([("security_group", number, {**group, "_default": True})])

    # ---- security groups

    def create_security_group(self, region: str, body: JsonObject) -> JsonObject:
        """Create a security group; like its model it lets everything out and nothing in."""
        number = str(uuid.uuid4())
        group = _security_group(region, number, body)
        group["rules"] = [_rule(number, {"direction": "egress", "ethertype": kind}) for kind in ("IPv4", "IPv6")]
        self._store.write([("security_group", number, group)])
        return group

    def update_security_group(self, region: str, number: str, body: JsonObject) -> JsonObject:
        """Change name, description or labels."""
        group = find(self._store, "security_group", region, number)
        changed = {**group, "name": named(body, group["name"]), "labels": merged(group["labels"], body.get("labels"))}
        changed |= {"updatedAt": now(), "description": body.get("description", group["description"])}
        self._store.write([("security_group", number, changed)])
        return changed

    def delete_security_group(self, region: str, number: str) -> None:
        """Delete a security group that no interface uses."""
        group = find(self._store, "security_group", region, number)
        if group["_default"]:
            raise conflict("the default security group cannot be deleted")
        if any(number in nic["securityGroups"] for nic in self._store.rows("nic").values()):
            raise conflict(f"security group {number} is in use")
        self._store.write((), [("security_group", number)])

    def add_rule(self, region: str, number: str, body: JsonObject) -> JsonObject:
        """Add one rule to a security group; refuse one that it has already, as OpenStack does."""
        group = find(self._store, "security_group", region, number)
        rule = _rule(number, body)
        if any(_same(rule, other) for other in group["rules"]):
            raise conflict("security group rule already exists")
        self._store.write([("security_group", number, {**group, "rules": [*group["rules"], rule]})])
        return rule

    def find_rule(self, region: str, number: str, rule: str) -> JsonObject:
        """Give one rule of a security group."""
        for one in find(self._store, "security_group", region, number)["rules"]:
            if one["id"] == rule:
                return dict(one)
        raise not_found("security group rule", rule)

    def delete_rule(self, region: str, number: str, rule: str) -> None:
        """Take one rule from a security group."""
        self.find_rule(region, number, rule)
        group = find(self._store, "security_group", region, number)
        rest = [one for one in group["rules"] if one["id"] != rule]
        self._store.write([("security_group", number, {**group, "rules": rest})])

    # ---- affinity groups

    def create_affinity_group(self, region: str, body: JsonObject) -> JsonObject:
        """Create an affinity group."""
        if body.get("policy") not in _POLICIES:
            raise invalid("policy", f"value is not one of the allowed values {', '.join(_POLICIES)}")
        row: JsonObject = {
            "id": str(uuid.uuid4()),
            "name": named(body),
            "policy": body["policy"],
            "_region": region,
        }
        self._store.write([("affinity_group", row["id"], row)])
        return row

    def affinity_view(self, row: JsonObject) -> JsonObject:
        """Show an affinity group with its servers."""
        servers = self._store.rows("server").values()
        return {**public(row), "members": [one["id"] for one in servers if one["affinityGroup"] == row["id"]]}

    def delete_affinity_group(self, region: str, number: str) -> None:
        """Delete an affinity group; its servers go on without."""
        find(self._store, "affinity_group", region, number)
        members = [one for one in self._store.rows("server").values() if one["affinityGroup"] == number]
        self._store.write(
            [("server", one["id"], {**one, "affinityGroup": None}) for one in members], [("affinity_group", number)]
        )


def _security_group(region: str, number: str, body: JsonObject) -> JsonObject:
    return {
        "id": number,
        "name": named(body),
        "description": body.get("description"),
        "stateful": body.get("stateful", True),
        "labels": merged({}, body.get("labels")),
        "rules": [],
        "createdAt": now(),
        "updatedAt": now(),
        "_region": region,
        "_default": False,
    }


def _rule(group: str, body: JsonObject) -> JsonObject:
    """A rule from a body, in which the protocol is a name or a number."""
    if body.get("direction") not in ("ingress", "egress"):
        raise invalid("direction", "value is not one of the allowed values ingress, egress")
    if body.get("ethertype", "IPv4") not in ("IPv4", "IPv6"):
        raise invalid("ethertype", "value is not one of the allowed values IPv4, IPv6")
    ports = body.get("portRange")
    if ports is not None and not 0 <= ports.get("min", -1) <= ports.get("max", -1) <= 65535:
        raise invalid("portRange", "min and max must be ports, min not above max")
    rule: JsonObject = {
        "id": str(uuid.uuid4()),
        "securityGroupId": group,
        "direction": body["direction"],
        "ethertype": body.get("ethertype") or "IPv4",
        "protocol": _protocol(body.get("protocol")),
        "portRange": ports,
        "icmpParameters": body.get("icmpParameters"),
        "ipRange": body.get("ipRange"),
        "remoteSecurityGroupId": body.get("remoteSecurityGroupId"),
        "description": body.get("description"),
        "createdAt": now(),
        "updatedAt": now(),
    }
    return public(rule)


def _protocol(given: object) -> JsonObject | None:
    """An order names a protocol or its number; a rule then shows both."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, str)):
        raise invalid("protocol", "value must be a name or a number")
    if isinstance(given, int):
        name = next((name for name, number in _PROTOCOLS.items() if number == given), "")
        return {"name": name, "number": given} if name else {"number": given}
    if given not in _PROTOCOLS:
        raise failure(400, f"protocol {given!r} is not supported")
    return {"name": given, "number": _PROTOCOLS[given]}


def _same(one: JsonObject, other: JsonObject) -> bool:
    own = ("id", "description", "createdAt", "updatedAt")
    return {k: v for k, v in one.items() if k not in own} == {k: v for k, v in other.items() if k not in own}
