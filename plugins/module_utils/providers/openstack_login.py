# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keystone: one token for all regions, and with it the catalogue of what stands where.

keystoneauth1 knows how a login is written and how a catalogue is read; the request itself is made by our transport.
"""

from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..budget import Budget
from ..errors import Ambiguous, Auth, NotFound, Permanent, PlatformError, Transient
from .base import Clock, Sleep
from .once import Once
from .openstack_presets import Preset
from .openstack_wire import classify, problem, read
from .transport import Answer, Peer, Transport

if TYPE_CHECKING:
    import requests
    from keystoneauth1.access import AccessInfoV3
    from keystoneauth1.identity.v3.base import Auth as Plugin

TOKENS_PER_SECOND = 1.0
TOKEN_BURST = 10.0
"""OVHcloud allows sixty new tokens a minute and user, and one does for all we do."""

COMPUTE, NETWORK, IMAGE, VOLUME, BALANCER = "compute", "network", "image", "block-storage", "load-balancer"
SERVICES = (COMPUTE, NETWORK, IMAGE, VOLUME, BALANCER)
"""The services that we speak to, by their official type; catalogues have other names for some."""


@dataclass(frozen=True)
class Access:
    """A token, and the address of each service by (service, region)."""

    token: str = field(repr=False)
    endpoints: Mapping[tuple[str, str], str]

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that have servers, sorted."""
        return tuple(sorted(region for service, region in self.endpoints if service == COMPUTE))


class Login:
    """Fetches a token when one is needed. Safe to use from several threads: they share one login."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._once = Once()
        self._lock = threading.Lock()
        self._current: Access | None = None
        self._refused: Auth | None = None

    @property
    def peer(self) -> Peer:
        """Whom we log in at, and where the account is set."""
        return self._transport.peer

    def access(self, stale: Access | None = None) -> Access:
        """The access that holds now, or a new one when it is ``stale``, which a service has refused."""
        with self._lock:
            current, refused = self._current, self._refused
        if refused is not None:
            raise refused  # asking again with the same password only gets the account locked
        if current is not None and current is not stale:
            return current
        return self._once.get(stale.token if stale else "", self._fetch)

    def _fetch(self) -> Access:
        try:
            info = self._transport.call("POST", "/auth/tokens").body
        except Auth as error:
            with self._lock:
                self._refused = error
            raise
        access = _access(self._transport.peer, cast("AccessInfoV3", info))
        with self._lock:
            self._current = access
        return access


def connect(
    preset: Preset,
    settings: Mapping[str, str],
    session: requests.Session,
    *,
    clock: Clock,
    sleep: Sleep,
    deadline: float | None,
) -> Login:
    """A login for the account in ``settings``. Raises Auth when the account is not complete."""
    endpoint = settings["endpoint"].rstrip("/")
    names, plugin = _plugin(preset, settings, endpoint)
    peer = Peer(preset.name, preset.title, endpoint, preset.where(*names), preset.where("endpoint"))
    budget = Budget(per_second=TOKENS_PER_SECOND, burst=TOKEN_BURST, clock=clock, sleep=sleep, deadline=deadline)
    return Login(_TokenTransport(peer, _asking(plugin, session), read, classify, budget))


def _plugin(preset: Preset, settings: Mapping[str, str], endpoint: str) -> tuple[tuple[str, str], Plugin]:
    try:
        from keystoneauth1.identity import v3
    except ImportError as error:
        said = f"{preset.title} needs the Python package keystoneauth1 ({error}); install it for this task's Python."
        raise problem(preset, Permanent, "no_sdk", said) from None
    credential, secret = "application_credential_id", "application_credential_secret"
    if settings.get(credential):
        _require(preset, settings, secret)
        return (credential, secret), v3.ApplicationCredential(
            endpoint,
            application_credential_id=settings[credential],
            application_credential_secret=settings[secret],
        )
    _require(preset, settings, "username", "password", "project_id")
    return ("username", "password"), v3.Password(
        endpoint,
        username=settings["username"],
        password=settings["password"],
        user_domain_name=settings.get("user_domain") or "Default",
        project_id=settings["project_id"],
    )


def _require(preset: Preset, settings: Mapping[str, str], *names: str) -> None:
    for name in names:
        if not settings.get(name):
            said = f"No {name.replace('_', ' ')} for {preset.title}; set {preset.where(name)}."
            raise problem(preset, Auth, "no_credentials", said)


def _asking(plugin: Plugin, session: requests.Session) -> Callable[..., Any]:
    """The plugin writes the request and reads the answer; what lies between goes by the rules of the transport."""

    def perform(_method: str, _path: str, **options: Any) -> AccessInfoV3:
        return plugin.get_auth_ref(cast(Any, _Door(session, options)))

    return perform


class _Door:
    """All that a plugin needs of a session: to post once."""

    def __init__(self, session: requests.Session, options: Mapping[str, Any]) -> None:
        self._session = session
        self._options = options

    def post(self, url: str, *, json: Any, headers: Mapping[str, str], **_ignored: Any) -> requests.Response:
        """Send it, with the transport's time limits and hooks."""
        return self._session.request("POST", url, json=json, headers=dict(headers), **self._options)


class _TokenTransport(Transport):
    """A login is a POST that changes nothing: when its answer is lost, it can simply be asked for again."""

    def _once(self, method: str, path: str, options: Mapping[str, Any]) -> Answer:
        try:
            return super()._once(method, path, options)
        except Ambiguous as lost:
            raise _reworded(lost, Transient, "it may have been carried out", "run again later") from None
        except NotFound as error:
            # Never NotFound: that would read as "the server is not there any more".
            raise _reworded(error, Permanent, ").", f"); is it Keystone? Correct {self.peer.address}.") from None
        except Auth as error:
            raise _reworded(error, Auth, "refused the token", "refused the login") from None


def _reworded(error: PlatformError, kind: type[PlatformError], said: str, better: str) -> PlatformError:
    return kind(
        str(error).replace(said, better),
        provider=error.provider,
        code=error.code,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )


def _access(peer: Peer, info: AccessInfoV3) -> Access:
    endpoints: dict[tuple[str, str], str] = {}
    for service in SERVICES:
        for found in info.service_catalog.get_endpoint_data_list(service_type=service, interface="public"):
            endpoints.setdefault((service, str(found.region_name)), str(found.url))
    if not any(service == COMPUTE for service, _region in endpoints):
        raise Permanent(
            f"{peer.title} has no servers for this project: its catalogue names no compute service. Check the project "
            "that the account belongs to.",
            provider=peer.provider,
            code="no_service",
        )
    return Access(str(info.auth_token), endpoints)


def trusted(endpoint: str, auth_url: str) -> bool:
    """Whether the token may be sent to an address of the catalogue.

    The catalogue is as good as the connection on which it came. So it may name any host, but it may not take the token
    off an encrypted connection: without TLS it may only name the very host to which the password went without TLS.
    """
    there, here = urllib.parse.urlsplit(endpoint), urllib.parse.urlsplit(auth_url)
    return there.scheme == "https" or (there.scheme, there.hostname) == (here.scheme, here.hostname)
