"""Which address belongs to which machine; on disk, so that a machine keeps its address when the lab restarts."""

from __future__ import annotations

import json
from pathlib import Path

from lab import plan
from lab.errors import LabError


class Addresses:
    """A ledger of addresses. An address that was given back is used again only when the others are taken."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._of: dict[str, str] = {}
        self._last: dict[str, int] = {}
        if file.exists():
            saved = json.loads(file.read_text())
            self._of, self._last = saved["of"], saved["last"]

    def reserve(self, provider: str, machine_id: str) -> str:
        if machine_id not in self._of:
            self._of[machine_id] = self._next(provider)
            self._save()
        return self._of[machine_id]

    def release(self, machine_id: str) -> None:
        if self._of.pop(machine_id, None):
            self._save()

    def _next(self, provider: str) -> str:
        network = plan.provider_network(provider)
        taken, size, last = set(self._of.values()), network.num_addresses, self._last.get(provider, 9)
        for step in range(1, size):
            number = (last + step) % size
            address = str(network[number])
            if number >= 10 and number < size - 1 and address not in taken:
                self._last[provider] = number
                return address
        raise LabError(f"All addresses of {provider} in {network} are taken; delete servers first.")

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps({"of": self._of, "last": self._last}))
        partial.rename(self._file)
