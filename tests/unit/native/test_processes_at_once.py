"""Several processes that begin at the same moment in one folder, which is not there yet or of an earlier
version."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import filesync_web as fs
from filesync_web.native.blobs import INCOMING_ROOT, DirectoryBlobStore
from filesync_web.native.store_folder import StoreFolder
from tests.in_page.client import FILES, SCHEMA
from tools.common import ROOT

PROCESSES = 4


def at_once(data_dir: Path, config_dir: Path) -> dict[str, str]:
    """Have the processes do everything at once; what all of them have left in the store."""
    command = [sys.executable, "-m", "tests.unit.native.busy_process", str(data_dir), str(config_dir)]
    running = [
        subprocess.Popen(
            [*command, str(number)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    left: dict[str, str] = {}
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            assert err == ""
            left |= json.loads(out)
    finally:
        for process in running:
            process.kill()
            process.communicate()
    return left


async def expect_left(data_dir: Path, left: dict[str, str]) -> None:
    """The store has these files with their bytes, and the folder nothing that only a living process needs."""
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=data_dir)
    live = {
        record.id: record.content_hash for record in store.query(FILES.tables.files.where(deleted_at=None))
    }
    await store.close()
    assert live == left
    blobs = DirectoryBlobStore(data_dir, "s")
    for content_hash in set(left.values()):
        assert hashlib.sha256(await blobs.read(content_hash)).hexdigest() == content_hash


def expect_tidy(data_dir: Path) -> None:
    """The log is whole and one client's, and nothing is left that only a living process needs."""
    folder = StoreFolder(data_dir, "s")
    assert [*folder.sockets.iterdir(), *(folder.path / "locks").iterdir()] == []
    assert list((data_dir / INCOMING_ROOT / "s").iterdir()) == []
    assert not list(data_dir.rglob("*.lock"))
    with closing(sqlite3.connect(folder.log)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert len(db.execute("SELECT DISTINCT clientId FROM local").fetchall()) == 1


async def old_log(data_dir: Path) -> dict[str, str]:
    """Have a store of an earlier version; returns what is in it."""
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=data_dir)
    sync = await fs.create_file_sync(store, remote=None)
    saved = await sync.save_file(b"of an earlier version")
    await sync.dispose()
    await store.close()
    StoreFolder(data_dir, "s").log.rename(data_dir / "s.sqlite3")
    return {saved.file_id: saved.content_hash}


async def check_at_once(folder: Path, *, has_old_log: bool) -> None:
    """Have all begin in new folders, and look at what they leave."""
    data_dir, config_dir = folder / "data", folder / "config"
    before = await old_log(data_dir) if has_old_log else {}
    left = at_once(data_dir, config_dir)
    assert len(left) == PROCESSES * len(("shared", "edited", "again"))
    await expect_left(data_dir, left | before)
    expect_tidy(data_dir)
    assert [path.name for path in config_dir.iterdir()] == ["settings.json"]
    assert (config_dir / "settings.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("has_old_log", [False, True], ids=["fresh", "of an earlier version"])
async def test_processes_that_begin_at_once_have_one_store_and_lose_nothing(
    tmp_path: Path, has_old_log: bool
) -> None:
    await check_at_once(tmp_path / "new", has_old_log=has_old_log)


@pytest.mark.soak(minutes=10)
async def test_processes_that_begin_at_once_a_hundred_times(tmp_path: Path) -> None:
    """Four processes that do everything at once in one new folder, a hundred times."""
    for number in range(100):
        await check_at_once(tmp_path / str(number), has_old_log=number % 2 == 1)
