"""Kubeconfig files as text."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from lab.control_plane.pki import Pki


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def with_certificate(server: str, pki: Pki, name: str, cluster: str) -> str:
    """A kubeconfig that identifies itself by the client certificate of that name."""
    user = {
        "client-certificate-data": _encoded(pki.crt(name).read_bytes()),
        "client-key-data": _encoded(pki.key(name).read_bytes()),
    }
    return _text(server, pki, name, user, cluster)


def with_token(server: str, pki: Pki, token: str, cluster: str) -> str:
    """A kubeconfig that identifies itself by a bearer token."""
    return _text(server, pki, "bootstrap", {"token": token}, cluster)


def _text(server: str, pki: Pki, user_name: str, user: dict[str, str], cluster: str) -> str:
    authority = _encoded(pki.crt("ca").read_bytes())
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": user_name, "user": user}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user_name}}],
        "current-context": cluster,
    }
    return yaml.safe_dump(document, sort_keys=False)
