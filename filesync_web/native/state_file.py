"""The state's database in a file beside the event log, for processes on CPython.

A process uses the file as it is, so that opening it takes the same time whatever its size. Since pending
events live in an open transaction, no two processes can share one: each takes the first whose lock is free.

The file is in WAL mode with `synchronous=NORMAL`: a commit waits for no disk, and what a power cut leaves is
whole, if older. The event loop never waits for the disk, as only `save` moves the WAL into the file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from filesync_web.livestore.state_file import connect
from filesync_web.native.locks import try_lock, unlock


class StateFile:
    """The state of one process beside the log at `log`. Not for use by several threads at once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock: tuple[Path, int] | None = None
        self._keeper: sqlite3.Connection | None = None

    def open(self, *, fresh: bool = False) -> sqlite3.Connection:
        """Connect to it, as it was left or empty; raises `sqlite3.DatabaseError` when it is damaged."""
        path = self._take()
        if fresh:
            self._release_keeper()
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        make_private(path)
        self._keeper = self._keeper or _connect(path)
        return _connect(path)

    def save(self) -> None:
        """Move what is committed from the WAL into the file."""
        if self._keeper is not None:
            self._keeper.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Leave the file to the next process; the connection to it is closed already."""
        self._release_keeper()
        if self._lock is not None:
            unlock(*self._lock)
            self._lock = None

    def _release_keeper(self) -> None:
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _take(self) -> Path:
        """The first file that nobody uses, from now on this process."""
        number = 0
        while self._lock is None:
            lock = self._log.with_name(f"{self._log.stem}.state{number}.lock")
            descriptor = try_lock(lock)
            self._lock = None if descriptor is None else (lock, descriptor)
            number += 1
        return self._lock[0].with_suffix(".sqlite3")


def make_private(path: Path) -> None:
    """Make the file of a new database, for this user alone; SQLite gives those beside it the same mode."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    return connect(str(path), "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=0")
