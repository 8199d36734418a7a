"""Reading an inventory the way Ansible does, in this process, and what Ansible says while it does so."""

from __future__ import annotations

import importlib
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

ROOT = Path(__file__).parents[4]


def load_collection() -> None:
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

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take down what would be shown."""
        monkeypatch.setattr(Display, "warning", lambda _self, msg, *_a, **_k: self.warnings.append(str(msg)))
        monkeypatch.setattr(Display, "error", lambda _self, msg, *_a, **_k: self.errors.append(str(msg)))
        monkeypatch.setattr(
            Display,
            "error_as_warning",
            lambda _self, msg, exception, *_a, **_k: self.warnings.append(f"{msg} {exception}"),
        )


@dataclass
class Reader:
    """A folder with inventory files, and what reading it printed. `options` are in every nodes.fleet.yml."""

    folder: Path
    spoken: Spoken
    options: dict[str, Any] = field(default_factory=dict)

    def write(self, name: str, content: object) -> Path:
        """Write a YAML file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return path

    def read(self, **options: Any) -> InventoryManager:
        """Read the folder with a nodes.fleet.yml of these options; exits as the command would."""
        self.write("nodes.fleet.yml", {"plugin": "sovereign.fleet.nodes", **self.options, **options})
        return InventoryManager(loader=DataLoader(), sources=[str(self.folder)])

    def refused(self, **options: Any) -> str:
        """Read it expecting a refusal; the error shown, after checking the exit code."""
        self.spoken.errors.clear()
        with pytest.raises(SystemExit) as end:
            self.read(**options)
        assert end.value.code == 4
        (error,) = self.spoken.errors
        return error


def stale_hosts(inventory: InventoryManager) -> set[str]:
    """Names of the hosts that are only remembered."""
    return {name for name, host in inventory.hosts.items() if host.vars["stale"]}
