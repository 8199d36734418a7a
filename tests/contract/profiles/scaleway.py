"""Scaleway Instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.cloud.testing import Emulator
from tests.contract.profiles.profile import Profile, ask


def _ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    url = f"{cloud.endpoints['scaleway']}/instance/v1/zones/fr-par-1{path}"
    answer = ask(method, url, {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}, body)
    return answer.json() if answer.content else None


def _tags(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in labels.items()]


def _make_foreign(cloud: Emulator, name: str, labels: Mapping[str, str]) -> None:
    body = {"name": name, "commercial_type": "DEV1-S", "image": "ubuntu_noble", "tags": _tags(labels)}
    server = _ask(cloud, "POST", "/servers", body)["server"]["id"]
    _ask(cloud, "POST", f"/servers/{server}/action", {"action": "poweron"})
    cloud.settle()


def _relabel(cloud: Emulator, server: str, labels: Mapping[str, str]) -> None:
    _ask(cloud, "PATCH", f"/servers/{server}", {"tags": _tags(labels)})


def _protect(cloud: Emulator, server: str) -> None:
    _ask(cloud, "PATCH", f"/servers/{server}", {"protected": True})


def _unprotect(cloud: Emulator, server: str) -> None:
    _ask(cloud, "PATCH", f"/servers/{server}", {"protected": False})


def _power_off(cloud: Emulator, server: str) -> None:
    _ask(cloud, "POST", f"/servers/{server}/action", {"action": "poweroff"})


def _erase(cloud: Emulator, server: str) -> None:
    if _ask(cloud, "GET", f"/servers/{server}")["server"]["state"] == "running":
        _ask(cloud, "POST", f"/servers/{server}/action", {"action": "terminate"})
    else:
        _ask(cloud, "DELETE", f"/servers/{server}")


PROFILE = Profile(
    provider="scaleway",
    cloud="scaleway",
    first=("fr-par-1", "DEV1-L"),
    second=("fr-par-2", "DEV1-M"),
    orders="/instance/v1/zones/fr-par-1/servers",
    servers="/instance/v1/zones",
    types="/instance/v1/zones/fr-par-1/products/servers",
    token_variable="SCW_ACCESS_KEY",
    broken_account={"secret_key": "99999999-0000-4000-8000-000000000009"},
    make_foreign=_make_foreign,
    relabel=_relabel,
    protect=_protect,
    unprotect=_unprotect,
    power_off=_power_off,
    erase=_erase,
    page="scaleway:PER_PAGE",
    parts={"volume": 1},
    made={
        "network": "private_network",
        "firewall": "security_group",
        "spread": "placement_group",
        "ssh_key": "ssh_key",
    },
    late_user_data=True,
    prices="/product-catalog",
)
