# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet leaves behind at its providers: found everywhere at once, removed in the order in which it can go.

Nothing counts as gone that nobody was able to look at: a provider that does not answer is unknown, never empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .budget import fan_out
from .errors import Auth, Conflict, NotFound, Permanent, PlatformError, Quota, Transient
from .model import LABEL_CLUSTER, LABEL_FLEET, Leftover, Node
from .providers.base import NodeDriver
from .reporting import failure
from .running import Pace, Run

SERVER = "server"
ORDER = ("load_balancer", "address", "nic", "disk", "placement_group", "firewall", "network", "ssh_key")
"""What has to go before what: a network cannot go while something stands in it."""
PROTECTED = "protected"
NAMED = 8
"""How many things a sentence names before it only counts."""
_STUBBORN = 3
"""How often something is tried whose provider says that trying again cannot help; some say so of what is in use."""


Key = tuple[str, str, str]
Part = Sequence[Node | Leftover]


@dataclass(frozen=True)
class Errand:
    """What is asked for. ``with_data`` also removes what we did not make and what may hold data; ``prove`` fails while
    anything is left."""

    remove: bool = False
    with_data: bool = False
    prove: bool = False


@dataclass(frozen=True)
class Traces:
    """What was found, and the providers that could not tell all."""

    things: tuple[Leftover, ...] = ()
    leaving: tuple[Node, ...] = ()
    unknown: Mapping[str, PlatformError] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[Leftover, ...]:
        """Servers that nobody is deleting yet."""
        going = {node.id for node in self.leaving}
        return tuple(thing for thing in self.things if thing.kind == SERVER and thing.id not in going)


def clear(errand: Errand, run: Run, unknown: Mapping[str, PlatformError], *, check: bool, diff: bool) -> dict[str, Any]:
    """Look, remove if asked to, and say what is left: the result of a module. An empty cluster means the whole fleet.

    ``unknown`` are providers with an account that cannot even be asked.
    """
    found = look(run, unknown)
    clearing = _Clearing(errand, run, unknown, found)
    if errand.remove and not found.standing:
        clearing.foresee() if check else clearing.carry_out()
    left, removed = clearing.left, clearing.removed
    result: dict[str, Any] = {
        "changed": bool(removed),
        "leftovers": [as_result(thing) for thing in left.things],
        "removed": [as_result(thing) for thing in removed],
        "billable": sum(thing.billable for thing in left.things),
        "unknown": [{"provider": name, "msg": str(error)} for name, error in left.unknown.items()],
        "warnings": _warnings(errand, left),
    }
    if diff:
        result["diff"] = {"before": _text(found.things), "after": _text(_without(found.things, removed))}
    return {**result, **failure(_problems(errand, run, found.standing, left, clearing.refused))}


def as_result(thing: Leftover) -> dict[str, Any]:
    """Plain values for the result of a module."""
    return {
        "provider": thing.provider,
        "kind": thing.kind,
        "id": thing.id,
        "name": thing.name,
        "location": thing.location,
        "billable": thing.billable,
        "made_by_us": thing.made_by_us,
    }


# ---- looking


def look(run: Run, unknown: Mapping[str, PlatformError]) -> Traces:
    """Ask every provider at the same time for its servers, their remains, and everything else under our mark."""
    marks = {LABEL_FLEET: run.fleet, **({LABEL_CLUSTER: run.cluster} if run.cluster else {})}
    answers = fan_out([_asker(driver, marks) for driver in run.drivers.values()])
    things: dict[Key, Leftover] = {}
    leaving: list[Node] = []
    failed = dict(unknown)
    for name, answer in zip(run.drivers, answers, strict=True):
        parts = [answer] if isinstance(answer, PlatformError) else answer
        for part in parts:
            if isinstance(part, PlatformError):
                failed.setdefault(name, part)
                continue
            for item in part:
                thing = _server(item) if isinstance(item, Node) else item
                # What a server of ours left behind may be listed as a belonging too; the first one knows more of it.
                things.setdefault(_key(thing), thing)
                leaving += [item] if isinstance(item, Node) and item.state == "deleting" else []
    return Traces(tuple(sorted(things.values(), key=_place)), tuple(leaving), dict(sorted(failed.items())))


