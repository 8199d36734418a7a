"""The emulated clouds with a small fleet in them, and Ansible's own commands to look at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Owner
from lab.cloud.testing import Emulator, emulator
from tests.contract.profiles import DRIVERS
from tests.unit.plugins.inventory.reading import ROOT, Reader, Spoken, load_collection

TIMEOUT = 1.0
NAMES = tuple(profile.provider for profile in DRIVERS)
OURS = {provider: f"development-{provider}-workers-1" for provider in NAMES}
THEIRS = {provider: f"of-others-at-{provider}-1" for provider in NAMES}
HOSTS = {*OURS.values(), *THEIRS.values()}


@dataclass(frozen=True)
class Ran:
    """What a command answered, and the seconds it took."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass
class Commands:
    """Runs Ansible in a folder of its own, with its own caches."""

    folder: Path
    cloud: Emulator

    def __post_init__(self) -> None:
        (self.folder / "ansible.cfg").write_text("[defaults]\n")
        self.providers = {profile.provider: dict(self.cloud.providers[profile.cloud]) for profile in DRIVERS}
        self.configure()

    def configure(self, **options: Any) -> None:
        """Write nodes.fleet.yml."""
        content = {"plugin": "sovereign.fleet.nodes", "providers": self.providers, "timeout": TIMEOUT, **options}
        (self.folder / "nodes.fleet.yml").write_text(yaml.safe_dump(content))

    def run(self, *arguments: str) -> Ran:
        """Run ansible-inventory."""
        ours = ("ANSIBLE_", "HCLOUD_", "SCW_", "OS_", "STACKIT_", "FLEET_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment |= {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "true",
            "COLUMNS": "10000",  # or messages would be broken into lines
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(self.folder), *arguments]
        started = time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    def hosts(self) -> dict[str, dict[str, Any]]:
        """Host variables of `ansible-inventory --list`."""
        listed = self.run("--list")
        assert listed.code == 0, listed.err
        variables: dict[str, dict[str, Any]] = load(listed.out)["_meta"]["hostvars"]
        return variables


def load(text: str) -> dict[str, Any]:
    """The JSON of `--list`; Ansible wraps every text that an inventory plugin did not write itself."""

    def unwrapped(item: dict[str, Any]) -> Any:
        return item.get("__ansible_unsafe", item)

    content: dict[str, Any] = json.loads(text, object_hook=unwrapped)
    return content


@pytest.fixture(scope="session")
def clouds() -> Iterator[Emulator]:
    with emulator() as cloud:
        for provider in NAMES:
            owner = Owner.of("acme", "development", f"{provider}-workers", f"development-{provider}-workers-1")
            cloud.store.seed(provider, 1, prefix=f"development-{provider}-workers", labels=owner.labels())
            cloud.store.seed(provider, 1, prefix=f"of-others-at-{provider}", labels={"team": "ops"})
        yield cloud


@pytest.fixture
def cloud(clouds: Emulator) -> Iterator[Emulator]:
    clouds.requests.clear()
    yield clouds
    clouds.faults.clear()


@pytest.fixture
def commands(tmp_path: Path, cloud: Emulator) -> Commands:
    return Commands(tmp_path, cloud)


@pytest.fixture
def reader(tmp_path: Path, cloud: Emulator, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """The same, in this process."""
    load_collection()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spoken = Spoken()
    spoken.listen(monkeypatch)
    folder = tmp_path / "inventory"
    folder.mkdir()
    providers = {profile.provider: dict(cloud.providers[profile.cloud]) for profile in DRIVERS}
    return Reader(folder, spoken, {"providers": providers})
