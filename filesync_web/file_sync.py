"""FileSync: save, edit, delete, read and resolve files, and keep their bytes in sync in the background.

Bytes come first: `save_file` returns when they are durable here and the event is in the log. From then
on the runner of the leading tab uploads them. Works wherever its platform does; every tab has its own
`FileSync`, one of them leads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import Any

from filesync_web.core.effects import FileSyncEvent
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.paths import check_store_id
from filesync_web.core.records import Control, FileOperationResult, Status
from filesync_web.core.state import Limits
from filesync_web.errors import FileSyncError
from filesync_web.file_tables import FileSyncTables, file_id_of
from filesync_web.garbage import GarbageCollector
from filesync_web.handover import Handover
from filesync_web.intake import Intake
from filesync_web.livestore.schema import NewEvent
from filesync_web.livestore.store import Store
from filesync_web.online import OnlineMonitor
from filesync_web.options import FileSyncOptions
from filesync_web.ports import BlobHandle, Platform, Source, StorageStatus, Unsubscribe
from filesync_web.reading import Reader
from filesync_web.relay import EventRelay
from filesync_web.remote import Remote
from filesync_web.runner import Runner
from filesync_web.signer_client import SignerClient, SignerConfig
from filesync_web.space import Space
from filesync_web.writing import Writer

logger = logging.getLogger(__name__)

RESTART_DELAY = 5.0


class FileSync:
    """The files of one store. `remote=None` is local-only mode. Call `start` to begin transfers."""

    def __init__(
        self,
        store: Store,
        platform: Platform,
        *,
        remote: SignerConfig | None,
        options: FileSyncOptions | None = None,
        random: Random | None = None,
    ) -> None:
        check_store_id(store.store_id)
        self._store = store
        self._options = options or FileSyncOptions()
        self._blobs = platform.blobs
        self._http = platform.http
        self._clock = platform.clock
        self._tables = FileSyncTables(store)
        self._remote: Remote | None = None
        if remote is not None:
            signer = SignerClient(platform.http, remote)
            self._remote = Remote(
                signer,
                platform.http,
                self._blobs,
                self._clock,
                self._tables,
                stall_timeout=self._options.stall_timeout,
            )
        self._relay = EventRelay(store)
        self._garbage = GarbageCollector(store, self._tables, self._blobs, platform.locks, self._clock)
        self._space = Space(
            store,
            self._tables,
            self._blobs,
            self._remote,
            garbage=self._garbage,
            locks=platform.locks,
            clock=self._clock,
        )
        self._writer = Writer(
            store,
            self._tables,
            Intake(store.store_id, self._blobs, self._options.preprocessors),
            self._space,
            locks=platform.locks,
            clock=self._clock,
            has_remote=self._remote is not None,
        )
        self._reader = Reader(
            store,
            self._tables,
            self._blobs,
            self._remote,
            self._space,
            auto_prioritize=self._options.auto_prioritize,
        )
        self._monitor = OnlineMonitor(
            self._probe,
            platform.connectivity,
            self._clock,
            self._went,
            interval=self._options.health_check_interval,
            timeout=self._options.health_check_timeout,
        )
        self._handover: Handover | None = None
        if platform.background is not None:
            signer_to_hand = remote if self._options.background_uploads else None
            self._handover = Handover(self._tables, platform.background, signer_to_hand)
        self._runner = Runner(
            store,
            self._tables,
            self._blobs,
            self._remote,
            garbage=self._garbage,
            handover=self._handover,
            clock=self._clock,
            random=random or Random(),  # noqa: S311 - it spreads retries
            limits=Limits(self._options.max_concurrent_uploads, self._options.max_concurrent_downloads),
            retry=self._options.retry,
            on_event=self._happened,
            on_network_error=self._monitor.check_now,
        )
        self._subscriptions: list[Unsubscribe] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_started = False

    # --- life

    def start(self) -> None:
        """Begin transfers, as soon as and for as long as this tab leads. Does nothing when started
        already."""
        if self._is_started:
            return
        self._is_started = True
        self._relay.open()
        self._subscriptions = [
            self._store.on_leader_change(lambda _leads: self._follow_leadership()),
            self._store.on_events(self._changed),
        ]
        self._follow_leadership()

    async def stop(self) -> None:
        """Abort running transfers and start no more; files can still be saved. `start` goes on."""
        was_started, self._is_started = self._is_started, False
        self._relay.close()
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._subscriptions.clear()
        await self._end_tasks()
        if was_started and self._handover is not None and self._store.leader:
            await self._handover.clear()

    async def dispose(self) -> None:
        """Stop for good and let go of all object URLs and listeners."""
        await self.stop()
        self._reader.close()
        await self._space.close()
        await self._garbage.close()
        self._relay.clear()
        self._blobs.close()
        await self._http.close()

    def _follow_leadership(self) -> None:
        if self._is_started and self._store.leader and not self._tasks:
            self._tasks = [asyncio.create_task(self._transfer())]
            if self._remote is not None:
                self._tasks.append(asyncio.create_task(self._monitor.run()))
            if self._handover is not None:
                self._tasks.append(asyncio.create_task(self._handover.run()))
        elif not self._store.leader:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _transfer(self) -> None:
        """Keep the runner going while this tab leads."""
        while True:
            try:
                await self._runner.run()
            except FileSyncError as error:
                logger.exception("transfers of store %s stopped; they start again", self._store.store_id)
                self._relay.tell(FileSyncEvent("sync:error", error=str(error)))
                await self._clock.sleep(RESTART_DELAY)

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- files

    async def save_file(
        self,
        source: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        metadata: FileMetadata | None = None,
    ) -> FileOperationResult:
        """Save a new file; it survives a crash of the tab from the moment this returns, and is uploaded
        by itself.

        `source`: a JavaScript `File`, `Blob` or `ReadableStream`, bytes, an async iterator of bytes, on
        CPython also a path. `name` and `mime_type` stand in for what it does not carry. Raises
        `InvalidArgumentError`, `QuotaExceededError`, `StorageError`; then nothing is left behind.
        """
        return await self._writer.save(source, name, mime_type, metadata)

    async def update_file(
        self,
        file_id: str,
        source: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        metadata: FileMetadata | None = None,
    ) -> FileOperationResult:
        """Give a file new content; the old content goes after the new is uploaded. Arguments and errors
        as for `save_file`, and `UnknownFileError`."""
        return await self._writer.update(file_id, source, name, mime_type, metadata)

    async def delete_file(self, file_id: str) -> None:
        """Delete a file for all clients. Its bytes go, here and remotely, when no other file has the
        same content. Works offline. Raises `UnknownFileError`."""
        await self._writer.delete(file_id)

    async def read_file(self, id_or_path: str, *, wait: bool = True) -> BlobHandle:
        """The own copy of a live file: a JavaScript `File` in the browser, a path on CPython.

        A file that is not on this device but uploaded is waited for: it is downloaded, now or once that is
        possible. Whoever gives up waiting leaves the download going.

        Raises `UnknownFileError`; `TransferError` when the download fails or rests at an error;
        `BlobNotFoundError` when the bytes are nowhere to be had, or with `wait=False` not on this device.
        """
        return await self._reader.read(id_or_path, wait=wait)

    async def get_file_url(self, id_or_path: str) -> str | None:
        """A URL of the own copy of a live file, for this page only; None when the bytes are not on this
        device. Raises `UnknownFileError`."""
        return await self._reader.url(id_or_path)

    async def resolve_file_url(self, file_id: str) -> str | None:
        """A URL that shows a live file now: of the own copy, else a signed one that expires, else None.

        Raises `UnknownFileError`, and the errors of the signer.
        """
        return await self._reader.resolve(file_id)

    # --- transfers

    def is_online(self) -> bool:
        """Whether the signer could be reached when it was last tried; True until it is known."""
        return self._relay.online is not False

    def trigger_sync(self) -> None:
        """Look at the connections now instead of at the next interval."""
        self._monitor.check_now()
        self._store.nudge_sync()

    async def prioritize_download(self, file_id: str) -> None:
        """Put a file that waits for its download first in line. Raises `UnknownFileError`."""
        await self._reader.prioritize(self._tables.live(file_id))

    async def pause_transfer(self, file_id: str) -> None:
        """Abort the file's transfer and start none until `resume_transfer`. Raises `UnknownFileError`."""
        await self._set_control(file_id, Control.PAUSED)

    async def resume_transfer(self, file_id: str) -> None:
        """Go on with a file that was paused or cancelled. Raises `UnknownFileError`."""
        await self._set_control(file_id, Control.NONE)

    async def cancel_transfer(self, file_id: str) -> None:
        """Abort the file's transfer; it rests at `error` until `resume_transfer`, `retry_errors` or an edit.
        Raises `UnknownFileError`."""
        await self._set_control(file_id, Control.CANCELLED)

    async def retry_errors(self) -> list[str]:
        """Try all files that rest at `error` again; returns their ids."""
        events: list[NewEvent] = []
        file_ids = []
        for row in self._tables.all_rows():
            if not row.has_error:
                continue
            file_ids.append(row.file_id)
            upload = Status.QUEUED if row.upload_status is Status.ERROR else row.upload_status
            download = Status.QUEUED if row.download_status is Status.ERROR else row.download_status
            again = replace(row, upload_status=upload, download_status=download, last_sync_error="")
            events.append(self._tables.row_changed(again))
            control = self._tables.control(row.file_id)
            if control.state is Control.CANCELLED:
                events.append(self._tables.control_changed(replace(control, state=Control.NONE)))
        if events:
            await self._store.commit(*events)
        return file_ids

    async def _set_control(self, file_id: str, state: Control) -> None:
        await self._tables.change_control(self._tables.live(file_id).id, state=state)

    # --- space

    async def pin_file(self, file_id: str) -> None:
        """Keep the bytes of a file on this device; one that is not here is downloaded. Raises
        `UnknownFileError`."""
        await self._space.pin(file_id)

    async def unpin_file(self, file_id: str) -> None:
        """Let the bytes of a file go when space is needed. Raises `UnknownFileError`."""
        await self._space.unpin(file_id)

    async def evict_file(self, file_id: str) -> None:
        """Remove the bytes of an uploaded file, and of all files with the same content, from this device. It
        is downloaded again when it is read, shown or pinned.

        Raises `UnknownFileError`, the errors of the signer, and `NotEvictableError`, which says why the
        bytes stay: not uploaded, pinned, in transfer, offline, or lost remotely (then they are uploaded
        again).
        """
        await self._space.evict(file_id)

    async def free_space(self, wanted_bytes: int) -> int:
        """Evict what was not used for longest, until `wanted_bytes` are free; returns how many bytes were
        freed: fewer when no more may go, none offline. Saving does it by itself when the device is full.

        Raises `NotEvictableError` in local-only mode.
        """
        return await self._space.free(wanted_bytes)

    async def storage_status(self) -> StorageStatus:
        """Whether and how this device keeps the bytes."""
        return await self._blobs.storage_status()

    async def collect_garbage(self) -> int:
        """Remove own bytes that no file needs and stale temporary files; returns how many files were removed.
        It happens by itself at each start."""
        return await self._garbage.collect_everything()

    # --- events

    def on_event(self, callback: Callable[[FileSyncEvent], object]) -> Unsubscribe:
        """Call back with every event of the transfers, whichever tab runs them."""
        return self._relay.add(callback)

    async def _probe(self, timeout: float) -> bool:
        return self._remote is not None and await self._remote.is_healthy(timeout=timeout)

    def _happened(self, event: FileSyncEvent) -> None:
        if event.loaded:
            self._monitor.bytes_moved()
        self._relay.tell(event)

    def _went(self, is_online: bool) -> None:
        self._runner.set_gate(is_online)
        self._relay.tell(FileSyncEvent("online" if is_online else "offline"))
        if is_online:
            self._store.nudge_sync()

    def _changed(self, events: Iterable[tuple[str, Any]]) -> None:
        file_ids = {i for _name, args in events if (i := file_id_of(args)) is not None}
        self._runner.changed(file_ids)
        if self._handover is not None:
            self._handover.changed(file_ids)
