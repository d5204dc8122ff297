"""FileSync: save, edit, delete, read and resolve files, and keep their bytes in sync in the background.

Bytes come first: `save_file` returns when they are durable here and the event is in the log. From then
on the leading tab uploads them. Works wherever its platform does; every tab has its own `FileSync`, one of
them leads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from filesync_web.core.display import FileSyncEvent
from filesync_web.core.paths import check_store_id
from filesync_web.core.records import Control, FileOperationResult
from filesync_web.core.storage_status import StorageStatus
from filesync_web.errors import InvalidArgumentError, NotInitializedError
from filesync_web.files.conflict_watch import ConflictWatch
from filesync_web.files.controls import Controls, retry_errors
from filesync_web.files.descriptions import Descriptions
from filesync_web.files.events import FileEvents
from filesync_web.files.eviction import Eviction
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.importer import Importer
from filesync_web.files.mounts import Mounts
from filesync_web.files.operations import FileOperations
from filesync_web.files.orphans import Orphan, Orphans
from filesync_web.files.previews import Previews
from filesync_web.files.python_files import CreateFile, OpenFile, PythonFiles
from filesync_web.files.reader import Reader
from filesync_web.files.saves import Saves
from filesync_web.files.sync_wait import SyncWait
from filesync_web.files.tables import FileSyncTables, Purpose
from filesync_web.files.thumbnails import Thumbnails
from filesync_web.files.upload_ledger import StoreUploadLedger
from filesync_web.files.version_operations import VersionOperations
from filesync_web.files.workspace import Workspace
from filesync_web.files.writer import Writer
from filesync_web.livestore.store import Store
from filesync_web.options import FileSyncOptions
from filesync_web.ports import Platform, Unsubscribe
from filesync_web.remote.object_store import CONNECTIONS, LocalOnly, ObjectStore
from filesync_web.remote.signer_client import SignerClient, SignerConfig
from filesync_web.transfers.background_uploads import BackgroundUploads
from filesync_web.transfers.event_relay import EventRelay
from filesync_web.transfers.leader import Leader


class FileSync(FileOperations, VersionOperations):
    """The files of one store. `remote=None` is local-only mode. Call `start` to begin transfers.

    `open_file` and `create_file` give files as Python's own file objects (see `files.python_files`).
    """

    def __init__(
        self,
        store: Store,
        platform: Platform,
        *,
        remote: SignerConfig | None,
        options: FileSyncOptions | None = None,
    ) -> None:
        check_store_id(store.store_id)
        options = options or FileSyncOptions()
        workspace = _workspace(store, platform, remote, options)
        background_uploads = BackgroundUploads(workspace, remote if options.background_uploads else None)
        self._workspace = workspace
        self._options = options
        self.loop = asyncio.get_running_loop()  # all of it belongs to this one
        self._disposal = asyncio.Lock()
        self._is_disposed = False
        self._relay = EventRelay(store, platform.clock)
        self._conflicts = ConflictWatch(workspace, self._relay.tell_here)
        self._orphans = Orphans(workspace, grace=options.orphan_grace)
        self._thumbnails = Thumbnails(workspace, options.thumbnails)
        self._previews = Previews(workspace, self._thumbnails)
        self._garbage = GarbageCollector(workspace, self._orphans, self._thumbnails)
        self._controls = Controls(workspace)
        self._eviction = Eviction(workspace, self._controls, self._thumbnails, is_limited=options.is_limited)
        importer = Importer(workspace, options.preprocessors, self._garbage, self._orphans)
        self._mounts = Mounts(workspace, self._eviction)
        self._writer = Writer(workspace, importer, self._eviction, self._previews, self._mounts)
        self._descriptions = Descriptions(workspace)
        self._reader = Reader(
            workspace,
            self._controls,
            self._eviction,
            self._mounts,
            auto_prioritize=options.auto_prioritize,
        )
        python_files = PythonFiles(workspace, self._reader, self._writer, self._garbage)
        self.open_file: OpenFile = python_files.open
        self.create_file: CreateFile = python_files.create
        self._sync_wait = SyncWait(workspace, self.is_online)
        self._leader = Leader(
            workspace,
            options,
            garbage=self._garbage,
            eviction=self._eviction,
            background_uploads=background_uploads,
            relay=self._relay,
        )

    @property
    def store_id(self) -> str:
        """The id of the store whose files these are."""
        return self._workspace.store.store_id

    @property
    def store(self) -> Store:
        """The store whose files these are."""
        return self._workspace.store

    # --- life

    def start(self) -> None:
        """Begin transfers, as soon as and for as long as this tab leads. Does nothing when started already.
        Raises `NotInitializedError` after `dispose`."""
        if self._is_disposed:
            raise NotInitializedError("this FileSync was disposed of; make another one")
        self._leader.start()

    async def stop(self) -> None:
        """Abort running transfers and start no more; files can still be saved. `start` goes on."""
        await self._leader.stop()

    async def dispose(self) -> None:
        """Stop for good and let go of all object URLs and listeners. Does nothing the second time."""
        async with self._disposal:
            if self._is_disposed:
                return
            self._is_disposed = True
            platform = self._workspace.platform
            async with AsyncExitStack() as ends:  # all of them, also when one fails; the last comes first
                ends.push_async_callback(platform.http.close)
                ends.callback(platform.blobs.close)
                ends.callback(self._relay.clear)
                ends.callback(self._conflicts.close)
                ends.push_async_callback(self._thumbnails.close)
                ends.push_async_callback(self._previews.close)
                ends.push_async_callback(self._garbage.close)
                ends.push_async_callback(self._eviction.close)
                ends.push_async_callback(self.stop)
                ends.push_async_callback(self._descriptions.close)
                ends.push_async_callback(self._mounts.close)
                ends.callback(self._reader.close)

    # --- transfers

    def is_online(self) -> bool:
        """Whether the signer could be reached when it was last tried; True until it is known."""
        return self._relay.online is not False

    def trigger_sync(self) -> None:
        """Look at the connections now instead of at the next interval."""
        self._leader.check_now()
        self._workspace.store.nudge_sync()

    async def wait_until_synced(
        self,
        file_ids: Iterable[str] | None = None,
        timeout: float | None = None,
        *,
        stop_at_errors: bool = False,
    ) -> None:
        """Return once these files, or all that are not deleted, are uploaded and the sync backend has
        confirmed what this device says of them. Without a backend or an object store there is nothing to wait
        for there.

        Raises `SyncTimeoutError` after `timeout` seconds, which says what hinders it; `UnknownFileError`;
        with `stop_at_errors`, `TransferError` as soon as nothing is left but files that rest at an error.
        """
        await self._sync_wait.wait(file_ids, timeout, stop_at_errors=stop_at_errors)

    async def prioritize_download(self, file_id: str) -> None:
        """Put a file that waits for its download first in line. Raises `UnknownFileError`."""
        await self._reader.prioritize(self._workspace.tables.live(file_id))

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

    async def retry_errors(self, file_ids: Iterable[str] | None = None) -> list[str]:
        """Try the files that rest at `error` again, all or those of `file_ids`; returns their ids. Raises
        `UnknownFileError`, and `InvalidArgumentError` for one text."""
        if isinstance(file_ids, str):
            raise InvalidArgumentError(f"file_ids are several ids: [{file_ids!r:.100}]")
        wanted = None if file_ids is None else [self._workspace.tables.live(one).id for one in file_ids]
        return await retry_errors(self._workspace, wanted)

    async def _set_control(self, file_id: str, state: Control) -> None:
        record = self._workspace.tables.live(file_id)
        await self._controls.change(record.id, state=state)

    # --- space

    async def pin_file(self, file_id: str) -> None:
        """Keep the bytes of a file on this device; one that is not here is downloaded. Raises
        `UnknownFileError`."""
        await self._eviction.pin(file_id)

    async def unpin_file(self, file_id: str) -> None:
        """Let the bytes of a file go when space is needed. Raises `UnknownFileError`."""
        await self._eviction.unpin(file_id)

    async def evict_file(self, file_id: str) -> None:
        """Remove the bytes of an uploaded file, and of all files with the same content, from this device. It
        is downloaded again when it is read, shown or pinned.

        Raises `UnknownFileError`, the errors of the signer, and `NotEvictableError`, which says why the
        bytes stay: not uploaded, pinned, in transfer, offline, or lost remotely (then they are uploaded
        again).
        """
        await self._eviction.evict(file_id)

    async def free_space(self, wanted_bytes: int) -> int:
        """Evict what was not used for longest, until `wanted_bytes` are free; returns how many bytes were
        freed: fewer when no more may go, none offline. Saving does it by itself when the device is full.

        Raises `NotEvictableError` in local-only mode.
        """
        return await self._eviction.free(wanted_bytes)

    async def storage_status(self) -> StorageStatus:
        """Whether and how this device keeps the bytes, what takes how many, and what the server counts."""
        workspace = self._workspace
        status = await workspace.platform.blobs.storage_status()
        sizes = await self._eviction.sizes()
        return replace(
            status,
            thumbnails=await self._thumbnails.size(),
            trash=sizes[Purpose.TRASH],
            versions=sizes[Purpose.VERSION],
            live=sizes[Purpose.LIVE],
            remote=await workspace.remote.usage(self.store_id) if self.is_online() else None,
        )

    async def collect_garbage(self) -> int:
        """Remove own bytes that were deleted or replaced, orphans whose time is over, and stale temporary
        files; returns how many files were removed. It happens by itself at each start."""
        return await self._garbage.collect_everything()

    # --- orphans

    async def list_orphans(self) -> list[Orphan]:
        """The bytes on this device whose files have vanished without a deletion, the oldest first."""
        return await self._orphans.all()

    async def recover_orphan(self, content_hash: str, *, name: str | None = None) -> FileOperationResult:
        """Save orphaned bytes as a new file, with what is known of the old one. Raises `BlobNotFoundError`
        when there are none."""
        return await self._writer.recover(content_hash, name)

    async def drop_orphan(self, content_hash: str) -> None:
        """Remove orphaned bytes for good. Raises `BlobNotFoundError` when there are none."""
        await self._orphans.drop(content_hash)
        await self._thumbnails.remove([content_hash])

    # --- events

    def on_event(self, callback: Callable[[FileSyncEvent], object]) -> Unsubscribe:
        """Call back with every event of the transfers, whichever tab runs them, and with each conflict that
        comes up. Raises `InvalidArgumentError` for what cannot be called."""
        if not callable(callback):
            raise InvalidArgumentError(f"a callback is a function, not {callback!r:.100}")
        return self._relay.add(callback)

    # --- for who wonders

    async def debug_report(
        self, files: Iterable[str] | None = None, *, names: bool = False, quick: bool = False
    ) -> dict[str, Any]:
        """What this tab or process knows of the store, the transfers, the last events, the storage and some
        files with their history, as JSON values without secrets: for a bug report, or the inspector.

        `files`: ids, hashes or parts of names of those whose history it tells, deleted ones too; by default
        up to 20 that wait or failed, and the newest. `names`: with the names of files. `quick`: without
        storage, place and service worker, which have to be asked. A part that fails tells its error instead.
        Raises `UnknownFileError`.
        """
        from filesync_web.inspector.facts import Parts, report_of  # most pages never need them

        parts = Parts(self._workspace, self._options, self._leader, self._relay, self.storage_status)
        return await report_of(parts, files, names=names, quick=quick)


def _workspace(
    store: Store, platform: Platform, signer: SignerConfig | None, options: FileSyncOptions
) -> Workspace:
    tables, events = FileSyncTables(store, platform.clock), FileEvents(store.schema)
    if signer is None:
        return Workspace(store, tables, events, LocalOnly(), platform, Saves(platform.clock))
    ledger = StoreUploadLedger(store, tables, events)
    client = SignerClient(platform, signer)
    asked_for = (options.max_concurrent_uploads, options.max_concurrent_downloads)
    remote = ObjectStore(
        client,
        platform,
        ledger,
        stall_timeout=options.stall_timeout,
        connections=max(CONNECTIONS, *(number or 0 for number in asked_for)),
    )
    return Workspace(store, tables, events, remote, platform, Saves(platform.clock))
