"""Hosts kept for the day their provider is down."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sovereign.fleet.plugins.plugin_utils.last_known import (
    LastKnown,
    Seen,
    default_folder,
    fingerprint,
)

NOW, LATER = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
NODE = {"name": "a", "labels": {"x": "y"}, "price_hour": None}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    known = LastKnown(tmp_path / "new" / "folder")
    known.write("hetzner", "key", {"all": [NODE]}, NOW, keep=[])
    assert known.read("hetzner", "key") == {"all": Seen(NOW, [NODE])}
    assert [path.name for path in known.folder.iterdir()] == ["hetzner-key.json"]


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    assert LastKnown(tmp_path).read("hetzner", "key") == {}


def test_kept_scopes_keep_their_time_and_others_are_forgotten(tmp_path: Path) -> None:
    known = LastKnown(tmp_path)
    known.write("scaleway", "key", {"one": [NODE], "two": [], "gone": []}, NOW, keep=[])
    known.write("scaleway", "key", {"one": []}, LATER, keep=["two", "never seen"])
    assert known.read("scaleway", "key") == {"one": Seen(LATER, []), "two": Seen(NOW, [])}


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": 0}', '{"format": 1, "scopes": {"all": {}}}', '{"format": 1}']
)
def test_a_damaged_file_is_an_error_to_read_and_none_to_write(tmp_path: Path, content: str) -> None:
    known = LastKnown(tmp_path)
    (tmp_path / "hetzner-key.json").write_text(content)
    with pytest.raises(ValueError, match=r"it |Expecting"):
        known.read("hetzner", "key")
    known.write("hetzner", "key", {"all": [NODE]}, NOW, keep=["other"])
    assert known.read("hetzner", "key") == {"all": Seen(NOW, [NODE])}


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    known = LastKnown(tmp_path)
    known.write("hetzner", "key", {"all": [NODE]}, NOW, keep=[])
    with pytest.raises(TypeError):
        known.write("hetzner", "key", {"all": [{"name": object()}]}, LATER, keep=[])
    assert known.read("hetzner", "key") == {"all": Seen(NOW, [NODE])}
    assert len(list(tmp_path.iterdir())) == 1


def test_fingerprint_differs_by_every_setting_and_tells_none() -> None:
    settings = {"endpoint": "https://api.example", "token": "canary"}
    keys = {
        fingerprint(settings),
        fingerprint({**settings, "token": "other"}),
        fingerprint({**settings, "endpoint": "x"}),
    }
    assert len(keys) == 3
    assert all(len(key) == 16 and "canary" not in key for key in keys)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/caches"}, Path("/caches/sovereign.fleet/inventory")),
        ({"XDG_CACHE_HOME": "relative"}, Path("~/.cache/sovereign.fleet/inventory").expanduser()),
        ({}, Path("~/.cache/sovereign.fleet/inventory").expanduser()),
    ],
)
def test_folder_follows_the_xdg_rules(environment: dict[str, str], folder: Path) -> None:
    assert default_folder(environment) == folder
