"""The pictures in their order, oldest first: how many there are, and any part of them, read when it is shown.

A store of 50,000 pictures is never read as a whole: an index of the kit's table gives any page of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import filesync_web as fs

FILES = fs.create_file_sync_schema()
LIVE_FILES = FILES.tables.files.where(deleted_at=None).order_by("created_at")
LOCAL_STATES = FILES.tables.local_file_state
CONTROLS = FILES.tables.transfer_control

COUNT = "SELECT count(*) FROM files WHERE deletedAt IS NULL"
BEFORE = f"{COUNT} AND (createdAt, rowid) < (SELECT createdAt, rowid FROM files WHERE id = ?)"  # noqa: S608
NAME = "CASE WHEN json_valid(metadataJson) THEN json_extract(metadataJson, '$.custom.name') END"
PART = "SELECT * FROM files WHERE deletedAt IS NULL ORDER BY createdAt LIMIT ? OFFSET ?"
NAMED = f"SELECT id, {NAME} AS name FROM ({PART})"  # noqa: S608
INSIDE = f"SELECT id, substr(name, ? + 1) AS rest FROM ({NAMED}) WHERE substr(name, 1, ?) = ?"  # noqa: S608
FOLDERS = (
    f"SELECT substr(rest, 1, instr(rest, '/') - 1) AS folder, count(*) FROM ({INSIDE}) "  # noqa: S608
    "WHERE instr(rest, '/') > 1 GROUP BY folder"
)

READ_AT_ONCE = 4_000
"""Records; they take some ten milliseconds, and then somebody else may have a turn."""
MAX_NEIGHBOURS = 300


class Entry(NamedTuple):
    """A picture's record, what this client knows of it, and what its user asked of it."""

    record: fs.FileRecord
    state: fs.LocalFileState | None
    is_paused: bool = False
    is_pinned: bool = False
    """Its bytes stay on this device."""

    @property
    def display(self) -> fs.FileDisplayState:
        """How to render it."""
        return fs.get_file_display_state(self.record, self.state)

    @property
    def can_go(self) -> bool:
        """Whether its bytes may be removed from this device: the server has them, and they are not pinned."""
        display = self.display
        return display.has_local_copy and display.is_uploaded and not self.is_pinned


class Listing:
    """All live files of a store, or those of a folder, or that were found by their name.

    A folder is what names have before a slash: `beach/` has `beach/1.png` and `beach/night/2.png`.
    """

    def __init__(self, store: fs.Store) -> None:
        self._store = store
        self._found: list[str] | None = None
        self.term = ""
        """What was searched for; empty when nothing was."""
        self.folder = ""
        """The folder whose files are listed, with a slash at its end; empty for all."""

    @property
    def total(self) -> int:
        """How many live files there are."""
        return int(self._store.query(COUNT)[0][0])

    @property
    def is_narrowed(self) -> bool:
        """Whether only some files are listed."""
        return self._found is not None

    @property
    def count(self) -> int:
        """How many files are listed."""
        return self.total if self._found is None else len(self._found)

    def page(self, places: range) -> list[Entry]:
        """The files at these places of the list. One that was found, and has gone since, is left out."""
        if self._found is None:
            records = self._store.query(LIVE_FILES.limit(len(places)).offset(places.start))
        else:
            return self.entries(self._found[places.start : places.stop])
        return self._entries(records)

    def entries(self, file_ids: list[str]) -> list[Entry]:
        """These files, as far as they are live, in this order."""
        records = {record.id: record for record in self._store.query(LIVE_FILES.where(id=file_ids))}
        return self._entries([records[file_id] for file_id in file_ids if file_id in records])

    def _entries(self, records: list[fs.FileRecord]) -> list[Entry]:
        ids = [record.id for record in records]
        states = {row.file_id: row for row in self._store.query(LOCAL_STATES.where(file_id=ids))}
        controls = {row.file_id: row for row in self._store.query(CONTROLS.where(file_id=ids))}
        paused = {file_id for file_id, row in controls.items() if row.state is fs.Control.PAUSED}
        pinned = {file_id for file_id, row in controls.items() if row.pinned}
        return [
            Entry(record, states.get(record.id), record.id in paused, record.id in pinned)
            for record in records
        ]

    def place(self, file_id: str) -> int | None:
        """Where in the list a file is; None when it is not there."""
        if self._found is not None:
            return self._found.index(file_id) if file_id in self._found else None
        is_live = self._store.query(LIVE_FILES.where(id=file_id))
        return int(self._store.query(BEFORE, (file_id,))[0][0]) if is_live else None

    def neighbours(self, file_id: str, step: int) -> Iterator[Entry]:
        """The files after one (`step` 1) or before it (-1), once around; of a long list some hundred."""
        place, count = self.place(file_id), self.count
        if place is not None:
            for distance in range(1, min(count, MAX_NEIGHBOURS)):
                at = (place + step * distance) % count
                yield from self.page(range(at, at + 1))

    async def find(self, term: str, folder: str = "") -> None:
        """List only the files of a folder that have `term` in the rest of their name, in capital or small
        letters; "" is any of both."""
        found: list[str] | None = [] if term or folder else None
        if found is not None:
            spellings = sorted(map(_pattern, _spellings(term)))
            matches = " OR ".join(["rest LIKE ? ESCAPE '\\'"] * len(spellings))
            sql = f"SELECT id FROM ({INSIDE}) WHERE {matches}"  # noqa: S608
            async for rows in self._rows(sql, folder, *spellings):
                found += [file_id for (file_id,) in rows]
        self._found, self.term, self.folder = found, term, folder

    async def folders(self, folder: str) -> dict[str, int]:
        """The folders in a folder, by name, with how many files each has, those of its own folders too."""
        counts: dict[str, int] = {}
        async for rows in self._rows(FOLDERS, folder):
            for name, count in rows:
                counts[name] = counts.get(name, 0) + count
        return dict(sorted(counts.items(), key=lambda item: (item[0].casefold(), item[0])))

    async def _rows(self, sql: str, folder: str, *more: str) -> AsyncIterator[list[Any]]:
        """The rows of a query about what is INSIDE a folder, for one part of the files after another."""
        for offset in range(0, self.total, READ_AT_ONCE):
            parameters = (len(folder), READ_AT_ONCE, offset, len(folder), folder, *more)
            yield self._store.query(sql, parameters)
            await asyncio.sleep(0)


def is_found(term: str, name: str) -> bool:
    """Whether a search for `term` surely lists a file of that name."""
    return any(spelling in name for spelling in _spellings(term))


def _spellings(term: str) -> set[str]:
    """SQLite takes capital and small letters as the same in ASCII only."""
    return {spell(term) for spell in (str, str.lower, str.upper, str.title)}


def _pattern(term: str) -> str:
    """A term as a pattern of LIKE that matches it anywhere."""
    text = term.encode(errors="ignore").decode()  # half a character, as a keyboard may send one first
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
