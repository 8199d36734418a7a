"""Clouds that live in memory, and a way to read an inventory file with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Node, Owner, Scope
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import Capabilities, Setting


def node(
    provider: str,
    name: str,
    *,
    location: str,
    country: str,
    owner: Owner | None = None,
    scope: str = "",
    **more: object,
) -> Node:
    """A server; `location` stands for zone and region too unless they are given."""
    facts: dict[str, object] = {
        "id": f"id-{name}",
        "zone": location,
        "region": location.rsplit("-", 1)[0] if location.count("-") > 1 else location,
        "type": "small",
        "state": "running",
        "public_ipv4": "198.18.1.1",
        "private_ipv4": "10.0.0.1",
        "labels": owner.labels() if owner else {},
        "price_hour": Decimal("0.0119"),
        "provider_id": f"{provider}://{name}",
        "created": "2026-11-01T00:00:00Z",
    }
    return Node(provider=provider, name=name, location=location, country=country, owner=owner, **{**facts, **more})  # type: ignore[arg-type]


@dataclass
class Cloud:
    """A provider, its driver file and its driver in one. `nodes` by the name of the scope; faults are set by tests."""

    name: str
    scope_list: list[Scope]
    nodes: dict[str, list[Node]]
    opening_fault: Exception | None = None
    faults: dict[str, Exception] = field(default_factory=dict)
    fault_after: int = 0
    stalled: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    barrier: threading.Barrier | None = None
    listed: list[tuple[str, Mapping[str, str] | None]] = field(default_factory=list)
    settings_seen: list[Mapping[str, str]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    @property
    def SETTINGS(self) -> tuple[Setting, ...]:
        return (
            Setting("endpoint", f"{self.name.upper()}_URL", "where", required=False, default="https://api.example"),
            Setting("token", f"{self.name.upper()}_TOKEN", "secret", secret=True),
        )

    @property
    def CAPS(self) -> Capabilities:
        places = {server.location: server for nodes in self.nodes.values() for server in nodes}
        scopes = {place: Scope(self.name, place, "", server.country) for place, server in places.items()}
        return Capabilities(self.name.title(), scopes, "ubuntu", f"{self.name}://", 1024, True, True)

    @property
    def caps(self) -> Capabilities:
        return self.CAPS

    def connect(self, settings: Mapping[str, str], **_times: object) -> Cloud:
        self.settings_seen.append(settings)
        if self.opening_fault:
            raise self.opening_fault
        return self

    def scopes(self) -> list[Scope]:
        return self.scope_list

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        self.listed.append((scope.name, owner_filter))
        self.threads.add(threading.get_ident())
        if self.barrier:
            self.barrier.wait(timeout=5)
        if scope.name in self.stalled:
            self.released.wait(timeout=30)
        wanted = dict(owner_filter or {})
        for count, server in enumerate(self.nodes[scope.name]):
            if scope.name in self.faults and count >= self.fault_after:
                raise self.faults[scope.name]
            if wanted.items() <= dict(server.labels).items():
                yield server
        if scope.name in self.faults:
            raise self.faults[scope.name]


def owner(cluster: str, pool: str, ordinal: int = 1) -> Owner:
    """An owner in the fleet `acme`."""
    return Owner.of("acme", cluster, pool, f"{cluster}-{pool}-{ordinal}")


def hetzner() -> Cloud:
    """One scope for all locations, as Hetzner has it: two nodes of ours and one of somebody else."""
    return Cloud(
        "hetzner",
        [Scope("hetzner", "global", "eu-central", "DE")],
        {
            "global": [
                node(
                    "hetzner",
                    "development-hetzner-workers-2",
                    location="nbg1",
                    country="DE",
                    owner=owner("development", "hetzner-workers", 2),
                ),
                node(
                    "hetzner",
                    "development-hetzner-workers-1",
                    location="fsn1",
                    country="DE",
                    owner=owner("development", "hetzner-workers"),
                ),
                node(
                    "hetzner",
                    "bastion",
                    location="hel1",
                    country="FI",
                    labels={"team": "ops", "stage": "live"},
                    price_hour=None,
                ),
            ]
        },
    )


def scaleway() -> Cloud:
    """One scope for each zone, as Scaleway has it."""
    return Cloud(
        "scaleway",
        [
            Scope("scaleway", "fr-par-1", "fr-par", "FR"),
            Scope("scaleway", "nl-ams-1", "nl-ams", "NL"),
        ],
        {
            "fr-par-1": [
                node(
                    "scaleway",
                    "development-scaleway-workers-1",
                    location="fr-par-1",
                    country="FR",
                    owner=owner("development", "scaleway-workers"),
                ),
                node(
                    "scaleway",
                    "production-workers-1",
                    location="fr-par-1",
                    country="FR",
                    owner=owner("production", "workers"),
                ),
            ],
            "nl-ams-1": [
                node(
                    "scaleway",
                    "production-workers-2",
                    location="nl-ams-1",
                    country="NL",
                    owner=owner("production", "workers", 2),
                ),
            ],
        },
    )


def driver_table(*clouds: Cloud) -> dict[str, Callable[[], Cloud]]:
    """What the registry of providers holds, with these clouds in it."""
    return {cloud.name: (lambda cloud=cloud: cloud) for cloud in clouds}  # type: ignore[misc]


def down(provider: str) -> PlatformError:
    """What a driver says of an API that refuses connections."""
    return PlatformError(
        f"{provider} at https://api.example: connection refused. Check the endpoint.", provider=provider
    )
