"""The contracts of the browser's adapters; `tests/browser/test_blob_store.py` runs them inside a browser."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from typing import Any

import js
import pytest

from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.browser.http import BrowserHttp
from filesync_web.browser.locks import WebLocks
from filesync_web.browser.thumbnails import OpfsThumbnails
from filesync_web.errors import StorageError
from tests.contract.blob_bytes import OpenBytesContract
from tests.contract.blob_created import CreateBytesContract
from tests.contract.blob_download import DownloadContract
from tests.contract.blob_put import PutContract
from tests.contract.blob_resume import ResumeContract
from tests.contract.blob_store import BlobStoreContract
from tests.contract.blob_world import MIB, Recorder, World
from tests.contract.http import HttpContract
from tests.contract.locks import LocksContract
from tests.contract.thumbnails import ThumbnailsContract
from tests.harness.waiting import until


class OpfsWorld(World):
    def __init__(self, worker_prefix: str = "") -> None:
        self.worker_prefix = worker_prefix
        self.store_id = f"contract_{uuid.uuid4().hex}"
        self.site = os.environ["FAULT_SITE"]
        self.http = BrowserHttp()
        self.opened: list[OpfsBlobStore] = []
        self.store = self.reopen()

    def reopen(self) -> OpfsBlobStore:
        """Another store object, with a worker of its own."""
        store = OpfsBlobStore(self.store_id)
        store.worker.source = self.worker_prefix + store.worker.source
        self.opened.append(store)
        return store

    async def read(self, handle: Any) -> bytes:
        return (await handle.arrayBuffer()).to_bytes()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[OpfsWorld]:
    world = OpfsWorld(getattr(request.cls, "WORKER_PREFIX", ""))
    yield world
    for store in world.opened:
        store.close()


class WorkerContract:
    """What holds of a store whose bytes another worker moves."""

    async def test_a_download_goes_on_after_its_worker_has_ended(self, world: OpfsWorld) -> None:
        remote, seen = world.blob(12 * MIB, stall=10 * MIB, times=1), Recorder()
        download = asyncio.create_task(remote.download(progress=seen))
        await seen.reach(9 * MIB)
        world.store.close()
        with pytest.raises(StorageError):
            await download
        await remote.download(world.reopen())
        _, second = await remote.ranges()
        assert int(second.removeprefix("bytes=").removesuffix("-")) >= 4 * MIB
        assert await world.read(await world.reopen().open(remote.hash)) == remote.data


class TestOpfsBlobStore(BlobStoreContract, WorkerContract):
    pass


class TestWithoutSyncAccess(PutContract, CreateBytesContract, ResumeContract, WorkerContract):
    """As in WebKitGTK, where a worker has the method, but it does not work, and leaves the file locked."""

    WORKER_PREFIX = """
    const { createSyncAccessHandle } = FileSystemFileHandle.prototype;
    const locked = [];
    FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
      locked.push(await createSyncAccessHandle.call(this));
      throw new DOMException("The operation is not supported.", "NotSupportedError");
    };
    """


class TestAsInSafari(
    PutContract, OpenBytesContract, CreateBytesContract, DownloadContract, ResumeContract, WorkerContract
):
    """As in Safari before 26: it has no writable streams, reads no stream into a buffer of ours, and knows no
    access that is for reading only: who comes second to a file gets an error without a stack. A file moves
    only into a folder, under a name."""

    WORKER_PREFIX = """
    {
      const file = FileSystemFileHandle.prototype;
      const { createSyncAccessHandle, move } = file;
      const { getReader } = ReadableStream.prototype;
      delete file.createWritable;
      file.createSyncAccessHandle = function () {
        return createSyncAccessHandle.call(this).catch(() => {
          const error = new DOMException("The object is in an invalid state.", "InvalidStateError");
          Object.defineProperty(error, "stack", { value: undefined });
          throw error;
        });
      };
      file.move = async function (folder, name) {
        if (!(folder instanceof FileSystemDirectoryHandle)) throw new TypeError("Type error");
        return move.call(this, folder, name);
      };
      ReadableStream.prototype.getReader = function (options) {
        if (options?.mode) throw new TypeError("ReadableStreamBYOBReader is not supported");
        return getReader.call(this);
      };
    }
    """


class TestBrowserHttp(HttpContract):
    pass


class TestWebLocks(LocksContract):
    @pytest.fixture
    def prefix(self) -> str:
        return f"contract-{uuid.uuid4().hex}-"

    @pytest.fixture
    def locks(self, prefix: str) -> WebLocks:
        return WebLocks(prefix)

    async def test_those_who_share_have_one_request_that_stays_for_a_moment(
        self, locks: WebLocks, prefix: str
    ) -> None:
        async def held() -> list[str]:
            js_state = await js.navigator.locks.query()
            return [lock.mode for lock in js_state.held if lock.name == f"{prefix}x"]

        async def is_free() -> bool:
            async with WebLocks(prefix).try_hold("x") as is_held:  # as another tab would
                return is_held

        async with locks.hold("x", exclusive=False), locks.hold("x", exclusive=False):
            assert await held() == ["shared"]
        await until(is_free, "the lock is given up")
        async with locks.hold("x", exclusive=False):
            assert await held() == ["shared"]

    async def test_who_shares_all_the_time_lets_another_tab_have_its_turn(
        self, locks: WebLocks, prefix: str
    ) -> None:
        async def share(turns: int) -> None:
            for _ in range(turns):
                async with locks.hold("x", exclusive=False):
                    await asyncio.sleep(0.05)

        sharing = [asyncio.create_task(share(400)) for _ in range(2)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(15), WebLocks(prefix).hold("x", exclusive=True):
                assert not any(task.done() for task in sharing)
        finally:
            for task in sharing:
                task.cancel()


class TestOpfsThumbnails(ThumbnailsContract):
    @pytest.fixture
    def blobs(self, world: OpfsWorld) -> OpfsBlobStore:
        return world.store

    @pytest.fixture
    def thumbnails(self, world: OpfsWorld) -> Iterator[OpfsThumbnails]:
        thumbnails = OpfsThumbnails(world.store_id)
        yield thumbnails
        thumbnails.close()
