# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaleway: things of which there ought to be one, where nothing keeps two runs from making two."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import Conflict, Permanent, PlatformError
from ..model import LABEL_CLUSTER, LABEL_FLEET, Owner
from .needs import Need, PublicKey, public_key
from .scaleway_api import Project
from .scaleway_wire import NAME, TITLE, Item, foreign, mapping, to_labels, to_tags

KEYS = "/iam/v1alpha1/ssh-keys"


class Things:
    """Things of one kind, name and place. ``read`` lists those of the name, and of names that contain it."""

    def __init__(
        self,
        project: Project,
        title: str,
        name: str,
        marks: Mapping[str, str],
        path: str,
        read: Callable[[], list[Item]],
    ) -> None:
        self._project = project
        self._title = title
        self._name = name
        self._marks = marks
        self._path = path
        self._read = read

    def oldest(self) -> Item | None:
        """Ours, the one made first if there are several. Raises Conflict when only somebody else has the name."""
        named = [item for item in self._read() if item.get("name") == self._name]
        ours = [item for item in named if to_tags(self._marks) <= set(item.get("tags") or [])]
        if named and not ours:
            raise foreign(self._title, self._name, self._marks)
        return min(ours, key=_made, default=None)

    def make(self, body: Mapping[str, Any]) -> str:
        """Make one. When another run was faster, ours goes again, with a Conflict of the code ``taken``."""
        body = {"name": self._name, "tags": sorted(to_tags(self._marks)), **body}
        try:
            answer = self._project.write("POST", self._path, json=body)
        except Permanent:
            # Two networks of one range cannot be: then the other run's is there.
            if self.oldest() is None:
                raise
            raise self._taken() from None
        mine = str((mapping(answer.get(self._title.replace(" ", "_"))) or answer).get("id"))
        kept = self.oldest()
        if kept is None or str(kept.get("id")) == mine:
            return mine
        with contextlib.suppress(PlatformError):
            self._project.ignore_missing("DELETE", f"{self._path}/{mine}")
        raise self._taken()

    def _taken(self) -> Conflict:
        return Conflict(f"Another run made the {self._title} {self._name} too.", provider=NAME, code="taken")


class KeyRing:
    """The SSH keys of the project. All that are not disabled go on every server; there is nothing to choose."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._known: list[Item] | None = None

    def look(self, owner: Owner, entry: str) -> Need:
        """The key that an entry names, or is."""
        key = public_key(entry)
        same = [item for item in self._all() if (item.get("name") == entry if key is None else _is(item, key))]
        usable = [item for item in same if not item.get("disabled")]
        if usable:
            return Need(str(min(usable, key=_made)["id"]))
        if same:
            raise Permanent(
                f"The SSH key {same[0].get('name')} at {TITLE} is disabled, so no server gets it; enable it there.",
                provider=NAME,
                code="disabled_ssh_key",
            )
        if key is None:
            raise Permanent(
                f"{TITLE} has no SSH key {entry!r} in this project; upload it there under this name, or write the "
                "whole public key into ssh_keys.",
                provider=NAME,
                code="unknown_ssh_key",
            )
        name = f"{owner.fleet}-{owner.cluster}-{key.digest}"
        return Need(change=f"SSH key {name} at {NAME}", make=partial(self._upload, name, cluster_marks(owner), key))

    def _all(self) -> list[Item]:
        with self._lock:
            if self._known is None:
                self._known = list_keys(self._project)
            return self._known

    def _upload(self, name: str, marks: Mapping[str, str], key: PublicKey) -> str:
        # Keys carry no tags, so the comment does.
        text = f"{key.text} {','.join(sorted(to_tags(marks)))}"
        with self._lock:
            self._known = None
        body = {"name": name, "public_key": text, "project_id": self._project.id}
        mine = str(self._project.write("POST", KEYS, json=body).get("id"))
        kept = min((item for item in self._all() if _is(item, key)), key=_made, default=None)
        if kept is None or str(kept.get("id")) == mine:
            return mine
        with contextlib.suppress(PlatformError):
            self._project.ignore_missing("DELETE", f"{KEYS}/{mine}")
        raise Conflict(f"Another run uploaded the SSH key {name} too.", provider=NAME, code="taken")


def list_keys(project: Project) -> list[Item]:
    """The SSH keys of the project."""
    return project.newer(KEYS, "ssh_keys", {"project_id": project.id})


def is_our_key(item: Mapping[str, Any], owner_filter: Mapping[str, str]) -> bool:
    """Whether we uploaded a key for this fleet: its name ends in its digest, and the comment has our labels.

    Where the comment has none, because the provider dropped it, the whole name has to fit.
    """
    words = str(item.get("public_key") or "").split(maxsplit=2)
    name = str(item.get("name") or "")
    try:
        key = public_key(" ".join(words))
    except Permanent:
        return False
    if key is None or not name.endswith(f"-{key.digest}"):
        return False
    labels = to_labels(words[2].split(",")) if len(words) > 2 else {}
    if LABEL_FLEET in labels:
        return owner_filter.items() <= labels.items()
    fleet, cluster = owner_filter.get(LABEL_FLEET, ""), owner_filter.get(LABEL_CLUSTER)
    stem = name.removesuffix(f"-{key.digest}")
    return stem == f"{fleet}-{cluster}" if cluster else stem.startswith(f"{fleet}-")


def cluster_marks(owner: Owner) -> dict[str, str]:
    """The labels of what all pools of a cluster share."""
    return {LABEL_FLEET: owner.fleet, LABEL_CLUSTER: owner.cluster}


def _is(item: Mapping[str, Any], key: PublicKey) -> bool:
    return str(item.get("public_key")).split()[:2] == key.text.split()


def _made(item: Mapping[str, Any]) -> tuple[str, str]:
    """When a thing was made; the services call it differently. Where none tells, the order of the list decides."""
    when = str(item.get("creation_date") or item.get("created_at") or "")
    return when, str(item.get("id")) if when else ""
