"""What saving, editing and deleting a file commits, once its bytes are durable here. Works in every tab."""

from __future__ import annotations

import uuid
from dataclasses import replace

from filesync_web.core.metadata import FileMetadata, parse_metadata
from filesync_web.core.paths import remote_key
from filesync_web.core.records import (
    FileOperationResult,
    FileRecord,
    LocalFileState,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.files.eviction import Eviction
from filesync_web.files.importer import Importer, StoredContent
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.schema import NewEvent
from filesync_web.livestore.store import Store
from filesync_web.ports import Clock, Source


class Writer:
    """See the module. `has_remote`: what is saved is to be uploaded."""

    def __init__(
        self,
        store: Store,
        tables: FileSyncTables,
        importer: Importer,
        eviction: Eviction,
        *,
        clock: Clock,
        has_remote: bool,
    ) -> None:
        self._store = store
        self._tables = tables
        self._importer = importer
        self._eviction = eviction
        self._clock = clock
        self._has_remote = has_remote
        self._newest = 0

    async def save(
        self, source: Source, name: str | None, mime_type: str | None, metadata: FileMetadata | None
    ) -> FileOperationResult:
        """Make a new file."""
        now = self._newest = max(self._now(), self._newest + 1)  # what is saved at once keeps its order

        async def save() -> FileOperationResult:
            async with self._importer.take(source, name, mime_type, metadata, custom={}) as content:
                record = FileRecord(
                    id=str(uuid.uuid4()),
                    path=content.path,
                    remote_key="",
                    content_hash=content.content_hash,
                    metadata_json=content.metadata_json,
                    created_at=now,
                    updated_at=now,
                )
                await self._store.commit(
                    self._tables.created(record), self._tables.row_changed(self._own_row(record))
                )
            return self._saved(record)

        return await self._eviction.with_room(self._importer.size_of(source), save)

    async def update(
        self,
        file_id: str,
        source: Source,
        name: str | None,
        mime_type: str | None,
        metadata: FileMetadata | None,
    ) -> FileOperationResult:
        """Give a file new content."""
        old = self._tables.live(file_id)
        before = parse_metadata(old.metadata_json)
        name = name or before.name

        async def save() -> FileOperationResult:
            take = self._importer.take(source, name, mime_type, metadata, custom=before.custom)
            async with take as content:
                new, events = self._edit(self._tables.live(old.id), content)
                await self._store.commit(*events)
            return self._saved(new)

        return await self._eviction.with_room(self._importer.size_of(source), save)

    async def delete(self, file_id: str) -> None:
        """Delete a file; its bytes follow where nothing else needs them."""
        record = self._tables.live(file_id)
        await self._store.commit(self._tables.deleted(record.id, self._now()), *self._owed_delete(record))

    def _edit(self, old: FileRecord, content: StoredContent) -> tuple[FileRecord, list[NewEvent]]:
        """The record with new content, and the events that make it so."""
        same = content.content_hash == old.content_hash
        new = replace(
            old,
            path=content.path,
            content_hash=content.content_hash,
            metadata_json=content.metadata_json,
            remote_key=old.remote_key if same else "",
            updated_at=self._now(),
        )
        events = [self._tables.edited(new), self._tables.row_changed(self._own_row(new))]
        control = self._tables.control(old.id)
        fresh = TransferControl(old.id, pinned=control.pinned)
        if control != fresh:
            events.append(self._tables.control_changed(fresh))
        return new, events if same else events + self._owed_delete(old)

    def _saved(self, record: FileRecord) -> FileOperationResult:
        self._eviction.record_save(record.content_hash)
        return FileOperationResult(record.id, record.path, record.content_hash)

    def _own_row(self, record: FileRecord) -> LocalFileState:
        """The row of content that was just saved here."""
        is_done = not self._has_remote or record.is_uploaded
        upload = Status.DONE if is_done else Status.QUEUED
        return LocalFileState(record.id, record.path, record.content_hash, Status.DONE, upload)

    def _owed_delete(self, old: FileRecord) -> list[NewEvent]:
        """The remote delete that an edit or a deletion of `old` causes, also if its upload may just be
        running."""
        if not self._has_remote:
            return []
        key = remote_key(old.path)
        return [self._tables.remote_delete_owed(RemoteDelete(key, old.content_hash, old.id, self._now()))]

    def _now(self) -> int:
        return int(self._clock.time() * 1000)
