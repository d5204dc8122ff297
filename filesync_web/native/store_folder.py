"""Where a process keeps a store: one folder a store, so that no store's id can name a file of another's.

    <data_dir>/livestore-filesync-stores/<store id>/
        log.sqlite3          the event log
        log.state0.sqlite3   the state of a process, see `state_file`
        leader.lock          held by the process that leads
        processes/           the sockets of the processes that have it open
        locks/               the locks of the file sync

Only this user may look inside. An earlier version kept `<store id>.sqlite3` and more in `data_dir` itself,
where the state of a store `b` had the name of the log of a store `b.state0`; such a log is moved here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path

from filesync_web.aio.threads import in_thread
from filesync_web.core.paths import check_store_id
from filesync_web.errors import StoreError
from filesync_web.native.locks import hold_file
from filesync_web.native.system_errors import storing

logger = logging.getLogger(__name__)

STORES_ROOT = "livestore-filesync-stores"
_ONLY_OURS = 0o700
_IN_USE_TIMEOUT = 10.0
_BUSY_SECONDS = 5.0


class StoreFolder:
    """The folder of one store below `data_dir`."""

    def __init__(self, data_dir: Path, store_id: str) -> None:
        self._data_dir = data_dir
        self._store_id = check_store_id(store_id)
        self.path = data_dir / STORES_ROOT / store_id
        self.log = self.path / "log.sqlite3"
        self.leader_lock = self.path / "leader.lock"
        self.sockets = self.path / "processes"

    async def prepare(self) -> None:
        """Make it, with the log that an earlier version has left. Raises `StorageError`, `StoreError`."""
        with storing(self.path):
            await in_thread(self._make)
            old_log = self._data_dir / f"{self._store_id}.sqlite3"
            if not self.log.exists() and old_log.is_file():
                await self._take_over(old_log)

    def _make(self) -> None:
        self._data_dir.mkdir(mode=_ONLY_OURS, parents=True, exist_ok=True)
        for folder in (self.path.parent, self.path):
            folder.mkdir(mode=_ONLY_OURS, exist_ok=True)
        if self._store_id not in {folder.name for folder in self.path.parent.iterdir()}:
            raise StoreError(
                f"{self.path.parent} has a store {self._store_id!r} in other upper and lower case, which "
                "this file system does not tell apart: use another id, or another data_dir"
            )

    async def _take_over(self, old_log: Path) -> None:
        """Move the log here, if it is one, and unless a process of the version that made it still uses it.

        What it is can only be told inside the lock: while another process moves it, it cannot be read, and
        whoever took it for something else would begin an empty log in its place.
        """
        try:
            lock = hold_file(old_log.with_suffix(".leader.lock"))
            async with asyncio.timeout(_IN_USE_TIMEOUT) as waiting, lock:
                waiting.reschedule(None)  # for the lock alone: a disk may take long for what comes now
                if not self.log.exists() and await in_thread(_has_table, old_log, "confirmed"):
                    await in_thread(self._move, old_log)
        except (TimeoutError, sqlite3.OperationalError) as error:
            raise StoreError(
                f"{old_log} is used by a process of an earlier version: end that, then try again ({error!r})"
            ) from error

    def _move(self, old_log: Path) -> None:
        with contextlib.closing(sqlite3.connect(old_log)) as db:
            db.execute("PRAGMA journal_mode=DELETE").fetchall()  # what is beside the file goes into it
        old_log.rename(self.log)
        logger.info("the event log %s is %s now", old_log, self.log)
        for state in self._data_dir.glob(f"{self._store_id}.state*.sqlite3"):
            with contextlib.suppress(sqlite3.OperationalError):
                if _has_table(state, "$state"):  # else it is the log of a store of that name
                    for suffix in ("", "-wal", "-shm"):
                        state.with_name(state.name + suffix).unlink(missing_ok=True)


def _has_table(path: Path, name: str) -> bool:
    """Whether that is a database with such a table. Raises `sqlite3.OperationalError` while it cannot be
    told, as somebody else uses it alone."""
    if not path.is_file():
        return False
    address = f"{path.absolute().as_uri()}?mode=rw"  # which makes no file
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as db:
        try:
            return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # it is no database
            return False
