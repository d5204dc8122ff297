"""What the engine asks of the outside: jobs, effects, failures, and the events that an app may listen to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from filesync_web.core.records import LocalFileState, RemoteDelete
from filesync_web.errors import (
    BlobNotFoundError,
    FileSyncError,
    RemoteMissingError,
    TransferError,
)


class JobKind(Enum):
    """What a job does with the object store."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt. `serial` is unique in an engine's life; the report of its end names it.

    `file_id` is the transferred file, or, for a delete, the file that made the object superfluous.
    """

    serial: int
    kind: JobKind
    file_id: str
    content_hash: str
    remote_key: str


class FailureKind(Enum):
    """What a failure means for the engine."""

    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    REMOTE_MISSING = "remote missing"
    LOCAL_MISSING = "local missing"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed; `retry_after` in seconds."""

    kind: FailureKind
    message: str
    retry_after: float | None = None


def failure_of(error: BaseException) -> Failure:
    """The engine's view of an exception; one that the kit does not know is taken for permanent."""
    message = str(error) or type(error).__name__
    if isinstance(error, BlobNotFoundError):
        return Failure(FailureKind.LOCAL_MISSING, message)
    if isinstance(error, RemoteMissingError):
        return Failure(FailureKind.REMOTE_MISSING, message)
    if isinstance(error, FileSyncError) and error.retryable:
        retry_after = error.retry_after if isinstance(error, TransferError) else None
        return Failure(FailureKind.RETRYABLE, message, retry_after)
    return Failure(FailureKind.PERMANENT, message)


@dataclass(frozen=True, slots=True)
class FileSyncEvent:
    """Something an app may want to show. `loaded` and `total` in bytes, `total` 0 when unknown.

    Types: `upload:start`, `upload:progress`, `upload:complete`, `upload:error`, the same for `download:`,
    `transfer:exhausted`, `sync:error`, `online`, `offline`.
    """

    type: str
    file_id: str | None = None
    loaded: int = 0
    total: int = 0
    error: str | None = None


# --- effects


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the row; durable before the effects that follow it."""

    row: LocalFileState


@dataclass(frozen=True, slots=True)
class RemoveRow:
    """Remove the row of a deleted file."""

    file_id: str


@dataclass(frozen=True, slots=True)
class Start:
    """Begin the job, and report its end exactly once."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """Abort the job's request; its end is still to be reported."""

    serial: int


@dataclass(frozen=True, slots=True)
class CommitRemoteKey:
    """Record that the content is in the object store, if it still is the file's content."""

    file_id: str
    content_hash: str
    remote_key: str


@dataclass(frozen=True, slots=True)
class WithdrawRemoteKey:
    """Record that the object is lost, if it still is the file's: whoever has the bytes uploads them again."""

    file_id: str
    content_hash: str
    remote_key: str


@dataclass(frozen=True, slots=True)
class OweRemoteDelete:
    """Put an entry into the outbox: this client has uploaded, or may have, what another one made
    superfluous."""

    delete: RemoteDelete


@dataclass(frozen=True, slots=True)
class FinishRemoteDelete:
    """Take the entry out of the outbox: it is done."""

    remote_key: str


@dataclass(frozen=True, slots=True)
class DeleteBlob:
    """Remove the own bytes, if still no live file refers to them."""

    content_hash: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the app."""

    event: FileSyncEvent


Effect = (
    Persist
    | RemoveRow
    | Start
    | Cancel
    | CommitRemoteKey
    | WithdrawRemoteKey
    | OweRemoteDelete
    | FinishRemoteDelete
    | DeleteBlob
    | Notify
)
