"""Removes own bytes that no file needs any more, without ever racing with a save.

A save holds the lock `blobs` shared from before its bytes are stored until its event is in the log;
bytes are removed only under the exclusive lock, and only when the store, brought up to date under that
lock, does not need them.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from filesync_web.errors import FileSyncError, NotEvictableError
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.store import Store
from filesync_web.ports import BlobStore, Clock, Locks

logger = logging.getLogger(__name__)

LOCK = "blobs"
RETRY_DELAY = 2.0


class BusyError(NotEvictableError):
    """Somebody has been saving all the time."""


class GarbageCollector:
    """Collects one content on request, or everything."""

    def __init__(
        self, store: Store, tables: FileSyncTables, blobs: BlobStore, locks: Locks, clock: Clock
    ) -> None:
        self._store = store
        self._tables = tables
        self._blobs = blobs
        self._locks = locks
        self._clock = clock
        self._candidates: set[str] = set()
        self._everything = False
        self._task: asyncio.Task[None] | None = None

    def collect(self, content_hash: str) -> None:
        """Remove the bytes soon, if nothing needs them."""
        self._candidates.add(content_hash)
        self._begin()

    def collect_all(self) -> None:
        """Remove soon what nothing needs: stored bytes and stale temporary files."""
        self._everything = True
        self._begin()

    async def collect_everything(self) -> int:
        """Remove all bytes that nothing needs, and stale temporary files; returns how many were removed."""
        removed = await self._blobs.sweep()
        unneeded = [content for content in await self._blobs.list() if not self._tables.needs(content)]
        return removed + await self._collect(unneeded) if unneeded else removed

    @asynccontextmanager
    async def alone(self, *, timeout: float = math.inf) -> AsyncIterator[None]:
        """Inside the context nobody saves, and the store is up to date. A save does not wait behind us: we
        wait until nobody is saving, and after `timeout` seconds raise `BusyError`."""
        waited = 0.0
        while True:
            async with self._locks.try_hold(LOCK) as held:
                if held:
                    await self._store.refresh()
                    yield
                    return
            if waited >= timeout:
                raise BusyError("nothing can be evicted now: a file is being saved; try again when it is")
            waited += RETRY_DELAY
            await self._clock.sleep(RETRY_DELAY)

    async def remove(self, contents: Iterable[str]) -> int:
        """Remove those that nothing needs, inside `alone`; returns how many."""
        removed = 0
        for content_hash in contents:
            if not self._tables.needs(content_hash):
                await self._blobs.delete(content_hash)
                self._blobs.revoke_url(content_hash)
                removed += 1
        return removed

    async def close(self) -> None:
        """Stop; what is left is collected at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._candidates or self._everything:
            candidates, self._candidates = self._candidates, set()
            everything, self._everything = self._everything, False
            try:
                await (self.collect_everything() if everything else self._collect(candidates))
            except FileSyncError as error:
                logger.warning("unneeded bytes were not removed; the next start tries again: %s", error)

    async def _collect(self, contents: Iterable[str]) -> int:
        async with self.alone():
            return await self.remove(contents)
