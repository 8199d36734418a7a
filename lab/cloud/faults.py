"""Faults: what is broken on purpose, where, for how long and how often. Pure bookkeeping; others act on it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lab.cloud.settings import CLOUDS
from lab.errors import LabError

KINDS: Mapping[str, str] = {
    "outage": "nothing listens on the API's port, and the provider's machines have no network",
    "latency": "every answer takes `delay` seconds longer",
    "429": "rate limit exceeded; with `retry_after` the header Retry-After",
    "5xx": "the vendor's server error with `status` (default 500)",
    "html-502": "a proxy's HTML page with status 502",
    "html-200": "an HTML page with status 200",
    "cut-json": "the answer ends in the middle of its body",
    "reset-before": "TCP reset; nothing was done",
    "reset-after-commit": "the change is stored, then TCP reset",
    "stall": "the request is taken and never answered",
    "unauthorized": "the credentials are refused",
    "read-only": "credentials may read and not write",
    "capacity": "no room for a new server (of `type`, in `location`); `visible` shows it in the catalogue too",
    "quota": "the account may not have one more server",
    "retired-type": "`type` is no longer sold (in `location`); the catalogue says so",
    "boot-error": "a new server's boot ends in an error",
    "boot-stall": "a new server never reaches running",
}
"""Every kind and what it does."""

_ON_REQUEST = (
    "latency", "stall", "reset-before", "html-502", "html-200", "429", "5xx", "unauthorized", "read-only",
    "cut-json", "reset-after-commit",
)  # fmt: skip
_ONLY_WRITES = ("reset-after-commit", "read-only")


@dataclass
class Fault:
    """One fault. Zero, None and "" mean no limit. `count` is how many hits are left.

    `method` is one method, several with commas, or "write" (all but GET); `path` a prefix of the path; `query` one
    `key=value` that the query must have; `skip` lets that many matching requests through first.
    """

    cloud: str
    kind: str
    seconds: float | None = None
    count: int | None = None
    skip: int = 0
    method: str = ""
    path: str = ""
    query: str = ""
    location: str = ""
    type: str = ""
    delay: float = 1.0
    retry_after: int | None = None
    status: int = 500
    visible: bool = False
    id: int = 0
    hits: int = 0
    started: float = 0.0
    released: bool = False

    def as_json(self) -> dict[str, object]:
        """Plain data for the control API."""
        return asdict(self)


_OPTIONS = frozenset(field.name for field in fields(Fault)) - {"id", "hits", "started", "released"}


def parse(data: Mapping[str, Any]) -> Fault:
    """Read a fault that a person wrote; raise LabError naming what is wrong."""
    unknown = sorted(set(data) - _OPTIONS)
    if unknown:
        raise LabError(f"A fault has no option {', '.join(unknown)}; it has {', '.join(sorted(_OPTIONS))}.")
    if data.get("cloud") not in CLOUDS:
        raise LabError(f"A fault needs a cloud of {', '.join(CLOUDS)}, not {data.get('cloud')!r}.")
    if data.get("kind") not in KINDS:
        raise LabError(f"There is no fault {data.get('kind')!r}; there are {', '.join(KINDS)}.")
    for name, wanted in (("count", int), ("skip", int), ("status", int), ("retry_after", int)):
        if data.get(name) is not None and (not isinstance(data[name], wanted) or data[name] < 0):
            raise LabError(f"The option {name} of a fault is a whole number of zero or more, not {data[name]!r}.")
    for name in ("method", "path", "query", "location", "type"):
        if not isinstance(data.get(name, ""), str):
            raise LabError(f"The option {name} of a fault is text, not {data[name]!r}.")
    if not 500 <= data.get("status", 500) <= 599:
        raise LabError(f"The option status of a fault is 500 to 599, not {data['status']}.")
    for name in ("seconds", "delay"):
        if data.get(name) is not None and (not isinstance(data[name], (int, float)) or data[name] < 0):
            raise LabError(f"The option {name} of a fault is a number of seconds, not {data[name]!r}.")
    return Fault(**data)


def _method_fits(fault: Fault, method: str) -> bool:
    wanted = fault.method.upper() or ("WRITE" if fault.kind in _ONLY_WRITES else "")
    return not wanted or method in wanted.split(",") or (wanted == "WRITE" and method not in ("GET", "HEAD"))


class Faults:
    """The faults that are set. Expired and used up ones go away by themselves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Set a fault from now on."""
        fault.id = next(self._ids)
        fault.started = self._clock()
        self._faults.append(fault)
        return fault

    def clear(self, cloud: str = "", kind: str = "", fault_id: int = 0) -> int:
        """Take faults away, all or those that fit; give their number."""
        gone = [f for f in self._faults if cloud in ("", f.cloud) and kind in ("", f.kind) and fault_id in (0, f.id)]
        for fault in gone:
            fault.released = True
        self._faults = [fault for fault in self._faults if not fault.released]
        return len(gone)

    def active(self, cloud: str = "", kind: str = "") -> list[Fault]:
        """Give the faults that still hold."""
        now = self._clock()
        for fault in self._faults:
            if fault.seconds is not None and now >= fault.started + fault.seconds:
                fault.released = True
        self._faults = [fault for fault in self._faults if not fault.released and fault.count != 0]
        return [fault for fault in self._faults if cloud in ("", fault.cloud) and kind in ("", fault.kind)]

    def seconds_left(self, kind: str) -> float | None:
        """Give the time until the next fault of a kind ends by itself, or None."""
        ends = [f.started + f.seconds - self._clock() for f in self.active(kind=kind) if f.seconds is not None]
        return max(0.0, min(ends)) if ends else None

    def on_request(self, cloud: str, method: str, path: str, query: Iterable[tuple[str, str]]) -> list[Fault]:
        """Give the faults that hit this request and count them as used."""
        if not self._faults:
            return []
        pairs = {f"{key}={value}" for key, value in query}
        return [
            fault
            for kind in _ON_REQUEST
            for fault in self.active(cloud, kind)
            if _method_fits(fault, method)
            and path.startswith(fault.path)
            and (not fault.query or fault.query in pairs)
            and self._use(fault)
        ]

    def on_server(self, cloud: str, kind: str, server_type: str, location: str) -> Fault | None:
        """Give the fault of this kind that hits a server of this type and place, counted as used, or None."""
        for fault in self.active(cloud, kind):
            if fault.type in ("", server_type) and fault.location in ("", location) and self._use(fault):
                return fault
        return None

    def shown(self, cloud: str, kind: str, server_type: str, location: str) -> bool:
        """Say whether the catalogue shows a fault for this type and place; nothing is counted."""
        return any(
            (fault.visible or kind == "retired-type")
            and fault.type in ("", server_type)
            and fault.location in ("", location)
            for fault in self.active(cloud, kind)
        )

    @staticmethod
    def _use(fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        fault.hits += 1
        if fault.count is not None:
            fault.count -= 1
        return True
