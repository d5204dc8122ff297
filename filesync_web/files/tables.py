"""What the file sync reads of a store's file tables. What it writes there is in `events`.

Records are given as far as this client accepts them (`core.foreign`): nobody behind this module sees what a
member of the store has made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum, auto
from typing import Any, TypeVar

from filesync_web.core.foreign import accepted, is_file_id, is_own_delete
from filesync_web.core.paths import is_content_hash
from filesync_web.core.records import (
    BlobUse,
    FileRecord,
    LocalFileState,
    OpenUpload,
    OrphanNote,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.core.text import is_text
from filesync_web.core.versions import History, VersionPolicy, file_and_content
from filesync_web.errors import InvalidArgumentError, SchemaError, UnknownFileError
from filesync_web.files.schema import FILE_TABLES, FileTables
from filesync_web.files.value_lists import parts_of
from filesync_web.files.version_tables import KeptContent, VersionTables
from filesync_web.livestore.store import Store
from filesync_web.livestore.tables import Select, Table
from filesync_web.ports import Clock

R = TypeVar("R")

_IDS_AFTER = """
    SELECT "id" FROM "files" WHERE "id" > ? AND +"deletedAt" IS NULL
    UNION SELECT "fileId" FROM "localFileState" WHERE "fileId" > ?
    UNION SELECT "fileId" FROM "remoteDeletes" WHERE "fileId" > ?
    ORDER BY 1 LIMIT ?
