# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of Flux say about a wanted state: satisfied, still waiting, or failed. No I/O and no clock."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
SOURCE = "GitRepository"
WORK = "Kustomization"

# Ready=False for these reasons passes by itself; for any other the controller has given up on this revision.
_PASSING = frozenset(
    {"ArtifactFailed", "DependencyNotReady", "Progressing", "ProgressingWithRetry", "ReconciliationInProgress"}
)
# A Git server may be away for a moment; wrong credentials and wrong addresses do not heal.
_FATAL_SOURCE = frozenset({"AuthenticationFailed", "URLInvalid", "InvalidURL", "AccessDenied"})

_FINISHING = "finishing"  # ready, and about to say with which revision: not worth a line

Json = Mapping[str, t.Any]


@dataclass(frozen=True)
class Condition:
    """One object of Flux, reduced to what waiting needs."""

    kind: str
    name: str
    status: str  # True, False, Unknown, or empty before the controller's first word
    reason: str
    message: str
    current: bool  # the controller speaks of the newest specification and request
    suspended: bool
    applied: str  # revision in place, such as main@sha1:0123abcd
    attempted: str  # revision tried last
    needs: tuple[str, ...]  # names of Kustomizations it depends on
    source: str  # name of its GitRepository (of itself, if it is one), empty when it comes from elsewhere
    version: int  # resourceVersion, which grows with every change

    @property
    def label(self) -> str:
        """Kind and name, as people write it."""
        return f"{self.kind}/{self.name}"


