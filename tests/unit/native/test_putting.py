"""What `filesync put` makes of many files: beside each other, in order, and each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.aio.clocks import SystemClock
from filesync_web.command import putting
from filesync_web.command.console import Console
from filesync_web.command.failures import IncompleteError
from filesync_web.command.putting import Putter
from filesync_web.command.session import SCHEMA, Session
from filesync_web.command.settings import Settings
from filesync_web.files.tables import FileSyncTables
from filesync_web.native.blobs import DirectoryBlobStore


@asynccontextmanager
async def a_session(folder: Path) -> AsyncIterator[Session]:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=folder)
    files = await fs.create_file_sync(store, remote=None)
    try:
        settings = Settings(url="http://nowhere", token="t", store="s", data_dir=folder)
        yield Session(settings, store, files, FileSyncTables(store, SystemClock()))
    finally:
        await files.dispose()
        await store.close()


def putter(session: Session, *, replace: bool = False) -> Putter:
    return Putter(session, Console(as_json=True), replace=replace)


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


async def test_they_are_told_in_their_order_and_given_again_nothing_is_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(putting, "MAX_TOGETHER", 7)
    files = [(f"{n}.txt", written(tmp_path / "from" / f"{n}.txt", b"%d" % n)) for n in range(40)]
    async with a_session(tmp_path / "data") as session:
        first = putter(session)
        await first.put(files)
        assert [(put.name, put.size, put.done) for put in first.done] == [
            (f"{n}.txt", len(str(n)), "saved") for n in range(40)
        ]
        written(files[3][1], b"another")
        again = putter(session)
        await again.put(files)
        assert [put.name for put in again.done if put.done == "saved"] == ["3.txt"]
        assert [put.file_id for put in again.done][4:] == [put.file_id for put in first.done][4:]
        assert len(session.tables.all_live()) == 41


@pytest.mark.parametrize(
    ("replace", "how", "left"),
    [(False, ["saved", "unchanged", "saved"], 2), (True, ["saved", "unchanged", "replaced"], 1)],
)
async def test_of_one_name_each_is_looked_at_when_those_before_are_saved(
    tmp_path: Path, replace: bool, how: list[str], left: int
) -> None:
    contents = [b"same", b"same", b"other"]
    files = [("a.txt", written(tmp_path / str(n) / "a.txt", data)) for n, data in enumerate(contents)]
    async with a_session(tmp_path / "data") as session:
        puts = putter(session, replace=replace)
        await puts.put(files)
        assert [put.done for put in puts.done] == how
        assert len(session.tables.all_live()) == left


async def test_what_cannot_be_read_is_left_out_and_the_rest_is_saved(tmp_path: Path) -> None:
    files = [(name, written(tmp_path / name, b"good")) for name in ("a", "b")]
    async with a_session(tmp_path / "data") as session:
        puts = putter(session)
        await puts.put([files[0], ("gone", tmp_path / "gone"), ("mem", Path("/proc/self/mem")), files[1]])
        assert [put.name for put in puts.done] == ["a", "b"]
        with pytest.raises(IncompleteError, match="2 files"):
            puts.check_complete()


async def test_a_full_device_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise fs.QuotaExceededError("no room")

    monkeypatch.setattr(DirectoryBlobStore, "_copy_short", full)
    files = [(str(n), written(tmp_path / str(n), b"%d" % n)) for n in range(100)]
    async with a_session(tmp_path / "data") as session:
        puts = putter(session)
        with pytest.raises(fs.QuotaExceededError):
            await puts.put(files)
        assert puts.done == session.tables.all_live() == []
