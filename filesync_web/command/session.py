"""The store as one command has it open: a client like any other, beside those that have the same folder open.

Of the processes with one data folder one leads: it syncs and transfers for all. A command beside a watching
one only writes into the log and waits for what the other does; when the other ends, it takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from filesync_web.aio.clocks import SystemClock
from filesync_web.aio.listeners import changes
from filesync_web.command.probes import probing, why_offline
from filesync_web.command.settings import Settings
from filesync_web.environment import create_file_sync, open_store
from filesync_web.errors import NetworkError, ServerError, SyncError
from filesync_web.file_sync import FileSync
from filesync_web.files.schema import create_file_sync_schema
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.schema import make_schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.native.locks import FileLocks
from filesync_web.native.store_folder import StoreFolder
from filesync_web.remote.signer_client import SignerConfig

CATCH_UP_TIMEOUT = 120.0
"""Seconds without any news of the sync backend, though it answers."""

KIT = create_file_sync_schema()
SCHEMA = make_schema(tables=KIT.tables, events=KIT.events, materializers=KIT.create_materializers(KIT.tables))
OFFLINE_ERRORS = (NetworkError, ServerError, SyncError)
"""What says that the server is away, when it is no `SyncAuthError`."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open store with its files."""

    settings: Settings
    store: Store
    files: FileSync
    tables: FileSyncTables

    async def connect(self) -> None:
        """Wait until this device knows everything that the sync backend has.

        Raises `AuthError` or `SyncAuthError` when the token is refused, `NetworkError`, `ServerError` or
        `SyncError` when a part of the server does not answer.
        """
        async with probing(self.settings) as probes:
            await probes.access()
        self.store.nudge_sync()
        await self.until(lambda: self.store.sync_status.caught_up, timeout=CATCH_UP_TIMEOUT)

    async def until_confirmed(self) -> None:
        """Wait until the sync backend has confirmed everything that this device has written.

        Raises as `connect` does when it will not, for now.
        """
        reason = await why_offline(self.settings)
        if reason is not None:
            raise reason
        await self.until(lambda: self.is_confirmed, timeout=CATCH_UP_TIMEOUT)

    @property
    def is_confirmed(self) -> bool:
        """Whether the sync backend has everything that this device has written, and the other way round."""
        status = self.store.sync_status
        return status.caught_up and status.pending == 0

    async def until(self, condition: Callable[[], bool], *, timeout: float | None = None) -> None:
        """Wait until it is so; raises `SyncError` when nothing of the store has changed for `timeout`
        seconds."""
        with self.changes() as changed:
            while not condition():
                changed.clear()
                try:
                    async with asyncio.timeout(timeout):
                        await changed.wait()
                except TimeoutError:
                    said = self.store.sync_status.last_error or "it is not known why"
                    raise SyncError(f"nothing was synced for {timeout:g} seconds: {said}") from None

    @asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:
        """Let no other command on this device do that meanwhile; inside, what they have done is known."""
        locks = FileLocks(StoreFolder(self.settings.data_dir, self.settings.store).path)
        async with locks.hold(f"command-{what}", exclusive=True):
            await self.store.refresh()
            yield

    def changes(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever something of the files, the sync or the transfers changes."""
        of_files = partial(self.store.subscribe, self.tables.watched)
        return changes(of_files, self.store.on_sync_status, self.store.on_leader_change, self.files.on_event)


@asynccontextmanager
async def open_session(
    settings: Settings, *, downloads: Literal["eager", "on_demand"] = "on_demand"
) -> AsyncIterator[Session]:
    """Open the store; it is closed at the end, and whatever was not done then goes on with the next command.

    `downloads`: whether all files come to this device, should this command be the one that leads.
    """
    sync = SyncOptions(settings.sync, auth_token=settings.token)
    store = await open_store(SCHEMA, store_id=settings.store, sync=sync, data_dir=settings.data_dir)
    try:
        remote = SignerConfig(settings.signer, auth_token=settings.token)
        files = await create_file_sync(store, remote=remote, downloads=downloads)
        try:
            yield Session(settings, store, files, FileSyncTables(store, SystemClock()))
        finally:
            await files.dispose()
    finally:
        await store.close()
