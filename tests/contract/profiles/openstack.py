"""OVHcloud and Infomaniak: one driver, two presets, one emulated cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lab.cloud.testing import Emulator
from tests.contract.profiles.profile import Profile, ask

_CLOUD = "ovhcloud"
_MICROVERSION = {"OpenStack-API-Version": "compute 2.69"}


def _token(cloud: Emulator) -> str:
    account = cloud.credentials[_CLOUD]
    user = {"name": account["username"], "domain": {"name": "Default"}, "password": account["password"]}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"id": account["project_id"]}},
    }
    return ask("POST", f"{cloud.endpoints[_CLOUD]}/auth/tokens", {}, {"auth": auth}).headers["X-Subject-Token"]


def _asker(region: str) -> Callable[..., Any]:
    def send(cloud: Emulator, method: str, service: str, path: str, body: Any = None) -> Any:
        base = cloud.endpoints[_CLOUD].removesuffix("/identity/v3")
        roots = {"compute": "v2.1", "network": "v2.0", "image": "v2"}
        headers = {"X-Auth-Token": _token(cloud), **_MICROVERSION}
        answer = ask(method, f"{base}/{service}/{region}/{roots[service]}{path}", headers, body)
        return answer.json() if answer.content else None

    return send


def _profile(
    provider: str,
    first: tuple[str, str],
    second: tuple[str, str],
    *,
    public_network: str,
    token_variable: str,
    prices: str,
    priced: bool = True,
) -> Profile:
    region, kind = first
    send = _asker(region)

    def make_foreign(cloud: Emulator, name: str, labels: Mapping[str, str]) -> None:
        flavors = send(cloud, "GET", "compute", "/flavors/detail")["flavors"]
        networks = send(cloud, "GET", "network", "/networks")["networks"]
        server = {
            "name": name,
            "flavorRef": next(flavor["id"] for flavor in flavors if flavor["name"] == kind),
            "imageRef": send(cloud, "GET", "image", "/images")["images"][0]["id"],
            "networks": [{"uuid": next(net["id"] for net in networks if net["name"] == public_network)}],
            "metadata": dict(labels),
        }
        send(cloud, "POST", "compute", "/servers", {"server": server})

    def relabel(cloud: Emulator, server: str, labels: Mapping[str, str]) -> None:
        send(cloud, "PUT", "compute", f"/servers/{server}/metadata", {"metadata": dict(labels)})

    def action(name: str) -> Callable[[Emulator, str], None]:
        return lambda cloud, server: send(cloud, "POST", "compute", f"/servers/{server}/action", {name: None})

    def erase(cloud: Emulator, server: str) -> None:
        send(cloud, "DELETE", "compute", f"/servers/{server}")

    return Profile(
        provider=provider,
        cloud=_CLOUD,
        first=first,
        second=second,
        orders=f"/compute/{region}/v2.1/servers",
        servers="/compute",
        types=f"/compute/{region}/v2.1/flavors",
        token_variable=token_variable,
        broken_account={"password": "wrong-password"},
        make_foreign=make_foreign,
        relabel=relabel,
        protect=action("lock"),
        unprotect=action("unlock"),
        power_off=action("os-stop"),
        erase=erase,
        page="openstack_api:PER_PAGE",
        reading=("/identity",),
        made={
            "network": "network",
            "firewall": "security_group",
            "spread": "server_group",
            "ssh_key": "keypair",
        },
        unmarked=("spread",),
        prices=prices,
        priced=priced,
    )


OVHCLOUD = _profile(
    "ovhcloud",
    ("GRA11", "b3-8"),
    ("SBG5", "d2-4"),
    public_network="Ext-Net",
    token_variable="OS_PASSWORD",
    prices="/v1/order",
)
INFOMANIAK = _profile(
    "infomaniak",
    ("dc3-a", "a2-ram4-disk20-perf1"),
    ("dc4-a", "a1-ram2-disk20-perf1"),
    public_network="ext-net1",
    token_variable="providers.infomaniak.username",
    prices="",
    priced=False,
)
