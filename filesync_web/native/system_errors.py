"""The system's errors about the kit's own folders and files, as errors of the kit."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filesync_web.errors import FileSyncError, QuotaExceededError, StorageError, StorageUnavailableError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


@contextmanager
def storing(where: Path) -> Iterator[None]:
    """Turn an `OSError` of what is done inside, in the folder or file `where`, into a `StorageError`."""
    try:
        yield
    except FileSyncError:  # some are an OSError as well
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise QuotaExceededError(f"{where} has no room for the bytes: {error}") from error
        if error.errno in _NO_ACCESS:
            raise StorageUnavailableError(f"{where} cannot be used: {error}") from error
        if error.errno in _TOO_MANY_FILES:
            raise StorageError(
                f"{where} cannot be opened, as too many files are open: do less at once, or raise the limit"
                f" of open files (ulimit -n) ({error})"
            ) from error
        raise StorageError(f"{where} failed: {error}") from error
