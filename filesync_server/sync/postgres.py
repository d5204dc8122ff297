"""Event logs in PostgreSQL, for several server processes. Needs the extra `postgres` (asyncpg).

A push locks its store's row until it is committed, so pushes to one store are serialised by the database,
whichever process they came to. The commit also notifies the other processes (`postgres_listener`).

PostgreSQL 12 or newer. The tables are `filesync_stores` and `filesync_events`, made when they are missing,
in the first schema of the connection's `search_path`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from filesync_web.livestore.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    BackendIdMismatch,
    Event,
    PulledEvent,
)
from filesync_web.livestore.wire import event_from_wire, event_to_wire, from_json, to_json

from .postgres_listener import CHANNEL, PostgresListener, hint
from .storage import Appended, Log, OnAppend, Page, Rejection, StorageError, new_backend_id, timestamp

Connection: TypeAlias = Any
"""asyncpg has no types."""

POOL_SIZE = 10
"""Most connections of one process, beside the one that listens."""
DATABASE_TIMEOUT = 30.0
"""Seconds after which a statement, a wait for a connection or an abandoned transaction is given up."""
ADMIN_TIMEOUT = 24 * 3600.0
"""Seconds for a statement that an administrator waits for."""

FORMAT = 1
"""What the tables say of themselves, in the comment of `filesync_stores`. Tables without one are alike."""
_SCHEMA = f"""
CREATE TABLE filesync_stores (
    id text PRIMARY KEY, backend_id text NOT NULL, head bigint NOT NULL, length bigint NOT NULL,
    created_at text NOT NULL
);
CREATE TABLE filesync_events (
    store_id text NOT NULL REFERENCES filesync_stores (id), seq_num bigint NOT NULL, ordinal bigint NOT NULL,
    size integer NOT NULL, created_at text NOT NULL, event text NOT NULL, PRIMARY KEY (store_id, seq_num)
);
COMMENT ON TABLE filesync_stores IS 'format {FORMAT}';
"""
_COMMENT = "SELECT obj_description('filesync_stores'::regclass, 'pg_class')"
_NAME = "filesync-server"
_SCHEMA_LOCK = 0x66696C6573796E63  # "filesync": only one process makes the tables
_LOGS = "SELECT id, backend_id, head, length, created_at FROM filesync_stores"
_INSERT_LOG = "INSERT INTO filesync_stores VALUES ($1, $2, $3, $4, $5)"
_INSERT_EVENTS = """
INSERT INTO filesync_events
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::text[], $6::text[])
"""
_UPDATE_LOG = "UPDATE filesync_stores SET head = $2, length = $3 WHERE id = $1"
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', $1)"
# One statement, so one snapshot: the log, and its next events within the limits (always one if there is any).
_PAGE = """
SELECT log.id, log.backend_id, log.head, log.length, log.created_at AS log_created_at, page.*
FROM filesync_stores log LEFT JOIN LATERAL (
    SELECT ordinal, created_at, event FROM (
        SELECT seq_num, ordinal, size, created_at, event, sum(size) OVER (ORDER BY seq_num) AS total
        FROM (
            SELECT * FROM filesync_events
            WHERE store_id = log.id AND seq_num > $2 ORDER BY seq_num LIMIT $3
        ) candidate
    ) candidate WHERE total <= $4 OR total = size
) page ON true
WHERE log.id = $1 ORDER BY page.ordinal
"""


class PostgresStorage:
    """An `AdminStorage`. `clock` gives unix time in seconds.

    Connects at first use, and again after the database was away.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        """`url` is `postgresql://user:password@host:port/database`. Raises ValueError, without the URL."""
        check_url(url)
        self._url = url
        self._clock = clock
        self._opening = asyncio.Lock()
        self._pool: Any = None
        self._listener: PostgresListener | None = None

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        async with self._connection() as db:
            rows = await db.fetch(_PAGE, store_id, after, MAX_BATCH_EVENTS, MAX_BATCH_BYTES)
            if not rows:
                log = await self._create(db, store_id)
                return log.mismatch(backend_id) or Page(log.backend_id, (), 0)
        log = Log(*tuple(rows[0])[:5])
        found = [row for row in rows if row["event"] is not None]
        events = tuple(_from_row(row["event"], row["created_at"]) for row in found)
        ordinal = found[-1]["ordinal"] if found else log.length
        return log.mismatch(backend_id) or Page(log.backend_id, events, log.length - ordinal)

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        async with self._connection() as db, db.transaction():
            # The row stays locked until the commit: the next push of any process waits here.
            log = await _find(db, store_id, lock=True)
            while log is None:
                await self._create(db, store_id)
                log = await _find(db, store_id, lock=True)
            rejection = log.rejection(batch, backend_id)
            if rejection:
                return rejection
            created_at = timestamp(self._clock())
            events = tuple(PulledEvent(event, created_at) for event in batch)
            if events:
                await _insert(db, store_id, events, log.length)
                head = batch[-1].seq_num
                await db.execute(_UPDATE_LOG, store_id, head, log.length + len(batch))
                await db.execute(_NOTIFY, hint(store_id, head))
        return Appended(log.backend_id, events)

    async def logs(self, store_ids: Collection[str] | None = None) -> Mapping[str, Log]:
        async with self._connection() as db:
            if store_ids is None:
                rows = await db.fetch(f"{_LOGS} ORDER BY id")
            else:
                rows = await db.fetch(f"{_LOGS} WHERE id = ANY($1)", list(store_ids))
        return {row["id"]: Log(*row) for row in rows}

    def watch(self, on_append: OnAppend) -> None:
        self._listener = PostgresListener(lambda: self._connect("filesync-server listener"), on_append)

    async def restore(self, log: Log, events: Iterable[PulledEvent], *, replace: bool) -> None:
        remaining = iter(events)
        async with self._connection() as db, db.transaction():
            await db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # events may come slowly
            present = await _find(db, log.store_id, lock=True)
            if present and present.length and not replace:
                raise FileExistsError(f"the store {log.store_id!r} has {present.length} events already")
            await db.execute(
                "DELETE FROM filesync_events WHERE store_id = $1", log.store_id, timeout=ADMIN_TIMEOUT
            )
            await db.execute("DELETE FROM filesync_stores WHERE id = $1", log.store_id)
            await db.execute(_INSERT_LOG, log.store_id, log.backend_id, log.head, log.length, log.created_at)
            length = 0
            while batch := list(islice(remaining, MAX_BATCH_EVENTS)):
                await _insert(db, log.store_id, batch, length)
                length += len(batch)
            await db.execute(_NOTIFY, "")

    async def compact(self) -> None:
        async with self._connection() as db:
            for table in ("filesync_stores", "filesync_events"):
                await db.execute(f"VACUUM (ANALYZE) {table}", timeout=ADMIN_TIMEOUT)

    async def close(self) -> None:
        if self._listener:
            await self._listener.close()
        if self._pool:
            try:
                async with asyncio.timeout(DATABASE_TIMEOUT):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    async def _create(self, db: Connection, store_id: str) -> Log:
        """Make the log unless another process was faster."""
        new = Log(store_id, new_backend_id(), 0, 0, timestamp(self._clock()))
        values = (new.store_id, new.backend_id, new.head, new.length, new.created_at)
        await db.execute(f"{_INSERT_LOG} ON CONFLICT DO NOTHING", *values)
        return await _find(db, store_id) or new

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with _storage_errors():
            pool = await self._opened()
            async with pool.acquire(timeout=DATABASE_TIMEOUT) as connection:
                yield connection

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                settings = await self._prepare_database()
                self._pool = await asyncpg.create_pool(
                    min_size=0, max_size=POOL_SIZE, **self._options(_NAME, settings)
                )
        return self._pool

    async def _prepare_database(self) -> dict[str, str]:
        """Make the tables. Returns what every session must set to be durable."""
        db = await self._connect(_NAME)
        try:
            async with db.transaction():
                await db.execute("SELECT pg_advisory_xact_lock($1)", _SCHEMA_LOCK)
                # Asked first: a role without the right to make tables may use those that are there.
                if not await db.fetchval("SELECT to_regclass('filesync_events')"):
                    await db.execute(_SCHEMA)
                _check_format(await db.fetchval(_COMMENT))
            is_durable = await db.fetchval("SHOW synchronous_commit") != "off"
        finally:
            await db.close(timeout=DATABASE_TIMEOUT)
        return {} if is_durable else {"synchronous_commit": "on"}

    async def _connect(self, name: str) -> Connection:
        return await asyncpg.connect(**self._options(name, {}))

    def _options(self, name: str, settings: dict[str, str]) -> dict[str, Any]:
        abandoned = {"idle_in_transaction_session_timeout": str(int(DATABASE_TIMEOUT * 1000))}
        return {
            "dsn": self._url,
            "timeout": DATABASE_TIMEOUT,
            "command_timeout": DATABASE_TIMEOUT,
            "server_settings": {"application_name": name} | abandoned | settings,
        }


