"""What the widget's list says of files, in words, for a page that only shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from filesync_web.core.display import (
    ActiveTransfer,
    ActiveTransfers,
    get_file_display_state,
    get_file_metadata,
)
from filesync_web.core.records import FileRecord, LocalFileState
from filesync_web.core.shown_size import shown_size
from filesync_web.livestore.store import Store

_COUNT = 'SELECT count(*) FROM "files" WHERE "deletedAt" IS NULL'


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. `fraction` is how much has been moved, from 0 to 1; None when nothing moves."""

    name: str
    detail: str
    fraction: float | None = None
    failed: bool = False


def listed(store: Store, transfers: ActiveTransfers, most: int) -> tuple[list[Row], str]:
    """Lines for the files of a store, the newest first and at most so many, and one for all of them."""
    tables = store.schema.tables
    records: list[FileRecord] = store.query(
        tables["files"].where(deleted_at=None).order_by("-created_at").limit(most)
    )
    ids = [record.id for record in records]
    states = {row.file_id: row for row in store.query(tables["local_file_state"].where(file_id=ids))}
    rows = [row_of(record, states.get(record.id), transfers.get(record.id)) for record in records]
    return rows, summary(len(rows), store.query(_COUNT)[0][0])


def row_of(record: FileRecord, state: LocalFileState | None, transfer: ActiveTransfer | None) -> Row:
    """The line of a file. `transfer` is what is known of one that runs."""
    metadata = get_file_metadata(record)
    name = metadata.name or "(no name)"
    size = f"{shown_size(metadata.size_bytes)}, " if metadata.size_bytes is not None else ""
    if state is not None and state.has_error:
        return Row(name, size + state.last_sync_error, failed=True)
    display = get_file_display_state(record, state)
    if display.is_uploading or display.is_downloading:
        doing = "uploading" if display.is_uploading else "downloading"
        percent = transfer.percent if transfer is not None else None
        if percent is None:
            return Row(name, size + doing, 0.0)
        return Row(name, f"{size}{doing}, {percent:.0f} %", percent / 100)
    if display.has_local_copy:
        return Row(name, size + ("uploaded" if display.is_uploaded else "saved on this device"))
    return Row(name, size + ("uploaded, not on this device" if display.is_uploaded else "on another device"))


def arriving(name: str, received: int, size: int) -> Row:
    """The line of a file that is being saved; `received` and `size` in bytes."""
    return Row(name or "(no name)", f"{shown_size(size)}, saving", received / size if size else 0.0)


def summary(shown: int, total: int) -> str:
    """One line about so many files, of which some are shown."""
    counted = f"{total:,} file" if total == 1 else f"{total:,} files"
    return counted if shown >= total else f"the newest {shown} of {counted}"


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows as the page gets them."""
    return [asdict(row) for row in rows]
