"""STACKIT."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from lab.cloud.testing import Emulator
from tests.contract.profiles.profile import Profile, ask

_PROJECT = "/v2/projects/00000000-0000-4000-8000-000000000005"
_REGION = f"{_PROJECT}/regions/eu01"
_LOOKS = 400


def _ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {cloud.credentials['stackit']['token']}"}
    answer = ask(method, f"{cloud.endpoints['stackit']}{_REGION}{path}", headers, body)
    return answer.json() if answer.content else None


def _make_foreign(cloud: Emulator, name: str, labels: Mapping[str, str]) -> None:
    """A server with a network and a public address, which a person needs to reach it."""
    image = next(item for item in _ask(cloud, "GET", "/images")["items"] if item["name"] == "Ubuntu 24.04")
    network = _ask(cloud, "POST", "/networks", {"name": "by-hand", "ipv4": {"prefixLength": 24}})
    disk = {"source": {"type": "image", "id": image["id"]}, "size": 20, "deleteOnTermination": True}
    server = _ask(
        cloud,
        "POST",
        "/servers",
        {
            "name": name,
            "machineType": "g1.1",
            "availabilityZone": "eu01-1",
            "labels": dict(labels),
            "networking": {"networkId": network["id"]},
            "bootVolume": disk,
        },
    )
    for _look in range(_LOOKS):
        seen = _ask(cloud, "GET", f"/servers/{server['id']}?details=true")
        if seen["status"] == "ACTIVE":
            _ask(cloud, "POST", "/public-ips", {"networkInterface": seen["nics"][0]["nicId"]})
            return
        time.sleep(0.005)
    raise AssertionError(f"the server {name} does not come up: {seen['status']}")


def _relabel(cloud: Emulator, server: str, labels: Mapping[str, str]) -> None:
    gone = dict.fromkeys(_ask(cloud, "GET", f"/servers/{server}")["labels"])
    _ask(cloud, "PATCH", f"/servers/{server}", {"labels": {**gone, **labels}})


def _protect(cloud: Emulator, server: str) -> None:
    # There is no protection at the vendor; this label stands for it.
    _ask(cloud, "PATCH", f"/servers/{server}", {"labels": {"fleet.protect": "true"}})


def _unprotect(cloud: Emulator, server: str) -> None:
    _ask(cloud, "PATCH", f"/servers/{server}", {"labels": {"fleet.protect": None}})


def _power_off(cloud: Emulator, server: str) -> None:
    _ask(cloud, "POST", f"/servers/{server}/stop")


def _erase(cloud: Emulator, server: str) -> None:
    _ask(cloud, "DELETE", f"/servers/{server}")


PROFILE = Profile(
    provider="stackit",
    cloud="stackit",
    first=("eu01-1", "g1.2"),
    second=("eu01-2", "c1.2"),
    orders=f"{_REGION}/servers",
    servers=_REGION,
    types=f"{_REGION}/machine-types",
    token_variable="STACKIT_SERVICE_ACCOUNT_TOKEN",
    broken_account={"token": "wrong-stackit-token"},
    make_foreign=_make_foreign,
    relabel=_relabel,
    protect=_protect,
    unprotect=_unprotect,
    power_off=_power_off,
    erase=_erase,
    parts={"volume": 1, "public_ip": 1},
    standing=("network",),
    made={
        "network": "network",
        "firewall": "security_group",
        "spread": "affinity_group",
        "ssh_key": "keypair",
    },
    unmarked=("spread",),
    prices="/pim",
)
