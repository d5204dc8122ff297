"""The worlds of the contract suites that run on CPython."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.http import HttpxHttp
from filesync_web.testing import HeldHttp, MemoryBlobStore, MemoryNetwork
from tests.contract.blob_world import World
from tests.contract.site import FaultSite


class MemoryWorld(World):
    """The fakes, with the site as a rule of their network."""

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
    """A directory and httpx, with the site behind a real socket."""

    def __init__(self, root: Path, site: str) -> None:
        self.root = root
        self.site = site
        self.http = HttpxHttp()
        self.store = self.reopen()

    def reopen(self) -> DirectoryBlobStore:
        return DirectoryBlobStore(self.root, "store", self.http)

    async def read(self, handle: Path) -> bytes:
        return await asyncio.to_thread(handle.read_bytes)
