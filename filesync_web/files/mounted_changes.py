"""What is changed in a mounted tree, committed in the background and in order.

Whoever writes, renames or removes in a file system does not wait for events to be committed. When a change
cannot be, it and all that follow wait: for `flush`, or the next change.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from filesync_web.aio.tasks import Tasks
from filesync_web.core.drafts import ChangedWhileReadError
from filesync_web.core.records import FileOperationResult
from filesync_web.errors import UnknownFileError
from filesync_web.files.mounted_entry import MountedEntry

logger = logging.getLogger(__name__)


class FileChanges(Protocol):
    """What changes the files of a store: a `FileSync`."""

    async def save_file(self, source: Any, *, name: str) -> FileOperationResult: ...

    async def update_file(self, file_id: str, source: Any) -> FileOperationResult: ...

    async def rename_file(self, file_id: str, name: str) -> None: ...

    async def delete_file(self, file_id: str) -> None: ...


class MakingRoom(Protocol):
    """`Eviction.with_room`: saves, and once more when room was made for so many bytes."""

    async def __call__(
        self, size: int, store: Callable[[], Awaitable[FileOperationResult]]
    ) -> FileOperationResult: ...


class MountedChanges:
    """The changes of one mounted tree; `on_idle` is called whenever all are committed."""

    def __init__(self, files: FileChanges, with_room: MakingRoom, on_idle: Callable[[], object]) -> None:
        self.error: Exception | None = None
        self._files = files
        self._with_room = with_room
        self._on_idle = on_idle
        self._tasks = Tasks("the changes of mounted files")
        self._waiting: deque[tuple[Callable[[MountedEntry], Awaitable[None]], MountedEntry]] = deque()
        self._working: asyncio.Task[None] | None = None

    def save(self, entry: MountedEntry) -> None:
        """Save its content, if it has changed, unless somebody writes it then: they will ask again."""
        self._add(self._save, entry)

    def rename(self, entry: MountedEntry) -> None:
        """Give it the name that it has in the tree."""
        self._add(self._rename, entry)

    def remove(self, entry: MountedEntry) -> None:
        """Delete it."""
        self._add(self._remove, entry)

    async def flush(self) -> None:
        """Return when all changes are committed; raises the error of the first that cannot be."""
        while self._waiting:
            self._begin()
            if self._working is not None:
                await asyncio.shield(self._working)
            if self.error is not None:
                raise self.error

    async def close(self) -> None:
        """Commit nothing more."""
        await self._tasks.cancel_and_wait()

    def _add(self, change: Callable[[MountedEntry], Awaitable[None]], entry: MountedEntry) -> None:
        entry.pending += 1
        self._waiting.append((change, entry))
        self._begin()

    def _begin(self) -> None:
        if self._working is None:
            self._working = self._tasks.spawn(self._work(), "committing them")

    async def _work(self) -> None:
        self.error = None
        try:
            while self._waiting:
                change, entry = self._waiting[0]
                await change(entry)
                self._waiting.popleft()
                entry.pending -= 1
            self._on_idle()
        except Exception as error:
            logger.exception("a change of the mounted file %r was not committed; it is kept", entry.path)
            self.error = error
        finally:
            self._working = None

    async def _save(self, entry: MountedEntry) -> None:
        if entry.is_removed or entry.writers or not entry.is_dirty:
            return
        try:
            saved = await self._with_room(entry.size, partial(self._save_draft, entry))
        except ChangedWhileReadError:  # who writes it asks again when they close it
            entry.is_dirty = True
            return
        except BaseException:
            entry.is_dirty = True
            raise
        entry.file_id, entry.content_hash = saved.file_id, saved.content_hash

    async def _save_draft(self, entry: MountedEntry) -> FileOperationResult:
        if entry.writers:  # since room was made for it
            raise ChangedWhileReadError
        if entry.file_id is not None:
            with suppress(UnknownFileError):  # somebody has deleted it: what was written since is kept
                return await self._files.update_file(entry.file_id, entry.take_draft())
        return await self._files.save_file(entry.take_draft(), name=entry.path)

    async def _rename(self, entry: MountedEntry) -> None:
        if entry.file_id is not None and not entry.is_removed:
            with suppress(UnknownFileError):
                await self._files.rename_file(entry.file_id, entry.path)

    async def _remove(self, entry: MountedEntry) -> None:
        if entry.file_id is not None:
            with suppress(UnknownFileError):
                await self._files.delete_file(entry.file_id)
