"""What a user interface shows: the state of one file, the sums over all files, the events and the progress of
transfers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import FileMetadata, parse_metadata
from filesync_web.core.records import FileRecord, LocalFileState, Status


@dataclass(frozen=True, slots=True)
class FileDisplayState:
    """How to render one file.

    `can_display`: an own copy of the record's content, or a remote one, can be had. `is_on_demand`: it was
    evicted here, or does not come by itself, and is downloaded when it is wanted.
    """

    file: FileRecord
    local_state: LocalFileState | None
    can_display: bool
    has_local_copy: bool
    is_uploaded: bool
    is_uploading: bool
    is_downloading: bool
    is_upload_queued: bool
    is_download_queued: bool
    is_on_demand: bool


def get_file_display_state(file: FileRecord, local_state: LocalFileState | None = None) -> FileDisplayState:
    """The display state of a record and this client's row of it, if any."""
    has_local_copy = local_state is not None and local_state.local_hash == file.content_hash
    upload = local_state.upload_status if local_state is not None else None
    download = local_state.download_status if local_state is not None else None
    return FileDisplayState(
        file=file,
        local_state=local_state,
        can_display=has_local_copy or file.is_uploaded,
        has_local_copy=has_local_copy,
        is_uploaded=file.is_uploaded,
        is_uploading=upload is Status.IN_PROGRESS,
        is_downloading=download is Status.IN_PROGRESS,
        is_upload_queued=upload is Status.QUEUED,
        is_download_queued=download is Status.QUEUED,
        is_on_demand=local_state is not None and local_state.is_on_demand,
    )


def get_file_metadata(file: FileRecord) -> FileMetadata:
    """The typed metadata of a record's content; empty fields where nothing is recorded."""
    return parse_metadata(file.metadata_json)


@dataclass(frozen=True, slots=True)
class FileError:
    """A file whose transfer rests at `error`, and why."""

    file_id: str
    error: str


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """The transfers of this client, by file id; all from one snapshot of the rows.

    On demand are the files that were evicted here or do not come by themselves: nothing waits for them, and
    they are downloaded when they are wanted.
    """

    uploading_file_ids: tuple[str, ...]
    downloading_file_ids: tuple[str, ...]
    queued_upload_file_ids: tuple[str, ...]
    queued_download_file_ids: tuple[str, ...]
    pending_upload_file_ids: tuple[str, ...]
    pending_download_file_ids: tuple[str, ...]
    on_demand_file_ids: tuple[str, ...]
    errors: tuple[FileError, ...]

    @property
    def uploading_count(self) -> int:
        return len(self.uploading_file_ids)

    @property
    def downloading_count(self) -> int:
        return len(self.downloading_file_ids)

    @property
    def queued_upload_count(self) -> int:
        return len(self.queued_upload_file_ids)

    @property
    def queued_download_count(self) -> int:
        return len(self.queued_download_file_ids)

    @property
    def pending_upload_count(self) -> int:
        return len(self.pending_upload_file_ids)

    @property
    def pending_download_count(self) -> int:
        return len(self.pending_download_file_ids)

    @property
    def on_demand_count(self) -> int:
        return len(self.on_demand_file_ids)

    @property
    def error_count(self) -> int:
        return len(self.errors)

    @property
    def is_syncing(self) -> bool:
        """Something is in progress."""
        return bool(self.uploading_file_ids or self.downloading_file_ids)

    @property
    def has_pending(self) -> bool:
        """Something is queued or pending."""
        return bool(
            self.queued_upload_file_ids
            or self.queued_download_file_ids
            or self.pending_upload_file_ids
            or self.pending_download_file_ids
        )


def get_sync_status(rows: Iterable[LocalFileState]) -> SyncStatus:
    """Sum up the `localFileState` rows."""
    uploads: dict[Status, list[str]] = {status: [] for status in Status}
    downloads: dict[Status, list[str]] = {status: [] for status in Status}
    errors, on_demand = [], []
    for row in rows:
        uploads[row.upload_status].append(row.file_id)
        downloads[row.download_status].append(row.file_id)
        if row.is_on_demand:
            on_demand.append(row.file_id)
        if row.has_error:
            errors.append(FileError(row.file_id, row.last_sync_error))
    return SyncStatus(
        uploading_file_ids=tuple(uploads[Status.IN_PROGRESS]),
        downloading_file_ids=tuple(downloads[Status.IN_PROGRESS]),
        queued_upload_file_ids=tuple(uploads[Status.QUEUED]),
        queued_download_file_ids=tuple(downloads[Status.QUEUED]),
        pending_upload_file_ids=tuple(uploads[Status.PENDING]),
        pending_download_file_ids=tuple(downloads[Status.PENDING]),
        on_demand_file_ids=tuple(on_demand),
        errors=tuple(errors),
    )


@dataclass(frozen=True, slots=True)
class FileSyncEvent:
    """Something an app may want to show. `loaded` and `total` in bytes, `total` 0 when unknown.

    Types: `upload:start`, `upload:progress`, `upload:complete`, `upload:error`, the same for `download:`,
    `transfer:exhausted`, `sync:error`, `online`, `offline`, `file:conflict` (see `list_conflicts`).
    """

    type: str
    file_id: str | None = None
    loaded: int = 0
    total: int = 0
    error: str | None = None


# --- progress


@dataclass(frozen=True, slots=True)
class ActiveTransfer:
    """The progress of one running transfer in bytes; `total` is 0 when unknown. `kind`: upload or
    download."""

    file_id: str
    kind: str
    loaded: int
    total: int

    @property
    def percent(self) -> float | None:
        """0 to 100, None when the total is unknown."""
        return 100 * min(self.loaded, self.total) / self.total if self.total else None


ActiveTransfers = Mapping[str, ActiveTransfer]
"""The transfers that run, by file id; the functions below return new ones and change none."""


def create_active_transfer_progress(file_id: str, kind: str, loaded: int, total: int) -> ActiveTransfer:
    """The progress of one transfer; `loaded` and `total` in bytes."""
    return ActiveTransfer(file_id, kind, loaded, total)


def update_active_transfers(transfers: ActiveTransfers, progress: ActiveTransfer) -> ActiveTransfers:
    """A copy of `transfers` with the newer progress of one file."""
    return MappingProxyType({**transfers, progress.file_id: progress})


def remove_active_transfer(transfers: ActiveTransfers, file_id: str) -> ActiveTransfers:
    """A copy of `transfers` without one file."""
    return MappingProxyType({key: value for key, value in transfers.items() if key != file_id})


@dataclass(frozen=True, slots=True)
class TotalProgress:
    """The sum over all running transfers in bytes; `percent` is None while any total is unknown."""

    total_loaded: int
    total_size: int
    count: int
    percent: float | None


def compute_total_progress(transfers: ActiveTransfers) -> TotalProgress:
    """Sum up the running transfers."""
    loaded = sum(transfer.loaded for transfer in transfers.values())
    size = sum(transfer.total for transfer in transfers.values())
    known = bool(transfers) and all(transfer.total for transfer in transfers.values())
    return TotalProgress(loaded, size, len(transfers), 100 * min(loaded, size) / size if known else None)
