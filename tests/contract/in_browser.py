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
from tests.contract.blob_created import CreateBytesContract
from tests.contract.blob_put import PutContract
from tests.contract.blob_resume import ResumeContract
from tests.contract.blob_store import BlobStoreContract
from tests.contract.blob_world import World
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


class TestOpfsBlobStore(BlobStoreContract):
    pass


class TestWithoutSyncAccess(PutContract, CreateBytesContract, ResumeContract):
    """As in WebKitGTK, where a worker has the method, but it does not work."""

    WORKER_PREFIX = """
    FileSystemFileHandle.prototype.createSyncAccessHandle = async () => {
      throw new DOMException("not here", "NotSupportedError");
    };
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
