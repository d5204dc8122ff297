"""What the engine asks of the outside: jobs, and the effects that it wants done."""

from __future__ import annotations

from enum import Enum

from filesync_web.core.display import FileSyncEvent
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import LocalFileState, RemoteDelete


class JobKind(Enum):
    """What a job does with the object store."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt. `serial` is unique in an engine's life; the report of its end names it.

    `file_id` is the transferred file, or, for a delete, the file that orphaned the object. `size` in bytes,
    None when it is not known.
    """

    serial: int
    kind: JobKind
    file_id: str
    content_hash: str
    remote_key: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class WriteRow:
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
class ChangeRemoteKey:
    """Record another remote key, if content and key still are the file's.

    `old` is "" when the content has been uploaded. `new` is "" when its object is lost: whoever has the bytes
    uploads them again.
    """

    file_id: str
    content_hash: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class QueueRemoteDelete:
    """Put an entry into the outbox: this client is about to send the object, so it answers for it; durable
    before the effects that follow it."""

    delete: RemoteDelete


@dataclass(frozen=True, slots=True)
class FinishRemoteDelete:
    """Take the entry out of the outbox: it is done."""

    delete: RemoteDelete


@dataclass(frozen=True, slots=True)
class DeleteBlob:
    """Remove the own bytes, if still no live file refers to them."""

    content_hash: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the app."""

    event: FileSyncEvent


Effect = (
    WriteRow
    | RemoveRow
    | Start
    | Cancel
    | ChangeRemoteKey
    | QueueRemoteDelete
    | FinishRemoteDelete
    | DeleteBlob
    | Notify
)
