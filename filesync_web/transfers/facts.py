"""What holds of the files of one store, as the engine is shown it: read from the tables, and what is here.

What is kept of a file beside its live record is shown as well, each content as a file of its own, and again
once the policy lets it go.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Container, Iterable, Mapping

from filesync_web.core.records import FileRecord, LocalFileState, RemoteDelete, TransferControl
from filesync_web.core.versions import file_and_content
from filesync_web.engine.file_entry import FileFact
from filesync_web.files.workspace import Workspace


class Facts:
    """Reads them for one engine. `stored` are the contents that are here as it begins: until `has_begun` is
    called only they are, since a tab that begins to lead does not trust the rows to know."""

    def __init__(self, workspace: Workspace, stored: Iterable[str]) -> None:
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._maybe_here = set(stored)
        self._stored: Container[str] | None = frozenset(self._maybe_here)
        self._ends: dict[str, float] = {}  # by file, when to look at it again
        self._by_end: list[tuple[float, str]] = []  # a heap

    def has_begun(self) -> None:
        """From now on only what the rows do not say is looked for."""
        self._stored = None

    def may_be_here(self, content_hash: str) -> None:
        """A download of that content begins."""
        self._maybe_here.add(content_hash)

    async def of(self, parts: Iterable[list[str]]) -> AsyncIterator[list[FileFact]]:
        """What holds of these files; between their parts others get their turn."""
        for number, file_ids in enumerate(parts):
            if number:
                await asyncio.sleep(0)
            yield await self._some(file_ids)

    async def _some(self, file_ids: list[str]) -> list[FileFact]:
        records = {record.id: record for record in self._tables.records(file_ids)}
        kept = self._kept(file_ids)
        rows = {row.file_id: row for row in self._tables.rows([*records, *(kept.keys() - records.keys())])}
        # What is kept no more and has no row, the engine does not know; a file may have old outbox entries.
        records |= {i: record for i, record in kept.items() if record.is_live or i in rows or i in records}
        controls = {control.file_id: control for control in self._tables.controls(list(records))}
        deletes: defaultdict[str, list[RemoteDelete]] = defaultdict(list)
        for delete in self._tables.remote_deletes(file_ids):
            deletes[delete.file_id].append(delete)
        here = self._stored if self._stored is not None else await self._found(records.values(), rows)
        return [
            FileFact(
                record,
                row := rows.get(some_id),
                self._local_hash(record, row, here),
                controls.get(some_id) or TransferControl(some_id),
                tuple(deletes[some_id]),
                is_kept=some_id in kept,
            )
            for some_id, record in records.items()
        ]

    def _local_hash(self, record: FileRecord, row: LocalFileState | None, here: Container[str]) -> str:
        if record.content_hash in here:
            return record.content_hash
        local_hash = row.local_hash if row is not None else ""
        return local_hash if self._stored is None or local_hash in here else ""

    async def _found(
        self, records: Iterable[FileRecord], rows: Mapping[str, LocalFileState]
    ) -> Container[str]:
        """The contents that are here although their files' rows do not say so: those that were here when this
        tab began to lead, that it has begun to download since, or that another file's row tells of."""
        known = {"", *(row.local_hash for row in rows.values())}
        unknown = {record.content_hash for record in records} - known
        unknown &= self._maybe_here | self._tables.told_to_be_here(sorted(unknown))
        sizes = await asyncio.gather(*map(self._blobs.size, sorted(unknown)))
        return {content for content, size in zip(sorted(unknown), sizes, strict=True) if size is not None}

    # --- what is kept, and for how long

    def _kept(self, file_ids: list[str]) -> dict[str, FileRecord]:
        """What these files have beside their live records, also what is kept no more, by id."""
        found = self._tables.kept_of(file_ids)
        for content in found:
            file_id = file_and_content(content.record.id)[0]
            if content.record.is_live and content.until < self._ends.get(file_id, math.inf):
                self._ends[file_id] = content.until
                heapq.heappush(self._by_end, (content.until, file_id))
        return {content.record.id: content.record for content in found}

    @property
    def next_end(self) -> float | None:
        """When the next file is to be looked at again: not later than the first kept content ends, in
        milliseconds since the epoch; None for never."""
        return self._by_end[0][0] if self._by_end else None

    def ended(self, now: int) -> set[str]:
        """The files of which a content may have ended by then, and was not shown since."""
        file_ids = set()
        while self._by_end and self._by_end[0][0] <= now:
            file_id = heapq.heappop(self._by_end)[1]
            self._ends.pop(file_id, None)
            file_ids.add(file_id)
        return file_ids
