"""What the engine knows about a file: the synced record and this client's row.

*Record*: the synced fact, equal on all clients (table `files`). *Row*: this client's progress with that
file (table `localFileState`). Both are immutable; a change makes a new one.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from filesync_web.core.light_dataclass import dataclass

CANCELLED_MESSAGE = "cancelled"
"""The `last_sync_error` of a file whose transfer the user has cancelled."""


class Status(StrEnum):
    """The state of one direction of a file's transfer, as the `localFileState` table spells it."""

    PENDING = "pending"
    QUEUED = "queued"
    IN_PROGRESS = "inProgress"
    DONE = "done"
    ERROR = "error"


class Control(StrEnum):
    """What the user asked of a file's transfers, as the `transferControl` table spells it."""

    NONE = ""
    PAUSED = "paused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One row of the synced `files` table; times are milliseconds since the epoch."""

    id: str
    path: str
    remote_key: str
    content_hash: str
    metadata_json: str | None
    created_at: int
    updated_at: int
    deleted_at: int | None = None

    @property
    def is_live(self) -> bool:
        return self.deleted_at is None

    @property
    def is_uploaded(self) -> bool:
        return self.remote_key != ""

    @property
    def is_usable(self) -> bool:
        """Whether it names content: see `core.foreign.accepted`."""
        return self.content_hash != ""


@dataclass(frozen=True, slots=True)
class LocalFileState:
    """One row of the client's `localFileState` table.

    `local_hash` is the hash of the own copy, "" when there is none. It may lag behind the record's
    content hash: the old copy is kept until the new content is here.
    """

    file_id: str
    path: str
    local_hash: str
    download_status: Status
    upload_status: Status
    last_sync_error: str = ""

    @property
    def has_error(self) -> bool:
        """Whether a transfer rests at `error`."""
        return Status.ERROR in (self.upload_status, self.download_status)

    @property
    def is_cancelled(self) -> bool:
        """Whether a transfer rests because the user has cancelled it; `has_error` is true as well."""
        return self.has_error and self.last_sync_error == CANCELLED_MESSAGE

    @property
    def is_on_demand(self) -> bool:
        """Whether the bytes are elsewhere and nothing is to be done: the file was evicted here, or does not
        come by itself, and is downloaded when it is read, shown or pinned."""
        return self.download_status is Status.DONE and self.local_hash == ""


@dataclass(frozen=True, slots=True)
class RemoteDelete:
    """One entry of the durable outbox: an object that this client deletes remotely when nothing needs it.

    `file_id` is the file whose upload, edit or deletion put it there.
    """

    remote_key: str
    content_hash: str
    file_id: str
    queued_at: int


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload in parts that this client began and did not complete; `part_size` in bytes."""

    remote_key: str
    upload_id: str
    part_size: int


class Priority(IntEnum):
    """What goes first: what is shown, and before it what somebody waits for, for which even room is made."""

    NORMAL = 0
    SHOWN = 1
    WAITED_FOR = 2


@dataclass(frozen=True, slots=True)
class TransferControl:
    """What the user asked of one file on this client; a higher priority goes first.

    `pinned`: its bytes stay here. `evicted`: they were removed because the object store has them, and are not
    downloaded until the file is wanted again.
    """

    file_id: str
    state: Control = Control.NONE
    priority: int = 0
    pinned: bool = False
    evicted: bool = False

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody wants the file's bytes here: it was read, shown or pinned, and not evicted."""
        return not self.evicted and (self.pinned or self.priority > Priority.NORMAL)


@dataclass(frozen=True, slots=True)
class BlobUse:
    """What this client knows of a content by itself: when it was last used here, in milliseconds since the
    epoch (0 for never), and the metadata of a file that had it."""

    content_hash: str
    used_at: int
    metadata_json: str | None = None


@dataclass(frozen=True, slots=True)
class OrphanNote:
    """Bytes are here whose files have vanished without a deletion; that was found at `orphaned_at`, in
    milliseconds since the epoch.

    `had_file`: this client had a file of that content. Else nothing is known of the bytes, and a deletion
    that the log turns out to have explains them.
    """

    content_hash: str
    orphaned_at: int
    had_file: bool


@dataclass(frozen=True, slots=True)
class FileOperationResult:
    """What `save_file` and `update_file` return: the bytes are durable here and the event is in the log."""

    file_id: str
    path: str
    content_hash: str
