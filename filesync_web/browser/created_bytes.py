"""New bytes that Python writes without awaiting: a temporary file, which is then moved to its hash.

In a worker Python writes to the file itself, by a synchronous access handle. The main thread has none: there
the bytes go to the blob worker, and wait in memory until it has taken them, which is noticed only while
somebody awaits.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from typing import Any

import js
from pyodide.ffi import JsException

from filesync_web.browser.js_util import JsError, call, in_worker, is_none, js_object, storage_error
from filesync_web.browser.worker import Job, ScriptWorker
from filesync_web.errors import QuotaExceededError, StorageError, UnreadableError
from filesync_web.ports import FinishedBytes, NewBytes

logger = logging.getLogger(__name__)

PIECE_SIZE = 1 << 20
MOST_WAITING = 4
"""Buffers of `PIECE_SIZE` that may be on their way to the worker when `drain` returns."""

MUCH_WAITING = 64


async def create_bytes(worker: ScriptWorker, store_id: str) -> NewBytes:
    """A new temporary file, written as this place allows."""
    js_created = await worker.run("createBytes", storeId=store_id, wantsHandle=in_worker())
    if is_none(js_created.handle):
        return PostedBytes(worker, store_id, js_created.name)
    try:
        js_access = await call(js_created.handle, "createSyncAccessHandle")
    except JsError as error:
        await worker.run("discardBytes", name=js_created.name)
        raise storage_error(error) from error
    return WrittenBytes(worker, store_id, js_created.name, js_access)


class _CreatedBytes(ABC):
    """What both have in common; `name` is that of the temporary file."""

    def __init__(self, worker: ScriptWorker, store_id: str, name: str) -> None:
        self.size = 0
        self._worker = worker
        self._store_id = store_id
        self._name = name
        self._published: tuple[str, int] | None = None

    def write(self, offset: int, data: memoryview) -> None:
        """Write piece by piece: each is copied."""
        for at in range(0, len(data), PIECE_SIZE):
            piece = data[at : at + PIECE_SIZE]
            self.write_piece(offset + at, piece)
            self.size = max(self.size, offset + at + len(piece))

    @abstractmethod
    def write_piece(self, offset: int, piece: memoryview) -> None:
        """Write at most `PIECE_SIZE` bytes, which the caller may change afterwards."""

    @abstractmethod
    async def close(self) -> None:
        """Have everything in the file."""

    async def finish(self) -> FinishedBytes:
        """Let the blob worker take the hash."""
        await self.close()
        js_file = await self._worker.run("finishBytes", name=self._name)
        return FinishedBytes(self.size, js_file, self._publish)

    async def _publish(self, mime_type: str) -> tuple[str, int]:
        about = {"storeId": self._store_id, "name": self._name, "mimeType": mime_type}
        if self._published is None:
            js_found = await self._worker.run("publishBytes", **about)
            self._published = str(js_found.hash), int(js_found.size)
        elif is_none(await self._worker.run("find", storeId=self._store_id, hash=self._published[0])):
            raise StorageError("the bytes were stored once, and removed since; write them again")
        return self._published

    async def discard(self) -> None:
        """Let the blob worker remove the file; when that has ended, a sweep does."""
        with suppress(StorageError):
            await self._worker.run("discardBytes", name=self._name)


class WrittenBytes(_CreatedBytes):
    """The `NewBytes` port in a worker."""

    def __init__(self, worker: ScriptWorker, store_id: str, name: str, js_access: Any) -> None:
        super().__init__(worker, store_id, name)
        self._js_access = js_access
        self._js_piece = js.Uint8Array.new(PIECE_SIZE)  # one for all: a browser collects late what is left

    def write_piece(self, offset: int, piece: memoryview) -> None:
        """Write to the file. Without a profile on disk, Chromium returns its error code, as a huge number,
        where it should throw."""
        js_bytes = self._js_piece.subarray(0, len(piece))
        js_bytes.assign(piece)
        try:
            count = self._js_access.write(js_bytes, js_object({"at": offset}))
        except JsException as error:
            raise storage_error(error) from error
        if count != len(piece):
            raise QuotaExceededError("this device has no room for the bytes: the file could not grow")

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read what was written, piece by piece, each by way of one buffer."""
        count = max(0, min(len(into), self.size - offset))
        for at in range(0, count, PIECE_SIZE):
            piece = into[at : min(at + PIECE_SIZE, count)]
            js_view = self._js_piece.subarray(0, len(piece))
            if self._js_access.read(js_view, js_object({"at": offset + at})) != len(piece):
                raise UnreadableError("a temporary file is shorter than what was written to it")
            js_view.assign_to(piece)
        return count

    def truncate(self, size: int) -> None:
        """Cut bytes off, or add zeros."""
        try:
            self._js_access.truncate(size)
        except JsException as error:
            raise storage_error(error) from error
        self.size = size

    async def drain(self) -> None:
        """Nothing waits in memory."""

    async def close(self) -> None:
        """Make it durable."""
        try:
            self._js_access.flush()
        except JsException as error:
            raise storage_error(error) from error
        self._js_access.close()

    async def discard(self) -> None:
        """The same, once nobody has the file open."""
        self._js_access.close()
        await super().discard()

    def discard_soon(self) -> None:
        """The same, without waiting for it."""
        self._js_access.close()
        with suppress(StorageError):  # it was closed; a sweep removes the file
            self._worker.start("discardBytes", name=self._name)


