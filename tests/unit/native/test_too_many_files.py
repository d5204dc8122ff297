"""What a process does that may open no more files."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from filesync_web.errors import StorageError, StoreError
from filesync_web.livestore.ports import LOG_CHANGED
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.event_log import SqliteEventLog
from filesync_web.native.locks import FileLocks
from filesync_web.native.tabs import FileLeaderLock, ProcessChannel

NoMore = Callable[[], AbstractContextManager[None]]


@pytest.fixture
async def no_more_files() -> NoMore:
    """Makes a context in which the process may open nothing."""
    await asyncio.to_thread(int)  # a thread, and what asyncio opens for it

    @contextmanager
    def context() -> Iterator[None]:
        old = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.open(os.devnull, os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, old)

    return context


@pytest.mark.parametrize("exclusive", [True, False])
async def test_a_lock_says_which_file_and_what_to_do(
    no_more_files: NoMore, tmp_path: Path, exclusive: bool
) -> None:
    locks = FileLocks(tmp_path)
    with no_more_files():
        with pytest.raises(StorageError, match=r"locks/blobs cannot be opened.*too many files.*ulimit"):
            async with locks.hold("blobs", exclusive=exclusive):
                pass
        with pytest.raises(StorageError, match=r"locks/blobs"):
            async with locks.try_hold("blobs"):
                pass
    async with locks.hold("blobs", exclusive=exclusive):
        pass


async def test_a_folder_for_locks_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(StorageError, match="locks"):
        async with FileLocks(tmp_path).hold("blobs", exclusive=True):
            pass


async def test_the_blob_store_says_it_too_and_leaves_nothing(no_more_files: NoMore, tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path, "store")
    with no_more_files(), pytest.raises(StorageError, match=r"too many files.*ulimit"):
        await store.put(b"abc")
    assert await store.list() == {}
    assert await store.sweep() == 0


async def test_the_event_log_keeps_its_own_error(no_more_files: NoMore, tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "log.sqlite3")
    await log.open("client")
    try:
        with no_more_files(), pytest.raises(StoreError, match=r"too many files"):
            await log.open_state()
    finally:
        await log.close()


async def test_who_wants_to_lead_goes_on_asking(
    no_more_files: NoMore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = FileLeaderLock(tmp_path / "leader.lock")
    with no_more_files():
        task = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
        assert "cannot lead" in caplog.text
        assert not task.done()
    async with asyncio.timeout(30):
        await task
    lock.release()


async def test_others_hear_later_that_there_is_something_new(no_more_files: NoMore, tmp_path: Path) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    here, there = ProcessChannel(tmp_path / "log"), ProcessChannel(tmp_path / "log")
    here.listen(lambda _message: None)
    there.listen(heard.put_nowait)
    try:
        with no_more_files():
            here.post({"type": "something"})
        async with asyncio.timeout(30):
            assert await heard.get() == {"type": LOG_CHANGED}
    finally:
        here.close()
        there.close()