def _asker(driver: NodeDriver, marks: Mapping[str, str]) -> Callable[[], list[Part | PlatformError]]:
    def ask() -> list[Part | PlatformError]:
        questions: list[Callable[[], Part]] = [
            lambda: driver.leftovers(marks),
            lambda: driver.belongings(marks),
            *(_lister(driver, scope, marks) for scope in driver.scopes()),
        ]
        return fan_out(questions)

    return ask


def _lister(driver: NodeDriver, scope: Any, marks: Mapping[str, str]) -> Callable[[], Part]:
    return lambda: list(driver.list_nodes(scope, marks))


def _server(node: Node) -> Leftover:
    return Leftover(node.provider, SERVER, node.id, node.name, node.location, made_by_us=node.owner is not None)


def _stage(thing: Leftover) -> int:
    return ORDER.index(thing.kind) if thing.kind in ORDER else -1


def _place(thing: Leftover) -> tuple[str, int, str, str, str]:
    return thing.provider, _stage(thing), thing.location, thing.name, thing.id


# ---- removing


class _Clearing:
    """Rounds of removing and looking, until nothing is left that can go or the time is over."""

    def __init__(self, errand: Errand, run: Run, unknown: Mapping[str, PlatformError], found: Traces) -> None:
        self._errand = errand
        self._run = run
        self._unknown = unknown
        self._found = found
        self._ordered: dict[Key, Leftover] = {}
        self._gone: set[Key] = set()
        self._told: set[Key] = set()
        self._tries: dict[Key, int] = {}
        self.left = found
        self.refused: dict[Key, PlatformError] = {}

    @property
    def removed(self) -> tuple[Leftover, ...]:
        """What was to go and is not there any more."""
        return tuple(sorted((self._ordered[key] for key in self._gone), key=_place))

    def foresee(self) -> None:
        """As if everything went that is to go."""
        doomed = _doomed(self._errand, self._found)
        self._ordered = {_key(thing): thing for thing in doomed}
        self._gone = set(self._ordered)
        self.left = replace(self._found, things=_without(self._found.things, doomed))

    def carry_out(self) -> None:
        """Remove what is to go; ``left`` is what a last look showed, ``refused`` why some of it stays."""
        pace = Pace(self._run)
        while doomed := self._still_to_go():
            for stage in sorted({_stage(thing) for thing in doomed}):
                self._remove([thing for thing in doomed if _stage(thing) == stage and thing.kind != SERVER])
            self._look()
            if self._run.over():
                break
            if self._still_to_go():
                pace.wait()
        for thing in self._still_to_go():
            late = Transient("it is going, but was not gone in time.", provider=thing.provider, code="deadline")
            self.refused.setdefault(_key(thing), late)

    def _still_to_go(self) -> list[Leftover]:
        """What is to be removed, and servers that are only waited for."""
        doomed = [thing for thing in _doomed(self._errand, self.left) if not self._given_up(thing)]
        going = {node.id for node in self.left.leaving}
        return doomed + [thing for thing in self.left.things if thing.kind == SERVER and thing.id in going]

    def _look(self) -> None:
        """Look again. What stood at a provider that does not answer any more stands there until it was removed."""
        seen = look(self._run, self._unknown)
        there = {_key(thing) for thing in seen.things}
        unseen = [
            thing
            for thing in self.left.things
            if thing.provider in seen.unknown and _key(thing) not in there and _key(thing) not in self._gone
        ]
        self._gone = {key for key in self._gone if key not in there}
        self._gone |= {
            _key(thing) for thing in _without(self.left.things, (*seen.things, *unseen)) if _key(thing) in self._ordered
        }
        self.left = replace(seen, things=tuple(sorted((*seen.things, *unseen), key=_place)))
        self.refused = {key: error for key, error in self.refused.items() if key in map(_key, self.left.things)}

    def _given_up(self, thing: Leftover) -> bool:
        error = self.refused.get(_key(thing))
        if isinstance(error, (NotFound, Permanent, Quota)):
            return self._tries[_key(thing)] >= _STUBBORN
        return isinstance(error, Auth) or (error is not None and error.code == PROTECTED)

    def _remove(self, things: Sequence[Leftover]) -> None:
        for thing, outcome in zip(things, fan_out([self._remover(thing) for thing in things]), strict=True):
            key = _key(thing)
            self._ordered[key] = thing
            self._tries[key] = self._tries.get(key, 0) + 1
            if isinstance(outcome, PlatformError):
                self.refused[key] = outcome
                continue
            self.refused.pop(key, None)
            self._gone.add(key)
            if key not in self._told:
                self._told.add(key)
                self._run.tell(f"{name_of(thing)} is removed")

    def _remover(self, thing: Leftover) -> Callable[[], None]:
        return lambda: self._run.drivers[thing.provider].remove_leftover(thing)


