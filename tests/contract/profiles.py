"""What the suite has to know of each provider. A new driver gets a profile here, and so every case of the suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from lab.cloud.testing import Emulator


@dataclass(frozen=True)
class Profile:
    """One provider as the emulator plays it.

    ``first`` and ``second`` are offers that can be bought, as (location, type). ``orders`` and ``servers`` are path
    prefixes of the API, for faults. ``disks`` is how many disks of its own one server has in the store.
    """

    provider: str
    first: tuple[str, str]
    second: tuple[str, str]
    orders: str
    servers: str
    token_variable: str
    broken_account: Mapping[str, str]
    disks: int
    make_foreign: Callable[[Emulator, str, Mapping[str, str]], None]
    protect: Callable[[Emulator, str], None]
    power_off: Callable[[Emulator, str], None]


def _hetzner(cloud: Emulator, method: str, path: str, body: dict[str, Any]) -> Any:
    token = cloud.credentials["hetzner"]["token"]
    url = cloud.endpoints["hetzner"] + path
    answer = requests.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    answer.raise_for_status()
    return answer.json()


def _hetzner_foreign(cloud: Emulator, name: str, labels: Mapping[str, str]) -> None:
    body = {"name": name, "server_type": "cx23", "image": "ubuntu-24.04", "location": "hel1", "labels": dict(labels)}
    _hetzner(cloud, "POST", "/servers", body)


def _hetzner_protect(cloud: Emulator, server: str) -> None:
    _hetzner(cloud, "POST", f"/servers/{server}/actions/change_protection", {"delete": True, "rebuild": True})


def _hetzner_off(cloud: Emulator, server: str) -> None:
    _hetzner(cloud, "POST", f"/servers/{server}/actions/poweroff", {})


def _scaleway(cloud: Emulator, method: str, path: str, body: dict[str, Any]) -> Any:
    secret = cloud.credentials["scaleway"]["secret_key"]
    url = f"{cloud.endpoints['scaleway']}/instance/v1/zones/fr-par-1{path}"
    answer = requests.request(method, url, json=body, headers={"X-Auth-Token": secret}, timeout=5)
    answer.raise_for_status()
    return answer.json()


def _scaleway_foreign(cloud: Emulator, name: str, labels: Mapping[str, str]) -> None:
    tags = [f"{key}={value}" for key, value in labels.items()]
    body = {"name": name, "commercial_type": "DEV1-S", "image": "ubuntu_noble", "tags": tags}
    _scaleway(cloud, "POST", "/servers", body)


def _scaleway_protect(cloud: Emulator, server: str) -> None:
    _scaleway(cloud, "PATCH", f"/servers/{server}", {"protected": True})


def _scaleway_off(cloud: Emulator, server: str) -> None:
    _scaleway(cloud, "POST", f"/servers/{server}/action", {"action": "poweroff"})


PROFILES = {
    "hetzner": Profile(
        provider="hetzner",
        first=("nbg1", "cx33"),
        second=("fsn1", "cx33"),
        orders="/v1/servers",
        servers="/v1/servers",
        token_variable="HCLOUD_TOKEN",
        broken_account={"token": "wrong" * 13},
        disks=0,
        make_foreign=_hetzner_foreign,
        protect=_hetzner_protect,
        power_off=_hetzner_off,
    ),
    "scaleway": Profile(
        provider="scaleway",
        first=("fr-par-1", "DEV1-L"),
        second=("fr-par-2", "DEV1-M"),
        orders="/instance/v1/zones/fr-par-1/servers",
        servers="/instance/v1/zones",
        token_variable="SCW_ACCESS_KEY",
        broken_account={"secret_key": "99999999-0000-4000-8000-000000000009"},
        disks=1,
        make_foreign=_scaleway_foreign,
        protect=_scaleway_protect,
        power_off=_scaleway_off,
    ),
}
