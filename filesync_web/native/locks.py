"""Locks between processes, as lock files in one folder (flock, so the system releases those of a dead
process).

A lock file exists while its lock is held or waited for. Since whoever is last removes it, the holder of a
lock makes sure that the file it has locked is still the one under that name.

Waiting asks again every now and then: a thread that blocks in `flock` could not be cancelled.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from filesync_web.native.system_errors import storing

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1  # seconds


def try_lock(path: Path, *, exclusive: bool = True) -> int | None:
    """Create the file if need be and lock it; its descriptor, or None while someone else holds it.

    Raises `StorageError` when it cannot be opened or locked.
    """
    with storing(path):
        return _try_lock(path, exclusive)


def _try_lock(path: Path, exclusive: bool) -> int | None:
    how = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed between opening and locking


def unlock(path: Path, descriptor: int) -> None:
    """Release a lock; the last holder removes the file."""
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):  # a shared lock was let go of for a moment
            path.unlink()
    os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of a file; False when there is no such file."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


@asynccontextmanager
async def hold_file(path: Path, *, exclusive: bool = True) -> AsyncIterator[None]:
    """Hold the lock of that file inside the context."""
    pause = _FIRST_PAUSE
    while (descriptor := try_lock(path, exclusive=exclusive)) is None:
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    try:
        yield
    finally:
        unlock(path, descriptor)


class FileLocks:
    """The `Locks` port for all processes that use the same folder."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "locks"

    @asynccontextmanager
    async def hold(self, name: str, *, exclusive: bool) -> AsyncIterator[None]:
        """Hold the lock inside the context."""
        async with hold_file(self._path(name), exclusive=exclusive):
            yield

    @asynccontextmanager
    async def try_hold(self, name: str) -> AsyncIterator[bool]:
        """Hold the lock inside the context if nobody holds it now."""
        path = self._path(name)
        descriptor = try_lock(path)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                unlock(path, descriptor)

    def _path(self, name: str) -> Path:
        with storing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / quote(name, safe="")
