"""Removes own bytes that no file needs any more: without ever racing with a save (see `save_lock`), and only
for a reason that the log gives. What else nothing needs is an orphan (see `orphans`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from filesync_web.aio.tasks import Tasks
from filesync_web.errors import FileSyncError
from filesync_web.files.orphans import Orphans
from filesync_web.files.save_lock import SaveLock
from filesync_web.files.thumbnails import Thumbnails
from filesync_web.files.workspace import Workspace

logger = logging.getLogger(__name__)


class GarbageCollector:
    """Collects one content on request, or everything."""

    def __init__(self, workspace: Workspace, orphans: Orphans, thumbnails: Thumbnails) -> None:
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._orphans = orphans
        self._thumbnails = thumbnails
        self._lock = SaveLock(workspace)
        self._candidates: set[str] = set()
        self._left_over: set[str] = set()
        self._everything = False
        self._tasks = Tasks("garbage collection")
        self._working: asyncio.Task[None] | None = None

    def collect(self, content_hash: str) -> None:
        """A file that had the content needs it no more: remove the bytes soon, if the log says so too."""
        self._candidates.add(content_hash)
        self._begin()

    def closed(self, content_hash: str) -> None:
        """Nobody here reads the content any more: remove the bytes soon, if a deletion has left them."""
        if not self._tables.needs(content_hash):
            self.collect(content_hash)

    def discard(self, content_hash: str) -> None:
        """A save that failed has left the bytes: remove them soon, if they were not there before."""
        self._left_over.add(content_hash)
        self._begin()

    async def keep(self, contents: Iterable[str]) -> None:
        """Live files have these contents: what is known of them as orphans holds no more."""
        await self._orphans.forget(contents)

    def collect_all(self) -> None:
        """Remove soon what nothing needs: stored bytes and stale temporary files."""
        self._everything = True
        self._begin()

    async def collect_everything(self) -> int:
        """Remove all bytes that may go, and stale temporary files; returns how many were removed."""
        removed = await self._blobs.sweep()
        await self._orphans.take_stock()
        await self._orphans.forget_settled()
        if unneeded := await self._orphans.unneeded():
            async with self._lock.removing():
                removed += await self._remove(unneeded, had_file=False)
        await self._thumbnails.keep_only_live()
        return removed

    async def _remove(self, contents: Iterable[str], *, had_file: bool) -> int:
        """Remove those that nothing needs and that may go, and note the others; returns how many went. What
        somebody reads stays, until they or a later start collect it. Only under the lock `removing`."""
        unneeded = [content for content in sorted(contents) if not self._tables.needs(content)]
        orphans = [content for content in unneeded if self._orphans.keeps(content, had_file=had_file)]
        await self._orphans.note(orphans, had_file=had_file)
        garbage = [
            content_hash
            for content_hash in sorted(set(unneeded) - set(orphans))
            if await self._blobs.delete(content_hash)
        ]
        for content_hash in garbage:
            self._blobs.revoke_url(content_hash)
        await self._orphans.forget(garbage)
        await self._thumbnails.remove(garbage)
        return len(garbage)

    async def close(self) -> None:
        """Stop; what is left is collected at the next start."""
        await self._tasks.cancel_and_wait()

    def _begin(self) -> None:
        if self._working is None or self._working.done():
            self._working = self._tasks.spawn(self._work(), "collect")

    async def _work(self) -> None:
        while self._candidates or self._left_over or self._everything:
            candidates, self._candidates = self._candidates, set()
            left_over, self._left_over = self._left_over, set()
            everything, self._everything = self._everything, False
            try:
                if candidates or left_over:
                    async with self._lock.removing():
                        await self._remove(candidates, had_file=True)
                        await self._remove(left_over, had_file=False)
                if everything:
                    await self.collect_everything()
            except FileSyncError as error:
                logger.warning("unneeded bytes were not removed; the next start tries again: %s", error)
