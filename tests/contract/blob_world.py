"""What the contracts of blob stores and of HTTP adapters act on: a store, and a site to download from."""

from __future__ import annotations

import asyncio
import itertools
import json
from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import urlencode

from filesync_web.ports import BlobInfo, BlobStore, Http
from tests.contract.site import content, sha256

KIB, MIB = 1024, 1024 * 1024
_keys = itertools.count(1)


class World(ABC):
    """A blob store and a site to download from."""

    store: BlobStore
    http: Http
    site: str
    keeps_time = True
    """Whether time passes in it, so that something can stall."""

    @abstractmethod
    def reopen(self) -> BlobStore:
        """Another store object on the same bytes, as after a restart or in another tab."""

    @abstractmethod
    async def read(self, handle: Any) -> bytes:
        """The bytes behind a blob handle."""

    def blob(self, size: int = 300 * KIB, **faults: Any) -> Remote:
        """A file on the site, and the way it misbehaves."""
        return Remote(self, size, faults)


class Remote:
    """A file on the site."""

    def __init__(self, world: World, size: int, faults: dict[str, Any]) -> None:
        self.world = world
        self.key = f"{id(world)}-{next(_keys)}"
        self.data = content(size)
        self.hash = sha256(self.data)
        self.url = f"{world.site}/blob?{urlencode({'size': size, 'key': self.key, **faults})}"

    async def download(self, store: BlobStore | None = None, **options: Any) -> BlobInfo:
        given = {"content_hash": self.hash, "size": len(self.data), "stall_timeout": 20.0, **options}
        return await (store or self.world.store).download(self.url, given.pop("headers", {}), **given)

    async def requests(self) -> list[dict[str, Any]]:
        """What the site was asked, oldest first."""
        return await self.ask("log")

    async def ask(self, what: str) -> Any:
        """What the site knows about this file."""
        url = f"{self.world.site}/{what}?key={self.key}"
        answer = await self.world.http.request("GET", url, headers={}, timeout=30)
        return json.loads(answer.body)

    async def ranges(self) -> list[str]:
        """The Range header of each request, "" for none."""
        return [request["headers"].get("range", "") for request in await self.requests()]


class Recorder:
    """A progress callback that remembers, and that a test can wait for."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.called = asyncio.Event()

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))
        self.called.set()

    async def reach(self, size: int) -> None:
        """Wait until that many bytes are done."""
        while not any(done >= size for done, _total in self.calls):
            self.called.clear()
            await self.called.wait()


async def assert_nothing_is_left(world: World) -> None:
    assert await world.store.list() == {}
    assert await world.store.sweep() == 0
