"""Data folders of earlier versions are taken over, those of newer ones refused and left alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.sync import SqliteStorage, StorageError
from filesync_server.sync.postgres import PostgresStorage
from tests.server import kept_data
from tests.server.support import TOKEN
from tools.common import ROOT

FORMATS = ROOT / "tests" / "data" / "formats"
FILES = ("sync.sqlite", "objects/index.sqlite")


@pytest.fixture(params=["server-0", "server-1"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a kept data folder."""
    return Path(shutil.copytree(FORMATS / request.param, tmp_path / "data"))


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def mark(path: Path, number: int) -> bytes:
    """Give the file another version; returns its bytes then."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


async def test_a_data_folder_as_earlier_versions_have_left_it_is_taken_over(data: Path) -> None:
    await kept_data.check(data)
    assert [version(data / name) for name in FILES] == [1, 1]


async def test_what_is_written_today_is_what_was_kept(tmp_path: Path) -> None:
    await kept_data.write(tmp_path)
    await kept_data.check(tmp_path)
    assert [version(tmp_path / name) for name in FILES] == [1, 1]


def test_event_logs_of_a_newer_version_are_refused_and_left_alone(data: Path) -> None:
    before = mark(data / "sync.sqlite", 99)
    with pytest.raises(StorageError, match=r"format 99.*newer filesync-server"):
        SqliteStorage(data / "sync.sqlite")
    assert (data / "sync.sqlite").read_bytes() == before


def test_objects_of_a_newer_version_are_refused_and_left_alone(data: Path) -> None:
    before = mark(data / "objects/index.sqlite", 99)
    with pytest.raises(sqlite3.DatabaseError, match=r"format 99.*newer filesync-server"):
        EmbeddedStore(data / "objects")
    assert (data / "objects/index.sqlite").read_bytes() == before


@pytest.mark.parametrize("name", FILES)
def test_the_command_says_so_and_does_not_start(data: Path, name: str) -> None:
    mark(data / name, 99)
    command = [sys.executable, "-m", "filesync_server", "--data", str(data), "--port", "0"]
    environment = {**os.environ, "FILESYNC_AUTH_TOKEN": TOKEN}
    ended = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert "newer filesync-server" in ended.stderr


async def test_tables_of_a_newer_version_are_refused_and_left_alone(database: str) -> None:
    storage = PostgresStorage(database)
    await storage.read("notes", 0, None)
    await storage.close()
    db = await asyncpg.connect(database)
    try:
        told = "SELECT obj_description('filesync_stores'::regclass, 'pg_class')"
        assert await db.fetchval(told) == "format 1"
        await db.execute("COMMENT ON TABLE filesync_stores IS 'format 99'")
        newer = PostgresStorage(database)
        with pytest.raises(StorageError, match=r"format 99.*newer filesync-server"):
            await newer.read("notes", 0, None)
        await newer.close()
        assert await db.fetchval("SELECT count(*) FROM filesync_stores") == 1
    finally:
        await db.close()


async def test_tables_as_earlier_versions_have_made_them_are_used(database: str) -> None:
    storage = PostgresStorage(database)
    await storage.read("notes", 0, None)
    logs = await storage.logs()
    await storage.close()
    db = await asyncpg.connect(database)
    await db.execute("COMMENT ON TABLE filesync_stores IS NULL")  # they said nothing of themselves
    await db.close()
    storage = PostgresStorage(database)
    assert logs.keys() == {"notes"}
    assert await storage.logs() == logs
    await storage.close()
