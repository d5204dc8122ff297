"""Python's raw files over bytes in hand; `io` puts buffers and text on top of them.

They behave like the `io.FileIO` of a regular file: `seek` may go behind the end, and going before the
beginning is an `OSError` (`EINVAL`), which libraries expect that look for something at the end of a file.
"""

from __future__ import annotations

import errno
import io
from abc import abstractmethod
from typing import Any

from filesync_web.core.open_bytes import NewBytes, RandomAccess

BUFFER_SIZE = 64 << 10
"""Bytes that a file reads or writes at once, unless it is told otherwise."""


class _RawFile(io.RawIOBase):
    """A place in a file, and its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._at = 0

    @property
    @abstractmethod
    def _end(self) -> int:
        """How many bytes the file has."""

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check_open()
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}
        if whence not in starts:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        target = starts[whence] + offset
        if target < 0:
            raise OSError(errno.EINVAL, "a file has no bytes before its beginning", self.name)
        self._at = target
        return target

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class RawReader(_RawFile):
    """Stored bytes as a file that is read; closing it closes them."""

    mode = "rb"

    def __init__(self, opened: RandomAccess, name: str) -> None:
        super().__init__(name)
        self._opened = opened

    @property
    def _end(self) -> int:
        return self._opened.size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._check_open()
        into = memoryview(buffer).cast("B")
        count = self._opened.read_into(self._at, into) if self._at < self._end else 0
        self._at += count
        return count

    def readall(self) -> bytes:
        """The rest at once, into memory that is taken once: Python's own way asks for little pieces."""
        self._check_open()
        rest = bytearray(max(0, self._end - self._at))
        return bytes(memoryview(rest)[: self.readinto(rest)])

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()


class RawWriter(_RawFile):
    """New bytes as a file that is written; closing it leaves them as they are."""

    mode = "wb"

    def __init__(self, new: NewBytes, name: str) -> None:
        super().__init__(name)
        self._new = new
        self._is_abandoned = False

    @property
    def _end(self) -> int:
        return self._new.size

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._check_open()
        octets = memoryview(data).cast("B")
        if octets and not self._is_abandoned:
            self._new.write(self._at, octets)
        self._at += len(octets)
        return len(octets)

    async def drain(self) -> None:
        """Wait until few of the bytes are in memory."""
        await self._new.drain()

    def abandon(self) -> None:
        """Nobody wants the bytes: what buffers still hold goes nowhere."""
        self._is_abandoned = True
