"""Large files that are written without awaiting.

In a worker that is a temporary file of OPFS with a synchronous access handle. To get one takes awaiting, so
some are made beforehand, and others as soon as they are taken. Where there is none, as on the main thread,
the bytes are kept in `Blob`s, which Chromium holds outside of the page's process and moves to disk; only the
pages of them that were used last are in memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import js
from pyodide.ffi import to_js

from filesync_web.aio.tasks import Tasks
from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.browser.created_bytes import WrittenBytes
from filesync_web.browser.js_util import in_worker
from filesync_web.browser.open_file import open_file
from filesync_web.core.drafts import PIECE_SIZE, ChangedWhileReadError, Draft
from filesync_web.errors import StorageError
from filesync_web.ports import NewBytes

logger = logging.getLogger(__name__)

MOST_SPARE = 4
"""Temporary files that nobody has written to yet."""
MOST_PAGES = 8
"""Of a draft that is made of `Blob`s, in memory."""


class Drafts:
    """The drafts of one mounted tree."""

    def __init__(self, blobs: OpfsBlobStore, tasks: Tasks) -> None:
        self._blobs = blobs
        self._tasks = tasks
        self._spare: list[WrittenBytes] = []
        self._has_handles = in_worker()
        self._making = asyncio.Lock()
        self._is_closed = False

    def new(self) -> Draft:
        """A new, empty draft."""
        if not self._spare:
            return BlobDraft()
        draft = FileDraft(self._spare.pop())
        self._tasks.spawn(self.prepare(), "making temporary files")
        return draft

    async def prepare(self) -> None:
        """Have some temporary files; each costs a few milliseconds."""
        async with self._making:
            try:
                while self._has_handles and not self._is_closed and len(self._spare) < MOST_SPARE:
                    self._keep(await self._blobs.create_bytes())
            except StorageError as error:
                logger.warning("large mounted files are written to memory: %s", error)

    def _keep(self, new: NewBytes) -> None:
        if isinstance(new, WrittenBytes):
            self._spare.append(new)
        else:  # this browser gives no such handles
            self._has_handles = False
            self._tasks.spawn(new.discard(), "removing a temporary file")

    async def close(self) -> None:
        """Remove those that nobody has written to."""
        self._is_closed = True
        while self._spare:
            await self._spare.pop().discard()


class FileDraft:
    """The `Draft` port over a temporary file."""

    def __init__(self, file: WrittenBytes) -> None:
        self._file = file
        self._changes = 0
        self._is_closed = False

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._file.size

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read from the file."""
        return self._file.read_into(offset, into)

    def write(self, offset: int, data: memoryview) -> None:
        """Write to the file."""
        self._changes += 1
        self._file.write(offset, data)

    def truncate(self, size: int) -> None:
        """Cut or lengthen the file."""
        self._changes += 1
        self._file.truncate(size)

    def snapshot(self) -> Iterator[bytes]:
        """Read piece by piece."""
        changes = self._changes
        for at in range(0, self.size, PIECE_SIZE):
            piece = bytearray(min(PIECE_SIZE, self.size - at))
            self.read_into(at, memoryview(piece))
            yield bytes(piece)
            if self._changes != changes:
                raise ChangedWhileReadError

    def close(self) -> None:
        """Remove the file."""
        if not self._is_closed:
            self._is_closed = True
            self._file.discard_soon()

    def __del__(self) -> None:
        self.close()


class BlobDraft:
    """The `Draft` port over `Blob`s of `PIECE_SIZE`, the last of which may be shorter than its part of the
    file: what it lacks are zeros."""

    def __init__(self) -> None:
        self.size = 0
        self._js_blobs: dict[int, Any] = {}
        self._pages: OrderedDict[int, bytearray] = OrderedDict()

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read page by page."""
        count = max(0, min(len(into), self.size - offset))
        for number, start, done, length in _parts(offset, count):
            into[done : done + length] = self._page(number)[start : start + length]
        return count

    def write(self, offset: int, data: memoryview) -> None:
        """Change page by page."""
        for number, start, done, length in _parts(offset, len(data)):
            self._page(number)[start : start + length] = data[done : done + length]
            self._js_blobs.pop(number, None)  # the page is newer
        if data:
            self.size = max(self.size, offset + len(data))

    def truncate(self, size: int) -> None:
        """Forget pages, and what is behind the end of the last one."""
        if size < self.size:
            last, start = divmod(size, PIECE_SIZE)
            for number in [number for number in {*self._js_blobs, *self._pages} if number > last]:
                self._js_blobs.pop(number, None)
                self._pages.pop(number, None)
            self._page(last)[start:] = bytes(PIECE_SIZE - start)
            self._js_blobs.pop(last, None)
        self.size = size

    def snapshot(self) -> Any:
        """A `Blob` of them all: those never change."""
        count = -(-self.size // PIECE_SIZE)
        js_whole = js.Blob.new(to_js([self._js_blob(number) for number in range(count)]))
        return js_whole.slice(0, self.size)

    def close(self) -> None:
        """Let go of the bytes."""
        self.size = 0
        self._js_blobs.clear()
        self._pages.clear()

    def _page(self, number: int) -> bytearray:
        """A page in memory, for which the one that was not used longest may have to go."""
        if number not in self._pages:
            page = bytearray(PIECE_SIZE)
            if number in self._js_blobs:
                opened = open_file(self._js_blobs[number])
                opened.read_into(0, memoryview(page))
                opened.close()
            self._pages[number] = page
            while len(self._pages) > MOST_PAGES:
                oldest = next(iter(self._pages))
                self._js_blob(oldest)
                del self._pages[oldest]
        self._pages.move_to_end(number)
        return self._pages[number]

    def _js_blob(self, number: int) -> Any:
        """A page as a `Blob`."""
        if number not in self._js_blobs:
            page = self._pages.get(number, bytes(PIECE_SIZE))
            self._js_blobs[number] = js.Blob.new(to_js([to_js(memoryview(page))]))
        return self._js_blobs[number]


def _parts(offset: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """What each page has of these bytes: its number, where they begin in it, how many were before, and how
    many they are."""
    done = 0
    while done < count:
        number, start = divmod(offset + done, PIECE_SIZE)
        length = min(count - done, PIECE_SIZE - start)
        yield number, start, done, length
        done += length
