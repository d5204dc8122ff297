"""The composition root: opens stores and makes `FileSync`s with the adapters of the place where it runs.

The only module that knows both kinds of adapters, and it imports them inside functions, so that a page never
loads what is for CPython, nor the other way round.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, Unpack
from weakref import WeakKeyDictionary

from filesync_web.core.paths import check_store_id
from filesync_web.errors import InvalidArgumentError, StorageUnavailableError
from filesync_web.file_sync import FileSync
from filesync_web.livestore.schema import Schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.options import FileSyncOptions, FileSyncSettings
from filesync_web.ports import PictureShrinker, Platform
from filesync_web.remote.signer_client import SignerConfig

IN_BROWSER = sys.platform == "emscripten"


class Environment(Protocol):
    """A place where the kit runs."""

    async def open_store(self, schema: Schema, store_id: str, sync: SyncOptions | None) -> Store: ...

    def platform(self, store_id: str, *, include_credentials: bool) -> Platform: ...

    def absolute_url(self, url: str) -> str: ...


_environments: WeakKeyDictionary[Store, Environment] = WeakKeyDictionary()


def _environment(data_dir: str | Path | None) -> Environment:
    if IN_BROWSER:
        from filesync_web.browser.environment import BrowserEnvironment

        return BrowserEnvironment()
    try:
        from filesync_web.native.data_dir import default_data_dir
        from filesync_web.native.environment import NativeEnvironment

        return NativeEnvironment(default_data_dir() if data_dir is None else Path(data_dir))
    except ModuleNotFoundError as error:
        raise ImportError(
            f"outside a browser filesync-web needs {error.name}, which is not installed; install the full "
            "wheel, not the one that sites have for browsers, with its extra: filesync-web[native]"
        ) from error


def picture_shrinker() -> PictureShrinker | None:
    """What makes pictures smaller here; None on CPython without Pillow."""
    if IN_BROWSER:
        from filesync_web.browser.shrinking import WorkerShrinker

        return WorkerShrinker()
    if find_spec("PIL") is None:
        return None
    from filesync_web.native.thumbnails import PillowShrinker

    return PillowShrinker()


async def open_store(
    schema: Schema,
    *,
    store_id: str,
    sync: SyncOptions | None = None,
    data_dir: str | Path | None = None,
) -> Store:
    """Open a store: in the browser the one that all tabs share, on CPython the one in the folder `data_dir`,
    by default the user's folder for data of programs (`~/.local/share/filesync` on Linux).

    `store_id` names it, here and at the sync backend: 1 to 128 of `A-Z a-z 0-9 . _ -`. Without `sync` it
    stays on this device. Raises `InvalidArgumentError`, `StoreError`, `StorageUnavailableError`,
    `OutdatedError` when the store is one of a newer version of the kit; outside a browser `ImportError` when
    the package was installed without its extra `native`.
    """
    check_store_id(store_id)
    environment = _environment(data_dir)
    if sync is not None:
        sync = sync.at(environment.absolute_url(sync.url))
    store = await environment.open_store(schema, store_id, sync)
    _environments[store] = environment
    return store


async def create_file_sync(
    store: Store,
    *,
    remote: SignerConfig | None,
    auto_start: bool = True,
    **options: Unpack[FileSyncSettings],
) -> FileSync:
    """A `FileSync` of its own for a store that `open_store` opened.

    `remote=None` is local-only mode. `options` are those of `FileSyncSettings`. Without
    `auto_start`, transfers begin with `start()`. Raises `SchemaError` when the store's schema lacks the
    file tables, `StorageUnavailableError` when files cannot be kept here, `InvalidArgumentError`.
    """
    environment = _environments.get(store)
    if environment is None:
        raise InvalidArgumentError("the store must come from open_store()")
    try:
        settings = FileSyncOptions(**options)
    except TypeError as error:
        raise InvalidArgumentError(f"not an option of FileSync: {error}") from error
    if remote is not None:
        remote = replace(remote, base_url=environment.absolute_url(remote.base_url))
    platform = environment.platform(
        store.store_id, include_credentials=remote is not None and remote.include_credentials
    )
    file_sync = FileSync(store, platform, remote=remote, options=settings)
    status = await platform.blobs.storage_status()
    if not status.available:
        await file_sync.dispose()
        raise StorageUnavailableError(
            "files cannot be kept here: the page needs a secure context (https or localhost), a browser "
            "with OPFS, and no private mode that forbids storage"
        )
    if auto_start:
        file_sync.start()
    return file_sync
