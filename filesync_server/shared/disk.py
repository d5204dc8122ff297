"""What every part does with the disk: nobody else may read it, and when it is full this is told apart."""

from __future__ import annotations

import errno
import os
from pathlib import Path

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """Whether there was no room for what should have been written."""
    return error.errno in _NO_ROOM


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above it, unless it is there. Only its owner may look into it."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def make_private(path: Path) -> None:
    """Take what is there already away from others. Only its owner can do that; who cannot leaves it as it
    is."""
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            path.chmod(mode & ~0o077)
    except (FileNotFoundError, PermissionError):
        return


def private(path: str, flags: int) -> int:
    """An opener for `open`: a file that it makes is its owner's only."""
    return os.open(path, flags | os.O_CLOEXEC, PRIVATE_FILE)


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