"""  # the plus: not by the index of that column, but in the order of the ids

_NOT_UPLOADED = """SELECT "id", "contentHash" FROM "files" WHERE "remoteKey" = '' AND "deletedAt" IS NULL"""
_FAILED_UPLOADS = """SELECT "fileId", "lastSyncError" FROM "localFileState" WHERE "uploadStatus" = 'error'"""

_SOME_EVENTS = ("file_created", "local_file_state_upsert")
"""Whoever has merged these into a schema has merged all."""


class Purpose(IntEnum):
    """What a content is here for; what goes first is least."""

    TRASH = auto()  # a deleted file had it last
    VERSION = auto()  # a file had it before
    LIVE = auto()


class FileSyncTables:
    """The file tables of one store, as of now. Raises `SchemaError` when the store's schema lacks them.

    What is kept of old contents has a record as well, by the id of a *version* (`core.versions`): it is live
    while it is kept. `clock` says until when that is.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        tables, events = store.schema.tables, store.schema.events
        missing = [name for name in FILE_TABLES if name not in tables]
        missing += [name for name in _SOME_EVENTS if name not in events]
        if missing:
            raise SchemaError(
                f"the schema of store {store.store_id!r} lacks {', '.join(missing)}: merge the "
                "tables, events and materializers of create_file_sync_schema() into make_schema()"
            )
        self._store = store
        self._tables = FileTables(*(tables[name] for name in FILE_TABLES))
        self.versions = VersionTables(store, self._tables, clock)

    # --- records

    def record(self, some_id: str) -> FileRecord | None:
        """The record of a file or a version, deleted or not."""
        return next(iter(self.records([some_id])), None)

    def stored(self, some_id: str) -> FileRecord | None:
        """The record of a file or a version as it is in the table, whatever somebody has written there."""
        if file_and_content(some_id)[1]:
            return self.versions.stored(some_id)
        return self._first(self._tables.files.where(id=some_id))

    def live(self, id_or_path: str) -> FileRecord:
        """The live file with that id or path; raises `UnknownFileError`, `InvalidArgumentError` for what is
        no text."""
        if not isinstance(id_or_path, str):
            raise InvalidArgumentError(f"the id or path of a file is a text, not {id_or_path!r:.100}")
        found = self._find_live(id_or_path) if is_text(id_or_path) else None
        if found is None:
            raise UnknownFileError(
                f"no live file has the id or path {id_or_path!r:.200}; it may have been deleted"
            )
        return found

    def _find_live(self, id_or_path: str) -> FileRecord | None:
        files = self._tables.files
        path = id_or_path.lstrip("/")
        content_hash = path.rpartition("/")[2]  # it has an index, the path has none
        found = self._records(files.where(id=id_or_path, deleted_at=None)) or self._records(
            files.where(content_hash=content_hash, path=path, deleted_at=None)
        )
        return next(iter(found), None)

    def all_live(self) -> list[FileRecord]:
        """All live records."""
        return self._records(self._tables.files.where(deleted_at=None))

    def newest_live(self, count: int) -> list[FileRecord]:
        """The live records that were made last, the newest first."""
        files = self._tables.files.where(deleted_at=None)
        return self._records(files.order_by("-created_at").limit(count))

    def live_contents(self) -> set[str]:
        """The hashes of all live files' contents. Of very many files too, this takes little time and memory:
        no record is made of them."""
        rows = self._store.query('SELECT "contentHash" FROM "files" WHERE "deletedAt" IS NULL')
        return {content_hash for (content_hash,) in rows}

    def all_ids(self, count: int) -> Iterator[list[str]]:
        """The files that are live, of which this client has a row, or that caused something in the outbox, in
        order: so many at a time, each part read when it is asked for."""
        last: str | None = ""
        while last is not None:
            rows = self._store.query(_IDS_AFTER, (last, last, last, count))
            found = dict.fromkeys(file_and_content(some_id)[0] for (some_id,) in rows)  # a version's file
            yield [file_id for file_id in found if is_file_id(file_id)]
            last = rows[-1][0] if len(rows) == count else None

    def records(self, some_ids: list[str]) -> list[FileRecord]:
        """The records of these files and versions, deleted or not."""
        versions = {some_id for some_id in some_ids if file_and_content(some_id)[1]}
        file_ids = [some_id for some_id in some_ids if some_id not in versions] if versions else some_ids
        found = self._accepted(self._among(self._tables.files, "id", file_ids))
        if versions:
            of_files = sorted({file_and_content(some_id)[0] for some_id in versions})
            found += [kept.record for kept in self._kept_in(of_files) if kept.record.id in versions]
        return found

    def files_of(self, content_hash: str) -> list[FileRecord]:
        """The live files of that content."""
        found = self._records(self._tables.files.where(content_hash=content_hash, deleted_at=None))
        return [record for record in found if record.is_usable]

    def users_of(self, content_hash: str) -> list[FileRecord]:
        """Whatever has that content: live files, and what is kept of others, as live records by the ids of
        trashed files and versions."""
        users = self.files_of(content_hash)
        if others := self.versions.users(content_hash):
            kept = (content.record for content in self._kept_in(others))
            users += [record for record in kept if record.is_live and record.content_hash == content_hash]
        return users

    def purposes(self, contents: Iterable[str]) -> dict[str, Purpose]:
        """What these contents are here for; without those that nothing needs."""
        live = self.live_contents()
        found = {content: Purpose.LIVE for content in contents if content in live}
        for content in sorted(set(contents) - live):
            users = [file_and_content(user.id)[1] for user in self.users_of(content)]
            if users:
                found[content] = Purpose.VERSION if all(users) else Purpose.TRASH
        return found

    def is_live(self, content_hash: str) -> bool:
        """Whether a live file has that content."""
        return bool(self.files_of(content_hash))

    def not_uploaded(self) -> list[str]:
        """The live files without a remote key; none of what names no content."""
        found = self._store.query(_NOT_UPLOADED)
        return [file_id for file_id, content_hash in found if is_content_hash(content_hash)]

    def failed_uploads(self) -> dict[str, str]:
        """The files whose upload rests at an error, with the error."""
        return dict(self._store.query(_FAILED_UPLOADS))

    # --- versions and trash

    @property
    def policy(self) -> VersionPolicy:
        """How long the store keeps what was replaced or deleted."""
        return self.versions.policy

    def history(self, file_id: str) -> History:
        """A file, deleted or not, with all its contents; raises `UnknownFileError`, `InvalidArgumentError`
        for what is no text."""
        if not isinstance(file_id, str):
            raise InvalidArgumentError(f"the id of a file is a text, not {file_id!r:.100}")
        found = self.histories([file_id]) if is_file_id(file_id) else []
        if not found:
            raise UnknownFileError(f"no file has or had the id {file_id!r:.200}")
        return found[0]

    def histories(self, file_ids: list[str]) -> list[History]:
        """These files, deleted or not, with all their contents."""
        return self.versions.histories(self._accepted(self._among(self._tables.files, "id", file_ids)))

    def is_kept(self, some_id: str) -> bool:
        """Whether it is the id of a version, or of a file that is not live: its bytes come only when somebody
        asks for them."""
        return bool(file_and_content(some_id)[1]) or not any(file.is_live for file in self.records([some_id]))

    def kept_of(self, file_ids: list[str]) -> list[KeptContent]:
        """What is kept of these files beside their live records, as far as this client has to do with it;
        also what is kept no more, but may be here (see `VersionTables.kept_of`)."""
        return self.versions.kept_of(self._accepted(self._among(self._tables.files, "id", file_ids)))

    def _kept_in(self, file_ids: list[str]) -> list[KeptContent]:
        return [kept for history in self.histories(file_ids) for kept in self.versions.kept(history)]

    # --- what is this client's own

    def row(self, file_id: str) -> LocalFileState | None:
        """This client's row of a file."""
        return self._first(self._tables.local_file_state.where(file_id=file_id))

    def rows(self, file_ids: list[str]) -> list[LocalFileState]:
        """This client's rows of these files."""
        return self._among(self._tables.local_file_state, "file_id", file_ids)

    def told_to_be_here(self, contents: Sequence[str]) -> set[str]:
        """Those of these contents of which this client has noted that they came here: in the row of a file,
        which may be overwritten by what the engine knew of the file's older content, or when they came."""
        rows = self._among(self._tables.local_file_state, "local_hash", contents)
        uses = self._among(self._tables.blob_use, "content_hash", contents)
        return {row.local_hash for row in rows} | {use.content_hash for use in uses}

    def all_rows(self) -> list[LocalFileState]:
        """All rows of this client."""
        return self._store.query(self._tables.local_file_state)

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
        return self._among(self._tables.transfer_control, "file_id", file_ids)

    def remote_deletes(self, file_ids: list[str]) -> list[RemoteDelete]:
        """What the outbox holds because of these files, as far as it may be done."""
        found = self._among(self._tables.remote_deletes, "file_id", file_ids)
        return [delete for delete in found if is_own_delete(delete, self._store.store_id)]

    def open_upload(self, remote_key: str) -> OpenUpload | None:
        """The upload in parts of that key that was begun."""
        return self._first(self._tables.open_uploads.where(remote_key=remote_key))

    @property
    def watched(self) -> tuple[Table[Any], ...]:
        """The tables that say where the bytes of the files are."""
        tables = self._tables
        return (tables.files, tables.file_versions, tables.local_file_state, tables.transfer_control)

    # --- own bytes

    def needs(self, content_hash: str, *, without: Iterable[str] = ()) -> bool:
        """Whether the own bytes of a content are needed: as the content or own copy of a live file, as what
        is kept of another one, or as the old content of an edit whose new content is not uploaded yet. The
        files and versions `without` are not asked."""
        ignored = set(without)
        rows = self._store.query(self._tables.local_file_state.where(local_hash=content_hash))
        users = self.users_of(content_hash) + self._live_among(row.file_id for row in rows)
        if any(user.id not in ignored for user in users):
            return True
        deletes = self._store.query(self._tables.remote_deletes.where(content_hash=content_hash))
        return any(not edited.is_uploaded for edited in self._live_among(d.file_id for d in deletes))

    def is_released(self, content_hash: str) -> bool:
        """Whether the log says that an edit or a deletion has taken that content from a file."""
        return self._first(self._tables.released_contents.where(content_hash=content_hash)) is not None

    def rows_without_file(self, content_hash: str) -> list[LocalFileState]:
        """This client's rows of files that had that content here, and of which nothing is known any more."""
        rows = self._store.query(self._tables.local_file_state.where(local_hash=content_hash))
        known = {record.id for record in self.records([row.file_id for row in rows])}
        return [row for row in rows if row.file_id not in known]

    def orphans(self) -> list[OrphanNote]:
        """The contents whose files have vanished, as far as that was found, oldest first."""
        return self._store.query(self._tables.orphans.all().order_by("orphaned_at", "content_hash"))

    def orphans_of(self, contents: Sequence[str]) -> list[OrphanNote]:
        """What was found of these contents."""
        return self._among(self._tables.orphans, "content_hash", contents)

    def orphan(self, content_hash: str) -> OrphanNote | None:
        """What was found of that content."""
        return self._first(self._tables.orphans.where(content_hash=content_hash))

    @property
    def is_stock_taken(self) -> bool:
        """Whether the bytes were looked over since this log is new."""
        return self._first(self._tables.stock_takings.all().limit(1)) is not None

    def _live_among(self, file_ids: Iterable[str]) -> list[FileRecord]:
        ids = sorted(set(file_ids))
        return [record for record in self.records(ids) if record.is_live]

    def _records(self, query: Select[FileRecord]) -> list[FileRecord]:
        return self._accepted(self._store.query(query))

    def _accepted(self, stored: Iterable[FileRecord]) -> list[FileRecord]:
        return [accepted(record, self._store.store_id) for record in stored]

    def _among(self, table: Table[R], column: str, values: Sequence[str]) -> list[R]:
        """The rows of which a column has one of these values."""
        queries = [table.where(**{column: part}) for part in parts_of(values)]
        return [row for query in queries for row in self._store.query(query)]

    def uses(self) -> dict[str, int]:
        """When each content was last used here, in milliseconds since the epoch."""
        return {use.content_hash: use.used_at for use in self._store.query(self._tables.blob_use)}

    def use(self, content_hash: str) -> BlobUse | None:
        """When a content was last used here, and what its file was."""
        return self._first(self._tables.blob_use.where(content_hash=content_hash))

    def _first(self, query: Select[R]) -> R | None:
        return next(iter(self._store.query(query)), None)
