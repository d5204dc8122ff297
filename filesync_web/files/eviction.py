"""Space on the device: which bytes stay here, and which may go because the object store has them as well.

*Pinned*: the bytes of the file stay here. *Evicted*: they have gone to make room; the file is downloaded
again when it is wanted. *Last use* is when content was saved, read or shown here, to the hour.

Evicting is one commit, by which all files of a content do without their bytes, and then the removal; whatever
dies between the two leaves garbage, which the next start collects. What is evicted must not be lost, so:
everything of it is uploaded, known to the sync backend, and, where the signer can tell, confirmed by the
object store at that moment. What remains is a client that has heard of none of the files that share the
content, and deletes the object with its own last one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from filesync_web.core.records import BlobUse, FileRecord, Status
from filesync_web.errors import FileSyncError, NotEvictableError, QuotaExceededError, TransferError
from filesync_web.files.garbage import LOCK, BusyError, GarbageCollector
from filesync_web.files.tables import FileSyncTables, file_id_of
from filesync_web.livestore.store import Store
from filesync_web.ports import BlobStore, Clock, Locks
from filesync_web.remote.object_store import Remote

logger = logging.getLogger(__name__)

R = TypeVar("R")

USE_PRECISION = 3600 * 1000
"""Milliseconds: a use is recorded when the last record of one is older."""

PROBE_TIMEOUT = 10.0
EVICTION_LOCK_TIMEOUT = 30.0
"""Seconds that an eviction waits for those who are saving: a recording may go on for hours."""


class Eviction:
    """See the module. `remote=None` is local-only mode: there is no other copy, so nothing can be evicted."""

    def __init__(
        self,
        store: Store,
        tables: FileSyncTables,
        blobs: BlobStore,
        remote: Remote | None,
        *,
        garbage: GarbageCollector,
        locks: Locks,
        clock: Clock,
    ) -> None:
        self._store = store
        self._tables = tables
        self._blobs = blobs
        self._remote = remote
        self._garbage = garbage
        self._locks = locks
        self._clock = clock
        self._used: dict[str, int] = {}
        self._unwritten: set[str] = set()
        self._asked_to_persist = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End what goes on in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what the user asks for -----------------------------------------------------------------------------

    async def pin(self, file_id: str) -> None:
        """Keep the bytes of a file here; an evicted one is downloaded."""
        async with self._locks.hold(LOCK, exclusive=False):  # nobody evicts it meanwhile
            await self._tables.change_control(self._tables.live(file_id).id, pinned=True, evicted=False)

    async def unpin(self, file_id: str) -> None:
        """Let the bytes of a file be evicted."""
        await self._tables.change_control(self._tables.live(file_id).id, pinned=False)

    async def unevict(self, record: FileRecord, *, priority: int) -> None:
        """The file is needed here: if it is evicted, it is so no more."""
        if self._tables.control(record.id).evicted:
            await self._tables.change_control(record.id, evicted=False, priority=priority)

    async def evict(self, file_id: str) -> None:
        """Evict the content of one file, which all files of that content share."""
        record = self._tables.live(file_id)
        remote = self._required_remote()
        if self._tables.control(record.id).evicted and not self._tables.needs(record.content_hash):
            return
        if not await remote.is_healthy(timeout=PROBE_TIMEOUT):
            raise NotEvictableError(f"file {record.id} is kept: the object store cannot be asked for it now")
        await self._evict(remote, record.content_hash)

    async def free(self, wanted: int) -> int:
        """Evict what was not used for longest, until `wanted` bytes are free; returns how many are. Offline
        that is none."""
        remote, freed = self._required_remote(), 0
        if not await remote.is_healthy(timeout=PROBE_TIMEOUT):
            return 0
        for content_hash in await self._least_recently_used():
            if freed >= wanted:
                break
            if self._obstacle(content_hash):
                continue
            try:
                freed += await self._evict(remote, content_hash)
            except (TransferError, BusyError) as error:
                logger.warning("no more bytes are evicted: %s", error)
                break
            except NotEvictableError as error:
                logger.info("%s", error)
        return freed

    async def with_room(self, size: int | None, store: Callable[[], Awaitable[R]]) -> R:
        """Store something; when there is no room for it, make some, and do it once more. Without a `size` in
        bytes the error stands."""
        try:
            return await store()
        except QuotaExceededError:
            if self._remote is None or not size or not await self.free(size):
                raise
        return await store()

    # --- eviction -------------------------------------------------------------------------------------------

    def _required_remote(self) -> Remote:
        if self._remote is None:
            raise NotEvictableError("in local-only mode there is no other copy: nothing can be evicted")
        return self._remote

    async def _least_recently_used(self) -> list[str]:
        """The contents of live files that are here, least recently used first."""
        stored, last_use = await self._blobs.list(), self._tables.uses()
        for record in self._tables.all_live():
            last_use[record.content_hash] = max(last_use.get(record.content_hash, 0), record.created_at)
        return sorted(stored.keys() & last_use.keys(), key=lambda content: (last_use[content], content))

    def _obstacle(self, content_hash: str) -> str:
        """Why a content must stay here; empty when nothing holds it."""
        files = self._tables.files_of(content_hash)
        unconfirmed = {file_id_of(args) for _name, args in self._store.unconfirmed()}
        for record in files:
            row, control = self._tables.row(record.id), self._tables.control(record.id)
            if not record.is_uploaded:
                return f"file {record.id} is not uploaded yet"
            if control.pinned:
                return f"file {record.id} is pinned"
            if record.id in unconfirmed:
                return f"the sync backend has not confirmed file {record.id} yet"
            statuses = (row.upload_status, row.download_status) if row is not None else ()
            if not control.evicted and statuses != (Status.DONE, Status.DONE):
                return f"the transfer of file {record.id} is not finished"
        if not files or self._tables.needs(content_hash, without=[record.id for record in files]):
            return "it is the old content of a file whose new content is not in place yet"
        return ""

    async def _evict(self, remote: Remote, content_hash: str) -> int:
        """Evict one content, if that is safe; returns the bytes that were freed."""
        self._check(content_hash)
        size = await self._blobs.size(content_hash)
        if size is None:
            raise NotEvictableError(f"the bytes of {content_hash} are not on this device")
        files = self._tables.files_of(content_hash)
        await self._confirm(remote, files, size)
        async with self._garbage.alone(timeout=EVICTION_LOCK_TIMEOUT):
            self._check(content_hash)
            if self._tables.files_of(content_hash) != files:
                raise NotEvictableError(f"{content_hash} is kept: its files were changed meanwhile")
            await self._tables.evict(files)
            return size if await self._garbage.remove([content_hash]) else 0

    def _check(self, content_hash: str) -> None:
        if obstacle := self._obstacle(content_hash):
            raise NotEvictableError(f"{content_hash} is kept: {obstacle}")

    async def _confirm(self, remote: Remote, files: list[FileRecord], size: int) -> None:
        """Ask the object store whether it has the content; what it lost is uploaded again."""
        keys = {record.remote_key for record in files}
        lost = {key for key in keys if not await remote.has(key, size)}
        if lost:
            await self._store.commit(
                *(self._tables.remote_key_changed(r, "") for r in files if r.remote_key in lost)
            )
            raise NotEvictableError(
                f"the object store has lost {', '.join(sorted(lost))}: it is uploaded again from here"
            )

    # --- last use, and persistence --------------------------------------------------------------------------

    def record_use(self, content_hash: str) -> None:
        """The content was used now; that is recorded soon."""
        now = int(self._clock.time() * 1000)
        last = self._used.get(content_hash) or self._tables.used_at(content_hash) or 0
        if now - last >= USE_PRECISION:
            self._used[content_hash] = now
            self._unwritten.add(content_hash)
            if len(self._unwritten) == 1:
                self._begin(self._write_uses())

    def record_save(self, content_hash: str) -> None:
        """The content was saved now. After the first save the platform is asked to keep the storage."""
        self.record_use(content_hash)
        if not self._asked_to_persist:
            self._asked_to_persist = True
            self._begin(self._ask_to_persist())

    async def _write_uses(self) -> None:
        contents, self._unwritten = self._unwritten, set()
        uses = [BlobUse(content, self._used[content]) for content in sorted(contents)]
        await self._store.commit(*map(self._tables.blob_used, uses))

    async def _ask_to_persist(self) -> None:
        status = await self._blobs.storage_status()
        if not status.persisted:
            await self._blobs.request_persistence()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            level = logging.INFO if isinstance(error, FileSyncError) else logging.ERROR
            logger.log(level, "nothing is lost, but a background task failed: %s", error, exc_info=error)
