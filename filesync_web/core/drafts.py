"""Bytes that are written before they are stored, at any place and without awaiting."""

from __future__ import annotations

from typing import Any, Protocol

from filesync_web.core.open_bytes import RandomAccess

PIECE_SIZE = 1 << 20
"""Bytes that are copied at once."""


class ChangedWhileReadError(Exception):
    """Somebody has written to a draft that was being saved; nothing of it may be stored."""


class Draft(RandomAccess, Protocol):
    """A file that is written. Whoever makes it closes it; then its bytes are gone."""

    def write(self, offset: int, data: memoryview) -> None:
        """Change or add single bytes, if there are any; what lies between the end and `offset` becomes zeros.
        Raises `QuotaExceededError`, an `OSError`."""
        ...

    def truncate(self, size: int) -> None:
        """Cut bytes off, or add zeros; raises the same."""
        ...

    def snapshot(self) -> Any:
        """A source for a blob store: the bytes as they are now. It raises `ChangedWhileReadError` where it
        is read later and they have changed."""
        ...


class MemoryDraft:
    """The `Draft` port in memory."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._bytes)

    def read_into(self, offset: int, into: memoryview) -> int:
        """Copy."""
        found = self._bytes[offset : offset + len(into)]
        into[: len(found)] = found
        return len(found)

    def write(self, offset: int, data: memoryview) -> None:
        """Change or add bytes."""
        if not data:
            return
        self._bytes.extend(bytes(max(0, offset - len(self._bytes))))
        self._bytes[offset : offset + len(data)] = data

    def truncate(self, size: int) -> None:
        """Cut bytes off, or add zeros."""
        del self._bytes[size:]
        self._bytes.extend(bytes(size - len(self._bytes)))

    def snapshot(self) -> bytes:
        """A copy."""
        return bytes(self._bytes)

    def close(self) -> None:
        """Let go of the bytes."""
        self._bytes = bytearray()


def copy_bytes(source: RandomAccess, to: Draft, size: int) -> None:
    """Write the first `size` bytes of one to the beginning of another, piece by piece."""
    piece = memoryview(bytearray(min(PIECE_SIZE, size)))
    for at in range(0, size, PIECE_SIZE):
        count = source.read_into(at, piece[: size - at])
        to.write(at, piece[:count])
