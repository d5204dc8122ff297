"""Bytes whose files have vanished without a deletion: kept for a while, shown to the app, and saved again or
dropped as it says.

A record can vanish: the sync backend came back with an empty disk or from an older backup, its address was
that of another server for a while, or this device's own log was damaged. What is missing in a log says
nothing. So own bytes go only for a reason that is in the log (an edit or a deletion has *released* the
content), or by an eviction; all others are *orphans*. Three facts on this device tell them apart:

- `releasedContents`, a table that follows from the log: what edits and deletions have taken from files.
- `localFileState`: a row without a record stands for a file that has vanished.
- `stockTakings`: a log that is new, be it the first or one in place of a lost one, knows of no bytes. All
  that is here then may be orphaned. Only what comes later, and of which neither log nor rows know anything,
  is what a save has left that died halfway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.media_types import guess_mime_type
from filesync_web.core.metadata import FileMetadata, parse_metadata
from filesync_web.core.paths import is_content_hash
from filesync_web.core.records import OrphanNote
from filesync_web.errors import BlobNotFoundError, InvalidArgumentError, NotEvictableError
from filesync_web.files.save_lock import SAVING_TIMEOUT, BusyError, SaveLock
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent

logger = logging.getLogger(__name__)

LOOKS_PER_TURN = 200
"""Contents that are looked at in one go, before others get their turn: some 50 ms in a browser."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """Bytes on this device whose file has vanished without a deletion.

    `size` in bytes. `since`: when that was found, in milliseconds since the epoch. `metadata`: what is known
    of the file, `name` and `mime_type` among it; empty where nothing is.
    """

    content_hash: str
    size: int
    since: int
    metadata: FileMetadata


class Orphans:
    """The orphans of one store. `grace`: seconds that they are kept."""

    def __init__(self, workspace: Workspace, *, grace: float) -> None:
        self._workspace = workspace
        self._store = workspace.store
        self._tables = workspace.tables
        self._events = workspace.events
        self._blobs = workspace.platform.blobs
        self._lock = SaveLock(workspace)
        self._grace = grace
        self._taking_stock = asyncio.Lock()

    # --- what the app asks for

    async def all(self) -> list[Orphan]:
        """All of them, the oldest first."""
        with suppress(BusyError):  # what is being saved now would look like one
            async with self._lock.removing(timeout=0):
                await self._look_for_new()
        stored = await self._blobs.list()
        notes = [n for n in self._tables.orphans() if n.content_hash in stored and self._is_orphan(n)]
        return [
            Orphan(n.content_hash, stored[n.content_hash], n.orphaned_at, self._known(n.content_hash))
            for n in notes
        ]

    async def drop(self, content_hash: str) -> None:
        """Remove the bytes of one."""
        self.check(content_hash)
        async with self._lock.removing(timeout=SAVING_TIMEOUT):
            self.check(content_hash)
            if not await self._blobs.delete(content_hash):
                raise NotEvictableError(f"the bytes of {content_hash} are kept: somebody has them open")
            self._blobs.revoke_url(content_hash)
            await self._store.commit(self._events.orphan_gone(content_hash), *self._rows_go(content_hash))

    def check(self, content_hash: str) -> None:
        """Raise `BlobNotFoundError` when it is none, `InvalidArgumentError` for what is no content hash."""
        if not isinstance(content_hash, str) or not is_content_hash(content_hash):
            raise InvalidArgumentError(
                f"a content hash is a SHA-256 in lower-case hex, not {content_hash!r:.100}"
            )
        note = self._tables.orphan(content_hash)
        if note is None or not self._is_orphan(note):
            raise BlobNotFoundError(f"no orphaned bytes are here under {content_hash}; see list_orphans()")

    def metadata_of(self, content_hash: str, name: str) -> FileMetadata:
        """What a file made of that orphan is to say of itself."""
        known = self._known(content_hash)
        name = name or known.name or ""
        mime_type = known.mime_type or guess_mime_type(name)
        custom = {**known.custom, "name": name} if name else known.custom
        return FileMetadata(mime_type, width=known.width, height=known.height, custom=custom)

    def _known(self, content_hash: str) -> FileMetadata:
        use = self._tables.use(content_hash)
        return parse_metadata(use.metadata_json if use is not None else None)

    # --- what the garbage collector asks for, while it holds the lock `removing`

    def keeps(self, content_hash: str, *, had_file: bool) -> bool:
        """Whether bytes that no file needs have to stay. `had_file`: a file of this client had that content;
        then only the log can say that they may go."""
        note = self._tables.orphan(content_hash)
        if note is not None:
            return self._is_orphan(note) and not self._is_over(note)
        if self._tables.rows_without_file(content_hash):
            return True
        if self._tables.is_live(content_hash):
            return False  # its files are evicted
        return had_file and not self._tables.is_released(content_hash)

    async def note(self, contents: Iterable[str], *, had_file: bool) -> None:
        """Write down that these are orphans, from now on. `had_file` as above."""
        now = self._workspace.now_ms()
        new = [content for content in contents if self._tables.orphan(content) is None]
        events: list[NewEvent] = []
        for content_hash in new:
            rows_go = self._rows_go(content_hash)
            note = OrphanNote(content_hash, now, had_file or bool(rows_go))
            events += [self._events.orphan_found(note), *rows_go]
        await self._store.commit(*events)
        if new:
            logger.warning(
                "the files of %d contents have vanished without a deletion; the bytes are kept for now: see "
                "list_orphans(), recover_orphan() and drop_orphan()",
                len(new),
            )

    async def unneeded(self) -> list[str]:
        """The contents that are here, and that no file needs."""
        found = []
        for n, content_hash in enumerate(sorted(await self._blobs.list()), 1):
            if not self._tables.needs(content_hash):
                found.append(content_hash)
            if n % LOOKS_PER_TURN == 0:
                await asyncio.sleep(0)
        return found

    async def forget_settled(self) -> None:
        """Of what is not stored any more, or what a file has again, nothing needs to be known."""
        notes, stored = self._tables.orphans(), await self._blobs.list()
        contents = [note.content_hash for note in notes]
        await self.forget(c for c in contents if c not in stored or self._tables.needs(c))

    async def forget(self, contents: Iterable[str]) -> None:
        """They are none any more."""
        notes = self._tables.orphans_of(sorted(set(contents)))
        await self._store.commit(*(self._events.orphan_gone(note.content_hash) for note in notes))

    async def take_stock(self) -> None:
        """Before a new log has its first own bytes: what is here already may be orphaned.

        Of many first saves at once one does it, and the others wait for that one: each would wait seconds
        for the lock that the one before it has held.
        """
        if self._tables.is_stock_taken:
            return
        async with self._taking_stock:
            if not self._tables.is_stock_taken:
                await self._take_stock_alone()

    async def _take_stock_alone(self) -> None:
        async with self._lock.removing():
            if not self._tables.is_stock_taken:  # nor by another tab
                await self.note(await self.unneeded(), had_file=False)
                await self._store.commit(self._events.stock_taken(self._workspace.now_ms()))

    async def _look_for_new(self) -> None:
        vanished = [content for content in await self.unneeded() if self._tables.rows_without_file(content)]
        await self.note(vanished, had_file=True)

    def _rows_go(self, content_hash: str) -> list[NewEvent]:
        """The note stands for the rows from now on: they would be shown as transfers that wait for ever."""
        rows = self._tables.rows_without_file(content_hash)
        return [self._events.row_removed(row.file_id) for row in rows]

    def _is_orphan(self, note: OrphanNote) -> bool:
        """Whether what was noted still holds: no file has the content again, and no deletion explains it."""
        is_explained = not note.had_file and self._tables.is_released(note.content_hash)
        return not is_explained and not self._tables.needs(note.content_hash)

    def _is_over(self, note: OrphanNote) -> bool:
        """Whether an orphan was kept for long enough. Without a connection the log may lack what would
        explain it, so that nothing is over."""
        status = self._store.sync_status
        is_whole = not self._store.has_backend or (status.connected and not status.last_error)
        return is_whole and self._workspace.now_ms() - note.orphaned_at >= self._grace * 1000
