"""One SQLite file, shared by the threads of a process and by processes.

Durable: a transaction that returned is on disk (WAL with `synchronous=FULL`). All methods block; call them in
a thread (`asyncio.to_thread`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BUSY_TIMEOUT = 30.0


class Database:
    """A connection that only one thread uses at a time."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open or create the file; `schema` is a script that may run on every start (`IF NOT EXISTS`)."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(schema)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the file."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The only writer of the file until the block ends: committed then, rolled back by an exception."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute(begin)
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def compact(self) -> None:
        """Rewrite the file without its gaps. Needs as much free space as the file has, and keeps others from
        writing meanwhile."""
        with self._lock:
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._connection.close()
