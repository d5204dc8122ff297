"""What a command ends with: an exit code, and a sentence that says what to do."""

from __future__ import annotations

from enum import IntEnum

from filesync_web.errors import (
    AuthError,
    BlobNotFoundError,
    ContentChangedError,
    FileSyncError,
    InvalidArgumentError,
    NetworkError,
    PermanentTransferError,
    ServerError,
    StorageError,
    StoreError,
    SyncAuthError,
    SyncError,
    TransferError,
    UnknownFileError,
    VersionGoneError,
)


class ExitCode(IntEnum):
    """How a command ended; they are part of the interface."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 3
    REFUSED = 4
    UNREACHABLE = 5
    NO_SUCH_FILE = 6
    INCOMPLETE = 7
    STORAGE = 8
    PROBLEMS = 9
    INTERRUPTED = 130


class SettingsError(FileSyncError):
    """There is no server, token or store to use, or what is set cannot be used."""


class InterruptedCommandError(FileSyncError):
    """Somebody has pressed Ctrl-C."""


class IncompleteError(FileSyncError):
    """Some of what was asked for is not done; it goes on with the next command."""


class AmbiguousNameError(UnknownFileError):
    """Several files have that name."""


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (SettingsError, ExitCode.SETTINGS),
    (IncompleteError, ExitCode.INCOMPLETE),
    (AuthError, ExitCode.REFUSED),
    (PermanentTransferError, ExitCode.REFUSED),
    (SyncAuthError, ExitCode.REFUSED),
    (NetworkError, ExitCode.UNREACHABLE),
    (ServerError, ExitCode.UNREACHABLE),
    (SyncError, ExitCode.UNREACHABLE),
    (UnknownFileError, ExitCode.NO_SUCH_FILE),
    (VersionGoneError, ExitCode.NO_SUCH_FILE),
    (BlobNotFoundError, ExitCode.NO_SUCH_FILE),
    (TransferError, ExitCode.INCOMPLETE),
    (ContentChangedError, ExitCode.INCOMPLETE),
    (StorageError, ExitCode.STORAGE),
    (StoreError, ExitCode.STORAGE),
    (InvalidArgumentError, ExitCode.USAGE),
    (InterruptedCommandError, ExitCode.INTERRUPTED),
)
"""The first that fits counts."""


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code for an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
