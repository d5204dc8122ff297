"""The files of a store as the commands name and show them.

A file is meant by its id, the SHA-256 of its content, its name, or the beginning of id or hash (8
characters and more). Names need not be unique in a store: where several files are meant, nothing is done,
and the message lists their ids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filesync_web.command.console import shown_time
from filesync_web.command.failures import AmbiguousNameError
from filesync_web.command.session import KIT, Session
from filesync_web.core.display import get_file_metadata
from filesync_web.core.foreign import accepted
from filesync_web.core.records import FileRecord, LocalFileState
from filesync_web.core.shown_size import shown_size
from filesync_web.errors import UnknownFileError

_BEGINNING = re.compile(r"[0-9a-f-]{8,64}")
_MAX_NAMED = 10


def name_of(record: FileRecord) -> str:
    """The name of a file; its hash when it has none."""
    return get_file_metadata(record).name or record.content_hash


def live_files(session: Session) -> list[FileRecord]:
    """All files, by name."""
    return sorted(session.tables.all_live(), key=lambda record: (name_of(record), record.created_at))


def deleted_files(session: Session) -> list[FileRecord]:
    """What was deleted, by name; their bytes are gone, or go."""
    stored = session.store.query(KIT.tables.files)
    records = [accepted(record, session.settings.store) for record in stored]
    return sorted((record for record in records if not record.is_live), key=name_of)


def find(session: Session, text: str, *, any_of_same_content: bool = False) -> FileRecord:
    """The one live file that is meant. Raises `UnknownFileError`, `AmbiguousNameError`.

    `any_of_same_content`: it is about the bytes only, so that one of several equal files will do.
    """
    found = _meant(session, text)
    if not found:
        raise UnknownFileError(f"no file has the name, id or hash {text!r:.200}; 'filesync ls' lists them")
    if len(found) == 1 or (any_of_same_content and len({record.content_hash for record in found}) == 1):
        return found[-1]
    named = "\n".join(f"  {record.id}  {name_of(record)}" for record in found[:_MAX_NAMED])
    raise AmbiguousNameError(f"{len(found)} files are meant by {text!r:.200}; give the id of one:\n{named}")


def _meant(session: Session, text: str) -> list[FileRecord]:
    records = session.tables.all_live()
    exact = [record for record in records if text == record.id]
    exact = exact or [record for record in records if text in {record.content_hash, name_of(record)}]
    if exact or not _BEGINNING.fullmatch(text):
        return exact
    return [
        record for record in records if record.id.startswith(text) or record.content_hash.startswith(text)
    ]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file with this device's row of it."""

    record: FileRecord
    row: LocalFileState | None

    @property
    def is_here(self) -> bool:
        """Whether this device has the bytes."""
        return self.row is not None and self.row.local_hash == self.record.content_hash

    @property
    def error(self) -> str:
        """Why its transfer rests, "" when it does not."""
        return self.row.last_sync_error if self.row is not None and self.row.has_error else ""

    @property
    def state(self) -> str:
        """In a word where its bytes are."""
        if not self.record.is_live:
            return "deleted"
        if self.error:
            return "error"
        if self.record.is_uploaded:
            return "here" if self.is_here else "remote"
        return "waiting" if self.is_here else "elsewhere"

    def members(self) -> dict[str, Any]:
        """The file for a program; part of the interface."""
        record, metadata = self.record, get_file_metadata(self.record)
        return {
            "id": record.id,
            "name": name_of(record),
            "size": metadata.size_bytes,
            "mime_type": metadata.mime_type,
            "content_hash": record.content_hash,
            "created_at": shown_time(record.created_at),
            "updated_at": shown_time(record.updated_at),
            "deleted_at": shown_time(record.deleted_at),
            "state": self.state,
            "uploaded": record.is_uploaded,
            "here": self.is_here,
            "error": self.error or None,
        }

    def cells(self) -> tuple[str, ...]:
        """The file for a reader of the long list."""
        size = get_file_metadata(self.record).size_bytes
        changed = shown_time(self.record.updated_at) or "?"
        shown = "?" if size is None else shown_size(size)
        return (self.record.id, shown, changed, self.state, name_of(self.record))


COLUMNS = ("id", "size", "changed", "state", "name")


def entries(session: Session, records: Sequence[FileRecord]) -> list[Entry]:
    """These files with this device's rows of them."""
    rows = {row.file_id: row for row in session.tables.rows([record.id for record in records])}
    return [Entry(record, rows.get(record.id)) for record in records]
