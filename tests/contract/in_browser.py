"""The contracts of the browser's adapters; `tests/browser/test_blob_store.py` runs them inside a browser."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.browser.http import BrowserHttp
from tests.contract.blob_store import BlobStoreContract, World
from tests.contract.http import HttpContract


class OpfsWorld(World):
    def __init__(self) -> None:
        self.store_id = f"contract_{uuid.uuid4().hex}"
        self.site = os.environ["FAULT_SITE"]
        self.http = BrowserHttp()
        self.opened: list[OpfsBlobStore] = []
        self.store = self.reopen()

    def reopen(self) -> OpfsBlobStore:
        """Another store object, with a worker of its own."""
        self.opened.append(OpfsBlobStore(self.store_id))
        return self.opened[-1]

    async def read(self, handle: Any) -> bytes:
        return (await handle.arrayBuffer()).to_bytes()


@pytest.fixture
def world() -> Iterator[OpfsWorld]:
    world = OpfsWorld()
    yield world
    for store in world.opened:
        store.close()


class TestOpfsBlobStore(BlobStoreContract):
    pass


class TestBrowserHttp(HttpContract):
    pass
