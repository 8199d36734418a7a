# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local repository that follows one branch of a remote: fetch, read a commit, commit on top of it, push."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import Conflict, PlatformError
from .git import Git
from .remote import Author, Remote
from .tree import MANIFEST_NAME, Change, Manifest

REMOTE = "refs/fleet/remote"
"""Where the remote branch stood when we last looked."""
FOLLOWED = "refs/fleet/followed"
"""The commit that we last put into the work tree: what else stands there is a person's."""
OUTGOING = "refs/fleet/outgoing"
"""The commit that is being pushed."""

_RACES = ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref")


class Lost(PlatformError):
    """Somebody else pushed in between; look again and push again."""


class Repository:
    """Every method may raise a PlatformError with one sentence."""

    def __init__(self, folder: Path, remote: Remote, author: Author, timeout: float) -> None:
        """``timeout``: seconds that one Git command may take."""
        self.folder = folder
        self.remote = remote
        self._git = Git(folder, remote, author, timeout)

    def create(self, *, bare: bool = False) -> None:
        """An empty repository in the folder, unless it is one already."""
        branch = f"--initial-branch={self.remote.branch}"
        if bare:
            self._git.run("init", "--quiet", "--bare", branch)
            return
        if not (self.folder / ".git").exists():
            self._git.run("init", "--quiet", branch)
        self._git.run("config", "remote.origin.url", self.remote.url)
        self._git.run("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")

    def fetch(self) -> str:
        """The commit at the head of the remote branch, fetched with all it needs; empty if there is no such branch."""
        branch = self.remote.branch
        refs = f"+refs/heads/{branch}:{REMOTE}"
        done = self._git.attempt("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.remote.url, refs)
        if done.code == 0:
            return self.commit_of(REMOTE)
        if "couldn't find remote ref" in done.errors:
            return ""
        raise self._git.refusal(f"Cannot fetch branch {branch} of {self.remote.url}", done.errors)

    def commit_of(self, name: str) -> str:
        """The commit that a name stands for, or an empty string."""
        done = self._git.attempt("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
        return done.output.decode().strip() if done.code == 0 else ""

    def commit(self, parent: str, changes: Iterable[Change], message: str) -> str:
        """A commit on top of ``parent`` (empty: the first one) with these changes; no work tree is touched."""
        stream = _import_stream(self._committer(), parent, changes, message)
        self._git.run("fast-import", "--quiet", "--force", given=stream)
        return self.commit_of(OUTGOING)

    def push(self, commit: str) -> None:
        """Makes the commit the head of the remote branch; Lost when the branch has moved on meanwhile."""
        branch = self.remote.branch
        refs = f"{commit}:refs/heads/{branch}"
        done = self._git.attempt("push", "--quiet", "--porcelain", self.remote.url, refs)
        if done.code == 0:
            return
        said = f"{done.output.decode(errors='replace')}\n{done.errors}"
        if any(race in said for race in _RACES):
            raise Lost(f"Branch {branch} of {self.remote.url} moved on while it was pushed to.", provider="git")
        raise self._git.refusal(f"Cannot push to branch {branch} of {self.remote.url}", said)

    def follow(self, commit: str) -> str:
        """Brings the work tree to the commit; a sentence instead when a person's own work in it keeps us from that."""
        head, followed = self.commit_of("HEAD"), self.commit_of(FOLLOWED)
        if not commit or head == followed == commit:
            return ""
        again = "or delete the folder: it is made anew"
        if head not in ("", followed) and not self._includes(commit, head):
            return f"{self.folder} was left as it is: it holds commits of your own. Push them, {again}."
        step = ("reset", "--keep", commit) if head else ("checkout", "-B", self.remote.branch, commit)
        if self._git.attempt(step[0], "--quiet", *step[1:]).code != 0:
            return f"{self.folder} was left as it is: it holds changes of your own. Commit and push them, {again}."
        self._git.run("update-ref", FOLLOWED, commit)
        self._git.run("update-ref", f"refs/remotes/origin/{self.remote.branch}", commit)
        return ""

    def at(self, commit: str) -> CommittedTree:
        """The tree of a commit; of an empty name, an empty tree."""
        return CommittedTree(self, commit)

    def files(self, commit: str) -> dict[str, str]:
        """Name of the blob of every file in a commit, by path."""
        listed = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="surrogateescape")
        rows = (row.partition("\t") for row in listed.split("\0") if row)
        return {path: meta.split()[2] for meta, _tab, path in rows}

    def blobs(self, names: list[str]) -> Iterator[bytes]:
        """Content of blobs, in the order of their names."""
        output = self._git.run("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
        start = 0
        for _name in names:
            end = output.index(b"\n", start)
            size = int(output[start:end].split()[2])
            yield output[end + 1 : end + 1 + size]
            start = end + 1 + size + 1

    def last_change(self, commit: str, path: str) -> str:
        """Who changed a file last up to a commit: "commit 1a2b3c4 by Ann, 2026-11-21"."""
        form = "--format=commit %h by %an, %as"
        return self._git.run("log", "--max-count=1", form, commit, "--", path).decode(errors="replace").strip()

    def _includes(self, commit: str, earlier: str) -> bool:
        return self._git.attempt("merge-base", "--is-ancestor", earlier, commit).code == 0

    def _committer(self) -> str:
        """Name, e-mail address and time as Git itself would write them."""
        return self._git.run("var", "GIT_COMMITTER_IDENT").decode().strip()


class CommittedTree:
    """The files of one commit, read without a work tree."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self._commit = commit
        self._files = repository.files(commit) if commit else {}

    @property
    def name(self) -> str:
        """What a person calls the place."""
        return f"branch {self._repository.remote.branch} of {self._repository.remote.url}"

    def manifests(self) -> Mapping[str, Manifest]:
        """Every manifest in the tree by its path."""
        paths = {path for path in self._files if path.rpartition("/")[2] == MANIFEST_NAME}
        return {path: Manifest.parse(path, content) for path, content in self.read(paths).items()}

    def read(self, paths: set[str]) -> dict[str, bytes]:
        """Content of those of the files that exist; Conflict when one of them is a folder, or lies below a file."""
        folders = {folder for file in self._files for folder in _folders_of(file)}
        for path in sorted(paths):
            if path in folders or any(folder in self._files for folder in _folders_of(path)):
                raise Conflict(
                    f"In {self.name}, a folder and a file are both called {path} or a part of it. Rename yours."
                )
        there = sorted(path for path in paths if path in self._files)
        blobs = self._repository.blobs([self._files[path] for path in there]) if there else ()
        return dict(zip(there, blobs, strict=True))

    def blame(self, path: str) -> str:
        """Who changed a file last."""
        return self._repository.last_change(self._commit, path)


def _folders_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _import_stream(committer: str, parent: str, changes: Iterable[Change], message: str) -> bytes:
    """The commit in the language of `git fast-import`."""
    text = message.encode()
    head = f"commit {OUTGOING}\ncommitter {committer}\ndata {len(text)}\n"
    parts = [head.encode(), text, b"\n", f"from {parent}\n".encode() if parent else b""]
    for change in changes:
        if change.after is None:
            parts.append(f"D {change.path}\n".encode())
        else:
            parts += [f"M 100644 inline {change.path}\ndata {len(change.after)}\n".encode(), change.after, b"\n"]
    return b"".join(parts)
