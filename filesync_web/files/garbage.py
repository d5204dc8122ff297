"""Removes own bytes that no file needs any more, without ever racing with a save (see `save_lock`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from filesync_web.aio.tasks import Tasks
from filesync_web.errors import FileSyncError
from filesync_web.files.save_lock import SaveLock
from filesync_web.files.workspace import Workspace

logger = logging.getLogger(__name__)


class GarbageCollector:
    """Collects one content on request, or everything."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = SaveLock(workspace)
        self._candidates: set[str] = set()
        self._everything = False
        self._tasks = Tasks("garbage collection")
        self._working: asyncio.Task[None] | None = None

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
        blobs, tables = self._workspace.platform.blobs, self._workspace.tables
        removed = await blobs.sweep()
        unneeded = [content for content in await blobs.list() if not tables.needs(content)]
        return removed + await self._collect(unneeded) if unneeded else removed

    async def remove(self, contents: Iterable[str]) -> int:
        """Remove those that nothing needs; returns how many. Only for who holds the lock `removing`."""
        blobs, removed = self._workspace.platform.blobs, 0
        for content_hash in contents:
            if not self._workspace.tables.needs(content_hash):
                await blobs.delete(content_hash)
                blobs.revoke_url(content_hash)
                removed += 1
        return removed

    async def close(self) -> None:
        """Stop; what is left is collected at the next start."""
        await self._tasks.cancel_and_wait()

    def _begin(self) -> None:
        if self._working is None or self._working.done():
            self._working = self._tasks.spawn(self._work(), "collect")

    async def _work(self) -> None:
        while self._candidates or self._everything:
            candidates, self._candidates = self._candidates, set()
            everything, self._everything = self._everything, False
            try:
                await (self.collect_everything() if everything else self._collect(candidates))
            except FileSyncError as error:
                logger.warning("unneeded bytes were not removed; the next start tries again: %s", error)

    async def _collect(self, contents: Iterable[str]) -> int:
        async with self._lock.removing():
            return await self.remove(contents)
