# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on a cluster: a Lease in the cluster itself says whose turn it is.

The API server decides who comes first: every write names the version of the Lease that it was based on. A holder that
is killed stops renewing, and whoever has watched the Lease stand still for its duration takes over. That is measured on
the watcher's own clock; clocks of two machines are never compared.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import Auth, Conflict, NotFound, PlatformError, RateLimited, Transient
from .kube_api import PROVIDER, Json, KubeApi
from .providers.base import Clock, Sleep

NAME = "sovereign-fleet"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
PATH = f"{LEASES}/{NAME}"

SECONDS = 30
"""How long a holder may stay silent before somebody else takes over."""
RENEW_EVERY = 10.0
SURE = 20.0
"""For so long after a renewal nobody can have taken over, and a request that begins now still ends in time."""
LOOK_EVERY = 2.0
TICK = 1.0
RENEW_TIMEOUT = 5.0

Tell = Callable[[str], None]


def identity() -> str:
    """A name for this very run: who, on which machine, in which process, and something that no other run has."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may know no name for the user that it runs as
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Seen:
    """The Lease as it was read. An empty holder means that it is free."""

    holder: str
    since: str
    renewed: str
    seconds: float
    transitions: int
    version: str

    @classmethod
    def of(cls, lease: Json) -> Seen:
        """From the object."""
        spec = lease.get("spec") or {}
        return cls(
            holder=str(spec.get("holderIdentity") or ""),
            since=str(spec.get("acquireTime") or ""),
            renewed=str(spec.get("renewTime") or ""),
            seconds=float(spec.get("leaseDurationSeconds") or SECONDS),
            transitions=int(spec.get("leaseTransitions") or 0),
            version=str((lease.get("metadata") or {}).get("resourceVersion") or ""),
        )

    def who(self) -> str:
        """The holder in words."""
        person, _slash, rest = self.holder.partition("/")
        pid = rest.partition("/")[0]
        return f"{person} (pid {pid})" if pid else person

    def when(self) -> str:
        """Since when, to the second."""
        day, _t, clock = self.since.partition("T")
        return f"{day} {clock[:8]} UTC" if clock else "an unknown time"


class Turn:
    """The time in which a cluster is ours. ``warning`` says why it is not guarded, if it is not."""

    def __init__(self, warning: str = "") -> None:
        self.warning = warning

    def still_ours(self) -> bool:
        """Whether nobody can have taken over; to be asked before every write."""
        return True

    def insist(self) -> None:
        """Raise Conflict (``lock_lost``) unless it is still ours."""
        if not self.still_ours():
            raise self.lost()

    def lost(self) -> PlatformError:
        """Why a run has to stop when it is not ours any more."""
        return Conflict("This run has lost its turn.", provider=PROVIDER, code="lock_lost")


class HeldTurn(Turn):
    """A turn that a Lease guards. ``api`` is a connection of its own, so that no long request holds up a renewal."""

    def __init__(
        self,
        api: KubeApi,
        cluster: str,
        holder: str,
        version: str,
        began: float,
        *,
        clock: Clock,
        wall: Clock = time.time,
    ) -> None:
        """``version`` is that of the Lease as we wrote it, ``began`` the reading of ``clock`` before we did."""
        super().__init__()
        self._api = api
        self._cluster = cluster
        self._holder = holder
        self._version = version
        self._clock = clock
        self._wall = wall
        self._renewed = (began, wall() - (clock() - began))
        self._ended = ""
        self._guard = threading.Lock()
        self._over = threading.Event()

    def still_ours(self) -> bool:
        """See Turn. Asks the API server only when no renewal came through lately."""
        if not self._ended and self._silence() >= SURE:
            self.renew()
        return not self._ended and self._silence() < SURE

    def lost(self) -> PlatformError:
        """See Turn."""
        why = self._ended or "it could not be renewed, so another run may have it by now"
        return Conflict(
            f"This run has lost its turn at cluster {self._cluster}: {why}. It writes nothing more; run again to carry "
            "on.",
            provider=PROVIDER,
            code="lock_lost",
        )

    def keep(self) -> None:
        """Renew it until ``release``; the work of a thread."""
        while not self._over.wait(TICK) and not self._ended:
            if self._silence() >= RENEW_EVERY:
                self.renew()

    def renew(self) -> None:
        """Say that we are alive; what fails here shows in ``still_ours``."""
        with self._guard:
            if self._over.is_set() or self._ended:
                return
            began = self._clock(), self._wall()
            try:
                if self._write({"renewTime": _now()}):
                    self._renewed = began
            except NotFound:
                self._ended = "somebody has deleted its Lease"
            except PlatformError:
                return

    def release(self) -> None:
        """Let the next one in. When that fails, the Lease runs out by itself."""
        self._over.set()
        if self._guard.acquire(timeout=RENEW_TIMEOUT):
            try:
                if not self._ended:
                    self._write({"holderIdentity": "", "renewTime": _now()})
            except PlatformError:
                return
            finally:
                self._guard.release()

    def _write(self, spec: Json) -> bool:
        """Change the Lease while it is ours. False when it is not, or when others keep changing it."""
        for _attempt in range(2):
            try:
                self._version = Seen.of(_patch(self._api, self._version, spec)).version
            except Conflict:
                # Somebody wrote in between: another run, a person with kubectl, or we and the answer was lost.
                seen = Seen.of(self._api.get(PATH))
                self._version = seen.version
                if seen.holder != self._holder:
                    self._ended = (
                        f"it belongs to {seen.who()} now" if seen.holder else "another run or a person has ended it"
                    )
                    return False
            else:
                return True
        return False

    def _silence(self) -> float:
        """Seconds since the last renewal. A machine that slept shows that on its wall clock only."""
        began, wall = self._renewed
        return max(self._clock() - began, self._wall() - wall)


@contextmanager
def turn(
    api: KubeApi,
    cluster: str,
    holder: str,
    *,
    clock: Clock,
    sleep: Sleep,
    deadline: float,
    tell: Tell,
) -> Iterator[Turn]:
    """Wait until it is our turn at the cluster, and keep it until the block ends, however that ends.

    ``deadline`` is a reading of ``clock``; when it passes, Conflict (``locked``) says who holds the cluster. An account
    that may not use Leases is let through with a warning: servers are marked, so two runs at once find each other's.
    """
    taken = _Queue(api, cluster, holder, clock, sleep, deadline, tell).wait()
    if taken is None:
        yield Turn(
            f"Nothing keeps two runs from working on cluster {cluster} at once: the account in its kubeconfig may not "
            f"use the Lease {NAME} in kube-system. Allow it to get, create and patch it, or start one run at a time."
        )
        return
    held = HeldTurn(KubeApi(api.path, RENEW_TIMEOUT), cluster, holder, *taken, clock=clock)
    threading.Thread(target=held.keep, name="lease", daemon=True).start()
    try:
        yield held
    finally:
        held.release()


class _Queue:
    """One run that waits for its turn."""

    def __init__(
        self, api: KubeApi, cluster: str, holder: str, clock: Clock, sleep: Sleep, deadline: float, tell: Tell
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._holder = holder
        self._clock = clock
        self._sleep = sleep
        self._deadline = deadline
        self._tell = tell
        self._reached = False
        self._seen: Seen | None = None
        self._still_since = clock()
        self._told = ""

    def wait(self) -> tuple[str, float] | None:
        """Version of the Lease that is ours now, and the reading of the clock before we asked for it.

        None when the account may not use it.
        """
        while True:
            began = self._clock()
            try:
                seen = self._look()
                if seen is None or seen.holder in ("", self._holder) or self._stands_still(seen):
                    return self._take(seen), began
            except Auth as error:
                if error.code in ("Forbidden", "403"):
                    return None
                raise
            except (Conflict, RateLimited, Transient) as error:
                # A conflict says that another one was faster. What fails in passing is waited out, but not at first.
                if not self._reached and not isinstance(error, Conflict):
                    raise
            if self._clock() >= self._deadline:
                raise self._too_late()
            self._sleep(max(0.0, min(LOOK_EVERY, self._deadline - self._clock())))

    def _look(self) -> Seen | None:
        try:
            seen = Seen.of(self._api.get(PATH))
        except NotFound:
            self._reached = True
            return None
        self._reached = True
        if self._seen is None or (seen.holder, seen.renewed) != (self._seen.holder, self._seen.renewed):
            self._still_since = self._clock()
        self._seen = seen
        if seen.holder not in ("", self._holder, self._told):
            self._told = seen.holder
            self._tell(f"waiting: {seen.who()} has been working on cluster {self._cluster} since {seen.when()}")
        return seen

    def _stands_still(self, seen: Seen) -> bool:
        return self._clock() - self._still_since >= seen.seconds

    def _take(self, seen: Seen | None) -> str:
        now = _now()
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": SECONDS,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": seen.transitions + 1 if seen else 0,
        }
        if seen is None:
            return Seen.of(self._api.post(LEASES, _lease(spec))).version
        taken = Seen.of(_patch(self._api, seen.version, spec))
        if seen.holder not in ("", self._holder):
            self._tell(f"{seen.who()} has fallen silent; cluster {self._cluster} is taken over from it")
        return taken.version

    def _too_late(self) -> PlatformError:
        seen = self._seen
        who, when = (seen.who(), seen.when()) if seen else ("another run", "an unknown time")
        return Conflict(
            f"{who} has been working on cluster {self._cluster} since {when}, and this run has waited for its turn "
            "until its time was up. Nothing was done; run again when the other has ended, or with a longer timeout.",
            provider=PROVIDER,
            code="locked",
        )


def _patch(api: KubeApi, version: str, spec: Json) -> Json:
    """Raises Conflict when the Lease has changed since that version."""
    return api.merge_patch(PATH, {"metadata": {"resourceVersion": version}, "spec": spec})


def _lease(spec: Json) -> Json:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": "kube-system"},
        "spec": spec,
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
