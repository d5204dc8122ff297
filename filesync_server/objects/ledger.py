"""How much there is of each store and of each identity, within limits: a row for every admitted object.

An upload is counted in the transaction that admits it, before its bytes travel, so two at once cannot both
take what is left. Whether it has arrived is found out later; until then its row is *due* for a look. As long
as a URL may still be used that was signed for a key, the key counts with the most bytes that it may bring,
whatever was deleted or announced anew meanwhile. All methods block.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..shared.database import Database

Kind = Literal["store", "identity"]

FIRST_LOOK = 5.0
"""Seconds after an admission; each later look waits as long as it has taken so far."""
_LONGEST_WAIT = 3600.0
_MAX_DUE = 100

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, store TEXT NOT NULL, identity TEXT NOT NULL, size INTEGER NOT NULL,
    content_type TEXT,
    admitted_at REAL NOT NULL, ends_at REAL NOT NULL, due_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS usage (
    kind TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, files INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS object_counted AFTER INSERT ON objects BEGIN
    INSERT INTO usage VALUES ('store', NEW.store, NEW.size, 1), ('identity', NEW.identity, NEW.size, 1)
    ON CONFLICT (kind, name) DO UPDATE SET bytes = bytes + excluded.bytes, files = files + excluded.files;
END;
CREATE TRIGGER IF NOT EXISTS object_no_longer_counted AFTER DELETE ON objects BEGIN
    UPDATE usage SET bytes = bytes - OLD.size, files = files - 1
    WHERE (kind = 'store' AND name = OLD.store) OR (kind = 'identity' AND name = OLD.identity);
END;
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much there may be at most; None is no limit."""

    max_bytes: int | None = None
    max_files: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much there is: what has been uploaded, and what was admitted and is on its way."""

    bytes: int = 0
    files: int = 0


class OverQuotaError(Exception):
    """There is no room for this upload; the message says how much is left."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object that was admitted. `ends_at`: until then it may be uploaded, and what is not there then is
    given up. `due_at`: when to look whether it is there; None when that is known."""

    key: str
    store: str
    identity: str
    size: int
    content_type: str | None
    admitted_at: float
    ends_at: float
    due_at: float | None


class Ledger:
    """One SQLite file, which the processes of one machine may share."""

    def __init__(self, path: Path, *, per_store: Quota, per_identity: Quota) -> None:
        self._database = Database(path, _SCHEMA)
        self._quotas: dict[Kind, Quota] = {"store": per_store, "identity": per_identity}

    def admit(self, entry: Entry) -> None:
        """Count the object, in place of an earlier one of its key. Raises OverQuotaError."""
        names: dict[Kind, str] = {"store": entry.store, "identity": entry.identity}
        with self._database.write() as db:
            before = {kind: _usage(db, kind, name) for kind, name in names.items()}
            old = _find(db, entry.key)
            if old is not None and old.ends_at > entry.admitted_at:
                size, ends_at = max(old.size, entry.size), max(old.ends_at, entry.ends_at)
                entry = replace(entry, size=size, ends_at=ends_at)
            _put(db, entry)
            for kind, name in names.items():
                self._check(kind, before[kind], _usage(db, kind, name))

    def usage(self, kind: Kind, name: str) -> tuple[Usage, Quota]:
        """How much there is of a store or an identity, and how much there may be."""
        with self._database.read() as db:
            return _usage(db, kind, name), self._quotas[kind]

    def find(self, key: str) -> Entry | None:
        with self._database.read() as db:
            return _find(db, key)

    def claim_due(self, now: float) -> list[Entry]:
        """Those for which it is time to look whether they have arrived; no other process gets them now."""
        with self._database.write() as db:
            rows = db.execute(
                "SELECT * FROM objects WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, _MAX_DUE)
            ).fetchall()
            entries = [Entry(*row) for row in rows]
            waits = [min(max(FIRST_LOOK, now - entry.admitted_at), _LONGEST_WAIT) for entry in entries]
            later = [(now + wait, entry.key) for wait, entry in zip(waits, entries, strict=True)]
            db.executemany("UPDATE objects SET due_at = ? WHERE key = ?", later)
        return entries

    def settle(self, entry: Entry, size: int | None, now: float) -> None:
        """The object is there, with so many bytes; None: it is not. Does nothing when its key was admitted
        anew meanwhile."""
        with self._database.write() as db:
            found = _find(db, entry.key)
            if found is None or found.admitted_at != entry.admitted_at:
                return
            may_change = now < found.ends_at
            if size is None:
                if not may_change:
                    _remove(db, entry.key)
            elif may_change and size < found.size:
                _put(db, replace(found, due_at=found.ends_at))
            else:
                _put(db, replace(found, size=size, due_at=None))

    def end_by(self, key: str, at: float) -> None:
        """From then on the key's upload can bring nothing more."""
        with self._database.write() as db:
            db.execute("UPDATE objects SET ends_at = min(ends_at, ?) WHERE key = ?", (at, key))

    def look_at(self, key: str, at: float) -> None:
        """The object may have gone, or may never come: it is due then."""
        with self._database.write() as db:
            db.execute("UPDATE objects SET due_at = ? WHERE key = ?", (at, key))

    def close(self) -> None:
        self._database.close()

    def _check(self, kind: Kind, before: Usage, after: Usage) -> None:
        quota = self._quotas[kind]
        limits = [
            ("bytes", quota.max_bytes, before.bytes, after.bytes),
            ("files", quota.max_files, before.files, after.files),
        ]
        if not any(most is not None and old < new > most for _, most, old, new in limits):
            return  # a store that is over a new limit may still upload again what it has
        left = [f"{max(0, most - old)} of {most} {what}" for what, most, old, _ in limits if most is not None]
        whose = "this store has" if kind == "store" else "you have"
        raise OverQuotaError(f"there is no room for this upload: {whose} {' and '.join(left)} left")


def _find(db: sqlite3.Connection, key: str) -> Entry | None:
    row = db.execute("SELECT * FROM objects WHERE key = ?", (key,)).fetchone()
    return Entry(*row) if row else None


def _put(db: sqlite3.Connection, entry: Entry) -> None:
    _remove(db, entry.key)  # and not replaced, which triggers would not be told of
    row = (entry.key, entry.store, entry.identity, entry.size, entry.content_type)
    db.execute(
        "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, entry.admitted_at, entry.ends_at, entry.due_at),
    )


def _remove(db: sqlite3.Connection, key: str) -> None:
    db.execute("DELETE FROM objects WHERE key = ?", (key,))


def _usage(db: sqlite3.Connection, kind: Kind, name: str) -> Usage:
    row = db.execute("SELECT bytes, files FROM usage WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    return Usage(*row) if row else Usage()
