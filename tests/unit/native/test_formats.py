"""Files of earlier versions are taken over, those of newer ones refused and left alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from filesync_web.environment import open_store
from filesync_web.errors import OutdatedError, StoreError
from filesync_web.livestore.store import Store
from filesync_web.native import store_folder
from filesync_web.native.locks import try_lock, unlock
from filesync_web.native.store_folder import StoreFolder
from tests.in_page.kept_schema import KEPT, check, notes
from tools.common import ROOT

FORMATS = ROOT / "tests" / "data" / "formats"


@pytest.fixture(params=["native-0", "native-1"])
def data_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a kept folder."""
    return Path(shutil.copytree(FORMATS / request.param, tmp_path / "data"))


async def open_kept(data_dir: Path) -> Store:
    return await open_store(KEPT, store_id="kept", data_dir=data_dir)


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def mark(path: Path, number: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {number}")


async def test_what_an_earlier_version_has_left_is_taken_over(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        store = await open_kept(data_dir)
        check(store)
        assert store.client_id
        await store.close()
    assert "made anew" not in caplog.text
    folder = StoreFolder(data_dir, "kept")
    assert version(folder.log) == 2
    assert os.listdir(data_dir) == ["livestore-filesync-stores"]  # noqa: PTH208


async def test_a_log_of_a_newer_version_is_refused_and_left_alone(data_dir: Path) -> None:
    await (await open_kept(data_dir)).close()
    log = StoreFolder(data_dir, "kept").log
    mark(log, 99)
    before = log.read_bytes()
    with pytest.raises(OutdatedError, match=r"format 99.*newer version"):
        await open_kept(data_dir)
    assert log.read_bytes() == before
    mark(log, 2)
    store = await open_kept(data_dir)
    check(store)
    await store.close()


async def test_a_state_of_a_newer_version_is_made_anew(data_dir: Path) -> None:
    await (await open_kept(data_dir)).close()
    state = StoreFolder(data_dir, "kept").path / "log.state0.sqlite3"
    mark(state, 99)
    with closing(sqlite3.connect(state)) as db:
        db.execute("UPDATE notes SET body = 'in another form'")
        db.commit()
    store = await open_kept(data_dir)
    check(store)
    await store.close()
    assert version(state) == 1


async def test_a_log_that_takes_long_to_be_moved_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = StoreFolder._move

    def move_slowly(folder: StoreFolder, old_log: Path) -> None:
        time.sleep(0.2)
        move(folder, old_log)

    data_dir = Path(shutil.copytree(FORMATS / "native-0", tmp_path / "data"))
    monkeypatch.setattr(store_folder, "_IN_USE_TIMEOUT", 0.1)
    monkeypatch.setattr(StoreFolder, "_move", move_slowly)
    store = await open_kept(data_dir)
    assert len(store.query(notes)) == 2
    await store.close()


async def test_a_log_that_an_earlier_version_is_using_is_not_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = Path(shutil.copytree(FORMATS / "native-0", tmp_path / "data"))
    monkeypatch.setattr(store_folder, "_IN_USE_TIMEOUT", 0.05)
    lock = data_dir / "kept.leader.lock"
    held = try_lock(lock)
    assert held is not None
    with pytest.raises(StoreError, match="earlier version"):
        await open_kept(data_dir)
    unlock(lock, held)
    with closing(sqlite3.connect(data_dir / "kept.sqlite3", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="earlier version"):
            await open_kept(data_dir)
        db.execute("ROLLBACK")
    store = await open_kept(data_dir)
    assert len(store.query(notes)) == 2
    await store.close()