def read(item: Json) -> Condition:
    """Reduce one object as the API returns it."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    ready: Json = next((c for c in status.get("conditions") or [] if c.get("type") == "Ready"), {})
    generation = int(metadata.get("generation") or 0)
    requested = (metadata.get("annotations") or {}).get(REQUESTED_AT)
    artifact = str((status.get("artifact") or {}).get("revision") or "")
    is_source = item["kind"] == SOURCE
    origin = {"kind": SOURCE, "name": metadata["name"]} if is_source else spec.get("sourceRef") or {}
    return Condition(
        kind=str(item["kind"]),
        name=str(metadata["name"]),
        status=str(ready.get("status") or ""),
        reason=str(ready.get("reason") or ""),
        message=" ".join(str(ready.get("message") or "").split()),
        current=int(ready.get("observedGeneration") or status.get("observedGeneration") or -1) >= generation
        and (requested is None or status.get("lastHandledReconcileAt") == requested),
        suspended=bool(spec.get("suspend")),
        applied=artifact if is_source else str(status.get("lastAppliedRevision") or ""),
        attempted=artifact if is_source else str(status.get("lastAttemptedRevision") or ""),
        needs=tuple(str(need["name"]) for need in spec.get("dependsOn") or [] if not need.get("namespace")),
        source=str(origin["name"]) if origin.get("kind") == SOURCE else "",
        version=int(metadata.get("resourceVersion") or 0),
    )


class FluxWait:
    """Collects what is seen and answers three questions: done? failed? still waiting for what?"""

    def __init__(self, revision: str = "", names: Iterable[str] = (), source: str = "") -> None:
        """Wait for `names` (Kustomizations; none means all) at `revision` (a commit or its beginning).

        Without a revision, what its source has fetched is what a Kustomization is waited for at.

        `source` is the GitRepository that the revision belongs to; empty means every one.
        """
        self.revision = revision
        self.names = tuple(names)
        self.source = source
        self._requested: set[tuple[str, str]] = set()
        self.seen: dict[tuple[str, str], Condition] = {}
        self._told: dict[tuple[str, str], str] = {}

    def observe(self, item: Json) -> str:
        """Take in an object; a line of progress when it says something new, else an empty string."""
        condition = read(item)
        key = (condition.kind, condition.name)
        if key in self.seen and condition.version < self.seen[key].version:
            return ""  # an event from before our own request: what it says no longer counts
        self.seen[key] = condition
        text = self._text(condition)
        if text == _FINISHING or self._told.get(key) == text:
            return ""
        self._told[key] = text
        return f"{condition.label}: {text}"

    def forget(self, kind: str, names: Iterable[str]) -> None:
        """These objects are gone."""
        for name in names:
            self.seen.pop((kind, name), None)

    def known(self, kind: str) -> set[str]:
        """Names of the objects of a kind seen so far."""
        return {name for seen_kind, name in self.seen if seen_kind == kind}

    def done(self) -> bool:
        """Everything that is waited for is in place."""
        return bool(self.known(WORK)) and not self.unfinished()

    def unfinished(self) -> list[str]:
        """One phrase for each object that is still waited for, with the words of Flux."""
        missing = [f"{WORK}/{name}: does not exist yet" for name in self.names if (WORK, name) not in self.seen]
        waiting = [f"{c.label}: {self._text(c)}" for c in self._awaited() if not self._satisfied(c)]
        return missing + waiting

    def failure(self, *, patient_with_source: bool, quiet: bool = False) -> str:
        """A sentence when Flux has given up on the wanted state, else an empty string.

        With `patient_with_source` a source that cannot be fetched has failed only if trying again is useless. When
        all is `quiet`, a Kustomization that cannot use what its source has fetched will not find it later either.
        """
        stuck = quiet and not any(c.kind == SOURCE and not self._satisfied(c) for c in self._awaited())
        for condition in self._awaited():
            if condition.suspended:
                resume = f"flux resume {_cli(condition)}"
                return f"{condition.label} is suspended, so it will never be ready. Resume it: {resume}."
            if self._satisfied(condition) or condition.status != "False" or not condition.current:
                continue
            if condition.kind == SOURCE:
                if condition.reason in _FATAL_SOURCE or not patient_with_source:
                    return (
                        f"{condition.label} cannot fetch the repository: {_words(condition)} "
                        "Check gitops_repository (url, branch, username, password)."
                    )
            elif stuck and condition.reason == "ArtifactFailed":
                return f"{condition.label} cannot use its source: {_words(condition)} Correct its path or source."
            elif condition.reason not in _PASSING and self._is_wanted(condition.attempted, condition):
                revision = short(condition.attempted) or "its first revision"
                return (
                    f"{condition.label} failed at {revision}: {_words(condition)} Correct what it names and push again."
                )
        return ""

    def failing_sources(self) -> bool:
        """A source that is waited for cannot be fetched at the moment."""
        return any(c.kind == SOURCE and c.status == "False" and not self._satisfied(c) for c in self._awaited())

    def sources(self) -> list[Condition]:
        """The sources that are waited for and not suspended."""
        return [c for c in self._awaited() if c.kind == SOURCE and not c.suspended]

    def to_request(self, *, quiet: bool = False) -> list[Condition]:
        """What gets on sooner when it is asked to reconcile now.

        A new artifact wakes the Kustomizations by itself. What sleeps is a source between two polls, a Kustomization
        that failed before our time, one that found its dependency unfinished and has not looked again, and, when it has
        been `quiet` for a while, one that is content with an older revision.
        """
        unsatisfied = [c for c in self._awaited() if not self._satisfied(c)]
        source_pending = any(c.kind == SOURCE for c in unsatisfied)
        return [c for c in unsatisfied if self._sleeps(c, source_pending, quiet)]

    def requested(self, condition: Condition) -> None:
        """It has been asked; a failure that was there before is not asked about again."""
        self._requested.add((condition.kind, condition.name))

    def _sleeps(self, condition: Condition, source_pending: bool, quiet: bool) -> bool:
        if condition.reason == "DependencyNotReady":
            return condition.current and not source_pending and all(map(self._satisfied_name, condition.needs))
        if (condition.kind, condition.name) in self._requested:
            return False
        return (
            condition.kind == SOURCE
            or condition.status == "False"
            or (condition.status == "True" and quiet and not source_pending)
        )

    def _awaited(self) -> list[Condition]:
        """Sources, then the wanted Kustomizations with what they depend on; suspended ones only if they are needed."""
        needed = self._with_needs(self.names)
        works = [c for c in self.of(WORK) if c.name in needed or not (self.names or c.suspended)]
        origins = {c.source for c in works} | {self.source}
        return [c for c in self.of(SOURCE) if c.name in origins] + works

    def _with_needs(self, names: Iterable[str]) -> set[str]:
        needed: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in needed:
                needed.add(name)
                pending += self.seen[(WORK, name)].needs if (WORK, name) in self.seen else ()
        return needed

    def of(self, kind: str) -> list[Condition]:
        """Objects of a kind seen so far, by name."""
        return sorted((c for c in self.seen.values() if c.kind == kind), key=lambda c: c.name)

    def _satisfied_name(self, name: str) -> bool:
        condition = self.seen.get((WORK, name))
        return condition is not None and self._satisfied(condition)

    def _satisfied(self, condition: Condition) -> bool:
        return condition.status == "True" and condition.current and self._is_wanted(condition.applied, condition)

    def _is_wanted(self, revision: str, condition: Condition) -> bool:
        concerned = condition.source and self.source in ("", condition.source)
        if not self.revision:
            source = self.seen.get((SOURCE, condition.source))
            return source is None or not source.applied or source.applied == revision
        return not concerned or self.revision in revision

    def _text(self, condition: Condition) -> str:
        if condition.suspended:
            return "suspended"
        if self._satisfied(condition):
            return f"ready at {short(condition.applied)}"
        if condition.status == "True" and condition.applied and not self._is_wanted(condition.applied, condition):
            return f"waiting for a newer revision than {short(condition.applied)}"
        if condition.status == "True":
            return _FINISHING
        return ": ".join(part for part in (condition.reason, condition.message) if part) or "not looked at yet"


def short(revision: str) -> str:
    """`main@sha1:0123456789abcdef…` as `main@sha1:0123456789`."""
    name, colon, digest = revision.rpartition(":")
    return f"{name}{colon}{digest[:10]}"


def _cli(condition: Condition) -> str:
    return ("source git " if condition.kind == SOURCE else "kustomization ") + condition.name


def _words(condition: Condition) -> str:
    """What Flux says, as a sentence."""
    text = f"{condition.reason}: {condition.message}"
    return text if text.endswith((".", "!", "?")) else f"{text}."
