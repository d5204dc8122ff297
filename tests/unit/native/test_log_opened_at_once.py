"""Several processes that make one event log at the same moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from filesync_web.livestore.ports import START
from filesync_web.native.event_log import SqliteEventLog


async def test_a_new_log_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # as another that changes the mode
        monkeypatch.setattr("time.sleep", lambda _seconds: other.execute("ROLLBACK"))
        log = SqliteEventLog(path)
        await log.open("client")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (await log.read(START)).local == []
    await log.close()
