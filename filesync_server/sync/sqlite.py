"""Event logs in one SQLite file: durable before they are acknowledged, shared by nobody else."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filesync_web.livestore.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    BackendIdMismatch,
    Event,
    PulledEvent,
    ServerAhead,
)
from filesync_web.livestore.wire import encoded_size, from_json, to_json

from ..database import Database
from .storage import Appended, Page, Rejection, new_backend_id

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stores (
    id TEXT PRIMARY KEY, backend_id TEXT NOT NULL, head INTEGER NOT NULL, length INTEGER NOT NULL,
    created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    store_id TEXT NOT NULL, seq_num INTEGER NOT NULL, parent_seq_num INTEGER NOT NULL, name TEXT NOT NULL,
    args TEXT NOT NULL, client_id TEXT NOT NULL, session_id TEXT NOT NULL, created_at TEXT NOT NULL,
    size INTEGER NOT NULL, ordinal INTEGER NOT NULL, PRIMARY KEY (store_id, seq_num)
) WITHOUT ROWID;
"""


class SqliteStorage:
    """A `SyncStorage`. `clock` gives unix time in seconds."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file. Blocks."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = Database(path, _SCHEMA)
        self._clock = clock

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        return await asyncio.to_thread(self._read, store_id, after, backend_id)

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        return await asyncio.to_thread(self._append, store_id, batch, backend_id)

    async def close(self) -> None:
        await asyncio.to_thread(self._database.close)

    def _read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        with self._database.read() as db:
            found = db.execute("SELECT backend_id, length FROM stores WHERE id = ?", (store_id,)).fetchone()
            if found:
                if backend_id not in {None, found[0]}:
                    return BackendIdMismatch(expected=found[0], received=str(backend_id))
                return _page(db, store_id, after, *found)
        with self._database.write() as db:
            own_id, _, _ = self._log(db, store_id)
        if backend_id is not None:
            return BackendIdMismatch(expected=own_id, received=backend_id)
        return Page(own_id, (), 0)

    def _append(self, store_id: str, batch: Sequence[Event], backend_id: str | None) -> Appended | Rejection:
        with self._database.write() as db:
            own_id, head, length = self._log(db, store_id)
            if backend_id not in {None, own_id}:
                return BackendIdMismatch(expected=own_id, received=str(backend_id))
            if not batch:
                return Appended(own_id, ())
            if batch[0].parent_seq_num != head:
                return ServerAhead(minimum_expected_num=head, provided_num=batch[0].parent_seq_num)
            created_at = self._now()
            db.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (_row(store_id, event, created_at, length + i) for i, event in enumerate(batch, 1)),
            )
            db.execute(
                "UPDATE stores SET head = ?, length = ? WHERE id = ?",
                (batch[-1].seq_num, length + len(batch), store_id),
            )
        return Appended(own_id, tuple(PulledEvent(event, created_at) for event in batch))

    def _log(self, db: sqlite3.Connection, store_id: str) -> tuple[str, int, int]:
        """Backend id, head and length of the log, which is made when it is new."""
        db.execute(
            "INSERT OR IGNORE INTO stores VALUES (?, ?, 0, 0, ?)", (store_id, new_backend_id(), self._now())
        )
        row: tuple[str, int, int] = db.execute(
            "SELECT backend_id, head, length FROM stores WHERE id = ?", (store_id,)
        ).fetchone()
        return row

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(store_id: str, event: Event, created_at: str, ordinal: int) -> tuple[str | int, ...]:
    args = to_json(event.args)
    return (
        *(store_id, event.seq_num, event.parent_seq_num, event.name, args),
        *(event.client_id, event.session_id, created_at, encoded_size(event), ordinal),
    )


def _page(db: sqlite3.Connection, store_id: str, after: int, backend_id: str, length: int) -> Page:
    rows = db.execute(
        "SELECT ordinal, size, created_at, name, args, seq_num, parent_seq_num, client_id, session_id"
        " FROM events WHERE store_id = ? AND seq_num > ? ORDER BY seq_num LIMIT ?",
        (store_id, after, MAX_BATCH_EVENTS),
    )
    events: list[PulledEvent] = []
    total, ordinal = 0, length
    for position, size, created_at, name, args, *rest in rows:
        total += size
        if events and total > MAX_BATCH_BYTES:
            break
        ordinal = position
        events.append(PulledEvent(Event(name, from_json(args), *rest), created_at))
    return Page(backend_id, tuple(events), length - ordinal)
