"""Whether the bytes of a blob still have their hash: disks forget, and other programs write.

A blob is read as a whole to know it. Small ones are read each time. What a large one was found to be is
believed for a while, as long as its file does not look changed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

_SMALL_BYTES = 8 * 1024**2
_BELIEVED_FOR = 600.0
"""Seconds."""
_MAX_REMEMBERED = 10_000
_READ_BYTES = 1024**2

_Look: TypeAlias = tuple[int, int, int, int]


class BlobVerifier:
    """Verifies blobs, which are files named by the SHA-256 of their bytes. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._intact: dict[Path, tuple[_Look, float]] = {}

    def is_intact(self, path: Path) -> bool:
        """Whether the file has the bytes that its name promises. Raises FileNotFoundError; blocks."""
        status = path.lstat()
        look = _look_of(status)
        if self._is_believed(path, look):
            return True
        is_intact = has_its_hash(path)
        if is_intact and status.st_size > _SMALL_BYTES:
            self._remember(path, look)
        return is_intact

    def _is_believed(self, path: Path, look: _Look) -> bool:
        with self._lock:
            known, until = self._intact.pop(path, (None, 0.0))
            if known != look or self._clock() >= until:
                return False
            self._intact[path] = (look, until)
            return True

    def _remember(self, path: Path, look: _Look) -> None:
        with self._lock:
            self._intact[path] = (look, self._clock() + _BELIEVED_FOR)
            if len(self._intact) > _MAX_REMEMBERED:
                del self._intact[next(iter(self._intact))]


def has_its_hash(path: Path) -> bool:
    """Read the whole file. One that the disk cannot read is damaged; other errors are raised."""
    found = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0, opener=_no_link) as file:
            while chunk := file.read(_READ_BYTES):
                found.update(chunk)
    except OSError as error:
        if error.errno not in {errno.EIO, errno.ELOOP}:
            raise
        return False
    return found.hexdigest() == path.name


def _look_of(status: os.stat_result) -> _Look:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
