"""Where the lab keeps things: a cache that may be deleted at any time, and the state of the running lab."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = "sovereign-fleet"
PACKAGE = Path(__file__).resolve().parent


def _xdg(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable, "")
    return (Path(base) if base.startswith("/") else Path.home() / fallback) / PROJECT


def cache() -> Path:
    """Folder of built tools and images; safe to delete when the lab is down."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state() -> Path:
    """Folder of the running lab: process ids, certificates, logs, disks of machines, emulated clouds."""
    return _xdg("XDG_STATE_HOME", ".local/state")
