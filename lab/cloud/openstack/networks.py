"""Networks and ports: those that every project has from the start, and addresses for new ports."""

from __future__ import annotations

import ipaddress
import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from lab.cloud.openstack.catalog import NAME, REGIONS, Region, stable_id
from lab.cloud.ports import Machines
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject

_IPV4_RANGE = "198.18.0.0/15"
_IPV6_RANGE = "2001:db8::/64"


def moment() -> str:
    """Now, as all services but Keystone write it: 2026-11-21T10:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def mac_address(number: str) -> str:
    """The hardware address of a port."""
    return f"fa:16:3e:{number[:2]}:{number[2:4]}:{number[4:6]}"


def ipv6_address(number: str) -> str:
    """A documentation address of a port."""
    return str(ipaddress.IPv6Network(_IPV6_RANGE)[uuid.UUID(number).int & (2**64 - 1)])


class NoAddress(Exception):
    """A network without a subnet that has an address left."""


class Networks:
    """Knows the networks of a region and makes rows of ports; nothing but the first rows is written here."""

    def __init__(self, store: Store, machines: Machines, settings: CloudSettings) -> None:
        self._store = store
        self._machines = machines
        self._project = settings.ovhcloud_project_id

    # ---- what is there from the start

    def ensure_defaults(self) -> None:
        """Write the public network and the default security group of each region, once."""
        puts: list[Put] = []
        for region in REGIONS.values():
            if self._store.get("network", public_network_id(region.name)) is None:
                puts += self._public_network(region)
            if self._store.get("security_group", default_group_id(region.name)) is None:
                puts += self._default_group(region.name)
        if puts:
            self._store.write(puts)

    def _public_network(self, region: Region) -> list[Put]:
        vendor = uuid.UUID(stable_id("network owner")).hex
        network = {
            **self.network_row(region.name, public_network_id(region.name), region.public_network),
            "router:external": True,
            "shared": True,
            "tenant_id": vendor,
            "project_id": vendor,
        }
        subnets = [
            {
                **self.subnet_row(region.name, stable_id(region.name, "subnet", cidr), network["id"], cidr),
                "tenant_id": vendor,
                "project_id": vendor,
                "enable_dhcp": False,
            }
            for cidr in (_IPV4_RANGE, _IPV6_RANGE)
        ]
        return [("network", network["id"], network), *[("subnet", subnet["id"], subnet) for subnet in subnets]]

    def _default_group(self, region: str) -> list[Put]:
        number = default_group_id(region)
        group = self.group_row(region, number, "default", "Default security group")
        rules = self.first_rules(region, number)
        rules += [
            self.rule_row(region, number, direction="ingress", ethertype=kind, remote_group_id=number)
            for kind in ("IPv4", "IPv6")
        ]
        return [("security_group", number, group), *[("security_group_rule", rule["id"], rule) for rule in rules]]

    # ---- rows

    def _standard(self, region: str, number: str, name: str) -> JsonObject:
        now = moment()
        return {
            "id": number,
            "name": name,
            "description": "",
            "tenant_id": self._project,
            "project_id": self._project,
            "created_at": now,
            "updated_at": now,
            "revision_number": 1,
            "tags": [],
            "region": region,
        }

    def network_row(self, region: str, number: str, name: str) -> JsonObject:
        """A network of the project."""
        return {
            **self._standard(region, number, name),
            "status": "ACTIVE",
            "admin_state_up": True,
            "mtu": 1500,
            "shared": False,
            "router:external": False,
            "port_security_enabled": True,
            "availability_zone_hints": [],
            "availability_zones": list(REGIONS[region].zones),
            "ipv4_address_scope": None,
            "ipv6_address_scope": None,
            "l2_adjacency": True,
        }

    def subnet_row(self, region: str, number: str, network: str, cidr: str, name: str = "") -> JsonObject:
        """A subnet whose gateway is its first address and which gives away all others."""
        block = ipaddress.ip_network(cidr)
        return {
            **self._standard(region, number, name),
            "network_id": network,
            "ip_version": block.version,
            "cidr": str(block),
            "gateway_ip": str(block[1]),
            "allocation_pools": [{"start": str(block[2]), "end": str(block[-2])}],
            "enable_dhcp": True,
            "dns_nameservers": [],
            "host_routes": [],
            "ipv6_address_mode": None,
            "ipv6_ra_mode": None,
            "subnetpool_id": None,
            "service_types": [],
        }

    def group_row(self, region: str, number: str, name: str, description: str) -> JsonObject:
        """A security group, without its rules."""
        return {
            **self._standard(region, number, name),
            "description": description,
            "stateful": True,
            "shared": False,
        }

    def first_rules(self, region: str, group: str) -> list[JsonObject]:
        """The rules that every new group has: everything may leave."""
        return [self.rule_row(region, group, direction="egress", ethertype=kind) for kind in ("IPv4", "IPv6")]

    def rule_row(self, region: str, group: str, **chosen: object) -> JsonObject:
        """A rule of a security group."""
        row = self._standard(region, str(uuid.uuid4()), "")
        del row["name"]
        return {
            **row,
            "security_group_id": group,
            "direction": "ingress",
            "ethertype": "IPv4",
            "protocol": None,
            "port_range_min": None,
            "port_range_max": None,
            "remote_ip_prefix": None,
            "remote_group_id": None,
            "remote_address_group_id": None,
            "normalized_cidr": chosen.get("remote_ip_prefix"),
            **chosen,
        }

    def port_row(
        self,
        network: JsonObject,
        number: str,
        *,
        groups: list[str],
        address: str = "",
        device: str = "",
        zone: str = "",
        fixed: list[JsonObject] | None = None,
    ) -> JsonObject:
        """A port; `address` is its public IPv4, when that belongs to somebody else than the port. Raise NoAddress."""
        return {
            **self._standard(network["region"], number, ""),
            "network_id": network["id"],
            "device_id": device,
            "device_owner": f"compute:{zone}" if device else "",
            "mac_address": mac_address(number),
            "fixed_ips": self._fixed_ips(network, number, address, fixed),
            "status": "DOWN",
            "admin_state_up": True,
            "port_security_enabled": True,
            "security_groups": groups,
            "allowed_address_pairs": [],
            "extra_dhcp_opts": [],
            "binding:vnic_type": "normal",
            "dns_name": "",
            "dns_assignment": [],
            "_nova": bool(device),
        }

    # ---- addresses

    def _fixed_ips(
        self, network: JsonObject, number: str, address: str, fixed: list[JsonObject] | None
    ) -> list[JsonObject]:
        subnets = self.subnets(network["id"])
        if network["router:external"]:
            four = address or self._machines.reserve(NAME, number)
            given = {4: four, 6: ipv6_address(number)}
            # The vendor is in the habit of naming IPv6 first.
            ordered = sorted(subnets, key=lambda subnet: -int(subnet["ip_version"]))
            return [{"subnet_id": subnet["id"], "ip_address": given[subnet["ip_version"]]} for subnet in ordered]
        if fixed:
            return [self._chosen_ip(subnets, entry) for entry in fixed]
        if not subnets:
            return []
        return [{"subnet_id": subnets[0]["id"], "ip_address": self._free_ip(subnets[0])}]

    def _chosen_ip(self, subnets: list[JsonObject], entry: JsonObject) -> JsonObject:
        wanted = entry.get("ip_address")
        for subnet in subnets:
            if entry.get("subnet_id", subnet["id"]) != subnet["id"]:
                continue
            if wanted is None or ipaddress.ip_address(wanted) in ipaddress.ip_network(subnet["cidr"]):
                return {"subnet_id": subnet["id"], "ip_address": wanted or self._free_ip(subnet)}
        raise NoAddress

    def _free_ip(self, subnet: JsonObject) -> str:
        taken = {
            entry["ip_address"]
            for port in self._store.rows("port").values()
            for entry in port["fixed_ips"]
            if entry["subnet_id"] == subnet["id"]
        }
        free = (address for address in _pooled(subnet) if address not in taken)
        found = next(free, None)
        if found is None:
            raise NoAddress
        return found

    def subnets(self, network_id: str) -> list[JsonObject]:
        """Give the subnets of a network."""
        return [row for row in self._store.rows("subnet").values() if row["network_id"] == network_id]

    def usable(self, region: str) -> list[JsonObject]:
        """Give the networks that Nova may choose by itself: the project's own, and otherwise the shared ones."""
        rows = [row for row in self._store.rows("network").values() if row["region"] == region]
        own = [row for row in rows if row["project_id"] == self._project]
        return own or [row for row in rows if row["shared"]]

    def addresses(self, ports: list[JsonObject]) -> JsonObject:
        """Give the addresses of ports as Nova shows them, by the name of the network."""
        shown: JsonObject = {}
        for port in ports:
            network = self._store.get("network", port["network_id"])
            entries = shown.setdefault(network["name"] if network else "", [])
            entries += [_shown(entry["ip_address"], "fixed", port) for entry in port["fixed_ips"]]
            entries += [
                _shown(ip["floating_ip_address"], "floating", port)
                for ip in self._store.rows("floating_ip").values()
                if ip["port_id"] == port["id"]
            ]
        return shown

    def public_address(self, ports: list[JsonObject]) -> str:
        """Give the first public IPv4 of ports, or ""."""
        for port in ports:
            network = self._store.get("network", port["network_id"])
            if network and network["router:external"]:
                return str(next(entry["ip_address"] for entry in port["fixed_ips"] if "." in entry["ip_address"]))
        return ""


def _pooled(subnet: JsonObject) -> Iterator[str]:
    pools = [
        (ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])) for pool in subnet["allocation_pools"]
    ]
    numbers = itertools.chain.from_iterable(range(int(first), int(last) + 1) for first, last in pools)
    kind = ipaddress.IPv4Address if subnet["ip_version"] == 4 else ipaddress.IPv6Address
    return (str(kind(number)) for number in numbers)


def _shown(address: str, kind: str, port: JsonObject) -> JsonObject:
    return {
        "addr": address,
        "version": 6 if ":" in address else 4,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": port["mac_address"],
    }


def public_network_id(region: str) -> str:
    """The id of a region's public network."""
    return stable_id(region, "public network")


def default_group_id(region: str) -> str:
    """The id of a region's default security group."""
    return stable_id(region, "default security group")
