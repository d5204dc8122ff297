"""Space on the device: which bytes stay here, and which may go because the object store has them as well.

*Pinned*: the bytes of the file stay here. *Evicted*: they have gone to make room; the file is downloaded
again when it is wanted. *Last use* is when content was saved, read or shown here, to the hour.

What is evicted must not be lost, so: everything of it is uploaded, known to the sync backend, and, where the
signer can tell, confirmed by the object store at that moment. What is in the trash goes first, then old
versions, then what live files have. Nothing else removes bytes that one of them has: an evicted file whose
bytes come back, by another file of the same content, keeps them until the next eviction. What remains is a
client that has heard of none of the files that share the content, and deletes the object with its own last
one.

First all files of the content are marked as evicted, so that nothing downloads the bytes again; then these
go, and then the rows tell so. Whatever dies in between leaves the bytes here, or rows that the next start
sets right.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from filesync_web.aio.tasks import Tasks
from filesync_web.core.metadata import encode_metadata, parse_metadata
from filesync_web.core.records import BlobUse, FileRecord, Status
from filesync_web.core.versions import file_and_content
from filesync_web.errors import (
    FileSyncError,
    InvalidArgumentError,
    NotEvictableError,
    QuotaExceededError,
    TransferError,
)
from filesync_web.files.controls import Controls, changing_controls
from filesync_web.files.events import file_id_of
from filesync_web.files.save_lock import SAVING_TIMEOUT, BusyError, SaveLock
from filesync_web.files.tables import Purpose
from filesync_web.files.thumbnails import Thumbnails
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent

logger = logging.getLogger(__name__)

R = TypeVar("R")

USE_PRECISION = 3600 * 1000
"""Milliseconds: a use is recorded when the last record of one is older."""

MAX_REMEMBERED = 64 << 10
"""Characters of metadata that are remembered beside a use."""

PROBE_TIMEOUT = 10.0
"""Seconds."""


class Eviction:
    """Decides which own bytes of one store may go, and lets them go. `is_limited`: not every file comes by
    itself."""

    def __init__(
        self, workspace: Workspace, controls: Controls, thumbnails: Thumbnails, *, is_limited: bool = False
    ) -> None:
        self._workspace = workspace
        self._controls = controls
        self._thumbnails = thumbnails
        self._is_limited = is_limited
        self._store = workspace.store
        self._tables = workspace.tables
        self._events = workspace.events
        self._remote = workspace.remote
        self._blobs = workspace.platform.blobs
        self._lock = SaveLock(workspace)
        self._used: dict[str, BlobUse] = {}
        self._unwritten: set[str] = set()
        self._asked_to_persist = False
        self._tasks = Tasks("eviction")

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._tasks.cancel_and_wait()

    # --- what the user asks for -----------------------------------------------------------------------------

    async def pin(self, file_id: str) -> None:
        """Keep the bytes of a file here; one that is on demand is downloaded."""
        async with self._lock.saving():  # nobody evicts it meanwhile
            record = self._tables.live(file_id)
            await self._controls.change(record.id, pinned=True, evicted=False)

    async def unpin(self, file_id: str) -> None:
        """Let the bytes of a file be evicted."""
        await self._controls.change(self._tables.live(file_id).id, pinned=False)

    async def unevict(self, record: FileRecord, *, priority: int) -> None:
        """The file is needed here: if it is on demand, it is so no more."""
        control = self._tables.control(record.id)
        if control.evicted or not (control.is_asked_for or self._comes_by_itself(record)):
            await self._controls.change(record.id, evicted=False, priority=priority)

    def _comes_by_itself(self, record: FileRecord) -> bool:
        """Whether the file needs nobody who asks for it, as far as is known here."""
        row = self._tables.row(record.id)
        if row is not None and row.local_hash == record.content_hash:
            return True
        return not self._is_limited and not self._tables.is_kept(record.id)

    async def evict(self, file_id: str) -> None:
        """Evict the content of one file, which all files of that content share."""
        record = self._tables.live(file_id)
        self._check_remote()
        if self._tables.control(record.id).evicted and await self._blobs.size(record.content_hash) is None:
            return
        if not await self._remote.is_healthy(timeout=PROBE_TIMEOUT):
            raise NotEvictableError(f"file {record.id} is kept: the object store cannot be asked for it now")
        await self._evict(record.content_hash)

    async def free(self, wanted: int) -> int:
        """Evict what was not used for longest, until `wanted` bytes are free; returns how many are. Offline
        that is none."""
        if not isinstance(wanted, int | float) or math.isnan(wanted):
            raise InvalidArgumentError(f"wanted_bytes is a number of bytes, not {wanted!r:.100}")
        self._check_remote()
        freed = 0
        if not await self._remote.is_healthy(timeout=PROBE_TIMEOUT):
            return 0
        for content_hash in await self._least_recently_used():
            if freed >= wanted:
                break
            if self._obstacle(content_hash):
                continue
            try:
                freed += await self._evict(content_hash)
            except (TransferError, BusyError) as error:
                logger.warning("no more bytes are evicted: %s", error)
                break
            except NotEvictableError as error:
                logger.info("%s", error)
        return freed

    async def with_room(self, size: int | None, store: Callable[[], Awaitable[R]]) -> R:
        """Store something; when there is no room for it, make some, and do it once more: first without the
        thumbnails, then without what may be evicted. The error stands without a `size` in bytes, and for
        what would not fit whatever was evicted: then nothing is."""
        try:
            return await store()
        except QuotaExceededError:
            if not size:
                raise
            if await self._thumbnails.clear():
                with suppress(QuotaExceededError):
                    return await store()
            if not (await self._could_fit(size) and await self.free(size)):
                raise
        return await store()

    async def _could_fit(self, size: int) -> bool:
        """Whether there would be room once everything was evicted that may go, as far as can be told."""
        if not self._remote.exists:
            return False
        stored = await self._blobs.list()
        needed = size - sum(bytes_ for content, bytes_ in stored.items() if not self._obstacle(content))
        return needed <= 0 or await self._blobs.has_room(needed) is not False

    # --- eviction -------------------------------------------------------------------------------------------

    def _check_remote(self) -> None:
        if not self._remote.exists:
            raise NotEvictableError("in local-only mode there is no other copy: nothing can be evicted")

    async def _least_recently_used(self) -> list[str]:
        """The contents that are here: what goes first comes first, and of that the least recently used."""
        stored, last_use = await self._blobs.list(), self._tables.uses()
        for record in self._tables.all_live():
            last_use[record.content_hash] = max(last_use.get(record.content_hash, 0), record.created_at)
        purpose = self._tables.purposes(stored)
        return sorted(purpose, key=lambda content: (purpose[content], last_use.get(content, 0), content))

    async def sizes(self) -> dict[Purpose, int]:
        """The bytes that are here, by what they are here for."""
        stored = await self._blobs.list()
        sizes = dict.fromkeys(Purpose, 0)
        for content_hash, purpose in self._tables.purposes(stored).items():
            sizes[purpose] += stored[content_hash]
        return sizes

    def _obstacle(self, content_hash: str) -> str:
        """Why a content must stay here; empty when nothing holds it."""
        files = self._tables.users_of(content_hash)
        unconfirmed = {file_id_of(args) for _name, args in self._store.unconfirmed()}
        for record in files:
            row, control = self._tables.row(record.id), self._tables.control(record.id)
            if not record.is_uploaded:
                return f"file {record.id} is not uploaded yet"
            if control.pinned:
                return f"file {record.id} is pinned"
            if file_and_content(record.id)[0] in unconfirmed:
                return f"the sync backend has not confirmed file {record.id} yet"
            statuses = (row.upload_status, row.download_status) if row is not None else ()
            if not control.evicted and statuses != (Status.DONE, Status.DONE):
                return f"the transfer of file {record.id} is not finished"
        if not files or self._tables.needs(content_hash, without=[record.id for record in files]):
            return "it is the old content of a file whose new content is not in place yet"
        return ""

    async def _evict(self, content_hash: str) -> int:
        """Evict one content, if that is safe; returns the bytes that were freed."""
        self._check_obstacle(content_hash)
        size = await self._blobs.size(content_hash)
        if size is None:
            raise NotEvictableError(f"the bytes of {content_hash} are not on this device")
        files = self._tables.users_of(content_hash)
        await self._confirm(content_hash, size, files)
        async with self._lock.removing(timeout=SAVING_TIMEOUT):
            self._check_obstacle(content_hash)
            if self._tables.users_of(content_hash) != files:
                raise NotEvictableError(f"{content_hash} is kept: its files were changed meanwhile")
            await self._mark(files, evicted=True)
            if not await self._blobs.delete(content_hash):
                await self._mark(files, evicted=False)
                raise NotEvictableError(f"{content_hash} is kept: somebody has it open")
            self._blobs.revoke_url(content_hash)
            await self._tell_absence(files)
            return size

    def _check_obstacle(self, content_hash: str) -> None:
        if obstacle := self._obstacle(content_hash):
            raise NotEvictableError(f"{content_hash} is kept: {obstacle}")

    async def _confirm(self, content_hash: str, size: int, files: list[FileRecord]) -> None:
        """Ask the object store whether it has the content, byte for byte as far as it can tell; what it has
        lost or spoilt is uploaded again."""
        keys = {record.remote_key for record in files}
        lost = {key for key in keys if not await self._remote.has(key, size, content_hash)}
        if lost:
            withdrawn = [self._events.remote_key_changed(r, "") for r in files if r.remote_key in lost]
            await self._store.commit(*withdrawn)
            raise NotEvictableError(
                f"the object store has lost {', '.join(sorted(lost))}: it is uploaded again from here"
            )

    async def _mark(self, files: list[FileRecord], *, evicted: bool) -> None:
        async with changing_controls(self._workspace):
            controls = [self._tables.control(record.id) for record in files]
            marked = [replace(control, evicted=evicted, priority=0) for control in controls]
            await self._store.commit(*map(self._events.control_changed, marked))

    async def _tell_absence(self, files: list[FileRecord]) -> None:
        rows = self._tables.rows([record.id for record in files])
        absent = [replace(row, local_hash="", download_status=Status.DONE) for row in rows]
        await self._store.commit(*map(self._events.row_written, absent))

    # --- last use, and persistence --------------------------------------------------------------------------

    def record_use(self, record: FileRecord) -> None:
        """The file's content was used now; that is recorded soon."""
        now, content_hash = self._workspace.now_ms(), record.content_hash
        use = self._used.get(content_hash) or self._tables.use(content_hash)
        if use is None or now - use.used_at >= USE_PRECISION:
            self._record(BlobUse(content_hash, now, _bounded(record.metadata_json)))

    def arrival_event(self, record: FileRecord) -> NewEvent:
        """The event that goes with a download: the content has come here, without being used. What it is
        stays known if the record does not."""
        use = self._used.get(record.content_hash) or self._tables.use(record.content_hash)
        used_at = use.used_at if use is not None else 0
        return self._events.blob_used(BlobUse(record.content_hash, used_at, _bounded(record.metadata_json)))

    def save_event(self, record: FileRecord) -> NewEvent:
        """The event that goes with a save: the content was used now."""
        return self._events.blob_used(
            BlobUse(record.content_hash, self._workspace.now_ms(), _bounded(record.metadata_json))
        )

    def saved(self) -> None:
        """A save is done. After the first one the platform is asked to keep the storage."""
        if not self._asked_to_persist:
            self._asked_to_persist = True
            self._tasks.spawn(self._ask_to_persist(), "ask to persist")

    def _record(self, use: BlobUse) -> None:
        self._used[use.content_hash] = use
        self._unwritten.add(use.content_hash)
        if len(self._unwritten) == 1:
            self._tasks.spawn(self._write_uses(), "record uses")

    async def _write_uses(self) -> None:
        contents, self._unwritten = self._unwritten, set()
        uses = [self._used[content] for content in sorted(contents)]
        try:
            await self._store.commit(*map(self._events.blob_used, uses))
        except FileSyncError as error:
            logger.info("a use is not recorded, so that it may be evicted earlier: %s", error)

    async def _ask_to_persist(self) -> None:
        try:
            if not (await self._blobs.storage_status()).persisted:
                await self._blobs.request_persistence()
        except FileSyncError as error:
            logger.info("the platform could not be asked to keep the storage: %s", error)


def _bounded(metadata_json: str | None) -> str | None:
    """The metadata, or what is left of it when somebody has put very much into it."""
    if metadata_json is None or len(metadata_json) <= MAX_REMEMBERED:
        return metadata_json
    metadata = parse_metadata(metadata_json)
    return encode_metadata(replace(metadata, custom={"name": metadata.name} if metadata.name else {}))
