"""The exception tree of the kit.

Every error says whether the same attempt may succeed later (`retryable`), so that the engine needs no list of
special cases: a retryable error is tried again with backoff, a permanent one is shown at once.

What a library expects of files is Python's own error as well: an `OSError` with its `errno`.
"""

from __future__ import annotations

from errno import EIO, ENOENT, ENOSPC


class FileSyncError(Exception):
    """Base of every error that the kit raises on purpose."""

    retryable: bool = False


class InvalidArgumentError(FileSyncError, ValueError):
    """The caller passed something that cannot work; nothing was changed."""


class NotInitializedError(FileSyncError, RuntimeError):
    """A helper was called before `init_file_sync` (or after `dispose_file_sync`)."""


class SchemaError(FileSyncError, TypeError):
    """A schema is incomplete, or an event does not fit its definition; nothing was changed."""


class IllegalTransitionError(FileSyncError, RuntimeError):
    """A transfer status was asked to change in a way that the transition table does not list."""


# --- the store


class StoreError(FileSyncError):
    """The event log or its state could not be used."""


class StoreClosedError(StoreError):
    """The store was closed; open it again to use it."""


class EventTooLargeError(StoreError, ValueError):
    """An event is larger than the sync protocol can carry (900,000 encoded bytes); it was not committed."""


class SyncError(StoreError):
    """Metadata sync failed; it goes on by itself when it is retryable."""

    retryable = True


class SyncAuthError(SyncError):
    """The sync backend refused the token or the store id."""

    retryable = False


# --- local bytes


class StorageError(FileSyncError):
    """Local file storage failed."""


class StorageUnavailableError(StorageError):
    """The platform offers no durable file storage here (private mode, insecure context, missing API)."""


class QuotaExceededError(StorageError, OSError):
    """The device has no room for the bytes; nothing was half-written."""

    errno = ENOSPC


class NotEvictableError(StorageError):
    """The bytes stay on this device: they may be the only copy, or are pinned or in use; nothing changed."""


class BlobNotFoundError(StorageError, LookupError, FileNotFoundError):
    """No bytes are stored here under that content hash."""

    errno = ENOENT


class UnreadableError(StorageError, OSError):
    """An open file cannot be read: it was closed, or the browser's data were cleared."""

    errno = EIO


class UnknownFileError(FileSyncError, LookupError, FileNotFoundError):
    """No live file has that id or path."""

    errno = ENOENT


class VersionGoneError(FileSyncError, LookupError, FileNotFoundError):
    """A version or a deleted file is not kept any more; the message says since when."""

    errno = ENOENT


class ContentChangedError(FileSyncError):
    """The file has another content than the one that is to be replaced or deleted."""


class ServiceWorkerError(FileSyncError):
    """The service worker could not be registered or reached, or it could not do what it was asked for."""


class OutdatedError(StoreError, StorageError):
    """A newer version of the kit has taken over what this device keeps: reload the page, or end the process.

    What an open store has read stays readable; nothing can be saved or committed any more, and nothing that
    was is lost.
    """


# --- transfers


class TransferError(FileSyncError):
    """An upload, a download or a remote delete failed.

    `status` is the HTTP status, or None when there was no answer; `retry_after` is the pause in seconds
    that the server asked for, or None.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class NetworkError(TransferError):
    """No answer: offline, refused, reset or cut."""

    retryable = True


class SyncTimeoutError(FileSyncError, TimeoutError):
    """Not everything was synced in time; the message says what hinders it, and it goes on in the
    background."""


class StallError(NetworkError):
    """No byte moved for longer than the stall time-out; the request was aborted."""


class ServerError(TransferError):
    """The server failed or is busy (408, 425, 429, 5xx)."""

    retryable = True


class AuthError(TransferError):
    """The token was refused (401), also after it was asked for anew.

    It is retryable when the app gives a function for the token, which may have a better one later.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.retryable = retryable


class PermanentTransferError(TransferError):
    """The server will not take this request (403, 405, 413, other 4xx); trying again is of no use."""


class RemoteMissingError(TransferError):
    """The object store has no object under the remote key (404)."""


class IntegrityError(TransferError):
    """The bytes that arrived do not have the hash or length that was promised; they were discarded."""

    retryable = True


class TransferCancelledError(TransferError):
    """The transfer was cancelled by the app."""
