"""One `up` or `down` at a time on a machine: the second one waits and says so."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator

from lab import paths
from lab.errors import LabError


@contextlib.contextmanager
def taken(say: Callable[[str], None]) -> Iterator[None]:
    """Holds the lab's lock. The kernel gives it back when the holder dies, however it dies."""
    folder = paths.cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise LabError(
            f"The cache folder {folder} cannot be written ({error.strerror}); free some space or set XDG_CACHE_HOME."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another `lab up` or `lab down` is at work; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
