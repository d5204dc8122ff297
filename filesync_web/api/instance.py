"""The one `FileSync` of an app: made, found, started, stopped and disposed of here."""

from __future__ import annotations

from typing import Unpack

from filesync_web.environment import create_file_sync
from filesync_web.errors import NotInitializedError
from filesync_web.file_sync import FileSync
from filesync_web.livestore.store import Store
from filesync_web.options import FileSyncSettings
from filesync_web.remote.signer_client import SignerConfig

_current: FileSync | None = None


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
    goes on with what it left. A second call replaces the `FileSync` of the first, which is disposed of.

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
    global _current
    created = await create_file_sync(store, remote=remote, auto_start=auto_start, **options)
    previous, _current = _current, created
    if previous is not None:
        await previous.dispose()
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
    global _current
    current, _current = _current, None
    if current is not None:
        await current.dispose()
