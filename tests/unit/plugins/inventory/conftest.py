"""An inventory as Ansible itself reads it, in this process, with clouds in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.display import Display

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.unit.plugins.inventory import clouds

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session", autouse=True)
def _collection_as_ansible_loads_it() -> None:
    """Let Ansible find the collection by its name, whatever was imported from it before."""
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([str(ROOT / ".collections")])
    # Ansible keeps a collection's metadata at its package, and sets it only where it does the import itself.
    package = importlib.import_module("ansible_collections.sovereign.fleet")
    if not hasattr(package, "_collection_meta"):
        package._collection_meta = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())


@dataclass
class Spoken:
    """What Ansible said to the user."""

    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Fleet:
    """A folder with inventory files, two clouds, and what reading it printed."""

    folder: Path
    clouds: dict[str, clouds.Cloud]
    spoken: Spoken

    def write(self, name: str, content: object) -> Path:
        """Write a YAML file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return path

    def read(self, **options: Any) -> InventoryManager:
        """Read the folder with a nodes.fleet.yml of these options; exits as the command would."""
        self.write("nodes.fleet.yml", {"plugin": "sovereign.fleet.nodes", **options})
        return InventoryManager(loader=DataLoader(), sources=[str(self.folder)])

    def refused(self, **options: Any) -> str:
        """Read it expecting a refusal; the error shown, after checking the exit code."""
        with pytest.raises(SystemExit) as end:
            self.read(**options)
        assert end.value.code == 4
        (error,) = self.spoken.errors
        return error


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    hetzner, scaleway = clouds.hetzner(), clouds.scaleway()
    monkeypatch.setattr(registry, "_DRIVERS", clouds.driver_table(hetzner, scaleway))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HETZNER_TOKEN", "hetzner-canary-0123456789")
    monkeypatch.setenv("SCALEWAY_TOKEN", "scaleway-canary-0123456789")
    spoken = Spoken()

    def record(into: list[str]) -> Callable[..., None]:
        return lambda msg, *_args, **_kwargs: into.append(str(msg))

    monkeypatch.setattr(Display, "warning", lambda _self, msg, *_a, **_k: spoken.warnings.append(str(msg)))
    monkeypatch.setattr(Display, "error", lambda _self, msg, *_a, **_k: spoken.errors.append(str(msg)))
    monkeypatch.setattr(
        Display,
        "error_as_warning",
        lambda _self, msg, exception, *_a, **_k: spoken.warnings.append(f"{msg} {exception}"),
    )
    folder = tmp_path / "inventory"
    folder.mkdir()
    yield Fleet(folder, {"hetzner": hetzner, "scaleway": scaleway}, spoken)
    for cloud in (hetzner, scaleway):
        cloud.released.set()
