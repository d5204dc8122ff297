"""A client of the real world: its folder lasts, and its network does what a walk wants."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import filesync_web as fs
from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.records import FileRecord, LocalFileState
from filesync_web.core.versions import StoredVersion
from filesync_web.native.blobs import DirectoryBlobStore
from tests.harness.fault_proxy import Exchange, FaultProxy
from tests.harness.server import ServerProcess
from tests.in_page.client import FILES, SCHEMA, TOKEN

RETRY = RetryPolicy(base=0.02, cap=0.1, max_attempts=3, rest=0.3)


class Device:
    """A client: its folder lasts, its store and file sync can be opened anew. While `broken` has faults, its
    next requests get them; offline, all fail."""

    def __init__(
        self, name: str, folder: Path, proxy: FaultProxy, server: ServerProcess, store_id: str
    ) -> None:
        self.name = name
        self.online = True
        self.broken: deque[str] = deque()
        self._underway: dict[str, str] = {}  # the contents of uploads that have begun, by file
        self._was_broken = False
        self._failed: set[str] = set()  # the contents of uploads that have ended otherwise than complete
        self._folder = folder
        self._signer = fs.SignerConfig(f"{proxy.url}/api", auth_token=TOKEN)
        self._sync = fs.SyncOptions(f"{server.url}/sync", auth_token=TOKEN)
        self._store_id = store_id
        self.blobs = DirectoryBlobStore(folder, store_id)
        proxy.choose_fault = self._fault

    def _fault(self, _exchange: Exchange) -> str:
        if not self.online:
            return "refuse"
        self._was_broken |= bool(self.broken)
        return self.broken.popleft() if self.broken else ""

    async def open(self, settings: fs.FileSyncSettings) -> None:
        self.store = await fs.open_store(
            SCHEMA, store_id=self._store_id, sync=self._sync, data_dir=self._folder
        )
        self.files = await fs.create_file_sync(
            self.store,
            remote=self._signer,
            retry=RETRY,
            health_check_interval=0.1,
            stall_timeout=5.0,
            orphan_grace=0.0,
            thumbnails=None,
            **settings,
        )

        self.files.on_event(self._note)

    def _note(self, event: fs.FileSyncEvent) -> None:
        kind, _, what = event.type.partition(":")
        if kind != "upload" or not event.file_id or what == "progress":
            return
        begun = self._underway.pop(event.file_id, None)
        if begun and what != "complete":
            self._failed.add(begun)
        if what == "start":
            self._underway[event.file_id] = self.records[event.file_id].content_hash

    @property
    def broken_off(self) -> set[str]:
        """The contents of uploads that have not come to a good end; one that is stopped tells of no end, and
        that of a version tells nothing at all."""
        untold = {version.content_hash for version in self.versions} if self._was_broken else set()
        return self._failed | set(self._underway.values()) | untold

    async def close(self) -> None:
        await self.files.dispose()
        await self.store.close()

    @property
    def records(self) -> dict[str, FileRecord]:
        return {record.id: record for record in self.store.query(FILES.tables.files)}

    @property
    def live(self) -> list[FileRecord]:
        return self.store.query(FILES.tables.files.where(deleted_at=None).order_by("id"))

    @property
    def versions(self) -> list[StoredVersion]:
        """What files had before, and what deleted files have."""
        records = self.records
        table = FILES.tables.file_versions
        found: list[StoredVersion] = self.store.query(table.order_by("file_id", "number"))
        return [v for v in found if v.ended_at is not None or records[v.file_id].deleted_at is not None]

    @property
    def rows(self) -> dict[str, LocalFileState]:
        return {row.file_id: row for row in self.store.query(FILES.tables.local_file_state)}

    @property
    def running(self) -> set[tuple[str, ...]]:
        """The transfers that are in progress."""
        busy = fs.Status.IN_PROGRESS
        rows = self.rows.values()
        return {
            (row.file_id, row.upload_status, row.download_status)
            for row in rows
            if busy in (row.upload_status, row.download_status)
        }

    @property
    def is_synced(self) -> bool:
        status = self.store.sync_status
        return status.caught_up and not status.pending
