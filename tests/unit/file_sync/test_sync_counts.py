"""The counts of all transfers, and what the tables' indexes are for."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import filesync_web as fs
from filesync_web.files.sync_counts import _BY_STATUS, _ON_DEMAND
from tests.unit.file_sync.scene import FILES, SCHEMA

HASH = "a" * 64


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[fs.Store]:
    opened = await fs.open_store(SCHEMA, store_id="counted", data_dir=tmp_path)
    yield opened
    await opened.close()


async def test_the_counts_are_those_of_the_status_in_every_mixture_of_states(store: fs.Store) -> None:
    assert fs.get_sync_counts(store) == fs.SyncCounts()
    mixtures = itertools.product(fs.Status, fs.Status, ("", HASH))
    rows = [
        FILES.events.local_file_state_upsert(
            file_id=f"file {number}",
            path="path",
            local_hash=local_hash,
            download_status=download.value,
            upload_status=upload.value,
            last_sync_error="",
        )
        for number, (download, upload, local_hash) in enumerate(mixtures)
    ]
    await store.commit(*rows)
    counts = fs.get_sync_counts(store)
    status = fs.get_sync_status(store.query(FILES.tables.local_file_state))
    for name in fs.SyncCounts.__dataclass_fields__:
        assert getattr(counts, name) == getattr(status, name) > 0, name
    assert (counts.is_syncing, counts.has_pending) == (True, True)


async def test_counts_and_pages_are_read_from_indexes_alone(store: fs.Store) -> None:
    def plan(sql: str) -> str:
        rows = store._replica.state._db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        return "; ".join(row[3] for row in rows)

    for sql in (_BY_STATUS, _ON_DEMAND, "SELECT count(*) FROM files WHERE deletedAt IS NULL"):
        assert "COVERING INDEX" in plan(sql), plan(sql)
        assert "TEMP B-TREE" not in plan(sql)
    page = FILES.tables.files.where(deleted_at=None).order_by("created_at").limit(50).offset(9)
    assert "filesByTime" in plan(page.sql)
    assert "TEMP B-TREE" not in plan(page.sql)


@pytest.mark.parametrize("status", list(fs.Status))
def test_the_counts_know_whether_something_runs_or_waits(status: fs.Status) -> None:
    counts = fs.SyncCounts(
        downloading_count=status is fs.Status.IN_PROGRESS,
        queued_download_count=status is fs.Status.QUEUED,
        pending_upload_count=status is fs.Status.PENDING,
        error_count=status is fs.Status.ERROR,
    )
    assert counts.is_syncing is (status is fs.Status.IN_PROGRESS)
    assert counts.has_pending is (status in {fs.Status.QUEUED, fs.Status.PENDING})
