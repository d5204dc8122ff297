"""The file tables of a store: what the file sync reads of them, and the events by which it changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from filesync_web.core.records import (
    BlobUse,
    FileRecord,
    LocalFileState,
    OpenUpload,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.errors import SchemaError, UnknownFileError
from filesync_web.files.schema import FILE_TABLES, FileTables
from filesync_web.livestore.schema import NewEvent
from filesync_web.livestore.store import Store
from filesync_web.livestore.tables import Select, Table

R = TypeVar("R")


_FILE_ID_ARGS = ("id", "fileId")


class FileSyncTables:
    """See the module. Raises `SchemaError` when the store's schema lacks the file tables."""

    def __init__(self, store: Store) -> None:
        tables, events = store.schema.tables, store.schema.events
        missing = [name for name in FILE_TABLES if name not in tables] + [
            name for name in ("file_created", "local_file_state_upsert") if name not in events
        ]
        if missing:
            raise SchemaError(
                f"the schema of store {store.store_id!r} lacks {', '.join(missing)}: merge the "
                "tables, events and materializers of create_file_sync_schema() into make_schema()"
            )
        self._store = store
        self._tables = FileTables(*(tables[name] for name in FILE_TABLES))
        self._events = events
        self._changing_control = asyncio.Lock()

    # --- reading

    def record(self, file_id: str) -> FileRecord | None:
        """The record with that id, deleted or not."""
        return self._first(self._tables.files.where(id=file_id))

    def live(self, id_or_path: str) -> FileRecord:
        """The live file with that id or path; raises `UnknownFileError`."""
        files = self._tables.files
        path = id_or_path.lstrip("/")
        content_hash = path.rpartition("/")[2]  # it has an index, the path has none
        found = self._first(files.where(id=id_or_path, deleted_at=None)) or self._first(
            files.where(content_hash=content_hash, path=path, deleted_at=None)
        )
        if found is None:
            raise UnknownFileError(
                f"no live file has the id or path {id_or_path!r}; it may have been deleted"
            )
        return found

    def all_live(self) -> list[FileRecord]:
        """All live records."""
        return self._store.query(self._tables.files.where(deleted_at=None))

    def all_ids(self) -> list[str]:
        """The files that are live or of which this client has a row."""
        rows = self._store.query(
            'SELECT "id" FROM "files" WHERE "deletedAt" IS NULL UNION SELECT "fileId" FROM "localFileState"'
        )
        return [file_id for (file_id,) in rows]

    def records(self, file_ids: list[str]) -> list[FileRecord]:
        """The records with these ids, deleted or not."""
        return self._store.query(self._tables.files.where(id=file_ids))

    def row(self, file_id: str) -> LocalFileState | None:
        """This client's row of a file."""
        return self._first(self._tables.local_file_state.where(file_id=file_id))

    def all_rows(self) -> list[LocalFileState]:
        """All rows of this client."""
        return self._store.query(self._tables.local_file_state)

    def rows(self, file_ids: list[str]) -> list[LocalFileState]:
        """This client's rows of these files."""
        return self._store.query(self._tables.local_file_state.where(file_id=file_ids))

    def unsent(self) -> set[str]:
        """The files whose upload waits or runs."""
        statuses = [Status.QUEUED.value, Status.IN_PROGRESS.value]
        rows = self._store.query(self._tables.local_file_state.where(upload_status=statuses))
        return {row.file_id for row in rows}

    def control(self, file_id: str) -> TransferControl:
        """What the user asked of a file's transfers."""
        found = self._first(self._tables.transfer_control.where(file_id=file_id))
        return found or TransferControl(file_id)

    def controls(self, file_ids: list[str]) -> list[TransferControl]:
        """What the user asked of these files."""
        return self._store.query(self._tables.transfer_control.where(file_id=file_ids))

    def outbox(self) -> list[RemoteDelete]:
        """The remote deletes that this client owes."""
        return self._store.query(self._tables.remote_deletes)

    def files_of(self, content_hash: str) -> list[FileRecord]:
        """The live files of that content."""
        return self._store.query(self._tables.files.where(content_hash=content_hash, deleted_at=None))

    def is_live(self, content_hash: str) -> bool:
        """Whether a live file has that content."""
        query = self._tables.files.where(content_hash=content_hash, deleted_at=None)
        return self._first(query.limit(1)) is not None

    def needs(self, content_hash: str, *, without: Iterable[str] = ()) -> bool:
        """Whether the own bytes of a content are needed: as a live file's content or own copy, or as the old
        content of an edit whose new content is not uploaded yet. An evicted file that is uploaded needs none,
        nor do the files `without`."""
        ignored = set(without)
        rows = self._store.query(self._tables.local_file_state.where(local_hash=content_hash))
        users = self.files_of(content_hash) + self._records({row.file_id for row in rows})
        if any(user.id not in ignored and not self._does_without(user) for user in users):
            return True
        deletes = self._store.query(self._tables.remote_deletes.where(content_hash=content_hash))
        return any(not cause.is_uploaded for cause in self._records({d.file_id for d in deletes}))

    def _does_without(self, record: FileRecord) -> bool:
        return record.is_uploaded and self.control(record.id).evicted

    def uses(self) -> dict[str, int]:
        """When each content was last used here, in milliseconds since the epoch."""
        return {use.content_hash: use.used_at for use in self._store.query(self._tables.blob_use)}

    def used_at(self, content_hash: str) -> int | None:
        """When a content was last used here."""
        use = self._first(self._tables.blob_use.where(content_hash=content_hash))
        return None if use is None else use.used_at

    def _records(self, file_ids: Iterable[str]) -> list[FileRecord]:
        return self._store.query(self._tables.files.where(id=list(file_ids), deleted_at=None))

    def _first(self, query: Select[R]) -> R | None:
        return next(iter(self._store.query(query)), None)

    @property
    def watched(self) -> tuple[Table[Any], ...]:
        """The tables that say where the bytes of the files are."""
        return (self._tables.files, self._tables.local_file_state, self._tables.transfer_control)

    # --- uploads in parts

    def open_upload(self, remote_key: str) -> OpenUpload | None:
        """The upload in parts of that key that was begun."""
        return self._first(self._tables.open_uploads.where(remote_key=remote_key))

    async def upload_opened(self, upload: OpenUpload) -> None:
        """Remember an upload in parts; durable when it returns."""
        await self._store.commit(
            self._events.upload_opened(
                remote_key=upload.remote_key, upload_id=upload.upload_id, part_size=upload.part_size
            )
        )

    async def upload_closed(self, remote_key: str) -> None:
        """Forget the upload of that key."""
        await self._store.commit(self._events.upload_closed(remote_key=remote_key))

    # --- events

    def created(self, record: FileRecord) -> NewEvent:
        """The record is new."""
        event: NewEvent = self._events.file_created(
            id=record.id,
            path=record.path,
            content_hash=record.content_hash,
            metadata_json=record.metadata_json,
            created_at=record.created_at,
            updated_at=record.updated_at,
        )
        return event

    def edited(self, record: FileRecord) -> NewEvent:
        """The record has new content or metadata."""
        event: NewEvent = self._events.file_updated(
            id=record.id,
            path=record.path,
            remote_key=record.remote_key,
            content_hash=record.content_hash,
            metadata_json=record.metadata_json,
            updated_at=record.updated_at,
        )
        return event

    def remote_key_changed(self, old: FileRecord, remote_key: str) -> NewEvent:
        """The same content has another remote key: valid only while the record is live and still has the
        content and the key that `old` has, also after a rebase."""
        event: NewEvent = self._events.file_updated(
            id=old.id,
            path=old.path,
            remote_key=remote_key,
            content_hash=old.content_hash,
            updated_at=old.updated_at,
        )
        return event.only_if(
            self._tables.files.where(
                id=old.id, content_hash=old.content_hash, remote_key=old.remote_key, deleted_at=None
            )
        )

    def deleted(self, file_id: str, deleted_at: int) -> NewEvent:
        """The file is deleted; `deleted_at` in milliseconds since the epoch."""
        event: NewEvent = self._events.file_deleted(id=file_id, deleted_at=deleted_at)
        return event

    def row_changed(self, row: LocalFileState) -> NewEvent:
        """This client's row of a file."""
        event: NewEvent = self._events.local_file_state_upsert(
            file_id=row.file_id,
            path=row.path,
            local_hash=row.local_hash,
            download_status=row.download_status.value,
            upload_status=row.upload_status.value,
            last_sync_error=row.last_sync_error,
        )
        return event

    def row_removed(self, file_id: str) -> NewEvent:
        """This client has no row of the file any more."""
        event: NewEvent = self._events.local_file_state_remove(file_id=file_id)
        return event

    def control_changed(self, control: TransferControl) -> NewEvent:
        """What the user asks of a file's transfers."""
        event: NewEvent = self._events.transfer_control_set(
            file_id=control.file_id,
            state=control.state.value,
            priority=control.priority,
            pinned=control.pinned,
            evicted=control.evicted,
        )
        return event

    async def change_control(self, file_id: str, **changes: Any) -> None:
        """Change what the user asks of a file's transfers: these fields, and no others."""
        async with self._changing_control:
            await self._store.refresh()
            control = self.control(file_id)
            changed = replace(control, **changes)
            if changed != control:
                await self._store.commit(self.control_changed(changed))

    async def evict(self, records: Iterable[FileRecord]) -> None:
        """These files do without own bytes from now on."""
        async with self._changing_control:
            events = []
            for record in records:
                events.append(
                    self.control_changed(replace(self.control(record.id), evicted=True, priority=0))
                )
                if (row := self.row(record.id)) is not None:
                    gone = replace(row, local_hash="", download_status=Status.PENDING)
                    events.append(self.row_changed(gone))
            await self._store.commit(*events)

    def blob_used(self, use: BlobUse) -> NewEvent:
        """A content was used here."""
        event: NewEvent = self._events.blob_used(content_hash=use.content_hash, used_at=use.used_at)
        return event

    def remote_delete_owed(self, delete: RemoteDelete) -> NewEvent:
        """An entry of the outbox."""
        event: NewEvent = self._events.remote_delete_queued(
            remote_key=delete.remote_key,
            content_hash=delete.content_hash,
            file_id=delete.file_id,
            queued_at=delete.queued_at,
        )
        return event

    def remote_delete_finished(self, remote_key: str) -> NewEvent:
        """The entry of the outbox is done or no longer wanted."""
        event: NewEvent = self._events.remote_delete_done(remote_key=remote_key)
        return event


def file_id_of(args: Any) -> str | None:
    """The file that an event of the file schema is about, by its wire arguments."""
    if isinstance(args, dict):
        for name in _FILE_ID_ARGS:
            if isinstance(value := args.get(name), str):
                return value
    return None
