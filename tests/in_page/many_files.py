"""Many files of one picture, made in a moment: their records and rows are committed in batches."""

from __future__ import annotations

import json
from collections.abc import Iterable

import filesync_web as fs
from tests.in_page.client import FILES, open_store


async def fill(store_id: str, picture: bytes, numbers: Iterable[int]) -> None:
    """Have files of these numbers in a store of this device: named after them, in their order, and older than
    what anybody saves."""
    store = await open_store(store_id, token="")
    sync = await fs.create_file_sync(store, remote=None)
    try:
        saved = await sync.save_file(picture, name="saved.png", mime_type="image/png")
        (row,) = store.query(FILES.tables.local_file_state.where(file_id=saved.file_id))
        events = [event for number in numbers for event in _picture(number, row, len(picture))]
        for first in range(0, len(events), 500):
            await store.commit(*events[first : first + 500])
        await sync.delete_file(saved.file_id, purge=True)
    finally:
        await sync.dispose()
        await store.close()


async def delete(store_id: str, number: int) -> None:
    """Delete one of them."""
    store = await open_store(store_id, token="")
    await store.commit(FILES.events.file_deleted(id=file_id(number), deleted_at=number))
    await store.close()


def file_id(number: int) -> str:
    return f"file {number}"


def name(number: int) -> str:
    return f"picture {number:05}.png"


def _picture(number: int, row: fs.LocalFileState, size: int) -> tuple[fs.NewEvent, fs.NewEvent]:
    metadata = {
        "mimeType": "image/png",
        "sizeBytes": size,
        "image": {"width": 64, "height": 48},
        "custom": {"name": name(number)},
    }
    record = FILES.events.file_created(
        id=file_id(number),
        path=row.path,
        content_hash=row.local_hash,
        metadata_json=json.dumps(metadata),
        created_at=number,
        updated_at=number,
    )
    state = FILES.events.local_file_state_upsert(
        file_id=file_id(number),
        path=row.path,
        local_hash=row.local_hash,
        download_status=row.download_status.value,
        upload_status=row.upload_status.value,
        last_sync_error="",
    )
    return record, state
