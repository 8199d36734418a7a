"""The exact sentences that a person reads when the machine lacks something."""

from __future__ import annotations

import collections
import os
import shutil
import socket
from pathlib import Path

import pytest

from lab import plan, prerequisites, turn
from lab.errors import LabError
from lab.tools import build as building
from lab.tools.families import Family


def _silent(_line: str) -> None:
    pass


def test_without_root_the_sentence_names_both_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError) as refused:
        prerequisites.check(_silent)
    assert str(refused.value) == (
        "The lab makes namespaces, links and control groups and needs root: run `sudo make lab`, "
        "or `python -m lab up --simulated` for Kubernetes without real machines."
    )


def test_a_missing_program_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    real = shutil.which
    hidden = {"runc", "nft", "apt-get"}
    monkeypatch.setattr(shutil, "which", lambda name, **options: None if name in hidden else real(name, **options))
    with pytest.raises(LabError) as refused:
        prerequisites.check(_silent)
    assert str(refused.value) == (
        "Missing: nftables, runc. Install them with your package manager (Debian: `apt-get install nftables runc`)."
    )


def test_a_taken_port_is_named_with_the_command_that_finds_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind((plan.LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(plan, "PORTS", {"hetzner": port})
        with pytest.raises(LabError) as refused:
            prerequisites.check_ports()
    assert str(refused.value) == (
        f"Port {port}, on which the lab serves hetzner, is taken by another program; "
        f"`ss -ltnp 'sport = :{port}'` names it. Stop it and run `make lab` again."
    )


def test_too_little_disk_is_said_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(2**40, 2**40, 2**30))
    with pytest.raises(LabError) as refused:
        building.build(_silent, [Family("etcd")])
    assert str(refused.value) == (
        f"Building the tools needs 6 GiB free below {tmp_path}/sovereign-fleet and there are 1.0; "
        "free some, or set XDG_CACHE_HOME to a larger disk."
    )


def test_a_disk_that_fills_while_building_is_said_as_such() -> None:
    output = "go: writing go.mod cache\n/tmp/x: write: no space left on device\n"
    assert building._reason(output) == ("the disk of the cache folder is full; free some space or set XDG_CACHE_HOME.")


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sovereign-fleet").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LabError, match="cannot be written") as refused, turn.taken(_silent):
        pass
    assert str(tmp_path / "sovereign-fleet") in str(refused.value)


def test_a_failed_build_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(building.go, "toolchain", lambda: "/bin/false")
    family = Family("etcd")
    with pytest.raises(LabError, match="Building etcd failed"):
        building.build(_silent, [family])
    assert not family.built()
    assert not (tmp_path / "sovereign-fleet/go-scratch").exists()
