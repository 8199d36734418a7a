"""The lab's one address plan and its fixed, worthless credentials.

Everything lies on loopback or in 198.18.0.0/15, the range reserved for benchmarks (RFC 2544) that no real host has:
machines in 198.18.0.0/17, services of clusters in 198.18.128.0/17, pods in 198.19.0.0/16.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from lab import mode

LOOPBACK = "127.0.0.1"
RANGE = "198.18.0.0/15"
BRIDGE = "fleet0"
BRIDGE_ADDRESS = "198.18.0.1"
MACHINES = ipaddress.IPv4Network("198.18.0.0/17")
SERVICES = ipaddress.IPv4Network("198.18.128.0/17")
PODS = ipaddress.IPv4Network("198.19.0.0/16")
MAX_CLUSTERS = 8

PORTS = {
    "control": 18000,
    "hetzner": 18001,
    "scaleway": 18002,
    "cloudfleet": 18003,
    "ovhcloud": 18004,
    "stackit": 18005,
}
GIT_PORT = 18010
REGISTRY_PORT = 18011
RELEASE_PORT = 18012
API_SERVER_PORT = 16443
ETCD_PORT = 12379

PROVIDERS = ("hetzner", "scaleway", "ovhcloud", "stackit")

HETZNER_TOKEN = "lab-hetzner-".ljust(64, "0")
SCALEWAY_ACCESS_KEY = "SCWLAB00000000000000"
SCALEWAY_SECRET_KEY = "00000000-0000-4000-8000-000000000001"
SCALEWAY_PROJECT_ID = "00000000-0000-4000-8000-000000000002"
OVHCLOUD_USERNAME = "user-lab"
OVHCLOUD_PASSWORD = "lab-ovhcloud-password"
OVHCLOUD_PROJECT_ID = "000000000000400080000000000000a4"
STACKIT_TOKEN = "lab-stackit-token"
STACKIT_PROJECT_ID = "00000000-0000-4000-8000-000000000005"
CLOUDFLEET_TOKEN_ID = "lab-cloudfleet"
CLOUDFLEET_TOKEN_SECRET = "lab-cloudfleet-secret"
CLOUDFLEET_ORGANIZATION_ID = "00000000-0000-4000-8000-000000000003"

CLUSTER_DOMAIN = "cluster.local"


def host_address() -> str:
    """Where machines and pods reach the lab: on the bridge, or on loopback when machines are simulated."""
    return LOOPBACK if mode.simulated() else BRIDGE_ADDRESS


def git_url(repository: str = "fleet") -> str:
    return f"http://{host_address()}:{GIT_PORT}/{repository}.git"


def registry_url() -> str:
    return f"http://{host_address()}:{REGISTRY_PORT}"


def provider_network(provider: str) -> ipaddress.IPv4Network:
    """The /20 from which a provider's machines get their addresses."""
    return [*MACHINES.subnets(new_prefix=20)][1 + PROVIDERS.index(provider)]


@dataclass(frozen=True)
class ClusterPlan:
    """Addresses and ports of the control plane in slot 0..7."""

    slot: int

    @property
    def services(self) -> str:
        return str(list(SERVICES.subnets(new_prefix=20))[self.slot])

    @property
    def pods(self) -> str:
        return str(list(PODS.subnets(new_prefix=19))[self.slot])

    @property
    def api_service(self) -> str:
        return str(ipaddress.ip_network(self.services)[1])

    @property
    def dns_service(self) -> str:
        return str(ipaddress.ip_network(self.services)[10])

    @property
    def api_port(self) -> int:
        return API_SERVER_PORT + self.slot

    @property
    def api_url(self) -> str:
        return f"https://{host_address()}:{self.api_port}"

    def local_port(self, process: int) -> int:
        """Loopback port of one of the slot's processes: 0 etcd clients, 1 etcd peers, 2 controllers, 3 scheduler."""
        return ETCD_PORT + 10 * self.slot + process
