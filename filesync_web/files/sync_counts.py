"""How many files are in which state of their transfer, by SQL: some milliseconds with 50,000 files."""

from __future__ import annotations

from collections import Counter

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import Status
from filesync_web.livestore.store import Store

_BY_STATUS = (
    'SELECT "uploadStatus", "downloadStatus", count(*) FROM "localFileState" '
    'GROUP BY "downloadStatus", "uploadStatus"'
)
_ON_DEMAND = """SELECT count(*) FROM "localFileState" WHERE "localHash" = '' AND "downloadStatus" = 'done'"""


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """The transfers of this client in numbers, from one snapshot of the rows; the same numbers as those of
    `SyncStatus`, which has the ids as well.

    On demand are the files that were evicted here: nothing waits for them, and they are downloaded when they
    are wanted.
    """

    uploading_count: int = 0
    downloading_count: int = 0
    queued_upload_count: int = 0
    queued_download_count: int = 0
    pending_upload_count: int = 0
    pending_download_count: int = 0
    on_demand_count: int = 0
    error_count: int = 0

    @property
    def is_syncing(self) -> bool:
        """Something is in progress."""
        return bool(self.uploading_count or self.downloading_count)

    @property
    def has_pending(self) -> bool:
        """Something is queued or pending."""
        queued = self.queued_upload_count or self.queued_download_count
        return bool(queued or self.pending_upload_count or self.pending_download_count)


def get_sync_counts(store: Store) -> SyncCounts:
    """Count the transfers of this client, as of now; for what is shown again after each change.

        counts = get_sync_counts(store)
        show(f"{counts.uploading_count} uploads run, {counts.queued_upload_count} wait")

    Args:
        store: a store whose schema has the tables of `create_file_sync_schema`.

    Raises:
        SchemaError: it has not.
        StoreClosedError: the store is closed.
    """
    uploads: Counter[str] = Counter()
    downloads: Counter[str] = Counter()
    errors = 0
    for upload, download, number in store.query(_BY_STATUS):
        uploads[upload] += number
        downloads[download] += number
        if Status.ERROR in (upload, download):
            errors += number
    return SyncCounts(
        uploading_count=uploads[Status.IN_PROGRESS],
        downloading_count=downloads[Status.IN_PROGRESS],
        queued_upload_count=uploads[Status.QUEUED],
        queued_download_count=downloads[Status.QUEUED],
        pending_upload_count=uploads[Status.PENDING],
        pending_download_count=downloads[Status.PENDING],
        on_demand_count=store.query(_ON_DEMAND)[0][0],
        error_count=errors,
    )
