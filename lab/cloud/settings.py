"""Settings of the emulated clouds: the credentials that they accept and how they behave when nothing is broken."""

from __future__ import annotations

from dataclasses import dataclass

CLOUDS = ("hetzner", "scaleway", "cloudfleet", "ovhcloud", "stackit")
CONTROL = "control"


@dataclass(frozen=True)
class CloudSettings:
    """Credentials are worthless outside loopback. Times are seconds."""

    hetzner_token: str = "lab-hetzner-".ljust(64, "0")
    scaleway_access_key: str = "SCWLAB00000000000000"
    scaleway_secret_key: str = "00000000-0000-4000-8000-000000000001"
    scaleway_project_id: str = "00000000-0000-4000-8000-000000000002"
    scaleway_organization_id: str = "00000000-0000-4000-8000-000000000002"
    ovhcloud_username: str = "user-lab"
    ovhcloud_password: str = "lab-ovhcloud-password"
    ovhcloud_project_id: str = "000000000000400080000000000000a4"
    stackit_token: str = "lab-stackit-token"
    stackit_project_id: str = "00000000-0000-4000-8000-000000000005"
    cloudfleet_token_id: str = "lab-cloudfleet"
    cloudfleet_token_secret: str = "lab-cloudfleet-secret"
    cloudfleet_organization_id: str = "00000000-0000-4000-8000-000000000003"
    latency_seconds: float = 0.0
    hetzner_requests_per_hour: int = 3600
    hetzner_datacenters: bool = False
    """True adds the `datacenter` that the vendor took away in 2026, for clients that cannot do without."""
