"""Bare repositories below one folder, opened anew for each request and closed with it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.file import FileLocked
from dulwich.objects import ObjectID
from dulwich.refs import DiskRefsContainer, Ref
from dulwich.repo import Repo
from dulwich.server import Backend

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.git")


def create(folder: Path, name: str, branch: str) -> Path:
    """An empty bare repository whose HEAD is `branch`; one that exists stays as it is."""
    path = folder / name
    if not path.exists():
        partial = folder / f".{name}.partial"
        partial.mkdir(parents=True)
        Repo.init_bare(partial, default_branch=branch.encode()).close()
        partial.rename(path)
    return path


class OpenRepositories(Backend):
    """Finds repositories for one request and remembers what it opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: list[Repo] = []

    def open_repository(self, path: str | bytes) -> Repo:
        """The repository of a URL path such as `/fleet.git`; anything else below the folder is not served."""
        name = os.fsdecode(path).strip("/")
        if not _NAME.fullmatch(name):
            raise NotGitRepository(f"There is no repository {name!r} here.")
        repository = Repo(self._folder / name)
        repository.refs = _StrictRefs(repository.commondir())
        self._opened.append(repository)
        return repository

    def close(self) -> None:
        for repository in self._opened:
            repository.close()


class _StrictRefs(DiskRefsContainer):
    """Fails where dulwich's own answers False, which its push handler takes for a success.

    Two people who push to a branch at once would both be told `ok` and one commit would be lost.
    """

    def set_if_equals(
        self,
        name: Ref,
        old_ref: ObjectID | None,
        new_ref: ObjectID,
        committer: bytes | None = None,
        timestamp: int | None = None,
        timezone: int | None = None,
        message: bytes | None = None,
    ) -> bool:
        try:
            done = super().set_if_equals(name, old_ref, new_ref, committer, timestamp, timezone, message)
        except FileLocked as error:
            raise OSError(f"{os.fsdecode(name)} is being pushed to") from error
        return _moved(done, name)

    def remove_if_equals(
        self,
        name: Ref,
        old_ref: ObjectID | None,
        committer: bytes | None = None,
        timestamp: int | None = None,
        timezone: int | None = None,
        message: bytes | None = None,
    ) -> bool:
        try:
            done = super().remove_if_equals(name, old_ref, committer, timestamp, timezone, message)
        except FileLocked as error:
            raise OSError(f"{os.fsdecode(name)} is being pushed to") from error
        return _moved(done, name)


def _moved(done: bool, name: Ref) -> bool:
    if not done:
        raise OSError(f"{os.fsdecode(name)} has moved")
    return done
