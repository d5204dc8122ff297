"""Several processes that make one database at the same moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from filesync_server.shared.database import Database


def test_a_new_file_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # as another that changes the mode
        monkeypatch.setattr("time.sleep", lambda _seconds: other.execute("ROLLBACK"))
        database = Database(path, "CREATE TABLE IF NOT EXISTS t (x)")
    with database.write() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    database.close()
