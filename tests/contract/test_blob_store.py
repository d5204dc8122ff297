"""The contract of a blob store, on the fake in memory and on a directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.http import HttpxHttp
from filesync_web.testing import HeldHttp, MemoryBlobStore, MemoryNetwork
from tests.contract.blob_store import BlobStoreContract, World
from tests.contract.server import serve
from tests.contract.site import FaultSite


class MemoryWorld(World):
    keeps_time = False

    def __init__(self) -> None:
        network = MemoryNetwork()
        site = FaultSite()
        network.rule(lambda asked: site.answer(asked.method, asked.url, asked.headers, asked.body))
        self.site = "http://site"
        self.store = MemoryBlobStore(network)
        self.http = HeldHttp(network)

    def reopen(self) -> MemoryBlobStore:
        return self.store

    async def read(self, handle: Any) -> bytes:
        return handle.data


class DirectoryWorld(World):
    def __init__(self, root: Path, site: str) -> None:
        self.root = root
        self.site = site
        self.http = HttpxHttp()
        self.store = self.reopen()

    def reopen(self) -> DirectoryBlobStore:
        return DirectoryBlobStore(self.root, "store", self.http)

    async def read(self, handle: Path) -> bytes:
        return await asyncio.to_thread(handle.read_bytes)


@pytest.fixture(scope="module")
def site_url() -> Iterator[str]:
    with serve(FaultSite()) as url:
        yield url


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()


class TestDirectoryBlobStore(BlobStoreContract):
    @pytest.fixture
    async def world(self, tmp_path: Path, site_url: str) -> AsyncIterator[DirectoryWorld]:
        world = DirectoryWorld(tmp_path, site_url)
        yield world
        await world.http.close()
