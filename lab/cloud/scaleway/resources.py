"""What hangs on servers: IPs, volumes, private networks, SSH keys."""

from __future__ import annotations

import ipaddress
import secrets
import uuid

from lab.cloud.ports import Machines
from lab.cloud.scaleway import catalog
from lab.cloud.scaleway.answers import invalid, not_found, precondition, refused, unknown
from lab.cloud.scaleway.groups import default_security_group
from lab.cloud.settings import CloudSettings
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, timestamp

__all__ = ["Resources", "default_security_group"]


class Resources:
    """Create, change and delete."""

    def __init__(self, store: Store, machines: Machines, settings: CloudSettings) -> None:
        self._store = store
        self._machines = machines
        self._settings = settings

    def _owner(self) -> JsonObject:
        return {
            "organization": self._settings.scaleway_organization_id,
            "project": self._settings.scaleway_project_id,
        }

    def _owner_ids(self) -> JsonObject:
        return {f"{key}_id": value for key, value in self._owner().items()}

    def find(self, kind: str, place: str, number: str) -> JsonObject:
        """Give a row of a zone or region, or raise."""
        row = self._store.get(kind, number)
        if row is None or place not in (row.get("zone"), row.get("region")):
            what = kind.replace("_", " ").capitalize() if kind in ("ip", "volume", "security_group") else ""
            raise unknown(number, what)
        return row

    # ---- flexible IPs

    def create_ip(self, zone: str, body: JsonObject) -> JsonObject:
        """Create a flexible IP; its address comes from the machines' range."""
        number = str(uuid.uuid4())
        server = body.get("server") or ""
        if server:
            self.find("server", zone, server)
        row: JsonObject = {
            "id": number,
            "address": self._machines.reserve(catalog.NAME, number),
            "type": body.get("type") or "routed_ipv4",
            "reverse": None,
            "prefix": None,
            "ipam_id": catalog.stable_id(number, "ipam"),
            "tags": list(body.get("tags") or []),
            "zone": zone,
            **self._owner(),
            "_server": server,
        }
        puts = [("ip", number, row)]
        if server:
            held = self._store.rows("server")[server]
            puts.append(("server", server, {**held, "_ips": [*held["_ips"], number]}))
        self._store.write(puts)
        return row

    def find_ip(self, zone: str, id_or_address: str) -> JsonObject:
        """Give a flexible IP by its id or address."""
        by_address = [row for row in self._store.rows("ip").values() if row["address"] == id_or_address]
        return by_address[0] if by_address else self.find("ip", zone, id_or_address)

    def update_ip(self, zone: str, number: str, body: JsonObject) -> JsonObject:
        """Change tags, or move the IP to another server (null takes it away)."""
        row = dict(self.find_ip(zone, number))
        puts = []
        if "tags" in body:
            row["tags"] = list(body["tags"] or [])
        if "server" in body:
            for server in (row["_server"], body["server"]):
                held = self._store.get("server", server) if server else None
                if held:
                    others = [ip for ip in held["_ips"] if ip != row["id"]]
                    ips = [*others, row["id"]] if server == body["server"] else others
                    puts.append(("server", held["id"], {**held, "_ips": ips}))
            row["_server"] = body["server"] or ""
        self._store.write([*puts, ("ip", row["id"], row)])
        return row

    def delete_ip(self, zone: str, number: str) -> None:
        """Give a flexible IP back."""
        row = self.find_ip(zone, number)
        holder = self._store.get("server", row["_server"]) if row["_server"] else None
        puts = []
        if holder:
            puts.append(("server", holder["id"], {**holder, "_ips": [ip for ip in holder["_ips"] if ip != row["id"]]}))
        self._store.write(puts, [("ip", row["id"])])
        self._machines.release(row["id"])

    # ---- volumes

    def delete_volume(self, zone: str, number: str, block: bool) -> None:
        """Delete a volume that no server uses."""
        row = self._store.get("volume", number)
        if row is None or row["zone"] != zone or (row["volume_type"] == "sbs_volume") != block:
            raise not_found("volume", number) if block else unknown(number, "Volume")
        if row["_server"]:
            raise precondition("the volume is attached to a server")
        self._store.write((), [("volume", number)])

    def update_row(self, kind: str, row: JsonObject, body: JsonObject, fields: tuple[str, ...]) -> JsonObject:
        """Change the fields of a row that a client may change."""
        changed = {**row, **{field: body[field] for field in fields if field in body}}
        self._store.write([(kind, row["id"], changed)])
        return changed

    # ---- private networks

    def create_private_network(self, region: str, body: JsonObject) -> JsonObject:
        """Create a private network with one IPv4 subnet."""
        number, now = str(uuid.uuid4()), timestamp()
        taken = len(self._store.rows("private_network"))
        subnets = body.get("subnets") or [f"172.16.{4 * taken % 256}.0/22"]
        self._check_subnets(region, subnets)
        row: JsonObject = {
            "id": number,
            "name": body.get("name") or f"pn-{number[:8]}",
            "tags": list(body.get("tags") or []),
            "region": region,
            "vpc_id": body.get("vpc_id") or catalog.stable_id(region, "vpc"),
            "subnets": [
                {
                    "id": str(uuid.uuid4()),
                    "subnet": subnet,
                    "created_at": now,
                    "updated_at": now,
                    "private_network_id": number,
                    "vpc_id": catalog.stable_id(region, "vpc"),
                    "project_id": self._settings.scaleway_project_id,
                    "region": region,
                }
                for subnet in subnets
            ],
            "dhcp_enabled": True,
            "default_route_propagation_enabled": False,
            "has_object_storage_private_access": False,
            "created_at": now,
            "updated_at": now,
            **self._owner_ids(),
        }
        self._store.write([("private_network", number, row)])
        return row

    def _check_subnets(self, region: str, subnets: list[str]) -> None:
        """Ranges of one VPC must not overlap; every network of a region is in its default VPC here."""
        rows = [row for row in self._store.rows("private_network").values() if row["region"] == region]
        taken = [ipaddress.ip_network(part["subnet"]) for row in rows for part in row["subnets"]]
        for text in subnets:
            try:
                wanted = ipaddress.ip_network(text)
            except ValueError:
                raise invalid("subnets", f"{text} is not a network in CIDR notation") from None
            if any(wanted.overlaps(known) for known in taken):
                raise invalid("subnets", f"{text} overlaps with another subnet of the VPC")

    def delete_private_network(self, region: str, number: str) -> None:
        """Delete a private network that no server uses."""
        if self._store.get("private_network", number) is None:
            raise not_found("private_network", number)
        balanced = [known for row in self._store.rows("load_balancer").values() for known in row["_networks"]]
        joined = [nic["private_network_id"] for nic in self._store.rows("private_nic").values()]
        if number in (*balanced, *joined):
            raise precondition("the private network is in use")
        self._store.write((), [("private_network", number)])

    def vpc(self, region: str) -> JsonObject:
        """The VPC that every region has from the start."""
        count = sum(1 for row in self._store.rows("private_network").values() if row["region"] == region)
        created = "2026-01-01T00:00:00.000000+00:00"
        return {
            "id": catalog.stable_id(region, "vpc"),
            "name": "default",
            "region": region,
            "tags": [],
            "is_default": True,
            "private_network_count": count,
            "routing_enabled": True,
            "custom_routes_propagation_enabled": False,
            "created_at": created,
            "updated_at": created,
            **self._owner_ids(),
        }

    def create_nic(self, zone: str, server: JsonObject, body: JsonObject) -> JsonObject:
        """Join a server to a private network and give it an address there; it is ready a moment later."""
        network = self._store.get("private_network", body.get("private_network_id"))
        region = catalog.region_of(zone)
        if network is None or network["region"] != region:
            raise invalid("private_network_id", "private network not found in the region of the server")
        cards = [nic for nic in self._store.rows("private_nic").values() if nic["server_id"] == server["id"]]
        if any(nic["private_network_id"] == network["id"] for nic in cards):
            raise refused("the server is already attached to this private network")
        number, now = str(uuid.uuid4()), timestamp()
        mac = "02:00:00:" + secrets.token_bytes(3).hex(":")
        subnet = network["subnets"][0]
        address: JsonObject = {
            "id": str(uuid.uuid4()),
            "address": f"{self._free_address(subnet)}/{subnet['subnet'].partition('/')[2]}",
            "project_id": self._settings.scaleway_project_id,
            "is_ipv6": False,
            "tags": [],
            "reverses": [],
            "region": region,
            "zone": None,
            "created_at": now,
            "updated_at": now,
            "source": {"private_network_id": network["id"], "subnet_id": subnet["id"], "vpc_id": network["vpc_id"]},
            "resource": {"type": "instance_private_nic", "id": number, "mac_address": mac, "name": server["name"]},
        }
        nic: JsonObject = {
            "id": number,
            "server_id": server["id"],
            "private_network_id": network["id"],
            "mac_address": mac,
            "state": "syncing",
            "tags": list(body.get("tags") or []),
            "creation_date": now,
            "ipam_ip_ids": [address["id"]],
            "zone": zone,
        }
        self._store.write([("private_nic", number, nic), ("ipam_ip", address["id"], address)])
        return nic

    def ready_nics(self, server: str = "") -> None:
        """Finish joining the private networks of one server, or of all."""
        cards = [nic for nic in self._store.rows("private_nic").values() if server in ("", nic["server_id"])]
        ready = [
            ("private_nic", nic["id"], {**nic, "state": "available"}) for nic in cards if nic["state"] == "syncing"
        ]
        if ready:
            self._store.write(ready)

    def _free_address(self, subnet: JsonObject) -> str:
        used = {row["address"].partition("/")[0] for row in self._store.rows("ipam_ip").values()}
        hosts = ipaddress.ip_network(subnet["subnet"]).hosts()
        next(hosts)
        return next(str(host) for host in hosts if str(host) not in used)

    def delete_nic(self, zone: str, number: str) -> None:
        """Take a server out of a private network."""
        nic = self.find("private_nic", zone, number)
        self._store.write((), [("private_nic", number), *[("ipam_ip", ip) for ip in nic["ipam_ip_ids"]]])

    # ---- SSH keys

    def create_ssh_key(self, body: JsonObject) -> JsonObject:
        """Register an SSH key for the whole project."""
        text = str(body.get("public_key") or "").strip()
        if len(text.split()) < 2:
            raise invalid("public_key", "must be an SSH public key")
        number, now = str(uuid.uuid4()), timestamp()
        row: JsonObject = {
            "id": number,
            "name": body.get("name") or f"key-{number[:8]}",
            "public_key": text,
            "fingerprint": f"256 SHA256:{catalog.stable_id(text.split()[1])} ({text.split()[0]})",
            "created_at": now,
            "updated_at": now,
            "disabled": False,
            **self._owner_ids(),
        }
        self._store.write([("ssh_key", number, row)])
        return row

    def find_ssh_key(self, number: str) -> JsonObject:
        """Give an SSH key."""
        row = self._store.get("ssh_key", number)
        if row is None:
            raise not_found("ssh_key", number)
        return row

    def delete_ssh_key(self, number: str) -> None:
        """Take an SSH key away."""
        self.find_ssh_key(number)
        self._store.write((), [("ssh_key", number)])
