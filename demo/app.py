"""What the gallery does with the kit: open, add, edit, and read what the page shows.

This, `listing.py`, which reads the pictures, `kept.py`, about what they were before, and `space.py`, about
the storage that they take, are the modules to copy from. They know nothing of the page: `main.py` connects
them to the rendering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from kept import Kept
from kinds import is_picture
from listing import FILES, LOCAL_STATES, Entry, Listing
from space import Space
from trouble import OUTDATED, Trouble

import filesync_web as fs

SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)

OnUpdate = Callable[[fs.FileSyncServiceWorker], None]
"""Called when a new version of the app waits."""
SYNC_FAILURE_TIMEOUT = 5.0
"""Seconds that metadata sync may fail before it is called failing: most broken connections heal sooner."""


CANCELLED_COUNT = """SELECT count(*) FROM localFileState s JOIN transferControl c ON c.fileId = s.fileId
    WHERE c.state = 'cancelled' AND 'error' IN (s.uploadStatus, s.downloadStatus)"""

PAUSED_COUNT = """SELECT count(*) FROM localFileState s JOIN transferControl c ON c.fileId = s.fileId
    WHERE c.state = 'paused' AND 'queued' IN (s.uploadStatus, s.downloadStatus)"""

LARGE_BYTES = 250_000
"""A picture whose sides nobody knows is a large one from here on."""
MAX_LISTED = 200
"""Files that the panel has the ids of, of those that upload, or wait to."""
MAX_TRANSFERS = 30
"""Transfers that the panel has a row for."""


@dataclass(frozen=True)
class Snapshot:
    """What the page says of all pictures together, read at one moment."""

    total: int
    status: fs.SyncCounts
    uploading: list[str]
    queued_uploads: list[str]
    transfers: list[Entry]
    cancelled: int
    paused: int
    """While nothing else runs."""
    online: bool
    sync_enabled: bool
    sync_connected: bool
    sync_failing: bool
    unsent: int
    local_only: bool
    trouble: Trouble | None
    """What keeps this tab from all work."""


class Gallery:
    """One store of pictures and its file sync."""

    def __init__(self, store: fs.Store, *, token: str | None, local_only: bool) -> None:
        self.listing = Listing(store)
        self.kept = Kept(store, local_only=local_only)
        self.space = Space(store, self.listing)
        self.store_id = store.store_id
        self._store = store
        self._token = token
        self.local_only = local_only
        self._sync_failing = False
        self._verdict: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls, store_id: str, *, token: str | None, local_only: bool, health_check_interval: float
    ) -> Gallery:
        """Open the store and start the sync; `local_only` keeps everything on this device.

        The sync signs in by `token`, or where that is None by a cookie.
        """
        sync = None if local_only else fs.SyncOptions(url="/sync", auth_token=token)
        remote = None if local_only else fs.SignerConfig(base_url="/api", auth_token=token)
        store = await fs.open_store(SCHEMA, store_id=store_id, sync=sync)
        # background_uploads: once this tab is closed, the service worker goes on, with the token of then.
        await fs.init_file_sync(
            store,
            remote=remote,
            health_check_interval=health_check_interval,
            background_uploads=True,
            max_concurrent_uploads=2,
        )
        return cls(store, token=token, local_only=local_only)

    async def serve_files(self, on_update: OnUpdate) -> fs.FileSyncServiceWorker:
        """Let a service worker answer for the files' own URLs, `/livestore-filesync-files/...`, and open the
        page offline."""
        return await fs.register_file_sync_service_worker(
            "./filesync-sw.js",
            signer_base_url="" if self.local_only else "/api",
            headers={"Authorization": f"Bearer {self._token}"} if self._token else None,
            on_update=on_update,
        )

    @staticmethod
    async def opens_offline(worker: fs.FileSyncServiceWorker) -> bool:
        """Whether the service worker has all that the page takes to open."""
        return int((await worker.status()).get("precached") or 0) > 0

    def snapshot(self, *, with_transfers: bool = False) -> Snapshot:
        """What is so now; the files that are in transfer take a while, and are read when they are shown."""
        status, sync = fs.get_sync_counts(self._store), self._store.sync_status
        return Snapshot(
            total=self.listing.total,
            status=status,
            uploading=self._uploads(fs.Status.IN_PROGRESS) if status.uploading_count else [],
            queued_uploads=self._uploads(fs.Status.QUEUED) if status.queued_upload_count else [],
            transfers=self._transfers() if with_transfers else [],
            cancelled=self._count(CANCELLED_COUNT) if status.error_count else 0,
            paused=self._count(PAUSED_COUNT) if status.has_pending and not status.is_syncing else 0,
            online=fs.is_online(),
            sync_enabled=sync.enabled,
            sync_connected=sync.connected and not sync.last_error,
            sync_failing=self._sync_failing,
            unsent=sync.pending,
            local_only=self.local_only,
            trouble=OUTDATED if sync.outdated else None,
        )

    def _uploads(self, status: fs.Status) -> list[str]:
        """The ids of files whose upload is in that state; of very many only the first."""
        rows = self._store.query(LOCAL_STATES.where(upload_status=status.value).limit(MAX_LISTED))
        return sorted(row.file_id for row in rows)

    def _transfers(self) -> list[Entry]:
        """The files whose transfer rests at an error, runs or waits, in this order; of many the first."""
        found: dict[str, None] = {}
        for status in (fs.Status.ERROR, fs.Status.IN_PROGRESS, fs.Status.QUEUED):
            for way in ("upload_status", "download_status"):
                rows = self._store.query(LOCAL_STATES.where(**{way: status.value}).limit(MAX_TRANSFERS))
                found |= dict.fromkeys(row.file_id for row in rows)
        return self.listing.entries(list(found)[:MAX_TRANSFERS])

    def _count(self, sql: str) -> int:
        return int(self._store.query(sql)[0][0])

    def watch(
        self, on_change: Callable[[frozenset[str]], None], on_event: Callable[[fs.FileSyncEvent], None]
    ) -> None:
        """Call `on_change` when a new snapshot would differ, with the names of the tables that were written,
        and `on_event` for each event of the sync."""
        tables = FILES.tables
        watched = (tables.files, tables.local_file_state, tables.transfer_control, tables.file_versions)
        self._store.subscribe(watched, on_change)
        self._store.on_sync_status(lambda status: self._judge_sync(status, on_change))
        self._judge_sync(self._store.sync_status, on_change)
        fs.on_file_sync_event(on_event)

    def _judge_sync(self, status: fs.MetadataSyncStatus, on_change: Callable[[frozenset[str]], None]) -> None:
        """Call the sync failing once it has not worked for a while."""

        def mark_failing() -> None:
            self._sync_failing = True
            on_change(frozenset())

        if not status.last_error:
            self._sync_failing = False
            if self._verdict:
                self._verdict.cancel()
                self._verdict = None
        elif self._verdict is None:
            self._verdict = asyncio.get_running_loop().call_later(SYNC_FAILURE_TIMEOUT, mark_failing)
        on_change(frozenset())

    async def add(self, js_file: Any, name: str) -> None:
        """Keep a file: when this returns it survives a crash; the upload follows in the background."""
        await fs.save_file(js_file, name=name)

    async def edit(self, file_id: str, change: Callable[[Any], Awaitable[Any]]) -> None:
        """Store what `change` makes of the file's content as its new content."""
        js_file = await fs.read_file(file_id)
        js_blob = await change(js_file)
        await fs.update_file(file_id, js_blob, name=js_file.name, mime_type=js_blob.type)

    async def url(self, file_id: str) -> str | None:
        """Where the page can have the whole file from: its own copy, else a signed address. Asking for it
        brings an evicted file back."""
        return await fs.resolve_file_url(file_id)

    async def card_url(self, record: fs.FileRecord, size: float) -> str | None:
        """Where a card of `size` pixels shows a file from: a thumbnail of a much larger one, else itself."""
        metadata = fs.get_file_metadata(record)
        longest = max(metadata.width or 0, metadata.height or 0)
        is_large = longest > 2 * size if longest else (metadata.size_bytes or 0) > LARGE_BYTES
        thumbnail = await fs.thumbnail_url(record.id, size) if is_large and is_picture(metadata) else None
        return thumbnail or await self.url(record.id)

    async def retry(self) -> None:
        await fs.retry_errors()

    async def steer(self, act: str, file_id: str) -> None:
        """Pause, resume or cancel the transfer of one file, or try it again."""
        if act == "retry":
            await fs.retry_errors([file_id])
        elif act == "resume":
            await fs.resume_transfer(file_id)
        elif act == "pause":
            await fs.pause_transfer(file_id)
        elif act == "cancel":
            await fs.cancel_transfer(file_id)

    async def set_sync_enabled(self, enabled: bool) -> None:
        await self._store.set_sync_enabled(enabled)
