"""Thumbnails of live files: made when they are asked for, once, and a few at a time.

They are nobody's data. They stay when the bytes that they were made of are evicted, go when these are
garbage, and all go when there is no room for a file. Works in every tab.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from filesync_web.aio.shared import SharedWork
from filesync_web.aio.tasks import Tasks
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.raster import Raster
from filesync_web.core.records import FileRecord
from filesync_web.core.thumbnails import Recipe, ThumbnailOptions, content_of, has_thumbnail
from filesync_web.errors import BlobNotFoundError, FileSyncError
from filesync_web.files.workspace import Workspace
from filesync_web.ports import ThumbnailStore

logger = logging.getLogger(__name__)

MAX_CONCURRENT = 2
"""Thumbnails that are made at a time: each holds a decoded picture, four bytes a pixel."""


class Thumbnails:
    """The thumbnails of one store; without `options`, or where nothing can make any, there are none."""

    def __init__(self, workspace: Workspace, options: ThumbnailOptions | None) -> None:
        self._tables = workspace.tables
        self._platform = workspace.platform
        self._store = workspace.platform.thumbnails if options is not None else None
        self.options = options or ThumbnailOptions()
        self._failed: set[str] = set()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._tasks = Tasks("thumbnails")
        self._making: SharedWork[bool] = SharedWork(self._tasks)

    async def close(self) -> None:
        """End what is being made, and let go of all URLs."""
        await self._tasks.cancel_and_wait()
        if self._platform.thumbnails is not None:
            self._platform.thumbnails.close()

    async def url(self, id_or_path: str, size: float) -> str | None:
        """A URL of a thumbnail of that size, in pixels; it is made if need be."""
        record, recipe = self._tables.live(id_or_path), self.options.recipe(size)
        if self._store is None or not self.are_possible(record):
            return None
        name = recipe.name_for(record.content_hash)
        url = await self._store.find(name)
        if url is None and await self._make(self._store, record, recipe):
            url = await self._store.find(name)
        return url

    async def raster(self, record: FileRecord, *, size: float, longest: int) -> Raster | None:
        """The pixels of the whole picture, at most `longest` in each direction, by way of its thumbnail of
        `size`."""
        recipe = replace(self.options.recipe(size), fit="contain")
        if self._store is None or not await self._make(self._store, record, recipe):
            return None
        return await self._store.raster(recipe.name_for(record.content_hash), longest=longest)

    def are_possible(self, record: FileRecord) -> bool:
        """Whether that file may have thumbnails: it says that it is a picture or a video, and nothing has
        shown yet that it is none."""
        is_picture = has_thumbnail(parse_metadata(record.metadata_json).content_type)
        is_hopeful = record.is_usable and record.content_hash not in self._failed
        return self._store is not None and is_picture and is_hopeful

    async def _make(self, store: ThumbnailStore, record: FileRecord, recipe: Recipe) -> bool:
        """Make a thumbnail, or wait for whoever makes it already; whether it is there."""
        begin = partial(self._make_one, store, record, recipe)
        return bool(await self._making.result(recipe.name_for(record.content_hash), begin))

    async def _make_one(self, store: ThumbnailStore, record: FileRecord, recipe: Recipe) -> bool:
        mime_type = parse_metadata(record.metadata_json).content_type
        async with self._slots:
            try:
                is_made = await store.make(record.content_hash, recipe, mime_type=mime_type)
            except BlobNotFoundError:
                return False  # it may come
        if not is_made:
            self._failed.add(record.content_hash)
            logger.info("file %s (%s) gets no thumbnail here", record.id, mime_type)
        return is_made

    # --- room

    async def size(self) -> int | None:
        """Bytes that all take; None where there are none."""
        return None if self._store is None else sum((await self._store.sizes()).values())

    async def clear(self) -> int:
        """Remove all that are kept; returns the bytes that were freed."""
        return await self._remove_if(lambda _content: True)

    async def remove(self, contents: Iterable[str]) -> None:
        """Remove those of these contents."""
        if unneeded := set(contents):
            await self._remove_if(unneeded.__contains__)

    async def keep_only_live(self) -> None:
        """Remove those of contents that no live file has: what a tab that died has left."""
        if self._store is not None:
            live = self._tables.live_contents()
            await self._remove_if(lambda content: content not in live)

    async def _remove_if(self, is_unneeded: Callable[[str], bool]) -> int:
        """Remove those of the contents of which that is true; returns the bytes that were freed. Whoever
        removes files goes on when it fails."""
        if self._store is None:
            return 0
        try:
            sizes = await self._store.sizes()
            unneeded = [name for name in sizes if is_unneeded(content_of(name))]
            if unneeded:
                await self._store.remove(unneeded)
            return sum(sizes[name] for name in unneeded)
        except FileSyncError as error:
            logger.warning("thumbnails that nothing needs were not removed: %s", error)
            return 0
