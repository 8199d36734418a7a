"""What every control plane of the lab holds before its first node joins: cluster DNS and the rights of nodes."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

import yaml

from lab import plan
from lab.images.catalogue import COREDNS

_FOLDER = Path(__file__).resolve().parent


def manifests(dns_ip: str, cluster_domain: str = plan.CLUSTER_DOMAIN) -> list[dict[str, Any]]:
    """Kubernetes objects to apply; `dns_ip` is the address of the service that kubelets give to pods as name server."""
    dns = Template((_FOLDER / "coredns.yaml").read_text()).substitute(
        dns_ip=dns_ip, cluster_domain=cluster_domain, bridge=plan.host_address(), image=COREDNS
    )
    access = (_FOLDER / "access.yaml").read_text()
    return [item for listed in (access, dns) for item in yaml.safe_load(listed)["items"]]
