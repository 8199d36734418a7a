"""From stored rows to what the API shows of a server."""

from __future__ import annotations

from typing import NamedTuple

from lab.cloud.stackit.rows import public
from lab.cloud.store import Store
from lab.cloud.wire import JsonObject, encode


class _Kept(NamedTuple):
    rows: list[JsonObject]
    networks: int
    encoded: bytes


class Views:
    """Shows servers. A server's JSON is kept until its row, or one of those that it embeds, changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, bool], _Kept] = {}

    def server_bytes(self, row: JsonObject, details: bool) -> bytes:
        """Encode one server, from the cache where that is right; `details` adds interfaces and user data."""
        rows, networks = self._rows(row), self._store.version_of("network")
        key = (row["id"], details)
        kept = self._kept.get(key)
        if kept is None or kept.networks != networks or not _same(kept.rows, rows):
            kept = _Kept(rows, networks, encode(self.server(row, details)))
            self._kept[key] = kept
        return kept.encoded

    def _rows(self, row: JsonObject) -> list[JsonObject]:
        rows = [row]
        for number in row["_nics"]:
            nic = self._store.rows("nic")[number]
            rows.append(nic)
            if nic["_public_ip"]:
                rows.append(self._store.rows("public_ip")[nic["_public_ip"]])
        return rows

    def forget(self, server_id: str) -> None:
        """Drop the kept JSON of a server that is gone."""
        self._kept.pop((server_id, False), None)
        self._kept.pop((server_id, True), None)

    def server(self, row: JsonObject, details: bool) -> JsonObject:
        """Show one server. It never says `networking`, which the vendor takes and does not give."""
        shown = public(row)
        if not details:
            return shown
        user_data = self._store.get("user_data", row["id"])
        if user_data:
            shown["userData"] = user_data["encoded"]
        return {**shown, "nics": self._nics(row), "serviceAccountMails": []}

    def _nics(self, row: JsonObject) -> list[JsonObject]:
        nics = [self._store.rows("nic")[number] for number in row["_nics"]]
        if row["launchedAt"] is not None:
            return [self._nic(nic) for nic in nics]
        return [] if row["status"] == "ERROR" else [_bare(nic) for nic in nics]

    def _nic(self, nic: JsonObject) -> JsonObject:
        network = self._store.rows("network")[nic["networkId"]]
        shown = {**_bare(nic), "networkName": network["name"], "mac": nic["mac"], "ipv4": nic["ipv4"]}
        return {**shown, "publicIp": nic["ipv4"]} if nic["_public_ip"] else shown


def _bare(nic: JsonObject) -> JsonObject:
    """An interface as a server shows it that is still being made: empty texts, which not every client can bear."""
    return {
        "nicId": nic["id"],
        "networkId": nic["networkId"],
        "networkName": "",
        "mac": "",
        "ipv4": "",
        "nicSecurity": nic["nicSecurity"],
        "securityGroups": nic["securityGroups"],
        "allowedAddresses": nic["allowedAddresses"],
        "createdAt": nic["createdAt"],
        "updatedAt": nic["updatedAt"],
    }


def _same(some: list[JsonObject], others: list[JsonObject]) -> bool:
    """Whether these are the same rows; rows are never changed in place."""
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))
