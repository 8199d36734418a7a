"""Hetzner Cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.cloud.testing import Emulator
from tests.contract.profiles.profile import Profile, ask


def _ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    token = cloud.credentials["hetzner"]["token"]
    answer = ask(method, cloud.endpoints["hetzner"] + path, {"Authorization": f"Bearer {token}"}, body)
    return answer.json() if answer.content else None


def _make_foreign(cloud: Emulator, name: str, labels: Mapping[str, str]) -> None:
    body = {"name": name, "server_type": "cx23", "image": "ubuntu-24.04", "location": "hel1", "labels": dict(labels)}
    _ask(cloud, "POST", "/servers", body)


def _relabel(cloud: Emulator, server: str, labels: Mapping[str, str]) -> None:
    _ask(cloud, "PUT", f"/servers/{server}", {"labels": dict(labels)})


def _protect(cloud: Emulator, server: str) -> None:
    _ask(cloud, "POST", f"/servers/{server}/actions/change_protection", {"delete": True, "rebuild": True})


def _unprotect(cloud: Emulator, server: str) -> None:
    _ask(cloud, "POST", f"/servers/{server}/actions/change_protection", {"delete": False, "rebuild": False})


def _power_off(cloud: Emulator, server: str) -> None:
    _ask(cloud, "POST", f"/servers/{server}/actions/poweroff", {})


def _erase(cloud: Emulator, server: str) -> None:
    _ask(cloud, "DELETE", f"/servers/{server}")


PROFILE = Profile(
    provider="hetzner",
    cloud="hetzner",
    first=("nbg1", "cx33"),
    second=("fsn1", "cx33"),
    orders="/v1/servers",
    servers="/v1/servers",
    types="/v1/server_types",
    token_variable="HCLOUD_TOKEN",
    broken_account={"token": "wrong" * 13},
    make_foreign=_make_foreign,
    relabel=_relabel,
    protect=_protect,
    unprotect=_unprotect,
    power_off=_power_off,
    erase=_erase,
    page="hetzner:PER_PAGE",
    parts={"primary_ip": 2},
    made={"network": "network", "firewall": "firewall", "spread": "placement_group", "ssh_key": "ssh_key"},
    prices="/v1/pricing",
)
