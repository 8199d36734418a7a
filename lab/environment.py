"""Endpoints and credentials under the names that the vendors' own tools read."""

from __future__ import annotations

from lab import plan
from lab.control_plane.planes import all_planes
from lab.tools import shelf


def variables() -> dict[str, str]:
    """Environment for hcloud, scw, kubectl, flux and this collection against the lab."""
    ports = plan.PORTS
    found = {
        "HCLOUD_ENDPOINT": f"http://{plan.LOOPBACK}:{ports['hetzner']}/v1",
        "HCLOUD_TOKEN": plan.HETZNER_TOKEN,
        "SCW_API_URL": f"http://{plan.LOOPBACK}:{ports['scaleway']}",
        "SCW_ACCESS_KEY": plan.SCALEWAY_ACCESS_KEY,
        "SCW_SECRET_KEY": plan.SCALEWAY_SECRET_KEY,
        "SCW_DEFAULT_PROJECT_ID": plan.SCALEWAY_PROJECT_ID,
        "SCW_DEFAULT_ORGANIZATION_ID": plan.SCALEWAY_PROJECT_ID,
        "SCW_DEFAULT_REGION": "fr-par",
        "SCW_DEFAULT_ZONE": "fr-par-1",
        "OS_AUTH_URL": f"http://{plan.LOOPBACK}:{ports['ovhcloud']}/identity/v3",
        "OS_USERNAME": plan.OVHCLOUD_USERNAME,
        "OS_PASSWORD": plan.OVHCLOUD_PASSWORD,
        "OS_PROJECT_ID": plan.OVHCLOUD_PROJECT_ID,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_REGION_NAME": "GRA11",
        "STACKIT_IAAS_CUSTOM_ENDPOINT": f"http://{plan.LOOPBACK}:{ports['stackit']}",
        "STACKIT_SERVICE_ACCOUNT_TOKEN": plan.STACKIT_TOKEN,
        "STACKIT_PROJECT_ID": plan.STACKIT_PROJECT_ID,
        "CLOUDFLEET_ENDPOINT": f"http://{plan.LOOPBACK}:{ports['cloudfleet']}/v1",
        "CLOUDFLEET_ACCESS_TOKEN_ID": plan.CLOUDFLEET_TOKEN_ID,
        "CLOUDFLEET_ACCESS_TOKEN_SECRET": plan.CLOUDFLEET_TOKEN_SECRET,
        "CLOUDFLEET_ORGANIZATION_ID": plan.CLOUDFLEET_ORGANIZATION_ID,
    }
    kubeconfigs = [str(plane.admin_kubeconfig) for plane in all_planes()]
    if kubeconfigs:
        found["KUBECONFIG"] = ":".join(kubeconfigs)
    return found


def as_shell() -> str:
    """Lines for `eval`."""
    exports = [f"export {name}='{value}'" for name, value in variables().items()]
    return "\n".join([*exports, f"export PATH='{shelf.folder()}':\"$PATH\""])
