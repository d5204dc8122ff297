"""Stored bytes that are read at any place: a file descriptor keeps them, also when the file is gone."""

from __future__ import annotations

import os
from pathlib import Path

from filesync_web.errors import UnreadableError


class OpenFile:
    """The `RandomAccess` port over a file; any number of threads may read at once.

    Raises `FileNotFoundError` when there is no such file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._path = path
        self.size = os.fstat(self._descriptor).st_size

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read where the file is; its position stays what it is."""
        if self._descriptor is None:
            raise UnreadableError(f"{self._path} was closed")
        done = 0
        try:
            while done < len(into):
                count = os.preadv(self._descriptor, [into[done:]], offset + done)
                if not count:
                    break
                done += count
        except OSError as error:
            raise UnreadableError(f"{self._path} cannot be read: {error}") from error
        return done

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()
