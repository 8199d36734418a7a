# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of one OpenStack project, in every region: who is asked where, and whole lists page by page."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..budget import Budget
from ..errors import Auth, NotFound, Permanent, Transient
from .openstack_login import BALANCER, COMPUTE, IMAGE, NETWORK, Access, Login, trusted
from .openstack_presets import Preset
from .openstack_wire import NOT_ACCEPTABLE, UNAUTHORIZED, Item, classify, mapping, problem, read
from .transport import Answer, Transport

if TYPE_CHECKING:
    import requests

PER_PAGE = 1000
LOOKS = 5

MICROVERSIONS = ("2.69", "2.47", "2.38")
"""What Nova is asked for, an older one where it does not have the newer. From 2.69 on servers that Nova cannot read
just now are listed as such, instead of being left out; from 2.47 on a server tells its type by name, not by id."""

_PREFIXES = {NETWORK: "/v2.0", IMAGE: "/v2", BALANCER: "/v2"}
_WORDS = {COMPUTE: "servers", NETWORK: "networks", IMAGE: "images", BALANCER: "load balancers"}


class Api:
    """One project. Safe to use from several threads."""

    def __init__(self, preset: Preset, login: Login, session: requests.Session, budget: Budget) -> None:
        self.preset = preset
        self._login = login
        self._session = session
        self._budget = budget
        self._lock = threading.Lock()
        self._transports: dict[str, Transport] = {}
        self._versions: dict[str, str] = {}

    def regions(self) -> tuple[str, ...]:
        """The regions of the project that the preset knows."""
        return tuple(region for region in self._login.access().regions if region in self.preset.places)

    def has(self, service: str, region: str) -> bool:
        """Whether the region has this service."""
        return (service, region) in self._login.access().endpoints

    def call(
        self, service: str, region: str, method: str, path: str, *, microversion: str = "", **options: Any
    ) -> Answer:
        """Make a request to a service of a region; ``options`` are those of requests."""
        stale: Access | None = None
        while True:
            access = self._login.access(stale)
            transport = self._transport(service, region, access)
            version = microversion or self._version(region)
            headers = {"X-Auth-Token": access.token}
            if service == COMPUTE:
                headers["OpenStack-API-Version"] = f"compute {version}"
            try:
                return transport.call(method, path, headers=headers, **options)
            except Auth as error:
                if error.code != UNAUTHORIZED or stale is not None:
                    raise
                stale = access
            except Permanent as error:
                if error.code != NOT_ACCEPTABLE or microversion or not self._step_down(region, version):
                    raise

    def get(self, service: str, region: str, path: str, query: Mapping[str, str] | None = None, **options: Any) -> Item:
        """Read an object."""
        body = self.call(service, region, "GET", path, params=dict(query or {}), **options).body
        return body if isinstance(body, dict) else {}

    def part(self, body: Any, key: str) -> Item:
        """The object that an answer holds under this key."""
        item = mapping(body).get(key)
        if not isinstance(item, dict):
            raise self._unexpected(key)
        return item

    def all(
        self,
        service: str,
        region: str,
        path: str,
        key: str,
        query: Mapping[str, str] | None = None,
        *,
        identify: Callable[[Item], str] = lambda item: str(item.get("id")),
        **options: Any,
    ) -> list[Item]:
        """Every item of a list.

        A page begins after the item that ended the one before. When just that one is deleted meanwhile, the service
        says that it does not know it, and we look again from the start.
        """
        for _look in range(LOOKS):
            items: dict[str, Item] = {}
            marker = ""
            while True:
                paging = {"limit": str(PER_PAGE), **({"marker": marker} if marker else {})}
                try:
                    body = self.get(service, region, path, {**(query or {}), **paging}, **options)
                except (NotFound, Permanent) as error:
                    if not marker or "marker" not in str(error).lower():
                        raise
                    break
                page = body.get(key)
                if not isinstance(page, list):
                    raise self._unexpected(key)
                known = len(items)
                items.update((identify(item), item) for item in page)
                # A list that knows no markers gives the same page again.
                if len(items) == known or (len(page) < PER_PAGE and not _next(body, key)):
                    return list(items.values())
                marker = identify(page[-1])
        said = f"{self.preset.title} changed its list of {key} in {region} during each of {LOOKS} readings; run again."
        raise problem(self.preset, Transient, "unstable_list", said)

    # ---- where a service is

    def _transport(self, service: str, region: str, access: Access) -> Transport:
        endpoint = access.endpoints.get((service, region))
        if endpoint is None:
            raise self._not_there(service, region, access)
        base = _versioned(endpoint, _PREFIXES.get(service, ""))
        with self._lock:
            if base not in self._transports:
                self._transports[base] = self._connect(base)
            return self._transports[base]

    def _connect(self, base: str) -> Transport:
        preset = self.preset
        if not trusted(base, self._login.peer.endpoint):
            raise problem(
                preset,
                Permanent,
                "untrusted_endpoint",
                f"{preset.title} names {base} in its catalogue, which is not encrypted, so the token is not sent "
                f"there. Correct {preset.where('endpoint')}.",
            )
        peer = replace(self._login.peer, endpoint=base)

        def perform(method: str, path: str, **options: Any) -> requests.Response:
            return self._session.request(method, f"{base}{path}", **options)

        return Transport(peer, perform, read, classify, self._budget)

    def _not_there(self, service: str, region: str, access: Access) -> NotFound:
        title = self.preset.title
        if region in access.regions:
            what = _WORDS.get(service, service)
            return problem(self.preset, NotFound, "no_service", f"{title} has no {what} in {region}.")
        return problem(
            self.preset,
            NotFound,
            "unknown_region",
            f"{title} does not give this project the region {region}; it has {', '.join(access.regions)}. Take one of "
            "these, or have the region enabled for the project.",
        )

    # ---- microversions

    def _version(self, region: str) -> str:
        with self._lock:
            return self._versions.get(region, MICROVERSIONS[0])

    def _step_down(self, region: str, refused: str) -> bool:
        """Take the next older microversion for a region; False when there is none."""
        older = MICROVERSIONS[MICROVERSIONS.index(refused) + 1 :]
        if older:
            with self._lock:
                self._versions[region] = older[0]
        return bool(older)

    def _unexpected(self, key: str) -> Permanent:
        said = f"{self.preset.title} sent an answer without {key!r}; is the endpoint right?"
        return problem(self.preset, Permanent, "unexpected", said)


def _next(body: Mapping[str, Any], key: str) -> bool:
    """Whether a page says that there is another one."""
    links = body.get(f"{key}_links") or []
    return bool(body.get("next")) or any(mapping(link).get("rel") == "next" for link in links)


def _versioned(endpoint: str, prefix: str) -> str:
    """The address under which a service's paths begin: some catalogues say the version, some do not."""
    base = endpoint.rstrip("/")
    return base if re.search(r"/v\d+(\.\d+)?(/|$)", base) else f"{base}{prefix}"
