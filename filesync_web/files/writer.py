"""What saving, editing and deleting a file commits, once its bytes are durable here. Works in every tab.

A save is straight: the source is prepared once, then its bytes are stored and the event is committed, and
when the device is full, that second step is done once more after room was made.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from filesync_web.core.foreign import is_file_id
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.paths import remote_key
from filesync_web.core.records import (
    FileOperationResult,
    FileRecord,
    LocalFileState,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.errors import ContentChangedError, InvalidArgumentError
from filesync_web.files.controls import changing_controls
from filesync_web.files.eviction import Eviction
from filesync_web.files.file_to_save import AppEvents, FileToSave, check_events, made_events
from filesync_web.files.importer import Importer, PreparedContent, StoredContent
from filesync_web.files.mounts import Mounts
from filesync_web.files.previews import Previews
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent


class Writer:
    """Changes the files of one store."""

    def __init__(
        self,
        workspace: Workspace,
        importer: Importer,
        eviction: Eviction,
        previews: Previews,
        mounts: Mounts,
    ) -> None:
        self._workspace = workspace
        self._store = workspace.store
        self._tables = workspace.tables
        self._events = workspace.events
        self._importer = importer
        self._eviction = eviction
        self._previews = previews
        self._mounts = mounts
        self._newest = 0

    async def save(self, file: FileToSave) -> FileOperationResult:
        """Make a new file, or give one new content."""
        check_events(file.events)
        if file.file_id is None:
            return await self._save_new(file)
        old = self._tables.live(file.file_id)
        before = parse_metadata(old.metadata_json)
        prepared = await self._importer.prepare(
            file.source, file.name or before.name, file.mime_type, file.metadata, custom=before.custom
        )
        return await self._keep(old.id, prepared, partial(self._edit, old.id, file))

    async def _save_new(self, file: FileToSave) -> FileOperationResult:
        new_id = str(uuid.uuid4()) if file.new_id is None else self._fresh(file.new_id)
        create = partial(self._create, new_id, self._next_time(), file.events)
        prepared = await self._importer.prepare(
            file.source, file.name, file.mime_type, file.metadata, custom={}
        )
        return await self._keep(new_id, prepared, create)

    async def recover(self, content_hash: str, name: str | None) -> FileOperationResult:
        """Make a new file of orphaned bytes."""
        create = partial(self._create, str(uuid.uuid4()), self._next_time(), None)
        record = await self._importer.store_orphan(content_hash, name, create)
        return await self._saved(record)

    async def delete(
        self, file_id: str, if_content: str | None, events: AppEvents | None, *, purge: bool = False
    ) -> None:
        """Move a file to the trash; with `purge` nothing of it is kept."""
        check_events(events)
        record = self._checked(file_id, if_content)
        deleted = replace(record, deleted_at=self._workspace.now_ms())
        follow = [self._events.based(record.id, "", record.content_hash)]
        if purge:
            follow.append(self._events.purged(record))
        await self._store.commit(
            self._events.deleted(record.id, deleted.deleted_at or 0, if_content=if_content),
            *self._if_effective(follow, deleted, if_content),
            *self._remote_delete(record),
            *self._of_app(events, deleted, if_content),
        )

    async def take_content(self, file_id: str, kept: FileRecord, *also: NewEvent) -> None:
        """Give a file, deleted or not, the content of that record again, with which it is live."""
        async with changing_controls(self._workspace):
            old = self._tables.history(file_id).record
            events = [] if old.is_live else [self._events.restored(file_id)]
            if kept.content_hash != old.content_hash:
                new = replace(
                    kept, id=file_id, created_at=old.created_at, updated_at=self._workspace.now_ms()
                )
                events += [
                    self._events.edited(new),
                    self._events.based(file_id, new.content_hash, old.content_hash),
                    *self._fresh_control(file_id),
                    *self._remote_delete(old),
                ]
            await self._store.commit(*events, *also)

    async def copy_content(self, kept: FileRecord) -> str:
        """Make a new file of the content of that record; returns its id."""
        now = self._next_time()
        record = replace(kept, id=str(uuid.uuid4()), created_at=now, updated_at=now)
        uploaded = [self._events.edited(record)] if record.is_uploaded else []
        await self._store.commit(self._events.created(record), *uploaded)
        return record.id

    async def purge(self, deleted: FileRecord, kept: list[FileRecord]) -> None:
        """Keep nothing of a deleted file, of which these contents are kept now."""
        contents = [replace(record, id=deleted.id) for record in kept]
        outbox = [event for record in contents for event in self._remote_delete(record)]
        await self._store.commit(self._events.purged(deleted), *outbox)

    async def _keep(
        self,
        file_id: str,
        prepared: PreparedContent,
        commit: Callable[[StoredContent], Awaitable[FileRecord]],
    ) -> FileOperationResult:
        store = partial(self._importer.store, prepared, commit)
        with self._workspace.saves.one_more(file_id):
            record = await self._eviction.with_room(prepared.size, store)
        return await self._saved(record)

    async def _saved(self, record: FileRecord) -> FileOperationResult:
        self._eviction.saved()
        self._previews.make_for(record)
        await self._mounts.prepare(record.content_hash)
        return _result(record)

    def _fresh(self, new_id: str) -> str:
        """The id, which no file has or had; of two files with one id only the first would count."""
        if not is_file_id(new_id) or self._tables.stored(new_id) is not None:
            raise InvalidArgumentError(
                f"a new file cannot have the id {new_id!r:.100}: no id, or a file's already"
            )
        return new_id

    def _next_time(self) -> int:
        """When a new file is created: later than the one before, so that those of one moment keep their
        order."""
        self._newest = max(self._workspace.now_ms(), self._newest + 1)
        return self._newest

    def _checked(self, file_id: str, if_content: str | None) -> FileRecord:
        """The live file, if it has the content that the caller knows of, or wants to know of none."""
        record = self._tables.live(file_id)
        if if_content not in {None, record.content_hash}:
            raise ContentChangedError(f"file {file_id} has another content by now: {record.content_hash}")
        return record

    async def _create(
        self, new_id: str, created_at: int, events: AppEvents | None, content: StoredContent
    ) -> FileRecord:
        record = FileRecord(
            id=new_id,
            path=content.path,
            remote_key="",
            content_hash=content.content_hash,
            metadata_json=content.metadata_json,
            created_at=created_at,
            updated_at=created_at,
        )
        of_app = made_events(events, _result(record))
        await self._store.commit(self._events.created(record), *self._own_bytes(record), *of_app)
        return record

    async def _edit(self, file_id: str, wanted: FileToSave, content: StoredContent) -> FileRecord:
        async with changing_controls(self._workspace):
            old = self._checked(file_id, wanted.if_content)
            is_same = content.content_hash == old.content_hash
            new = replace(
                old,
                path=content.path,
                content_hash=content.content_hash,
                metadata_json=content.metadata_json,
                remote_key=old.remote_key if is_same else "",
                updated_at=self._workspace.now_ms(),
            )
            based = [] if is_same else [self._events.based(file_id, new.content_hash, old.content_hash)]
            events = [
                self._events.edited(new, if_content=wanted.if_content),
                *self._if_effective(based, new, wanted.if_content),
                *self._own_bytes(new),
            ]
            events += self._fresh_control(file_id)
            if not is_same:
                events += self._remote_delete(old)
            await self._store.commit(*events, *self._of_app(wanted.events, new, wanted.if_content))
        return new

    def _fresh_control(self, file_id: str) -> list[NewEvent]:
        """What was asked of a file's transfers is over with its content, but for a pin."""
        control = self._tables.control(file_id)
        fresh = TransferControl(file_id, pinned=control.pinned)
        return [] if control == fresh else [self._events.control_changed(fresh)]

    def _of_app(self, make: AppEvents | None, record: FileRecord, if_content: str | None) -> list[NewEvent]:
        """What the app commits with an edit or a deletion that made this record."""
        return self._if_effective(made_events(make, _result(record)), record, if_content)

    def _if_effective(
        self, events: list[NewEvent], record: FileRecord, if_content: str | None
    ) -> list[NewEvent]:
        """What goes with an edit or a deletion that made this record. Where that may turn out to have no
        effect, these have none then either."""
        if if_content is None:
            return events
        effect = self._events.effect_of(record)
        return [event.only_if(effect) if event.definition.synced else event for event in events]

    def _own_bytes(self, record: FileRecord) -> list[NewEvent]:
        """The bytes of the record are here, and are to be uploaded where they are not; if they were orphaned,
        they are so no more."""
        is_done = record.is_uploaded or not self._workspace.remote.exists
        upload = Status.DONE if is_done else Status.QUEUED
        row = LocalFileState(record.id, record.path, record.content_hash, Status.DONE, upload)
        events = [self._events.row_written(row), self._eviction.save_event(record)]
        if self._tables.orphan(record.content_hash) is not None:
            events.append(self._events.orphan_gone(record.content_hash))
        return events

    def _remote_delete(self, old: FileRecord) -> list[NewEvent]:
        """The remote delete that an edit or a deletion of `old` causes, also if its upload may just be
        running."""
        if not (self._workspace.remote.exists and old.is_usable):
            return []
        key = remote_key(old.path)
        delete = RemoteDelete(key, old.content_hash, old.id, self._workspace.now_ms())
        return [self._events.remote_delete_queued(delete)]


def _result(record: FileRecord) -> FileOperationResult:
    return FileOperationResult(record.id, record.path, record.content_hash)
