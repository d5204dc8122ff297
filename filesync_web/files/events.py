"""The events by which the file sync changes a store's file tables, made of records and rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filesync_web.core.foreign import is_file_id
from filesync_web.core.records import (
    BlobUse,
    FileRecord,
    LocalFileState,
    OpenUpload,
    OrphanNote,
    RemoteDelete,
    TransferControl,
)
from filesync_web.core.versions import DAY, VersionPolicy, file_and_content
from filesync_web.livestore.schema import NewEvent, Schema
from filesync_web.livestore.tables import Select

_FILE_ID_ARGS = ("id", "fileId")


class FileEvents:
    """Makes events of one schema; none is committed here. Client-only ones replace a whole row."""

    def __init__(self, schema: Schema) -> None:
        self._events = schema.events
        self._files = schema.tables.files
        self._versions = schema.tables.file_versions

    # --- the synced records

    def created(self, record: FileRecord) -> NewEvent:
        """The record is new."""
        return self._events.file_created(
            id=record.id,
            path=record.path,
            content_hash=record.content_hash,
            metadata_json=record.metadata_json,
            created_at=record.created_at,
            updated_at=record.updated_at,
        )

    def new_content(self, event: tuple[str, Any]) -> tuple[str, str] | None:
        """The file that an event, by wire name and arguments, has made, and its content; None for another
        event."""
        name, args = event
        file_id = file_id_of(args) if name == self._events.file_created.name else None
        return None if file_id is None else (file_id, str(args.get("contentHash")))

    def edited(self, record: FileRecord, *, if_content: str | None = None) -> NewEvent:
        """The record has new content or metadata; with `if_content` it is valid only while it is live and has
        that content before, also after a rebase."""
        event = self._events.file_updated(
            id=record.id,
            path=record.path,
            remote_key=record.remote_key,
            content_hash=record.content_hash,
            metadata_json=record.metadata_json,
            updated_at=record.updated_at,
        )
        return self._if_content(event, record.id, if_content)

    def remote_key_changed(self, old: FileRecord, remote_key: str) -> NewEvent:
        """The same content has another remote key: valid only while the record, live or in the trash, still
        has the content and the key that `old` has, also after a rebase. The record may be a version's."""
        file_id, content_hash = file_and_content(old.id)
        if content_hash:
            stored = self._events.file_version_stored(
                id=file_id, content_hash=content_hash, remote_key=remote_key
            )
            same = {"file_id": file_id, "content_hash": content_hash, "remote_key": old.remote_key}
            return stored.only_if(self._versions.where(**same))
        event = self._events.file_updated(
            id=old.id,
            path=old.path,
            remote_key=remote_key,
            content_hash=old.content_hash,
            updated_at=old.updated_at,
        )
        same = {"id": old.id, "content_hash": old.content_hash, "remote_key": old.remote_key}
        return event.only_if(self._files.where(**same))

    def described(self, old: FileRecord, metadata_json: str, updated_at: int) -> NewEvent:
        """Something else is said of the same content: valid only while the record is live and has the content
        and the key that `old` has, also after a rebase."""
        new = replace(old, metadata_json=metadata_json, updated_at=updated_at)
        return self.edited(new).only_if(self._unchanged(old))

    def description(self, name: str, wire: Any) -> FileRecord | None:
        """What an event that `described` has made was to make of the record, apart from its times; None for
        another event."""
        if name != self._events.file_updated.name or not isinstance(wire.get("metadataJson"), str):
            return None
        said = self._events.file_updated.decode(wire)
        of_content = (said.path, said.remote_key, said.content_hash)
        return FileRecord(said.id, *of_content, said.metadata_json, said.updated_at, said.updated_at)

    def previewed(self, old: FileRecord, metadata_json: str) -> NewEvent:
        """The content has a preview: valid only while the record is what `old` says."""
        event = self.edited(replace(old, metadata_json=metadata_json))
        return event.only_if(self._unchanged(old).where(metadata_json=old.metadata_json))

    def _unchanged(self, old: FileRecord) -> Select[Any]:
        """Finds the record while it is live and has the content and the key that `old` has."""
        return self._files.where(
            id=old.id, content_hash=old.content_hash, remote_key=old.remote_key, deleted_at=None
        )

    def deleted(self, file_id: str, deleted_at: int, *, if_content: str | None = None) -> NewEvent:
        """The file is deleted; `deleted_at` in milliseconds since the epoch, `if_content` as for `edited`."""
        event = self._events.file_deleted(id=file_id, deleted_at=deleted_at)
        return self._if_content(event, file_id, if_content)

    def _if_content(self, event: NewEvent, file_id: str, content_hash: str | None) -> NewEvent:
        if content_hash is None:
            return event
        return event.only_if(self._files.where(id=file_id, content_hash=content_hash, deleted_at=None))

    def effect_of(self, record: FileRecord) -> Select[Any]:
        """Finds the record when the event that makes it what it is has had its effect just before."""
        return self._files.where(
            id=record.id,
            content_hash=record.content_hash,
            updated_at=record.updated_at,
            deleted_at=record.deleted_at,
        )

    # --- versions and trash

    def based(self, file_id: str, content_hash: str, base_hash: str) -> NewEvent:
        """The edit to that content right before this event, or the deletion where that is empty, was made by
        who knew the file to have the content `base_hash`."""
        return self._events.file_version_base(id=file_id, content_hash=content_hash, base_hash=base_hash)

    def resolved(self, file_id: str, content_hash: str) -> NewEvent:
        """That content of the file is no open conflict any more."""
        return self._events.file_version_resolved(id=file_id, content_hash=content_hash)

    def restored(self, file_id: str) -> NewEvent:
        """The file is out of the trash."""
        return self._events.file_restored(id=file_id)

    def purged(self, record: FileRecord) -> NewEvent:
        """Nothing of the deleted file is kept: valid only while it has the content that `record` has, also
        after a rebase. Who purges has not seen another one."""
        event = self._events.file_purged(id=record.id)
        return event.only_if(self._files.where(id=record.id, content_hash=record.content_hash))

    def policy_set(self, policy: VersionPolicy) -> NewEvent:
        """The store keeps what was replaced or deleted for so long."""
        return self._events.file_version_policy_set(
            keep_last=policy.keep_last,
            keep_ms=_milliseconds(policy.keep_days),
            trash_ms=_milliseconds(policy.trash_days),
            edit_revives=policy.edit_revives,
        )

    def is_policy_set(self, name: str) -> bool:
        """Whether an event of that wire name changes the policy."""
        return name == self._events.file_version_policy_set.name

    # --- what is this client's own

    def row_written(self, row: LocalFileState) -> NewEvent:
        """This client's row of a file."""
        return self._events.local_file_state_upsert(**_columns(row))

    def row_removed(self, file_id: str) -> NewEvent:
        """This client has no row of the file any more."""
        return self._events.local_file_state_remove(file_id=file_id)

    def control_changed(self, control: TransferControl) -> NewEvent:
        """What the user asks of a file's transfers."""
        return self._events.transfer_control_set(**_columns(control))

    def blob_used(self, use: BlobUse) -> NewEvent:
        """A content was used here, or came here."""
        return self._events.blob_used(**_columns(use))

    def orphan_found(self, note: OrphanNote) -> NewEvent:
        """The files of that content have vanished without a deletion."""
        return self._events.orphan_found(**_columns(note))

    def orphan_gone(self, content_hash: str) -> NewEvent:
        """A file has that content again, or its bytes are gone."""
        return self._events.orphan_gone(content_hash=content_hash)

    def stock_taken(self, taken_at: int) -> NewEvent:
        """All bytes were looked over; `taken_at` in milliseconds since the epoch."""
        return self._events.stock_taken(taken_at=taken_at)

    def remote_delete_queued(self, delete: RemoteDelete) -> NewEvent:
        """An entry of the outbox."""
        return self._events.remote_delete_queued(**_columns(delete))

    def remote_delete_done(self, delete: RemoteDelete) -> NewEvent:
        """The entry of the outbox is done."""
        return self._events.remote_delete_done(remote_key=delete.remote_key, file_id=delete.file_id)

    def upload_opened(self, upload: OpenUpload) -> NewEvent:
        """An upload in parts was begun."""
        return self._events.upload_opened(**_columns(upload))

    def upload_closed(self, remote_key: str) -> NewEvent:
        """The upload in parts of that key is over."""
        return self._events.upload_closed(remote_key=remote_key)


def _columns(row: Any) -> dict[str, Any]:
    """The fields of a flat record by name; `asdict` would copy each value."""
    return {name: getattr(row, name) for name in row.__slots__}


def _milliseconds(days: float | None) -> int | None:
    return None if days is None else round(days * DAY)


def file_id_of(args: Any) -> str | None:
    """The file that an event of the file schema is about, by its wire arguments: of what is said of a version
    that is its file. None for an id that this client can say nothing about."""
    if isinstance(args, dict):
        for name in _FILE_ID_ARGS:
            value = args.get(name)
            if isinstance(value, str) and is_file_id(file_id := file_and_content(value)[0]):
                return file_id
    return None
