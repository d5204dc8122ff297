"""The event log in an SQLite file, for processes on CPython.

One connection on one thread of its own, so that the event loop never waits for the disk. The file is in WAL
mode with `synchronous=FULL`: what a call has returned survives a power cut. Several processes may open one
file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filesync_web.errors import OutdatedError, QuotaExceededError, StorageError, StoreError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import (
    DISCARDED,
    ConfirmedEntry,
    LocalEntry,
    LocalEvent,
    LogDelta,
    Position,
)
from filesync_web.livestore.wire import from_json, kept_args, to_json
from filesync_web.native.state_file import StateFile, make_private

T = TypeVar("T")

_BUSY_SECONDS = 30.0
_PAUSE_SECONDS = 0.005

_VERSION = 2
"""The format of the file. Format 0 is not marked; neither it nor format 1 counts the resets."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS confirmed (
  seqNum INTEGER PRIMARY KEY, parentSeqNum INTEGER NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL,
  clientId TEXT NOT NULL, sessionId TEXT NOT NULL, localId INTEGER
)""",
    """CREATE TABLE IF NOT EXISTS local (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, args TEXT NOT NULL, clientId TEXT NOT NULL,
  sessionId TEXT NOT NULL, synced INTEGER NOT NULL, compactionKey TEXT, onlyIf TEXT
)""",
    "CREATE INDEX IF NOT EXISTS localByKey ON local (compactionKey) WHERE compactionKey IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS localPending ON local (id) WHERE synced",
    """CREATE TABLE IF NOT EXISTS meta (
  one INTEGER PRIMARY KEY CHECK (one = 1), clientId TEXT NOT NULL, backendId TEXT, epoch INTEGER NOT NULL,
  lastLocal INTEGER NOT NULL, syncEnabled INTEGER NOT NULL, resets INTEGER NOT NULL DEFAULT 0
)""",
)

_PENDING_AGAIN = """
INSERT INTO local SELECT (SELECT lastLocal FROM meta) + row_number() OVER (ORDER BY id),
  name, args, clientId, sessionId, synced, compactionKey, onlyIf
FROM local WHERE synced AND id <= ? ORDER BY id
"""
_NEWER = "SELECT * FROM local WHERE id > :local ORDER BY id"
_WITH_ALL_PENDING = """
SELECT * FROM (SELECT * FROM local WHERE synced AND id <= :local ORDER BY id)
UNION ALL SELECT * FROM (SELECT * FROM local WHERE id > :local ORDER BY id)
"""


def _into_wal_mode(db: sqlite3.Connection) -> None:
    """Ask again while others open the file, too: of several connections that change the mode of a new file
    at once, SQLite refuses all but one without waiting, as each would wait for the others' reading."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(_PAUSE_SECONDS)