class PostedBytes(_CreatedBytes):
    """The `NewBytes` port on the main thread, and where a worker gets no access handle (WebKitGTK).

    What is written is gathered in a buffer, which goes to the blob worker when it is full, and comes back to
    be filled again: of buffers that nobody uses any more, a browser frees the memory late.
    """

    def __init__(self, worker: ScriptWorker, store_id: str, name: str) -> None:
        super().__init__(worker, store_id, name)
        self._js_filling: Any = None
        self._start = 0  # where the bytes of that buffer belong
        self._filled = 0
        self._waiting: deque[Job] = deque()  # each has a buffer
        self._js_spare: list[Any] = []
        self._has_warned = False

    def write_piece(self, offset: int, piece: memoryview) -> None:
        """Add it to the buffer, and send that when it is full, or when the piece belongs elsewhere."""
        if offset != self._start + self._filled:
            self._send()
        while piece:
            if not self._filled:
                self._start = offset
                self._js_filling = self._empty_buffer()
            part = piece[: PIECE_SIZE - self._filled]
            self._js_filling.subarray(self._filled, self._filled + len(part)).assign(part)
            self._filled += len(part)
            if self._filled == PIECE_SIZE:
                self._send()
            offset, piece = offset + len(part), piece[len(part) :]

    async def drain(self) -> None:
        """Wait for the oldest buffers."""
        await self._wait_until(MOST_WAITING)

    async def close(self) -> None:
        """Wait for all of them."""
        self._send()
        await self._wait_until(0)

    def _empty_buffer(self) -> Any:
        self._take_back()
        return self._js_spare.pop() if self._js_spare else js.Uint8Array.new(PIECE_SIZE)

    def _send(self) -> None:
        if not self._filled:
            return
        js_buffer = self._js_filling.buffer
        about = {"name": self._name, "offset": self._start, "buffer": js_buffer, "size": self._filled}
        self._waiting.append(self._worker.start("writeBytes", transfer=[js_buffer], **about))
        self._js_filling, self._filled = None, 0
        if len(self._waiting) > MUCH_WAITING and not self._has_warned:
            self._has_warned = True
            logger.warning("much of a file waits in memory to be written: await its drain() now and then")

    async def _wait_until(self, count: int) -> None:
        while len(self._waiting) > count:
            await self._waiting[0].ended()
            self._take_back()

    def _take_back(self) -> None:
        while self._waiting and self._waiting[0].has_ended:
            js_buffer = self._waiting.popleft().value()
            if len(self._js_spare) <= MOST_WAITING:
                self._js_spare.append(js.Uint8Array.new(js_buffer))
