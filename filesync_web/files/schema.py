"""The tables, events and materializers of file sync, to be merged into an app's schema.

Names and spelling on the wire and in SQL are livestore-filesync's, so that both share one store;
the tables from `transferControl` on, with their events, are this kit's own and never leave the device.

    files            the synced record of every file; a deleted one stays as a tombstone
    localFileState   this client's progress with each file
    transferControl  what the user asked of a file's transfers on this client
    remoteDeletes    objects that this client deletes remotely when nothing needs them any more: it sent them,
                     or edited or deleted their file
    openUploads      uploads in parts that this client has begun
    blobUse          when each content was last used on this client, and what its file was
    orphans          contents that are here, and whose files have vanished without a deletion
    stockTakings     that the bytes were looked over once, when this log was new

Each client computes for itself the synced tables of `version_schema`, and one more:

    releasedContents contents that an edit or a deletion in the log has taken from a file, or that were given
                     to a file that was deleted already: such bytes may go

Every materializer is total: an update of an unknown file changes nothing, and of two creations of one id the
first in the log wins, on every client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import (
    BlobUse,
    Control,
    FileRecord,
    LocalFileState,
    OpenUpload,
    OrphanNote,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.core.versions import StoredVersion, VersionPolicy
from filesync_web.files.version_schema import (
    HistoryMaterializers,
    file_versions_table,
    usable,
    version_events,
    version_policy_table,
)
from filesync_web.livestore.fields import Field, boolean, integer, text, timestamp
from filesync_web.livestore.schema import Args, Context, EventDef, Materializer, Namespace, Produced, event
from filesync_web.livestore.tables import Statement, Table, index, table

FILE_TABLES = (
    "files",
    "local_file_state",
    "transfer_control",
    "remote_deletes",
    "open_uploads",
    "blob_use",
    "orphans",
    "stock_takings",
    "released_contents",
    "file_versions",
    "version_policy",
)


@dataclass(frozen=True, slots=True, eq=False)
class FileTables(Mapping[str, Table[Any]]):
    """The file tables, typed; also a mapping, for `{**tables, "todos": todos}`."""

    files: Table[FileRecord]
    local_file_state: Table[LocalFileState]
    transfer_control: Table[TransferControl]
    remote_deletes: Table[RemoteDelete]
    open_uploads: Table[OpenUpload]
    blob_use: Table[BlobUse]
    orphans: Table[OrphanNote]
    stock_takings: Table[Any]
    released_contents: Table[Any]
    file_versions: Table[StoredVersion]
    version_policy: Table[VersionPolicy]

    def __getitem__(self, name: str) -> Table[Any]:
        if name not in FILE_TABLES:
            raise KeyError(name)
        found: Table[Any] = getattr(self, name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(FILE_TABLES)

    def __len__(self) -> int:
        return len(FILE_TABLES)


@dataclass(frozen=True, slots=True)
class FileSyncSchema:
    """What `create_file_sync_schema` gives: merge `tables` and `events` into the app's own, and
    `create_materializers(tables)` into its materializers."""

    tables: FileTables
    events: Namespace[EventDef]
    create_materializers: Callable[[Mapping[str, Table[Any]]], dict[str, Materializer]]


def _local_state(*values: Any) -> LocalFileState:
    file_id, path, local_hash, download, upload, error = values
    return LocalFileState(file_id, path, local_hash, Status(download), Status(upload), error)


def _transfer_control(*values: Any) -> TransferControl:
    file_id, state, priority, pinned, evicted = values
    return TransferControl(file_id, Control(state), priority, pinned, evicted)


def _files_table() -> Table[FileRecord]:
    return table(
        "files",
        {
            "id": text(primary_key=True),
            "path": text(default=""),
            "remote_key": text(default=""),
            "content_hash": text(default=""),
            "metadata_json": text(nullable=True),
            "created_at": timestamp(),
            "updated_at": timestamp(),
            "deleted_at": timestamp(nullable=True),
        },
        record=FileRecord,
        indexes=[
            index("filesByContentHash", "content_hash"),
            index("filesByTime", "deleted_at", "created_at"),  # any page of a long list, read by itself
        ],
    )


def _local_file_state_table() -> Table[LocalFileState]:
    return table(
        "localFileState",
        {
            "file_id": text(primary_key=True),
            "path": text(default=""),
            "local_hash": text(default=""),
            "download_status": text(default=Status.PENDING.value),
            "upload_status": text(default=Status.PENDING.value),
            "last_sync_error": text(default=""),
        },
        record=_local_state,
        indexes=[
            index("localFileStateByLocalHash", "local_hash", "download_status"),
            index("localFileStateByStatus", "download_status", "upload_status"),  # to count them
        ],
        client_only=True,
    )


def _transfer_control_table() -> Table[TransferControl]:
    return table(
        "transferControl",
        {
            "file_id": text(primary_key=True),
            "state": text(default=""),
            "priority": integer(default=0),
            "pinned": boolean(default=False),
            "evicted": boolean(default=False),
        },
        record=_transfer_control,
        client_only=True,
    )


def _remote_deletes_table() -> Table[RemoteDelete]:
    return table(
        "remoteDeletes",
        {
            "remote_key": text(primary_key=True),
            "content_hash": text(),
            "file_id": text(primary_key=True),
            "queued_at": timestamp(),
        },
        record=RemoteDelete,
        client_only=True,
        indexes=[
            index("remoteDeletesByContentHash", "content_hash"),
            index("remoteDeletesByFileId", "file_id"),
        ],
    )


def _create_tables() -> FileTables:
    return FileTables(
        files=_files_table(),
        local_file_state=_local_file_state_table(),
        transfer_control=_transfer_control_table(),
        remote_deletes=_remote_deletes_table(),
        open_uploads=table(
            "openUploads",
            {"remote_key": text(primary_key=True), "upload_id": text(), "part_size": integer()},
            record=OpenUpload,
            client_only=True,
        ),
        blob_use=table(
            "blobUse",
            {
                "content_hash": text(primary_key=True),
                "used_at": timestamp(),
                "metadata_json": text(nullable=True, default=None),
            },
            record=BlobUse,
            client_only=True,
        ),
        orphans=table(
            "orphans",
            {"content_hash": text(primary_key=True), "orphaned_at": timestamp(), "had_file": boolean()},
            record=OrphanNote,
            client_only=True,
        ),
        stock_takings=table("stockTakings", {"taken_at": timestamp(primary_key=True)}, client_only=True),
        released_contents=table("releasedContents", {"content_hash": text(primary_key=True)}),
        file_versions=file_versions_table(),
        version_policy=version_policy_table(),
    )


def _synced_events() -> dict[str, EventDef]:
    metadata_json = text(nullable=True, optional=True)
    return {
        "file_created": event(
            "v1.FileCreated",
            {
                "id": text(),
                "path": text(),
                "content_hash": text(),
                "metadata_json": metadata_json,
                "created_at": timestamp(),
                "updated_at": timestamp(),
            },
        ),
        "file_updated": event(
            "v1.FileUpdated",
            {
                "id": text(),
                "path": text(),
                "remote_key": text(),
                "content_hash": text(),
                "metadata_json": metadata_json,
                "updated_at": timestamp(),
            },
        ),
        "file_deleted": event("v1.FileDeleted", {"id": text(), "deleted_at": timestamp()}),
    }


def _client_only_events() -> dict[str, EventDef]:
    def of_file(args: Args) -> str:
        return f"localFileState:{args.file_id}"

    def of_remote_delete(args: Args) -> str:
        return f"remoteDeletes:{args.remote_key}:{args.file_id}"

    def of_upload(args: Args) -> str:
        return f"openUploads:{args.remote_key}"

    def of_orphan(args: Args) -> str:
        return f"orphans:{args.content_hash}"

    def local(name: str, args: dict[str, Field], compact_by: Callable[[Args], str]) -> EventDef:
        return event(name, args, synced=False, compact_by=compact_by)

    state = {
        name: text()
        for name in ("file_id", "path", "local_hash", "download_status", "upload_status", "last_sync_error")
    }
    control = {
        "file_id": text(),
        "state": text(),
        "priority": integer(),
        "pinned": boolean(default=False),
        "evicted": boolean(default=False),
    }
    done = {"remote_key": text(), "file_id": text(default="")}
    outbox = {"remote_key": text(), "content_hash": text(), "file_id": text(), "queued_at": timestamp()}
    return {
        "local_file_state_upsert": local("v1.LocalFileStateUpsert", state, of_file),
        "local_file_state_remove": local("v1.LocalFileStateRemove", {"file_id": text()}, of_file),
        "transfer_control_set": local(
            "v1.TransferControlSet", control, lambda args: f"transferControl:{args.file_id}"
        ),
        "upload_opened": local(
            "v1.UploadOpened",
            {"remote_key": text(), "upload_id": text(), "part_size": integer()},
            of_upload,
        ),
        "upload_closed": local("v1.UploadClosed", {"remote_key": text()}, of_upload),
        "blob_used": local(
            "v1.BlobUsed",
            {
                "content_hash": text(),
                "used_at": timestamp(),
                "metadata_json": text(nullable=True, default=None),
            },
            lambda args: f"blobUse:{args.content_hash}",
        ),
        "orphan_found": local(
            "v1.OrphanFound",
            {"content_hash": text(), "orphaned_at": timestamp(), "had_file": boolean()},
            of_orphan,
        ),
        "orphan_gone": local("v1.OrphanGone", {"content_hash": text()}, of_orphan),
        "stock_taken": local("v1.StockTaken", {"taken_at": timestamp()}, lambda _args: "stockTakings"),
        "remote_delete_queued": local("v1.RemoteDeleteQueued", outbox, of_remote_delete),
        "remote_delete_done": local("v1.RemoteDeleteDone", done, of_remote_delete),
    }


def _create_materializers(tables: Mapping[str, Table[Any]]) -> dict[str, Materializer]:
    files, states = tables["files"], tables["local_file_state"]
    controls, deletes = tables["transfer_control"], tables["remote_deletes"]
    uploads, uses = tables["open_uploads"], tables["blob_use"]
    orphans, released = tables["orphans"], tables["released_contents"]
    versions = HistoryMaterializers(tables)

    def created(args: Args, context: Context) -> Produced:
        return [files.insert(on_conflict="ignore", **args), versions.created(args, context)]

    def updated(args: Args, context: Context) -> Produced:
        values = {name: value for name, value in args.items() if name != "id"}
        update = files.where(id=args.id).update(**values)
        old, is_deleted = _before(args.id, context)
        new = usable(args.content_hash)
        if old == new:
            return [update]
        return [update, *release(old), *release(new if is_deleted else ""), *versions.edited(args, context)]

    def deleted(args: Args, context: Context) -> Produced:
        update = files.where(id=args.id).update(deleted_at=args.deleted_at)
        return [update, *release(_before(args.id, context)[0])]

    def release(content_hash: str) -> list[Statement]:
        if not content_hash:
            return []
        return [released.insert(on_conflict="ignore", content_hash=content_hash)]

    def remote_delete_done(args: Args, _context: Context) -> Statement:
        of_file = {"file_id": args.file_id} if args.file_id else {}  # an older version meant all of a key
        return deletes.where(remote_key=args.remote_key, **of_file).delete()

    def replaced(target: Table[Any]) -> Callable[[Args, Context], Statement]:
        return lambda args, _context: target.insert(on_conflict="replace", **args)

    return {
        "v1.FileCreated": created,
        "v1.FileUpdated": updated,
        "v1.FileDeleted": deleted,
        "v1.LocalFileStateUpsert": replaced(states),
        "v1.LocalFileStateRemove": lambda args, _context: states.where(file_id=args.file_id).delete(),
        "v1.TransferControlSet": replaced(controls),
        "v1.UploadOpened": replaced(uploads),
        "v1.UploadClosed": lambda args, _context: uploads.where(remote_key=args.remote_key).delete(),
        "v1.BlobUsed": replaced(uses),
        "v1.OrphanFound": replaced(orphans),
        "v1.OrphanGone": lambda args, _context: orphans.where(content_hash=args.content_hash).delete(),
        "v1.StockTaken": replaced(tables["stock_takings"]),
        "v1.RemoteDeleteQueued": replaced(deletes),
        "v1.RemoteDeleteDone": remote_delete_done,
        **versions.by_event(),
    }


def _before(file_id: str, context: Context) -> tuple[str, bool]:
    """The content of a file before this event, and whether it was deleted; "" for an unknown file, or one
    that has no real content."""
    rows = context.query('SELECT "contentHash", "deletedAt" FROM "files" WHERE "id" = ?', (file_id,))
    return (usable(rows[0][0]), rows[0][1] is not None) if rows else ("", False)


def create_file_sync_schema() -> FileSyncSchema:
    """The file tables, events and materializers; for `make_schema`, alone or merged with an app's own."""
    return FileSyncSchema(
        _create_tables(),
        Namespace({**_synced_events(), **version_events(), **_client_only_events()}),
        _create_materializers,
    )