def _doomed(errand: Errand, traces: Traces) -> tuple[Leftover, ...]:
    """What is to go. Not from a provider that did not tell all: it may have servers that need it."""
    return tuple(
        thing
        for thing in traces.things
        if thing.kind != SERVER and thing.provider not in traces.unknown and (thing.made_by_us or errand.with_data)
    )


def _without(things: Sequence[Leftover], gone: Sequence[Leftover]) -> tuple[Leftover, ...]:
    keys = {_key(thing) for thing in gone}
    return tuple(thing for thing in things if _key(thing) not in keys)


def _key(thing: Leftover) -> Key:
    return thing.provider, thing.kind, thing.id


# ---- telling


def name_of(thing: Leftover) -> str:
    """A thing in words: ``disk pvc-1 (id 4711) at hetzner/nbg1``."""
    name = f"{thing.name} (id {thing.id})" if thing.name and thing.name != thing.id else thing.id
    place = f"{thing.provider}/{thing.location}" if thing.location else thing.provider
    return f"{thing.kind.replace('_', ' ').replace('ssh', 'SSH')} {name} at {place}"


def _names(things: Sequence[Leftover]) -> str:
    named = ", ".join(name_of(thing) for thing in things[:NAMED])
    return f"{named} and {len(things) - NAMED} more" if len(things) > NAMED else named


def _text(things: Sequence[Leftover]) -> str:
    return "".join(f"{name_of(thing)}{', billed' if thing.billable else ''}\n" for thing in things)


def _warnings(errand: Errand, left: Traces) -> list[str]:
    kept = [thing for thing in left.things if thing.kind != SERVER and not thing.made_by_us]
    lines = [str(error) for error in left.unknown.values() if not (errand.remove or errand.prove)]
    if errand.remove and kept and not errand.with_data:
        lines.append(
            f"Left where {'it is' if len(kept) == 1 else 'they are'}, made by a person or by a program in the cluster: "
            f"{_names(kept)}. with_data: true removes this too, and the data in it."
        )
    return lines


def _problems(
    errand: Errand, run: Run, servers: Sequence[Leftover], left: Traces, refused: Mapping[Key, PlatformError]
) -> list[PlatformError]:
    whose = f"cluster {run.cluster} of fleet {run.fleet}" if run.cluster else f"fleet {run.fleet}"
    standing = servers if errand.remove else ()
    stuck = [thing for thing in left.things if _key(thing) in refused]
    rest = _without(left.things, (*standing, *stuck))
    problems = [_servers_left(whose, standing)] if standing else []
    problems += [_stays(thing, refused[_key(thing)]) for thing in stuck]
    if errand.prove and (rest or left.unknown):
        problems.append(_not_gone(whose, rest, left.unknown))
    elif errand.remove:
        problems += left.unknown.values()
    return problems


def _servers_left(whose: str, servers: Sequence[Leftover]) -> PlatformError:
    return Conflict(
        f"Nothing of {whose} was removed, because servers of it are still there: {_names(servers)}. Delete them first, "
        "with node_pool or playbooks/teardown.yml.",
        provider=servers[0].provider,
        code="servers_left",
    )


def _not_gone(whose: str, things: Sequence[Leftover], unknown: Mapping[str, PlatformError]) -> PlatformError:
    said = [f"still there: {_names(things)}"] if things else []
    if unknown:
        reasons = " ".join(str(error) for error in unknown.values()).rstrip(".")
        said.append(f"what is left at {', '.join(unknown)} is not known: {reasons}")
    first = things[0].provider if things else next(iter(unknown))
    return Conflict(f"Not all of {whose} is gone, {'; '.join(said)}.", provider=first, code="not_gone")


def _stays(thing: Leftover, error: PlatformError) -> PlatformError:
    hopeless = isinstance(error, Auth) or error.code == PROTECTED
    advice = "" if hopeless else " Run again, or with a longer timeout."
    return type(error)(
        f"The {name_of(thing)} could not be removed: {error}{advice}",
        provider=error.provider or thing.provider,
        code=error.code,
        request_id=error.request_id,
    )
