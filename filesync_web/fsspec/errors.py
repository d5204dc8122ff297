"""What a file system raises beside the kit's own errors: each is the error that Python's `open` and `os` have
for it, and a `FileSyncError`. A file that is not there is the kit's `UnknownFileError`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EEXIST, EIO, EISDIR, ENOTDIR, ENOTEMPTY

from filesync_web.errors import (
    AuthError,
    FileSyncError,
    InvalidArgumentError,
    StorageError,
    StoreError,
    SyncAuthError,
    TransferError,
)


class FolderError(FileSyncError, IsADirectoryError):
    """A file is asked for, and a folder is at that path."""

    errno = EISDIR


class NotAFolderError(FileSyncError, NotADirectoryError):
    """A folder is asked for, and a file is at that path."""

    errno = ENOTDIR


class PathTakenError(FileSyncError, FileExistsError):
    """Something is at that path already."""

    errno = EEXIST


class FolderNotEmptyError(FileSyncError, OSError):
    """Only an empty folder can be removed without what is in it, and there are no empty ones."""

    errno = ENOTEMPTY


class UnsupportedModeError(InvalidArgumentError, io.UnsupportedOperation):
    """Files are read, or written as a whole; they are not changed in place."""


class AccessRefusedError(FileSyncError, PermissionError):
    """The server has refused the token."""

    errno = EACCES


class FileIOError(FileSyncError, OSError):
    """The bytes, or what is known of the files, could not be read, written or downloaded."""

    errno = EIO


class CannotWaitError(FileSyncError, RuntimeError):
    """A synchronous method was called where Python cannot wait; the message names the one to await."""


@contextmanager
def os_errors() -> Iterator[None]:
    """Raise an `OSError` where the transfers, the store or the device fail."""
    try:
        yield
    except OSError:
        raise
    except (AuthError, SyncAuthError) as error:
        raise AccessRefusedError(str(error)) from error
    except (TransferError, StorageError, StoreError) as error:
        raise FileIOError(str(error)) from error
