"""What Neutron allows to be done with networks, ports, security groups, floating IPs and routers."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.cloud.openstack.answers import network as refusal
from lab.cloud.openstack.catalog import NAME
from lab.cloud.openstack.networks import Networks, NoAddress, default_group_id, moment
from lab.cloud.openstack.views import public
from lab.cloud.ports import Machines
from lab.cloud.store import Key, Put, Store
from lab.cloud.wire import ApiFailure, JsonObject

_MAX_TAGS = 50
_MAX_TAG = 255


@dataclass(frozen=True)
class Kind:
    """A kind of object: its name in bodies, in messages and in the store, and which fields may be changed."""

    key: str
    title: str
    store: str
    changeable: tuple[str, ...]

    @property
    def collection(self) -> str:
        """The name of a list of them in bodies."""
        return f"{self.key}s"


_COMMON = ("name", "description")
KINDS: Mapping[str, Kind] = {
    "networks": Kind("network", "Network", "network", (*_COMMON, "admin_state_up", "mtu", "port_security_enabled")),
    "subnets": Kind(
        "subnet",
        "Subnet",
        "subnet",
        (*_COMMON, "gateway_ip", "enable_dhcp", "dns_nameservers", "host_routes", "allocation_pools"),
    ),
    "ports": Kind(
        "port",
        "Port",
        "port",
        (*_COMMON, "admin_state_up", "security_groups", "allowed_address_pairs", "port_security_enabled", "dns_name"),
    ),
    "security-groups": Kind("security_group", "SecurityGroup", "security_group", (*_COMMON, "stateful")),
    "security-group-rules": Kind("security_group_rule", "SecurityGroupRule", "security_group_rule", ("description",)),
    "floatingips": Kind("floatingip", "FloatingIP", "floating_ip", ("description", "port_id", "fixed_ip_address")),
    "routers": Kind("router", "Router", "router", (*_COMMON, "admin_state_up", "external_gateway_info", "routes")),
}
"""All kinds by their name in paths."""


def bad(message: str) -> ApiFailure:
    """A body that Neutron does not take."""
    return refusal(400, "HTTPBadRequest", message)


def _uuid(value: object, field: str) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise bad(f"Invalid input for {field}. Reason: '{value}' is not a valid UUID.") from None


class Neutron:
    """Networks and what belongs to them. `moved` is told the id of a server whose ports have changed."""

    def __init__(self, store: Store, machines: Machines, networks: Networks, moved: Callable[[str], None]) -> None:
        self._store = store
        self._machines = machines
        self._networks = networks
        self._moved = moved
        self._makers: Mapping[str, Callable[[str, JsonObject], tuple[JsonObject, list[Put]]]] = {
            "network": self._network,
            "subnet": self._subnet,
            "port": self._port,
            "security_group": self._group,
            "security_group_rule": self._rule,
            "floatingip": self._floating_ip,
            "router": self._router,
        }

    # ---- reading

    def find(self, kind: Kind, region: str, number: object) -> JsonObject:
        """Give a row, or raise NotFound in Neutron's words."""
        row = self._store.get(kind.store, number)
        if row is None or row["region"] != region:
            words = {"security_group": "Security group", "floatingip": "Floating IP"}.get(kind.key, kind.title)
            tail = "does not exist" if kind.key == "security_group" else "could not be found."
            raise refusal(404, f"{kind.title}NotFound", f"{words} {number} {tail}")
        return row

    def of_region(self, kind: Kind, region: str) -> list[JsonObject]:
        """Give all rows of a region."""
        return [row for row in self._store.rows(kind.store).values() if row["region"] == region]

    def view(self, kind: Kind, row: JsonObject) -> JsonObject:
        """Show a row."""
        shown = public(row)
        if kind.key == "network":
            shown["subnets"] = [subnet["id"] for subnet in self._networks.subnets(row["id"])]
        if kind.key == "security_group":
            rules = self._store.rows("security_group_rule").values()
            shown["security_group_rules"] = [public(rule) for rule in rules if rule["security_group_id"] == row["id"]]
        return shown

    # ---- creation

    def create(self, kind: Kind, region: str, body: JsonObject) -> JsonObject:
        """Create an object of a kind from its part of the body of a POST."""
        if "tags" in body:
            raise bad("Attribute 'tags' not allowed in POST")
        row, puts = self._makers[kind.key](region, body)
        self._store.write([(kind.store, row["id"], row), *puts])
        if kind.key == "floatingip" and row["port_id"]:
            self._tell(row["port_id"])
        return row

    def _network(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        row = self._networks.network_row(region, str(uuid.uuid4()), str(body.get("name") or ""))
        return {**row, **_given(body, KINDS["networks"])}, []

    def _subnet(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        network = self.find(KINDS["networks"], region, _uuid(body.get("network_id"), "network_id"))
        self._refuse_foreign(network)
        try:
            ipaddress.ip_network(str(body.get("cidr")))
        except ValueError:
            raise bad(f"Invalid input for cidr. Reason: '{body.get('cidr')}' is not a valid IP subnet.") from None
        row = self._networks.subnet_row(region, str(uuid.uuid4()), network["id"], str(body["cidr"]))
        return {**row, **_given(body, KINDS["subnets"])}, []

    def _refuse_foreign(self, network: JsonObject) -> None:
        if network["router:external"]:
            raise refusal(403, "PolicyNotAuthorized", "The operation on a network of somebody else is not permitted.")

    def _port(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        network = self.find(KINDS["networks"], region, _uuid(body.get("network_id"), "network_id"))
        groups = body.get("security_groups")
        chosen = [default_group_id(region)] if groups is None else self._group_ids(region, groups)
        number = str(uuid.uuid4())
        try:
            row = self._networks.port_row(network, number, groups=chosen, fixed=body.get("fixed_ips"))
        except NoAddress:
            message = f"No more IP addresses available on network {network['id']}."
            raise refusal(409, "IpAddressGenerationFailure", message) from None
        return {**row, **_given(body, KINDS["ports"]), "security_groups": chosen}, []

    def _group_ids(self, region: str, groups: object) -> list[str]:
        if not isinstance(groups, list):
            raise bad(f"Invalid input for security_groups. Reason: '{groups}' is not a list.")
        return [self.find(KINDS["security-groups"], region, number)["id"] for number in groups]

    def _group(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        name, number = str(body.get("name") or ""), str(uuid.uuid4())
        if name.lower() == "default":
            raise refusal(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
        row = self._networks.group_row(region, number, name, str(body.get("description") or ""))
        rules = self._networks.first_rules(region, number)
        return row, [("security_group_rule", rule["id"], rule) for rule in rules]

    def _rule(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        group = self.find(KINDS["security-groups"], region, body.get("security_group_id"))
        chosen = {name: body.get(name) for name in _RULE if name in body}
        if chosen.get("direction") not in ("ingress", "egress"):
            raise bad(f"Invalid input for direction. Reason: '{chosen.get('direction')}' is not in ingress, egress.")
        row = self._networks.rule_row(region, group["id"], **chosen)
        low, high = row["port_range_min"], row["port_range_max"]
        if low is not None and high is not None and int(low) > int(high):
            raise refusal(
                400, "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max"
            )
        for known in self._store.rows("security_group_rule").values():
            if known["security_group_id"] == group["id"] and all(known[name] == row[name] for name in _RULE):
                message = f"Security group rule already exists. Rule id is {known['id']}."
                raise refusal(409, "SecurityGroupRuleExists", message)
        return {**row, **_given(body, KINDS["security-group-rules"])}, []

    def _floating_ip(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        network = self.find(KINDS["networks"], region, _uuid(body.get("floating_network_id"), "floating_network_id"))
        if not network["router:external"]:
            message = f"Bad floatingip request: Network {network['id']} is not a valid external network."
            raise refusal(400, "BadRequest", message)
        number, standard = str(uuid.uuid4()), self._networks.group_row(region, "", "", "")
        row: JsonObject = {
            **{name: value for name, value in standard.items() if name not in ("name", "stateful", "shared")},
            "id": number,
            "floating_network_id": network["id"],
            "floating_ip_address": self._machines.reserve(NAME, number),
            "fixed_ip_address": None,
            "port_id": None,
            "port_details": None,
            "router_id": None,
            "status": "DOWN",
            "dns_domain": "",
            "dns_name": "",
        }
        return self._placed(region, {**row, **_given(body, KINDS["floatingips"])}), []

    def _placed(self, region: str, row: JsonObject) -> JsonObject:
        """Bring a floating IP in line with the port that it names."""
        if not row["port_id"]:
            return {**row, "port_id": None, "fixed_ip_address": None, "status": "DOWN"}
        port = self.find(KINDS["ports"], region, row["port_id"])
        fixed = next((entry["ip_address"] for entry in port["fixed_ips"] if "." in entry["ip_address"]), None)
        return {**row, "fixed_ip_address": fixed, "status": "ACTIVE"}

    def _router(self, region: str, body: JsonObject) -> tuple[JsonObject, list[Put]]:
        standard = self._networks.network_row(region, str(uuid.uuid4()), str(body.get("name") or ""))
        row = {name: value for name, value in standard.items() if name in _ROUTER}
        row.update({"external_gateway_info": None, "routes": [], "distributed": False, "ha": False, "flavor_id": None})
        return {**row, **_given(body, KINDS["routers"])}, []

    # ---- changes

    def update(self, kind: Kind, region: str, number: str, body: JsonObject) -> JsonObject:
        """Carry out a PUT."""
        row = self.find(kind, region, number)
        if kind.key in ("network", "subnet") and number not in self._own(kind):
            raise refusal(404, f"{kind.title}NotFound", f"{kind.title} {number} could not be found.")
        changed = {**row, **_given(body, kind)}
        if "security_groups" in body and kind.key == "port":
            changed["security_groups"] = self._group_ids(region, body["security_groups"])
        if kind.key == "floatingip":
            changed = self._placed(region, changed)
        self._put(kind, changed)
        if kind.key == "floatingip":
            for port in {row["port_id"], changed["port_id"]} - {None}:
                self._tell(port)
        if kind.key == "port":
            self._moved(row["device_id"])
        return self.find(kind, region, number)

    def _own(self, kind: Kind) -> set[str]:
        """Give the ids of what is the project's own."""
        foreign = {row["id"] for row in self._store.rows("network").values() if row["router:external"]}
        rows = self._store.rows(kind.store).values()
        return {row["id"] for row in rows if row["id"] not in foreign and row.get("network_id") not in foreign}

    def _put(self, kind: Kind, row: JsonObject) -> None:
        changed = {**row, "updated_at": moment(), "revision_number": row["revision_number"] + 1}
        self._store.write([(kind.store, row["id"], changed)])

    def _tell(self, port_id: str) -> None:
        port = self._store.get("port", port_id)
        if port and port["device_id"]:
            self._moved(port["device_id"])

    def set_tags(self, kind: Kind, region: str, number: str, tags: object) -> list[str]:
        """Give an object these tags and no others."""
        row = self.find(kind, region, number)
        if not isinstance(tags, list) or not all(isinstance(tag, str) and 1 <= len(tag) <= _MAX_TAG for tag in tags):
            raise bad(f"Invalid input for tags. Reason: '{tags}' is not a list of texts of up to {_MAX_TAG} letters.")
        if len(tags) > _MAX_TAGS:
            raise bad(f"The number of tags exceed the per-resource limit of {_MAX_TAGS}")
        self._put(kind, {**row, "tags": sorted(set(tags))})
        return sorted(set(tags))

    # ---- deletion

    def delete(self, kind: Kind, region: str, number: str) -> None:
        """Delete an object that nothing needs any more."""
        row = self.find(kind, region, number)
        gone: list[Key] = [(kind.store, number)]
        if kind.key in ("network", "subnet"):
            gone += self._unused(kind, row)
        if kind.key == "security_group":
            gone += self._unused_group(row)
        if kind.key == "router" and self._interfaces(number):
            raise refusal(409, "RouterInUse", f"Router {number} still has ports")
        if kind.key == "port" and row["device_owner"].startswith("network:"):
            why = f"has device owner {row['device_owner']}"
            raise refusal(409, "ServicePortInUse", f"Port {number} cannot be deleted directly via the port API: {why}.")
        puts: list[Put] = []
        if kind.key == "port":
            bound = [ip for ip in self._store.rows("floating_ip").values() if ip["port_id"] == number]
            freed = {"port_id": None, "fixed_ip_address": None, "status": "DOWN"}
            puts = [("floating_ip", ip["id"], {**ip, **freed}) for ip in bound]
        self._store.write(puts, gone)
        self._machines.release(number)
        if kind.key == "port":
            self._moved(row["device_id"])
        if kind.key == "floatingip" and row["port_id"]:
            self._tell(row["port_id"])

    def _unused(self, kind: Kind, row: JsonObject) -> list[Key]:
        number = row["id"]
        if number not in self._own(kind):
            raise refusal(403, "PolicyNotAuthorized", f"rule:delete_{kind.key} is disallowed by policy")
        ports = list(self._store.rows("port").values())
        if kind.key == "subnet":
            if any(entry["subnet_id"] == number for port in ports for entry in port["fixed_ips"]):
                why = "One or more ports have an IP allocation from this subnet."
                raise refusal(409, "SubnetInUse", f"Unable to complete operation on subnet {number}: {why}")
            return []
        if any(port["network_id"] == number for port in ports):
            why = "There are one or more ports still in use on the network."
            raise refusal(409, "NetworkInUse", f"Unable to complete operation on network {number}. {why}")
        return [("subnet", subnet["id"]) for subnet in self._networks.subnets(number)]

    def _unused_group(self, row: JsonObject) -> list[Key]:
        number = row["id"]
        if number == default_group_id(row["region"]):
            message = "Insufficient rights for removing default security group."
            raise refusal(409, "SecurityGroupCannotRemoveDefault", message)
        if any(number in port["security_groups"] for port in self._store.rows("port").values()):
            raise refusal(409, "SecurityGroupInUse", f"Security Group {number} in use.")
        rules = self._store.rows("security_group_rule").values()
        return [("security_group_rule", rule["id"]) for rule in rules if rule["security_group_id"] == number]

    # ---- routers

    def _interfaces(self, router: str) -> list[JsonObject]:
        return [port for port in self._store.rows("port").values() if port["device_id"] == router]

    def add_interface(self, region: str, router: str, body: JsonObject) -> JsonObject:
        """Connect a router with a subnet by its gateway address."""
        self.find(KINDS["routers"], region, router)
        subnet = self.find(KINDS["subnets"], region, body.get("subnet_id"))
        network = self.find(KINDS["networks"], region, subnet["network_id"])
        fixed = [{"subnet_id": subnet["id"], "ip_address": subnet["gateway_ip"]}]
        port = {
            **self._networks.port_row(network, str(uuid.uuid4()), groups=[], fixed=fixed),
            "device_id": router,
            "device_owner": "network:router_interface",
            "status": "ACTIVE",
        }
        self._store.write([("port", port["id"], port)])
        return self._interface(router, port)

    def remove_interface(self, region: str, router: str, body: JsonObject) -> JsonObject:
        """Take a router away from a subnet."""
        self.find(KINDS["routers"], region, router)
        for port in self._interfaces(router):
            if port["fixed_ips"][0]["subnet_id"] == body.get("subnet_id") or port["id"] == body.get("port_id"):
                self._store.write((), [("port", port["id"])])
                return self._interface(router, port)
        why = f"has no interface on subnet {body.get('subnet_id')}"
        raise refusal(404, "RouterInterfaceNotFoundForSubnet", f"Router {router} {why}")

    @staticmethod
    def _interface(router: str, port: JsonObject) -> JsonObject:
        subnet = port["fixed_ips"][0]["subnet_id"]
        owner = {"id": router, "tenant_id": port["tenant_id"], "project_id": port["project_id"]}
        return {
            **owner,
            "network_id": port["network_id"],
            "port_id": port["id"],
            "subnet_id": subnet,
            "subnet_ids": [subnet],
        }


def _given(body: JsonObject, kind: Kind) -> JsonObject:
    """Give the changeable fields of a body."""
    return {name: body[name] for name in kind.changeable if name in body}


_RULE = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)
_ROUTER = (
    "id",
    "name",
    "description",
    "region",
    "tenant_id",
    "project_id",
    "created_at",
    "updated_at",
    "revision_number",
    "tags",
    "status",
    "admin_state_up",
    "availability_zones",
    "availability_zone_hints",
)
