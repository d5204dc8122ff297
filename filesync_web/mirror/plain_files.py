"""Opens what is a plain file, and nothing else: a folder changes while it is looked at."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_plain(path: Path) -> int:
    """A descriptor to read from. A link is not followed, and a pipe not waited for. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "there is no plain file", str(path))
