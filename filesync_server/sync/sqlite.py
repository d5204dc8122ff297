"""Event logs in one SQLite file: durable before they are acknowledged, served by one process."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filesync_web.livestore.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    BackendIdMismatch,
    Event,
    PulledEvent,
)
from filesync_web.livestore.wire import encoded_size, kept_args, to_json

from ..shared.database import Database
from ..shared.disk import make_private_folder
from ..shared.threads import Threads
from .storage import Appended, Log, OnAppend, Page, Rejection, StorageError, new_backend_id, timestamp

LOOK_INTERVAL = 2.0
"""Seconds between two looks whether an administrator has changed the file."""

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
_LOGS = "SELECT id, backend_id, head, length, created_at FROM stores"
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteStorage:
    """An `AdminStorage`. `clock` gives unix time in seconds."""

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file. Blocks. Raises StorageError or OSError."""
        path = Path(path)
        make_private_folder(path.parent)
        with _storage_errors():
            self._database = Database(path, _SCHEMA)
        self._reads = Threads("log-reads", 2)
        self._writes = Threads("log-writes", 1)
        self._watching: asyncio.Task[None] | None = None
        self._clock = clock

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        return await self._reads.run(self._read, store_id, after, backend_id)

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        return await self._writes.run(self._append, store_id, batch, backend_id)

    async def logs(self, store_ids: Collection[str] | None = None) -> Mapping[str, Log]:
        return await self._reads.run(self._logs, store_ids)

    def watch(self, on_append: OnAppend) -> None:
        """No other process serves this file, but an administrator may replace a log in it."""
        self._watching = asyncio.create_task(self._watch(on_append))

    async def _watch(self, on_append: OnAppend) -> None:
        known = None
        while True:
            with contextlib.suppress(sqlite3.Error):  # whoever uses the file says what is wrong with it
                version = await self._writes.run(self._database.version)
                if known not in {None, version}:
                    on_append(None, None)
                known = version
            await asyncio.sleep(LOOK_INTERVAL)

    async def restore(self, log: Log, events: Iterable[PulledEvent], *, replace: bool) -> None:
        await self._writes.run(self._restore, log, events, replace)

    async def compact(self) -> None:
        await self._writes.run(self._compact)

    async def close(self) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._writes.run(self._database.close)
        self._reads.close()
        self._writes.close()

    def _read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        with _storage_errors():
            with self._database.read() as db:
                log = _find(db, store_id)
                if log:
                    return log.mismatch(backend_id) or _page(db, log, after)
            with self._database.write() as db:
                log = self._ensure(db, store_id)
        return log.mismatch(backend_id) or Page(log.backend_id, (), 0)

    def _append(self, store_id: str, batch: Sequence[Event], backend_id: str | None) -> Appended | Rejection:
        created_at = timestamp(self._clock())
        events = tuple(PulledEvent(event, created_at) for event in batch)
        with _storage_errors(), self._database.write() as db:
            log = self._ensure(db, store_id)
            rejection = log.rejection(batch, backend_id)
            if rejection:
                return rejection
            if batch:
                db.executemany(_INSERT_EVENT, _rows(store_id, events, log.length))
                db.execute(
                    "UPDATE stores SET head = ?, length = ? WHERE id = ?",
                    (batch[-1].seq_num, log.length + len(batch), store_id),
                )
        return Appended(log.backend_id, events)

    def _logs(self, store_ids: Collection[str] | None) -> dict[str, Log]:
        with _storage_errors(), self._database.read() as db:
            if store_ids is None:
                return {row[0]: Log(*row) for row in db.execute(f"{_LOGS} ORDER BY id")}
            found = (_find(db, store_id) for store_id in store_ids)
            return {log.store_id: log for log in found if log}

    def _restore(self, log: Log, events: Iterable[PulledEvent], replace: bool) -> None:
        with _storage_errors(), self._database.write() as db:
            present = _find(db, log.store_id)
            if present and present.length and not replace:
                raise FileExistsError(f"the store {log.store_id!r} has {present.length} events already")
            db.execute("DELETE FROM events WHERE store_id = ?", (log.store_id,))
            db.execute(
                "INSERT OR REPLACE INTO stores VALUES (?, ?, ?, ?, ?)",
                (log.store_id, log.backend_id, log.head, log.length, log.created_at),
            )
            db.executemany(_INSERT_EVENT, _rows(log.store_id, events, 0))

    def _compact(self) -> None:
        with _storage_errors():
            self._database.compact()

    def _ensure(self, db: sqlite3.Connection, store_id: str) -> Log:
        """The log, which is made when it is new."""
        log = _find(db, store_id)
        if log is None:
            log = Log(store_id, new_backend_id(), 0, 0, timestamp(self._clock()))
            values = (log.store_id, log.backend_id, log.head, log.length, log.created_at)
            db.execute("INSERT INTO stores VALUES (?, ?, ?, ?, ?)", values)
        return log


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"the event logs cannot be used: {error}") from error


def _find(db: sqlite3.Connection, store_id: str) -> Log | None:
    row = db.execute(f"{_LOGS} WHERE id = ?", (store_id,)).fetchone()
    return Log(*row) if row else None


def _rows(
    store_id: str, events: Iterable[PulledEvent], length: int
) -> Iterator[tuple[str | int | None, ...]]:
    for ordinal, pulled in enumerate(events, length + 1):
        event = pulled.event
        yield (
            *(store_id, event.seq_num, event.parent_seq_num, event.name, to_json(event.args)),
            *(event.client_id, event.session_id, pulled.created_at, encoded_size(event), ordinal),
        )


def _page(db: sqlite3.Connection, log: Log, after: int) -> Page:
    rows = db.execute(
        "SELECT ordinal, size, created_at, name, args, seq_num, parent_seq_num, client_id, session_id"
        " FROM events WHERE store_id = ? AND seq_num > ? ORDER BY seq_num LIMIT ?",
        (log.store_id, after, MAX_BATCH_EVENTS),
    )
    events: list[PulledEvent] = []
    total, ordinal = 0, log.length
    for position, size, created_at, name, args, *rest in rows:
        total += size
        if events and total > MAX_BATCH_BYTES:
            break
        ordinal = position
        events.append(PulledEvent(Event(name, kept_args(args), *rest), created_at))
    return Page(log.backend_id, tuple(events), log.length - ordinal)
