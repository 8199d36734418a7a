"""Runs the built registry program as a process of the lab."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import paths, processes
from lab.errors import LabError
from lab.tools.families import program

NAME = "registry"


def default_storage() -> Path:
    """Where pushed images stay between two starts of the lab, so that the second pushes nothing."""
    return paths.cache() / "registry"


@dataclass(frozen=True)
class Registry:
    """A registry at an address of the lab; what is pushed lies below `storage` and outlives it."""

    address: str
    port: int
    storage: Path

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def start(
        self,
        timeout: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Starts the registry, or finds it running, and waits until it answers."""
        config = self._write_config()
        # Without this the registry sends traces to port 4318 of this machine, whoever listens there.
        environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        process = processes.start(NAME, [program("registry"), "serve", config], environment)
        deadline = clock() + timeout
        while not self.answers():
            if not process.running():
                raise LabError(f"The image registry did not start on {self.url}: {processes.tail(NAME, 1)}")
            if clock() > deadline:
                raise LabError(f"The image registry did not answer on {self.url} within {timeout:.0f} s.")
            sleep(0.05)

    def stop(self) -> None:
        """Ends the registry; its images stay."""
        process = processes.Process.read(NAME)
        if process:
            processes.stop(process)

    def answers(self) -> bool:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=0.5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _write_config(self) -> Path:
        self.storage.mkdir(parents=True, exist_ok=True)
        config = paths.state() / "registry.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps(self._config(), indent=2))  # JSON is YAML, which the registry reads
        return config

    def _config(self) -> dict[str, object]:
        return {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": f"{self.address}:{self.port}", "secret": "lab"},
        }
