"""One SQLite file, shared by the threads of a process and by processes.

Durable: a transaction that returned is on disk (WAL with `synchronous=FULL`). Readers do not wait for
writers. All methods block; call them in a thread (`threads`). A full disk is an OSError (ENOSPC), as with any
other file.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .disk import make_private, private

FORMAT = 1
"""What the file says of itself (`user_version`). Files that do not say it have 0, and are alike."""

_BUSY_TIMEOUT = 30.0
_PAUSE = 0.005
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})
"""A full disk, and how SQLite calls a write that a quota or a limit on the size of files refused."""


class _Connection:
    """A connection that one thread at a time uses."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.sqlite = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        self.sqlite.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self.lock, _full_disk_told_apart():
            self.sqlite.execute(begin)
            try:
                yield self.sqlite
                self.sqlite.commit()
            except BaseException:
                self.sqlite.rollback()
                raise

    def close(self) -> None:
        with self.lock:
            self.sqlite.close()


class Database:
    """Two connections: one to read, one to write."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open or create the file; `schema` is a script that may run on every start (`IF NOT EXISTS`). Raises
        `sqlite3.DatabaseError` for a file of a newer version, and leaves it alone."""
        _make_file(path)
        self._writer = _Connection(path)
        try:
            with _full_disk_told_apart():
                _prepare(self._writer.sqlite, path, schema)
        except BaseException:
            self._writer.close()
            raise
        self._reader = _Connection(path)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the file."""
        with self._reader.transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The only writer of the file until the block ends: committed then, rolled back by an exception."""
        with self._writer.transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def version(self) -> int:
        """A number that changes when another process has written to the file."""
        with self._writer.lock:
            number: int = self._writer.sqlite.execute("PRAGMA data_version").fetchone()[0]
        return number

    def compact(self) -> None:
        """Rewrite the file without its gaps. Needs as much free space as the file has, and keeps others from
        writing meanwhile."""
        with self._reader.lock, self._writer.lock, _full_disk_told_apart():
            self._writer.sqlite.execute("VACUUM")
            self._writer.sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


@contextmanager
def _full_disk_told_apart() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in _NO_ROOM:
            raise OSError(errno.ENOSPC, "the disk is full") from error
        raise


def _prepare(sqlite: sqlite3.Connection, path: Path, schema: str) -> None:
    (found,) = sqlite.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise sqlite3.DatabaseError(
            f"{path} has format {found}, of a newer filesync-server than this one, which knows formats up to"
            f" {FORMAT}: use the newer one"
        )
    _into_wal_mode(sqlite)
    sqlite.executescript(schema)
    if found < FORMAT:
        sqlite.execute(f"PRAGMA user_version = {FORMAT}")


def _into_wal_mode(sqlite: sqlite3.Connection) -> None:
    """Ask again while other processes open the file, too: of several connections that change the mode of a
    new file at once, SQLite refuses all but one without waiting."""
    give_up = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            sqlite.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(_PAUSE)


def _make_file(path: Path) -> None:
    """An empty file that only its owner may read; the files that SQLite puts beside it are as it is."""
    with open(path, "ab", opener=private):
        pass
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        make_private(path.with_name(name))
