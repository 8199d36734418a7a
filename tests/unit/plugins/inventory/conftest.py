"""A fleet whose clouds live in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.unit.plugins.inventory import clouds
from tests.unit.plugins.inventory.reading import Reader, Spoken, load_collection


@pytest.fixture(scope="session", autouse=True)
def _collection() -> None:
    load_collection()


@dataclass
class Fleet(Reader):
    """An inventory folder with the clouds that it is read from."""

    clouds: dict[str, clouds.Cloud] = field(default_factory=dict)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    hetzner, scaleway = clouds.hetzner(), clouds.scaleway()
    monkeypatch.setattr(registry, "_DRIVERS", clouds.driver_table(hetzner, scaleway))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HETZNER_TOKEN", "hetzner-canary-0123456789")
    monkeypatch.setenv("SCALEWAY_TOKEN", "scaleway-canary-0123456789")
    spoken = Spoken()
    spoken.listen(monkeypatch)
    folder = tmp_path / "inventory"
    folder.mkdir()
    yield Fleet(folder=folder, spoken=spoken, clouds={"hetzner": hetzner, "scaleway": scaleway})
    for cloud in (hetzner, scaleway):
        cloud.released.set()
