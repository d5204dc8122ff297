"""No store's id names a file of another store, and nobody else can read what is kept."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from filesync_web.environment import open_store
from filesync_web.errors import StoreError
from filesync_web.native import store_folder
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.environment import NativeEnvironment
from filesync_web.native.store_folder import STORES_ROOT, StoreFolder
from tests.unit.livestore.support import NOTES, bodies, note_added

IDS = [
    *(
        "b",
        "b.state0",
        "b.state0.state0",
        "b.sqlite3",
        "b.sqlite3-wal",
        "b.leader",
        "b.leader.lock",
        "b.state0.lock",
    ),
    *("locks", "processes", "log", "log.sqlite3", "log.state0.sqlite3", "leader.lock", "blobs"),
    *("livestore-filesync-files", "livestore-filesync-incoming", "livestore-filesync-stores"),
]


@pytest.mark.parametrize("ids", [IDS, IDS[::-1]], ids=["in order", "backwards"])
async def test_stores_of_all_kinds_of_ids_in_one_folder_do_not_meet(tmp_path: Path, ids: list[str]) -> None:
    stores = {}
    for store_id in ids:
        stores[store_id] = await open_store(NOTES, store_id=store_id, data_dir=tmp_path)
        await stores[store_id].commit(note_added(id=store_id))
        blobs = DirectoryBlobStore(tmp_path, store_id)
        await blobs.put(store_id.encode())
        locks = NativeEnvironment(tmp_path).platform(store_id, include_credentials=False).locks
        async with locks.hold("blobs", exclusive=True):
            assert len(await blobs.list()) == 1
    for store in stores.values():
        await store.close()
    for store_id in ids:
        store = await open_store(NOTES, store_id=store_id, data_dir=tmp_path)
        assert list(bodies(store)) == [store_id]
        assert len(await DirectoryBlobStore(tmp_path, store_id).list()) == 1
        await store.close()


async def test_a_log_of_an_earlier_version_is_no_other_stores_state(tmp_path: Path) -> None:
    """Both were called `b.state0.sqlite3`; only what is in the file tells."""
    for store_id in ("b", "b.state0"):
        store = await open_store(NOTES, store_id=store_id, data_dir=tmp_path)
        await store.commit(note_added(id=store_id))
        await store.close()
        StoreFolder(tmp_path, store_id).log.rename(tmp_path / f"{store_id}.sqlite3")
    for store_id in ("b", "b.state0"):
        store = await open_store(NOTES, store_id=store_id, data_dir=tmp_path)
        assert list(bodies(store)) == [store_id]
        await store.close()


async def test_a_log_of_an_earlier_version_that_is_in_use_is_not_taken_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an empty log would be begun beside it, and what it has would be gone."""
    monkeypatch.setattr(store_folder, "_BUSY_SECONDS", 0.01)
    folder = StoreFolder(tmp_path, "b")
    store = await open_store(NOTES, store_id="b", data_dir=tmp_path)
    await store.commit(note_added(id="a"))
    await store.close()
    folder.log.rename(tmp_path / "b.sqlite3")
    with closing(sqlite3.connect(tmp_path / "b.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="used by a process of an earlier version"):
            await folder.prepare()
        assert not folder.log.exists()
    await folder.prepare()
    store = await open_store(NOTES, store_id="b", data_dir=tmp_path)
    assert list(bodies(store)) == ["a"]
    await store.close()


async def test_ids_that_the_file_system_does_not_tell_apart_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await StoreFolder(tmp_path, "shop").prepare()
    make = Path.mkdir

    def as_on_a_mac(path: Path, **how: object) -> None:
        if path.name != "SHOP":
            make(path, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", as_on_a_mac)
    with pytest.raises(StoreError, match="upper and lower case"):
        await StoreFolder(tmp_path, "SHOP").prepare()


async def test_nobody_else_can_read_what_is_kept(tmp_path: Path) -> None:
    before = os.umask(0o022)
    data_dir = tmp_path / "new" / "data"
    store = await open_store(NOTES, store_id="s", data_dir=data_dir)
    await store.commit(note_added(id="a"))
    try:
        folders = [data_dir, data_dir / STORES_ROOT, StoreFolder(data_dir, "s").path]
        assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700] * 3
        files = [path for path in folders[-1].iterdir() if path.is_file()]
        assert {path.stat().st_mode & 0o077 for path in files} == {0}
        assert len(files) >= 4
    finally:
        await store.close()
        os.umask(before)
