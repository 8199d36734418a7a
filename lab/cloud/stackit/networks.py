"""Networks."""

from __future__ import annotations

import uuid

from lab.cloud.jobs import Jobs
from lab.cloud.stackit.answers import conflict, now
from lab.cloud.stackit.labels import merged
from lab.cloud.stackit.rows import find, named
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject

_NAMESERVERS = ["1.1.1.1", "9.9.9.9"]


def new_network(region: str, body: JsonObject, place: int = 0, routed: bool = True) -> JsonObject:
    """A new network; one without a prefix of its own gets that of its `place`. The caller writes it."""
    given = body.get("ipv4") or {}
    prefix = given.get("prefix") or f"10.{place // 256 % 256}.{place % 256}.0/{given.get('prefixLength', 24)}"
    return {
        "id": str(uuid.uuid4()),
        "name": named(body),
        "description": body.get("description"),
        "status": "CREATING",
        "dhcp": body.get("dhcp", True),
        "routed": body.get("routed", routed),
        "ipv4": {
            "prefixes": [prefix],
            "gateway": given.get("gateway") or prefix.rpartition(".")[0] + ".1",
            "nameservers": given.get("nameservers") or _NAMESERVERS,
        },
        "labels": merged({}, body.get("labels")),
        "createdAt": now(),
        "updatedAt": now(),
        "_region": region,
    }


class Networks:
    """Create, change and delete."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.jobs = Jobs("stackit network", self._failed)

    def create(self, region: str, body: JsonObject, routed: bool = True) -> JsonObject:
        """Create a network; it is CREATING until its job has ended."""
        row = new_network(region, body, len(self._store.rows("network")), routed)
        number = row["id"]
        self._store.write([("network", number, row)])
        self.jobs.start(number, self._made)
        return self._store.rows("network")[number]

    def update(self, region: str, number: str, body: JsonObject) -> None:
        """Change name, description or labels."""
        row = find(self._store, "network", region, number)
        name = named(body, row["name"])
        changed = {**row, "name": name, "labels": merged(row["labels"], body.get("labels")), "updatedAt": now()}
        if "description" in body:
            changed["description"] = body["description"]
        self._store.write([("network", number, changed)])

    def delete(self, region: str, number: str) -> None:
        """Delete a network without interfaces."""
        row = find(self._store, "network", region, number)
        if any(nic["networkId"] == number for nic in self._store.rows("nic").values()):
            raise conflict(f"network {number} is still in use")
        self._store.write([("network", number, {**row, "status": "DELETING"})])
        self.jobs.start(number, self._gone)

    async def _made(self, number: str) -> None:
        row = self._store.get("network", number)
        if row is not None and row["status"] == "CREATING":
            self._store.write([("network", number, {**row, "status": "CREATED"})])

    async def _gone(self, number: str) -> None:
        self._store.write((), [("network", number)])

    def _failed(self, number: str, problem: BaseException) -> None:
        row = self._store.get("network", number)
        if row is not None:
            self._store.write([("network", number, {**row, "status": "FAILED"})])

    def restore(self) -> None:
        """Go on with what was under way."""
        for number, row in list(self._store.rows("network").items()):
            if row["status"] in ("CREATING", "DELETING"):
                self.jobs.start(number, self._made if row["status"] == "CREATING" else self._gone)
