"""Previews: a blur of 25 bytes of each picture that is saved here, which all clients get with its metadata.

Making one means decoding the picture, which takes longer than saving it. So no save waits for it, nor shares
the processor with it: what is known later follows in an event of its own, which holds only while nobody has
changed the record meanwhile. A tab that is closed before leaves the file without a preview.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from filesync_web.aio.tasks import Tasks
from filesync_web.core.metadata import encode_metadata, parse_metadata
from filesync_web.core.records import FileRecord
from filesync_web.core.thumb_hash import encode
from filesync_web.errors import FileSyncError
from filesync_web.files.thumbnails import Thumbnails
from filesync_web.files.workspace import Workspace

logger = logging.getLogger(__name__)

SIZE = 256
"""Pixels of the thumbnail that the preview is made of: one that is likely to be shown next."""
LONGEST = 32
"""Pixels of the longer side of what is hashed."""
MAX_METADATA = 64 << 10
"""Characters of metadata that are not sent a second time for a preview."""
QUIET = 0.2
"""Seconds without a save after which a preview is begun: decoding would take the processor from saves."""
PATIENCE = 30.0
"""Seconds after which it is begun all the same: a recording may be saved for hours."""
TRIES = 3
"""The upload may record its remote key in between."""


class Previews:
    """Makes the previews of one store's files."""

    def __init__(self, workspace: Workspace, thumbnails: Thumbnails) -> None:
        self._store = workspace.store
        self._tables = workspace.tables
        self._events = workspace.events
        self._thumbnails = thumbnails
        self._clock = workspace.platform.clock
        self._saves = workspace.saves
        self._one_at_a_time = asyncio.Lock()
        self._tasks = Tasks("previews")

    async def close(self) -> None:
        """End what is being made."""
        await self._tasks.cancel_and_wait()

    def make_for(self, record: FileRecord) -> None:
        """Make the preview of a file that was just saved, in the background."""
        is_wanted = self._thumbnails.options.previews and self._thumbnails.are_possible(record)
        if is_wanted and len(record.metadata_json or "") <= MAX_METADATA:
            self._tasks.spawn(self._make(record), f"preview of {record.id}")

    async def _make(self, record: FileRecord) -> None:
        try:
            async with self._one_at_a_time:  # what is to be shown now does not stand in line behind many
                await self._until_quiet()
                raster = await self._thumbnails.raster(record, size=SIZE, longest=LONGEST)
            if raster is not None:
                await self._commit(record, encode(raster))
        except FileSyncError as error:
            logger.info("file %s gets no preview: %s", record.id, error)

    async def _until_quiet(self) -> None:
        begun = self._clock.monotonic()
        while self._saves.over_for < QUIET and self._clock.monotonic() - begun < PATIENCE:
            await self._clock.sleep(QUIET)

    async def _commit(self, saved: FileRecord, preview: bytes) -> None:
        for _ in range(TRIES):
            record = self._tables.record(saved.id)
            if record is None or not record.is_live or record.content_hash != saved.content_hash:
                return
            metadata = parse_metadata(record.metadata_json)
            if metadata.preview is not None:
                return
            described = encode_metadata(replace(metadata, preview=preview))
            await self._store.commit(self._events.previewed(record, described))
