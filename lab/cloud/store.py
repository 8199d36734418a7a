"""A small persistent store: rows of JSON in SQLite with everything in memory, so that reads cost nothing.

A write is one transaction and is on its way to disk before it returns: it survives the death of the process at any
moment. Rows are never changed in place: a reader that holds one holds a consistent snapshot of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.cloud.wire import JsonObject
from lab.errors import LabError

_ID_BLOCK = 1000

Put = tuple[str, str, JsonObject]
Key = tuple[str, str]


class Store:
    """Rows by kind and id. Ids handed out by `allocate` are never given twice, not even after a restart."""

    def __init__(self, path: Path | None, first_id: int = 1) -> None:
        """Open or create the file; None keeps everything in memory. Raise LabError if that cannot be."""
        try:
            self._database = _opened(path)
        except (OSError, sqlite3.Error) as problem:
            raise LabError(
                f"The state of the emulated clouds in {path} cannot be used: {problem}; "
                "make the folder writable, or remove the file and with it all emulated servers."
            ) from problem
        self._rows: dict[str, dict[str, JsonObject]] = {}
        self._order = 0
        self._load()
        self._limit = self._read_high_water(first_id)
        self._next = self._limit
        self._kind_versions: dict[str, int] = {}
        self.version = 0
        """Grows with every write: a key for whoever caches what it computed from rows."""

    def _load(self) -> None:
        loaded = [
            (kind, row_id, json.loads(body)) for kind, row_id, body in self._database.execute("SELECT * FROM rows")
        ]
        loaded.sort(key=lambda row: row[2]["_order"])
        for kind, row_id, body in loaded:
            self._rows.setdefault(kind, {})[row_id] = body
            self._order = max(self._order, body["_order"])

    def _read_high_water(self, first_id: int) -> int:
        found = self._database.execute("SELECT MAX(id) FROM high_water").fetchone()[0]
        return int(found) if found is not None else first_id

    def allocate(self) -> int:
        """Give a new integer id."""
        if self._next == self._limit:
            self._limit += _ID_BLOCK
            self._database.execute("BEGIN")
            self._database.execute("DELETE FROM high_water")
            self._database.execute("INSERT INTO high_water VALUES (?)", (self._limit,))
            self._database.execute("COMMIT")
        self._next += 1
        return self._next - 1

    def get(self, kind: str, row_id: object) -> JsonObject | None:
        """Give one row, or None."""
        return self._rows.get(kind, {}).get(str(row_id))

    def rows(self, kind: str) -> Mapping[str, JsonObject]:
        """Give all rows of a kind in the order of their creation."""
        return self._rows.get(kind, {})

    def write(self, puts: Iterable[Put] = (), deletes: Iterable[Key] = ()) -> None:
        """Put and delete rows, all or nothing."""
        ordered = [(kind, row_id, self._with_order(kind, row_id, body)) for kind, row_id, body in puts]
        gone = list(deletes)
        self._database.execute("BEGIN")
        try:
            self._database.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)",
                [(kind, row_id, json.dumps(body, separators=(",", ":"))) for kind, row_id, body in ordered],
            )
            self._database.executemany("DELETE FROM rows WHERE kind = ? AND id = ?", gone)
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        for kind, row_id, body in ordered:
            self._rows.setdefault(kind, {})[row_id] = body
        for kind, row_id in gone:
            self._rows.get(kind, {}).pop(row_id, None)
        self.version += 1
        for kind in {kind for kind, _id, _body in ordered} | {kind for kind, _id in gone}:
            self._kind_versions[kind] = self.version

    def version_of(self, kind: str) -> int:
        """Give a number that changes with every write to rows of this kind."""
        return self._kind_versions.get(kind, 0)

    def _with_order(self, kind: str, row_id: str, body: JsonObject) -> JsonObject:
        """Mark a new row with its place in the order of creation; an old row keeps its place."""
        known = self.get(kind, row_id)
        return {**body, "_order": known["_order"] if known else self._next_place()}

    def _next_place(self) -> int:
        self._order += 1
        return self._order

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # user data holds join tokens
    database = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute(
        "CREATE TABLE IF NOT EXISTS rows (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID"
    )
    database.execute("CREATE TABLE IF NOT EXISTS high_water (id INTEGER)")
    return database
