"""The files that a file system opens: Python's own buffered files over the bytes of the device.

Only opening and closing has to do with an event loop. In between they are read and written by any thread, as
fast as the device is.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Any

from filesync_web.files.python_files import CreatedFile
from filesync_web.fsspec.errors import CannotWaitError
from filesync_web.fsspec.waiting import begin, wait_for

DRAIN_EVERY = 8 << 20
"""Bytes after which a file that is written waits until few of them are in memory."""


class StoredFile(io.BufferedReader):
    """A file to read: it keeps the content that it was opened with. `on_close` is called once."""

    def __init__(self, opened: io.BufferedReader, on_close: Callable[[], None], buffer_size: int) -> None:
        self.size = opened.raw.seek(0, io.SEEK_END)
        opened.raw.seek(0, io.SEEK_SET)
        super().__init__(opened.raw, buffer_size)
        self._opened = opened  # would close the raw file when it goes
        self._on_close = on_close

    def close(self) -> None:
        """Let go of the content."""
        if not self.closed:
            super().close()
            self._on_close()


class DroppedError(Exception):
    """Ends the creation of a file that nobody wants to keep."""


class NewFile(io.BufferedWriter):
    """A file to write. It is saved when it is closed; nobody sees any of it before.

    `creation` is what it was entered by. Nothing is kept when the `with` block raises, and when the file is
    forgotten without being closed. `autocommit=False`, for fsspec's transactions: only `commit` saves it.
    """

    def __init__(
        self,
        created: CreatedFile,
        creation: AbstractAsyncContextManager[CreatedFile],
        buffer_size: int,
        *,
        loop: asyncio.AbstractEventLoop,
        autocommit: bool,
    ) -> None:
        super().__init__(created.raw, buffer_size)
        self._created = created  # would close the raw file when it goes
        self._creation = creation
        self._loop = loop
        self._autocommit = autocommit
        self._undrained = 0
        self._is_over = False

    def write(self, data: Any, /) -> int:
        """Write bytes; raises `QuotaExceededError`, `StorageError`, also for earlier ones."""
        count = super().write(data)
        self._undrained += count
        if self._undrained >= DRAIN_EVERY:
            self._undrained = 0
            self.flush()
            wait_for(self._created.drain, self._loop, "await file.drain() of a file of create_file")
        return count

    def close(self) -> None:
        """Save the file; raises what hinders it, and then keeps nothing."""
        if self.closed:
            return
        try:
            super().close()
        except BaseException:
            self.discard()
            raise
        if self._autocommit:
            self.commit()

    def commit(self) -> None:
        """Save what was closed; does nothing the second time."""
        if self._is_over:
            return
        self._is_over = True
        try:
            work = partial(self._creation.__aexit__, None, None, None)
            wait_for(work, self._loop, "await filesystem.open_async(path, mode), and its file.close()")
        except CannotWaitError:
            self._drop()
            raise

    def discard(self) -> None:
        """Keep nothing of it; does nothing when it was saved."""
        if self._is_over:
            return
        self._is_over = True
        self._created.abandon()
        super().close()
        self._drop()

    def _drop(self) -> None:
        begin(partial(self._creation.__aexit__, DroppedError, DroppedError(), None), self._loop)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if hasattr(self, "_is_over"):
            self.discard()


class AsyncFile:
    """A file for those who await, like fsspec's asynchronous streams; `open` it first."""

    def __init__(
        self,
        opening: AbstractAsyncContextManager[io.BufferedReader] | AbstractAsyncContextManager[CreatedFile],
    ) -> None:
        self._opening = opening
        self._file: io.BufferedReader | CreatedFile | None = None

    async def open(self) -> AsyncFile:
        """Open it."""
        self._file = await self._opening.__aenter__()
        return self

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._file is None

    async def read(self, length: int = -1) -> bytes:
        """The next bytes, by default all that there are."""
        return self._in_use().read(length)

    async def write(self, data: Any) -> int:
        """Write bytes, and wait until few of them are in memory."""
        file = self._in_use()
        count = file.write(data)
        if isinstance(file, CreatedFile):
            await file.drain()
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._in_use().seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._in_use().tell()

    async def close(self) -> None:
        """Close it; what was written is saved then. Does nothing the second time."""
        await self.__aexit__(None, None, None)

    async def __aenter__(self) -> AsyncFile:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file = None
            await self._opening.__aexit__(kind, error, traceback)

    def _in_use(self) -> io.BufferedReader | CreatedFile:
        if self._file is None:
            raise ValueError("I/O operation on closed file")
        return self._file
