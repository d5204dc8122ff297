"""The live files of a store as a tree of paths, read without awaiting.

Nothing is read until the first look-up, which reads the names of all files. From then on the store tells
which files were changed, and a look-up first reads those anew. Everything else of a file is read when it is
looked up.
"""

from __future__ import annotations

from collections.abc import Iterator

from filesync_web.core.foreign import is_file_id
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.mounted_names import MountedNames, NamedFile
from filesync_web.core.mounting import MountedFile
from filesync_web.core.records import FileRecord
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.messages import Json

_FILE_EVENTS = frozenset(
    {"v1.FileCreated", "v1.FileUpdated", "v1.FileDeleted", "v1.FileRestored", "v1.FileVersionBase"}
)

# One pass in SQLite: reading 50,000 records in Python takes some seconds in a browser.
_NAMES = """
SELECT "id", "createdAt", CASE WHEN json_valid("metadataJson") THEN
  CASE WHEN json_type("metadataJson", '$.custom.name') = 'text'
    THEN json_extract("metadataJson", '$.custom.name') END END
FROM "files" WHERE "deletedAt" IS NULL AND "contentHash" != ''
"""


class StoredTree:
    """The tree of one store; `close` it when nobody looks any more."""

    def __init__(self, workspace: Workspace) -> None:
        self._store = workspace.store
        self._tables = workspace.tables
        self._names: MountedNames | None = None
        self._epoch = self._store.epoch
        self._changed: set[str] = set()
        self._unsubscribe = self._store.on_events(self._note)

    def close(self) -> None:
        """Note no more changes."""
        self._unsubscribe()

    def find(self, path: str) -> MountedFile | None:
        """The file at a path, None when there is none; reads its one record."""
        record = self.record_at(path)
        return _mounted(record) if record is not None else None

    def record_at(self, path: str) -> FileRecord | None:
        """The record of the file at a path, None when there is none."""
        file_id = self._current_names().file_at(path)
        return self.record_of(file_id) if file_id is not None else None

    def record_of(self, file_id: str) -> FileRecord | None:
        """The record of a live file, None when there is no such file."""
        record = self._tables.record(file_id) if is_file_id(file_id) else None
        return record if record is not None and record.is_live and record.is_usable else None

    def is_folder(self, path: str) -> bool:
        """Whether a folder is at a path."""
        return self._current_names().is_folder(path)

    def names_in(self, folder: str) -> list[str]:
        """The names of what is in a folder."""
        return self._current_names().names_in(folder)

    def records_in(self, folder: str) -> dict[str, FileRecord | None]:
        """What is in a folder, by name; None is a folder. A few queries, however many files there are."""
        names = self._current_names()
        below = f"{folder}/" if folder else ""
        ids = {name: names.file_at(below + name) for name in names.names_in(folder)}
        known = {record.id: record for record in self._tables.records([*filter(None, ids.values())])}
        records = {name: known.get(file_id) if file_id else None for name, file_id in ids.items()}
        return {
            name: record
            for name, record in records.items()
            if ids[name] is None or (record is not None and record.is_usable)
        }

    def has_file(self, path: str) -> bool:
        """Whether a file is at a path; reads no record."""
        return self._current_names().file_at(path) is not None

    def newest(self, count: int) -> list[MountedFile]:
        """The files that were made last."""
        return [_mounted(record) for record in self._tables.newest_live(count) if record.is_usable]

    def _note(self, events: list[tuple[str, Json]]) -> None:
        for name, args in events:
            if name in _FILE_EVENTS and isinstance(args, dict):
                self._changed.add(str(args.get("id")))

    def _current_names(self) -> MountedNames:
        """The names as of now."""
        if self._names is None or self._epoch != self._store.epoch:
            self._changed.clear()
            self._epoch = self._store.epoch
            self._names = MountedNames(self._read_names())
        while self._changed:
            self._read_again(self._names, self._changed.pop())
        return self._names

    def _read_names(self) -> Iterator[NamedFile]:
        for file_id, created_at, name in self._store.query(_NAMES):
            if is_file_id(file_id):
                yield NamedFile(file_id, name, created_at)

    def _read_again(self, names: MountedNames, file_id: str) -> None:
        record = self._tables.record(file_id) if is_file_id(file_id) else None
        if record is None or not record.is_live or not record.is_usable:
            names.remove(file_id)
        else:
            name = parse_metadata(record.metadata_json).name
            names.put(NamedFile(file_id, name, record.created_at))


def _mounted(record: FileRecord) -> MountedFile:
    size = parse_metadata(record.metadata_json).size_bytes or 0
    return MountedFile(record.id, record.content_hash, size, record.updated_at)
