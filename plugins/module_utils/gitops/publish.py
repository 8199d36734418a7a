# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings generated files into a branch: look at its head, plan against it, commit on top of it, push.

The commit is built on what the remote branch holds at that moment, not on what a work tree holds. So there is nothing
to merge or rebase: when somebody pushes in between, the same files are planned against the new head.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ..errors import Conflict, Transient
from .remote import Author, Remote
from .repository import Lost, Repository
from .request import Request
from .tree import Change
from .turns import alone

ATTEMPTS = 5
"""How often we start again because somebody pushed in between."""


@dataclass(frozen=True)
class Published:
    """What came of it. ``commit`` is the head of the branch, empty while a prediction cannot know it."""

    commit: str
    changes: tuple[Change, ...]
    seeds: dict[str, str]
    warning: str = ""


class Publisher:
    """Keeps a work tree in ``folder`` that follows the branch; a person may look at it."""

    def __init__(
        self,
        folder: Path,
        remote: Remote,
        author: Author,
        timeout: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._remote = remote
        self._author = author
        self._timeout = timeout
        self._sleep = sleep
        self._clock = clock

    def predict(self, request: Request) -> Published:
        """What ``publish`` would do. Nothing is written but the fetched objects of a clone that exists already."""
        if (self._folder / ".git").exists():
            with self._alone():  # a run that commits moves the same names of commits
                return self._look(self._repository(self._folder), request)
        with tempfile.TemporaryDirectory(prefix="fleet-git-") as folder:
            repository = self._repository(Path(folder))
            repository.create(bare=True)
            return self._look(repository, request)

    def publish(self, request: Request, message: Callable[[tuple[Change, ...]], str]) -> Published:
        """Commits and pushes what has to change, nothing else."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            self._refuse_files_of_others()
            repository = self._repository(self._folder)
            repository.create()
            for _attempt in range(ATTEMPTS):
                try:
                    commit, changes = self._bring(repository, request, message)
                except Lost:
                    continue
                seeds = _texts(repository.at(commit).read(set(request.seeds)))
                return Published(commit, changes, seeds, repository.follow(commit))
        raise Transient(
            f"Branch {self._remote.branch} of {self._remote.url} moved on {ATTEMPTS} times while it was pushed to. "
            "Run again when the others have finished.",
            provider="git",
        )

    def _bring(
        self, repository: Repository, request: Request, message: Callable[[tuple[Change, ...]], str]
    ) -> tuple[str, tuple[Change, ...]]:
        head = repository.fetch()
        changes = request.plan(repository.at(head), check_mode=False).changes
        if not changes:
            return head, ()
        commit = repository.commit(head, changes, message(changes))
        repository.push(commit)
        return commit, changes

    def _look(self, repository: Repository, request: Request) -> Published:
        head = repository.fetch()
        place = repository.at(head)
        changes = request.plan(place, check_mode=True).changes
        seeds = {**request.seeds, **_texts(place.read(set(request.seeds)))}
        return Published("" if changes else head, changes, seeds)

    def _repository(self, folder: Path) -> Repository:
        return Repository(folder, self._remote, self._author, self._timeout)

    def _alone(self) -> AbstractContextManager[None]:
        return alone(self._folder, self._timeout, sleep=self._sleep, clock=self._clock)

    def _refuse_files_of_others(self) -> None:
        if not (self._folder / ".git").exists() and any(self._folder.iterdir()):
            raise Conflict(
                f"{self._folder} holds files but is not a clone of {self._remote.url}. "
                "Move them away, or name another folder."
            )


def _texts(contents: dict[str, bytes]) -> dict[str, str]:
    return {path: content.decode(errors="replace") for path, content in contents.items()}
