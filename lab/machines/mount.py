"""The mount system calls that building a machine's root needs."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE, SHARED = 1, 32, 4096, 16384, 1 << 18, 1 << 20
_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2). Raises OSError with the target's name."""
    words = [source, str(target), kind, options]
    encoded = [word.encode() or None for word in words]
    if _libc.mount(encoded[0] or b"none", encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def bind(source: str | Path, target: str | Path, read_only: bool = False) -> None:
    """Shows a file or folder at a second place."""
    mount(str(source), target, flags=BIND | RECURSIVE)
    if read_only:
        mount(str(source), target, flags=BIND | REMOUNT | READ_ONLY)


def detach(target: str) -> None:
    """umount(2) that takes effect at once and frees the mount when its last user has gone."""
    if _libc.umount2(target.encode(), _DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
