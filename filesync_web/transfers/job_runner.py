"""What a job does: move the bytes of one file to or from the object store, or delete an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from filesync_web.aio.batches import Batches
from filesync_web.core.display import FileSyncEvent
from filesync_web.core.metadata import FileMetadata, parse_metadata
from filesync_web.core.records import Priority
from filesync_web.engine.effects import Job, JobKind
from filesync_web.errors import BlobNotFoundError, QuotaExceededError
from filesync_web.files.eviction import Eviction
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent
from filesync_web.ports import Progress
from filesync_web.remote.object_store import RemoteObject
from filesync_web.transfers.background_uploads import BackgroundUploads

MAX_REFRESHED = 1000


class JobRunner:
    """Does the jobs of one store; may be cancelled at any time. `on_progress` is told the progress."""

    def __init__(
        self,
        workspace: Workspace,
        eviction: Eviction,
        background_uploads: BackgroundUploads,
        on_progress: Callable[[FileSyncEvent], None],
    ) -> None:
        self._store = workspace.store
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._remote = workspace.remote
        self._saves = workspace.saves
        self._eviction = eviction
        self._background_uploads = background_uploads
        self._on_progress = on_progress
        self._refreshing: Batches[None, None] = Batches(
            "the store, before deletes", self._refresh, most=lambda: MAX_REFRESHED, at_once=lambda: 1
        )

    async def run(self, job: Job) -> None:
        """Do one job; returns when it had its effect, else raises."""
        if job.kind is JobKind.DELETE:
            await self._delete(job)
            return
        record = self._tables.record(job.file_id)
        metadata = parse_metadata(record.metadata_json if record is not None else None)
        progress = self._progress(job, metadata.size_bytes)
        if job.kind is JobKind.DOWNLOAD:
            await self._download(job, metadata, progress)
        else:
            await self._upload(job, metadata, progress)

    def arrival(self, job: Job) -> NewEvent | None:
        """The event that remembers what has come by a download that has ended well."""
        record = self._tables.record(job.file_id)
        return None if record is None else self._eviction.arrival_event(record)

    async def _delete(self, job: Job) -> None:
        await self._refreshing.answer(None)
        if not self._tables.users_of(job.content_hash):
            await self._remote.delete(job.remote_key)

    async def _refresh(self, asked: Sequence[None]) -> list[None]:
        """Catch up with the other tabs, for all deletes that have asked for it by now."""
        await self._store.refresh()
        return [None] * len(asked)

    async def _download(self, job: Job, metadata: FileMetadata, progress: Progress) -> None:
        control = self._tables.control(job.file_id)
        target = replace(_object(job, metadata, metadata.size_bytes), priority=control.priority)

        async def download() -> None:
            await self._remote.download(target, progress)

        # Not for what is merely shown: that may be more than the device can hold at a time.
        is_urgent = control.pinned or control.priority >= Priority.WAITED_FOR
        try:
            await self._eviction.with_room(metadata.size_bytes if is_urgent else None, download)
        except QuotaExceededError as error:
            raise QuotaExceededError(
                f"this device has no room for file {job.file_id}: make some with free_space(), or "
                f"unpin or delete files, then call retry_errors() ({error})"
            ) from error

    async def _upload(self, job: Job, metadata: FileMetadata, progress: Progress) -> None:
        await self._saves.give_way()  # files that are saved together are then all safe sooner
        try:
            blob = await self._blobs.open(job.content_hash, mime_type=metadata.content_type)
        except BlobNotFoundError:
            raise BlobNotFoundError(
                f"the bytes of file {job.file_id} ({job.content_hash}) are gone from this device"
            ) from None
        size = self._blobs.describe(blob).size or 0
        if await self._was_uploaded(job, size):
            return
        await self._remote.upload(_object(job, metadata, size), blob, progress)

    async def _was_uploaded(self, job: Job, size: int) -> bool:
        """Whether the platform did this upload when no tab was open, and its object is still there."""
        is_noted = await self._background_uploads.was_uploaded(job.file_id, job.remote_key)
        return is_noted and await self._remote.has(job.remote_key, size, job.content_hash)

    def _progress(self, job: Job, size: int | None) -> Progress:
        def tell(loaded: int, total: int) -> None:
            self._on_progress(
                FileSyncEvent(f"{job.kind.value}:progress", job.file_id, loaded, total or size or 0)
            )

        return tell


def _object(job: Job, metadata: FileMetadata, size: int | None) -> RemoteObject:
    return RemoteObject(job.remote_key, job.content_hash, metadata.content_type, size)