class _Log:
    """The operations, synchronous; each is one transaction."""

    def __init__(self, path: Path, client_id: str) -> None:
        make_private(path)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
        try:
            self.client_id = self._prepare(path, client_id)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path, client_id: str) -> str:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise OutdatedError(
                f"{path} has format {version}, of a newer version of filesync-web than this one, which knows "
                f"formats up to {_VERSION}: use the newer version"
            )
        _into_wal_mode(self._db)
        self._db.execute("PRAGMA synchronous=FULL")
        with self._transaction():
            for statement in _TABLES:
                self._db.execute(statement)
            if "resets" not in {row[1] for row in self._db.execute("PRAGMA table_info(meta)")}:
                self._db.execute("ALTER TABLE meta ADD COLUMN resets INTEGER NOT NULL DEFAULT 0")
            self._db.execute("INSERT OR IGNORE INTO meta VALUES (1, ?, NULL, 1, 0, 1, 0)", (client_id,))
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        return str(self._db.execute("SELECT clientId FROM meta").fetchone()[0])

    def close(self) -> None:
        self._db.close()

    def read(self, seen: Position, all_pending: bool) -> LogDelta:
        with self._transaction("DEFERRED"):
            return self._delta(seen, all_pending=all_pending)

    def append(self, events: Sequence[LocalEvent], seen: Position) -> LogDelta:
        with self._transaction():
            self._add(events)
            return self._delta(seen)

    def _add(self, events: Sequence[LocalEvent]) -> None:
        for event in events:
            if event.compaction_key is not None:
                self._db.execute("DELETE FROM local WHERE compactionKey = ?", (event.compaction_key,))
            self._db.execute("UPDATE meta SET lastLocal = lastLocal + 1")
            row = (event.name, to_json(event.args), event.client_id, event.session_id, event.synced)
            self._db.execute(
                "INSERT INTO local SELECT lastLocal, ?, ?, ?, ?, ?, ?, ? FROM meta",
                (*row, event.compaction_key, event.only_if and to_json(event.only_if)),
            )

    def confirm(self, entries: Sequence[ConfirmedEntry], backend_id: str, seen: Position) -> LogDelta:
        with self._transaction():
            head = self._position()
            newer = self._db.execute("SELECT 1 FROM local WHERE synced AND id > ? LIMIT 1", (seen.local,))
            if (head.epoch, head.confirmed) == (seen.epoch, seen.confirmed) and newer.fetchone() is None:
                self._db.executemany("INSERT INTO confirmed VALUES (?, ?, ?, ?, ?, ?, ?)", map(_row, entries))
                removed = [(entry.local_id,) for entry in entries if entry.local_id is not None]
                self._db.executemany("DELETE FROM local WHERE id = ?", removed)
                self._db.execute("UPDATE meta SET backendId = ?", (backend_id,))
            return self._delta(seen)

    def discard(self, ids: Sequence[int]) -> None:
        with self._transaction():
            void = [(id_,) for id_ in ids]
            if self._db.executemany("DELETE FROM local WHERE synced AND id = ?", void).rowcount:
                self._add([LocalEvent(DISCARDED, list(ids), "", "", synced=False)])

    def reset(self, seen: Position, offered: Sequence[LocalEvent]) -> LogDelta:
        with self._transaction():
            head = self._position()
            if (head.epoch, head.confirmed) == (seen.epoch, seen.confirmed):
                self._db.execute("DELETE FROM confirmed")
                self._db.execute("UPDATE meta SET backendId = NULL, epoch = epoch + 1, resets = resets + 1")
                if offered:
                    self._put_in_front(offered)
            return self._delta(seen)

    def _put_in_front(self, offered: Sequence[LocalEvent]) -> None:
        """Append these, and then all that is pending anew."""
        last_pending = self._position().local
        self._add(offered)
        self._db.execute(_PENDING_AGAIN, (last_pending,))
        self._db.execute("DELETE FROM local WHERE synced AND id <= ?", (last_pending,))
        self._db.execute("UPDATE meta SET lastLocal = max(lastLocal, (SELECT max(id) FROM local))")

    def set_sync_enabled(self, enabled: bool) -> None:
        self._db.execute("UPDATE meta SET syncEnabled = ?", (enabled,))

    @contextmanager
    def _transaction(self, mode: str = "IMMEDIATE") -> Iterator[None]:
        self._db.execute(f"BEGIN {mode}")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite ends it by itself when the disk is full, say
                self._db.execute("ROLLBACK")
            raise

    def _position(self) -> Position:
        head = "SELECT epoch, (SELECT ifnull(max(seqNum), 0) FROM confirmed), lastLocal FROM meta"
        return Position(*self._db.execute(head).fetchone())

    def _delta(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        position = self._position()
        if seen.epoch != position.epoch:
            seen = Position(position.epoch)
        wanted = _WITH_ALL_PENDING if all_pending else _NEWER
        facts = self._db.execute("SELECT backendId, syncEnabled, resets FROM meta")
        backend_id, enabled, resets = facts.fetchone()
        return LogDelta(
            position,
            [
                ConfirmedEntry(Event(name, kept_args(args), seq, parent, client, session), local_id)
                for seq, parent, name, args, client, session, local_id in self._db.execute(
                    "SELECT * FROM confirmed WHERE seqNum > ? ORDER BY seqNum", (seen.confirmed,)
                )
            ],
            [
                LocalEntry(
                    id_,
                    LocalEvent(
                        name,
                        kept_args(args),
                        client,
                        session,
                        bool(synced),
                        key,
                        only_if and from_json(only_if),
                    ),
                )
                for id_, name, args, client, session, synced, key, only_if in self._db.execute(
                    wanted, {"local": seen.local}
                )
            ],
            backend_id,
            bool(enabled),
            resets,
        )


def _row(entry: ConfirmedEntry) -> tuple[Any, ...]:
    event = entry.event
    identity = (event.client_id, event.session_id, entry.local_id)
    return (event.seq_num, event.parent_seq_num, event.name, to_json(event.args), *identity)


class SqliteEventLog:
    """The `EventLog` port on an SQLite file; its folder is created by `open`."""

    shares_state = False

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._state = StateFile(self._path)
        self._thread: ThreadPoolExecutor | None = None
        self._log: _Log | None = None

    async def open(self, client_id: str) -> str:
        def opened() -> _Log:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return _Log(self._path, client_id)

        self._thread = ThreadPoolExecutor(1, thread_name_prefix="event-log")
        self._log = await self._run(opened)
        return self._log.client_id

    async def read(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        return await self._run(lambda: self._opened.read(seen, all_pending))

    async def append(self, events: Sequence[LocalEvent], seen: Position) -> LogDelta:
        return await self._run(lambda: self._opened.append(events, seen))

    async def confirm(self, entries: Sequence[ConfirmedEntry], backend_id: str, seen: Position) -> LogDelta:
        return await self._run(lambda: self._opened.confirm(entries, backend_id, seen))

    async def discard(self, ids: Sequence[int]) -> None:
        await self._run(lambda: self._opened.discard(ids))

    async def reset(self, seen: Position, offered: Sequence[LocalEvent] = ()) -> LogDelta:
        return await self._run(lambda: self._opened.reset(seen, offered))

    async def set_sync_enabled(self, enabled: bool) -> None:
        await self._run(lambda: self._opened.set_sync_enabled(enabled))

    async def open_state(self, *, fresh: bool = False) -> sqlite3.Connection:
        return await self._run(lambda: self._state.open(fresh=fresh))

    async def save_state(self) -> None:
        await self._run(self._state.save)

    async def close(self) -> None:
        if self._log is not None:
            await self._run(self._state.close)
            await self._run(self._log.close)
        if self._thread is not None:
            self._thread.shutdown(wait=False)
        self._log = self._thread = None

    @property
    def _opened(self) -> _Log:
        if self._log is None:
            raise StoreError(f"the event log {self._path} is not open")
        return self._log

    async def _run(self, operation: Callable[[], T]) -> T:
        if self._thread is None:
            raise StoreError(f"the event log {self._path} is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, operation)
        except OutdatedError:
            raise
        except (sqlite3.Error, OSError, StorageError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise QuotaExceededError(
                    f"the event log {self._path} has no room to grow: {error}"
                ) from error
            raise StoreError(f"the event log {self._path} failed: {error}") from error
