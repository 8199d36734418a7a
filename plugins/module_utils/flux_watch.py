# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for Flux by watching its objects, and ask it to hurry."""

from __future__ import annotations

import queue
import threading
import time
import typing as t
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from .errors import Conflict, NotFound, Permanent, PlatformError, Transient
from .flux_wait import REQUESTED_AT, SOURCE, WORK, Condition, FluxWait
from .kube_api import PROVIDER, Json, KubeApi, segment

NAMESPACE = "flux-system"
_LISTS = {
    SOURCE: f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/gitrepositories",
    WORK: f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/kustomizations",
}
_WINDOW = 240.0  # seconds of one watch request; a proxy in between may end idle streams sooner, which is no harm
_RETRY = 1.0
_REPEAT = 2.0  # seconds between two requests to the same object
_PATIENCE_WITH_SOURCE = 30.0
_PATIENCE_WITHOUT_FLUX = 20.0
_SIGN_OF_LIFE = 20.0
_QUIET = 5.0


class FluxWatch:
    """One wait: looks once, and then follows the changes until the wait is done, failed or out of time."""

    def __init__(
        self,
        api: KubeApi,
        wait: FluxWait,
        *,
        reconcile: bool,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        pause: float = 1.0,
    ) -> None:
        """`say` gets the lines of progress; `reconcile`: ask Flux to look now instead of at its next interval.

        `pause`: seconds before a watch that ended is begun anew, and between two looks at the clock.
        """
        self.requests = 0
        self._api = api
        self._wait = wait
        self._reconcile = reconcile
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self._pause = pause
        self._events: queue.SimpleQueue[tuple[str, str, t.Any]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._asked_at: dict[tuple[str, str], float] = {}
        self._trouble = ""
        self._last_news = clock()

    def look(self) -> bool:
        """One look without waiting or asking: is everything in place?"""
        for kind in _LISTS:
            self._take_list(kind, self._list(kind))
        return self._wait.done()

    def run(self, timeout: float) -> None:
        """Return when everything is in place; raise Permanent with the words of Flux, or Conflict (`Timeout`)."""
        started = self._clock()
        versions = self._first_look(started, timeout)
        if self._reconcile and not self._wait.revision:
            self._ask(self._wait.sources())  # nobody knows the newest commit before the source has looked
        threads = [threading.Thread(target=self._follow, args=(*pair,), daemon=True) for pair in versions.items()]
        try:
            if not self._settled(started):
                for thread in threads:
                    thread.start()
                self._process(started, timeout)
        finally:
            self._stop.set()

    def _first_look(self, started: float, timeout: float) -> dict[str, str]:
        patience = min(timeout, _PATIENCE_WITHOUT_FLUX)
        while True:
            try:
                return {kind: self._take_list(kind, self._list(kind)) for kind in _LISTS}
            except NotFound as absent:
                if absent.code == "NoKubeconfig" or self._clock() - started >= patience:
                    raise _without_flux(self._api, absent) from None
                self._sleep(_RETRY)  # its definitions were applied a moment ago

    def _process(self, started: float, timeout: float) -> None:
        last_sign = started
        while not self._settled(started):
            now = self._clock()
            if now - started >= timeout:
                raise self._too_late(timeout)
            if now - max(self._last_news, last_sign) >= _SIGN_OF_LIFE:
                last_sign = now
                waiting = "; ".join(self._wait.unfinished()[:3]) or "the first Kustomization"
                self._say(f"still waiting after {now - started:.0f} s for {waiting}")
            try:
                event = self._events.get(timeout=self._pause)
            except queue.Empty:
                continue
            if self._take(*event):
                self._last_news = self._clock()

    def _settled(self, started: float) -> bool:
        if self._wait.done():
            return True
        quiet = self._clock() - self._last_news >= _QUIET
        if self._reconcile:
            self._ask(self._wait.to_request(quiet=quiet))
        patient = self._clock() - started < _PATIENCE_WITH_SOURCE
        if failure := self._wait.failure(patient_with_source=patient, quiet=quiet):
            raise Permanent(failure, provider="flux", code="Failed")
        return False

    def _ask(self, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            key, now = (condition.kind, condition.name), self._clock()
            if now - self._asked_at.get(key, -_REPEAT) < _REPEAT:
                continue
            self._asked_at[key] = now
            self.requests += 1
            moment = f"{datetime.now(UTC).isoformat()}.{self.requests}"
            self._wait.requested(condition)
            try:
                patched = self._api.merge_patch(_path(condition), {"metadata": {"annotations": {REQUESTED_AT: moment}}})
            except NotFound:
                self._wait.forget(condition.kind, [condition.name])
            else:
                self._take("MODIFIED", condition.kind, patched)

    def _take(self, what: str, kind: str, content: t.Any) -> bool:
        """Take in one event; True if it was news."""
        if what == "LIST":
            before = dict(self._wait.seen)
            self._take_list(kind, content)
            return before != self._wait.seen
        if what == "TROUBLE":
            if isinstance(content, Transient):
                self._trouble = str(content)
                return False
            raise content
        if what == "DELETED":
            self._wait.forget(kind, [content["metadata"]["name"]])
            return True
        line = self._wait.observe({**content, "kind": kind})
        if line:
            self._say(line)
        return bool(line)

    def _take_list(self, kind: str, listed: Json) -> str:
        """Take in a whole list; its version, from which to watch on."""
        items = listed.get("items") or []
        self._wait.forget(kind, self._wait.known(kind) - {item["metadata"]["name"] for item in items})
        for item in items:
            if line := self._wait.observe({**item, "kind": kind}):
                self._say(line)
        return str(listed["metadata"]["resourceVersion"])

    def _list(self, kind: str) -> Json:
        return self._api.get(_LISTS[kind])

    def _follow(self, kind: str, version: str) -> None:
        """Runs in a thread of its own: only fills the queue."""
        while not self._stop.is_set():
            try:
                for event in self._api.watch(_LISTS[kind], resource_version=version, seconds=_WINDOW):
                    if self._stop.is_set() or event["type"] == "ERROR":
                        break  # the version is too old for the server, usually
                    self._events.put((event["type"], kind, event["object"]))
                if self._stop.wait(self._pause):
                    return
                listed = self._list(kind)
                version = str(listed["metadata"]["resourceVersion"])
                self._events.put(("LIST", kind, listed))
            except Exception as trouble:  # noqa: BLE001 a thread that dies in silence would look like a slow cluster
                self._events.put(("TROUBLE", kind, trouble))
                self._stop.wait(self._pause)

    def _too_late(self, timeout: float) -> PlatformError:
        waiting = "; ".join(self._wait.unfinished()) or f"no {WORK} exists in namespace {NAMESPACE}"
        trouble = f" Last trouble with the API: {self._trouble}" if self._trouble else ""
        return Conflict(
            f"Flux was not ready after {timeout:.0f} s. Still waiting for {waiting}.{trouble}",
            provider="flux",
            code="Timeout",
        )


def _path(condition: Condition) -> str:
    return f"{_LISTS[condition.kind]}/{segment(condition.name)}"


def _without_flux(api: KubeApi, absent: NotFound) -> PlatformError:
    if absent.code == "NoKubeconfig":
        return absent
    return NotFound(
        f"The cluster at {api.endpoint} does not know the objects of Flux. Install Flux first (role gitops).",
        provider=PROVIDER,
        code="NoFlux",
    )