def check_url(url: str) -> None:
    """Raises ValueError when this is no URL of a PostgreSQL database. The message does not repeat it: it may
    hold a password."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"postgresql", "postgres"} and (parts.port or 1) > 0 and not parts.fragment
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(
            "the sync database is not given as postgresql://user:password@host:port/database;"
            " percent-encode special characters of the password"
        )


def _check_format(comment: str | None) -> None:
    found = re.fullmatch(r"format (\d+)", comment or "")
    if found and int(found[1]) > FORMAT:
        raise StorageError(
            f"the sync database has format {found[1]}, of a newer filesync-server than this one, which knows"
            f" formats up to {FORMAT}: use the newer one"
        )


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StorageError(f"the sync database cannot be used: {error}") from error


async def _find(db: Connection, store_id: str, *, lock: bool = False) -> Log | None:
    row = await db.fetchrow(f"{_LOGS} WHERE id = $1{' FOR UPDATE' if lock else ''}", store_id)
    return Log(*row) if row else None


async def _insert(db: Connection, store_id: str, events: Sequence[PulledEvent], length: int) -> None:
    texts = [to_json(event_to_wire(pulled.event)) for pulled in events]
    await db.execute(
        _INSERT_EVENTS,
        store_id,
        [pulled.event.seq_num for pulled in events],
        list(range(length + 1, length + len(events) + 1)),
        [len(text.encode()) for text in texts],
        [pulled.created_at for pulled in events],
        texts,
    )


def _from_row(event: str, created_at: str) -> PulledEvent:
    return PulledEvent(event_from_wire(from_json(event, envelope=1)), created_at)
