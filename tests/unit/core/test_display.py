"""What a user interface is told."""

from __future__ import annotations

from filesync_web.core.display import (
    compute_total_progress,
    create_active_transfer_progress,
    get_file_display_state,
    get_sync_status,
    remove_active_transfer,
    update_active_transfers,
)
from filesync_web.core.records import FileRecord, LocalFileState, Status


def row(file_id: str, upload: Status, download: Status, error: str = "") -> LocalFileState:
    return LocalFileState(file_id, "p", "h", download, upload, error)


def test_the_sums_come_from_one_snapshot() -> None:
    status = get_sync_status(
        [
            row("a", Status.IN_PROGRESS, Status.DONE),
            row("b", Status.QUEUED, Status.DONE),
            row("c", Status.DONE, Status.PENDING),
            row("d", Status.ERROR, Status.DONE, "refused"),
            row("e", Status.DONE, Status.IN_PROGRESS),
        ]
    )
    assert (status.uploading_file_ids, status.downloading_file_ids) == (("a",), ("e",))
    assert (status.queued_upload_count, status.pending_download_count, status.error_count) == (1, 1, 1)
    assert (status.errors[0].file_id, status.errors[0].error) == ("d", "refused")
    assert status.is_syncing
    assert status.has_pending
    idle = get_sync_status([row("a", Status.DONE, Status.DONE)])
    assert not idle.is_syncing
    assert not idle.has_pending


def test_a_file_can_be_displayed_with_its_own_copy_or_a_remote_one() -> None:
    record = FileRecord("f", "p", "", "h", None, 0, 0)
    assert not get_file_display_state(record).can_display
    here = get_file_display_state(record, row("f", Status.QUEUED, Status.DONE))
    assert here.can_display
    assert here.is_upload_queued
    old_copy = LocalFileState("f", "p", "old", Status.PENDING, Status.DONE)
    assert not get_file_display_state(record, old_copy).can_display
    uploaded = FileRecord("f", "p", "k", "h", None, 0, 0)
    assert get_file_display_state(uploaded).can_display


def test_progress_adds_up() -> None:
    transfers = update_active_transfers({}, create_active_transfer_progress("a", "upload", 50, 100))
    transfers = update_active_transfers(transfers, create_active_transfer_progress("b", "download", 0, 300))
    total = compute_total_progress(transfers)
    assert (total.total_loaded, total.total_size, total.count, total.percent) == (50, 400, 2, 12.5)
    assert transfers["a"].percent == 50.0
    unknown = update_active_transfers(transfers, create_active_transfer_progress("c", "download", 9, 0))
    assert compute_total_progress(unknown).percent is None
    assert set(remove_active_transfer(unknown, "c")) == {"a", "b"}
    assert compute_total_progress({}).percent is None
