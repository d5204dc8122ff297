"""The one `FileSync` of an app: made, found, started, stopped and disposed of here."""

from __future__ import annotations

import asyncio
from typing import Unpack
from weakref import WeakKeyDictionary

from filesync_web.environment import create_file_sync
from filesync_web.errors import NotInitializedError
from filesync_web.file_sync import FileSync
from filesync_web.livestore.store import Store
from filesync_web.options import FileSyncSettings
from filesync_web.remote.signer_client import SignerConfig

_current: FileSync | None = None
_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def init_file_sync(
    store: Store,
    *,
    remote: SignerConfig | None,
    auto_start: bool = True,
    **options: Unpack[FileSyncSettings],
) -> FileSync:
    """Begin to sync the files of a store. Call it once, before any other helper.

        store = await open_store(schema, store_id="album", sync=SyncOptions(url="/sync", auth_token=TOKEN))
        await init_file_sync(store, remote=SignerConfig(base_url="/api", auth_token=TOKEN))

    Each tab of the app calls it. One tab leads and does the transfers; when it goes, another takes over and
    goes on with what it left. A second call replaces the `FileSync` of the first, which has ended completely
    before the new one begins. When the arguments are refused, the first goes on.

    Args:
        store: what `open_store` has opened, with the tables of `create_file_sync_schema` in its schema.
        remote: where the signer is and how to prove who we are. None is local-only mode: files stay on this
            device, and nothing is ever asked of a signer.
        auto_start: begin transfers at once. Without, files can be saved and read, and `start_file_sync`
            begins.
        options: the fields of `FileSyncOptions`, for example `max_concurrent_uploads=4`.

    Returns:
        The `FileSync` that all helpers use from now on.

    Raises:
        InvalidArgumentError: an option cannot work, or the store did not come from `open_store`.
        SchemaError: the store's schema lacks the file tables; merge `create_file_sync_schema()` into it.
        StorageUnavailableError: files cannot be kept here: an insecure page, private mode, a browser without
            OPFS. Tell the user; without it nothing can be saved.
    """
    async with _one_at_a_time():
        created = await create_file_sync(store, remote=remote, auto_start=False, **options)
        try:
            await _replace(created)
        except BaseException:
            await _replace(None)
            raise
        if auto_start:
            created.start()
        return created


def get_file_sync() -> FileSync:
    """The `FileSync` that `init_file_sync` made.

    Raises:
        NotInitializedError: `init_file_sync` has not been called, or `dispose_file_sync` has.
    """
    if _current is None:
        raise NotInitializedError(
            "call `await init_file_sync(store, remote=...)` once before any other helper"
        )
    return _current


def start_file_sync() -> None:
    """Let transfers run, after `stop_file_sync` or `init_file_sync(auto_start=False)`.

    They begin as soon as this tab leads and the signer answers. Does nothing when they run already.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    get_file_sync().start()


async def stop_file_sync() -> None:
    """Abort this tab's transfers and start no more, until `start_file_sync`.

    When it returns, every request has ended. Files can still be saved, edited, deleted and read; what is to
    be transferred waits, and an aborted upload or download goes on where it was. Other tabs are not stopped.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().stop()


async def dispose_file_sync() -> None:
    """Stop for good: at logout, or before the store is closed.

        await dispose_file_sync()
        await store.close()

    When it returns, every request and background task has ended, all object URLs that were handed out are
    revoked, and whoever waits in `read_file` has got a `TransferCancelledError`. Files and what is still to
    be transferred stay on the device. The helpers raise `NotInitializedError` until the next
    `init_file_sync`. Does nothing without one.
    """
    async with _one_at_a_time():
        await _replace(None)


async def _replace(new: FileSync | None) -> None:
    """Let `new` be the current one, and return when the one before has ended."""
    global _current
    previous, _current = _current, new
    if previous is not None:
        await previous.dispose()


def _one_at_a_time() -> asyncio.Lock:
    """Held while the instance changes, so that there are never two; a lock belongs to one event loop."""
    return _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
