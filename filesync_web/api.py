"""The composition root, and the helpers for an app with one store.

`open_store` and `create_file_sync` choose the adapters of the place where they run. `init_file_sync`
makes the one `FileSync` that the helpers below it use, so that any module of an app can `await
save_file(file)`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Unpack
from weakref import WeakKeyDictionary

from filesync_web.core.effects import FileSyncEvent
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.paths import check_store_id
from filesync_web.core.records import FileOperationResult
from filesync_web.errors import (
    InvalidArgumentError,
    NotInitializedError,
    ServiceWorkerError,
    StorageUnavailableError,
)
from filesync_web.file_sync import FileSync
from filesync_web.livestore.schema import Schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.options import FileSyncOptions, FileSyncSettings
from filesync_web.ports import BlobHandle, HeadersSource, Platform, Source, StorageStatus, Unsubscribe
from filesync_web.service_worker import FileSyncServiceWorker, OnUpdate, PrefetchReport
from filesync_web.signer_client import SignerConfig

IN_BROWSER = sys.platform == "emscripten"


class Environment(Protocol):
    """A place where the kit runs."""

    async def open_store(self, schema: Schema, store_id: str, sync: SyncOptions | None) -> Store: ...

    def platform(self, store_id: str, *, include_credentials: bool) -> Platform: ...

    def absolute_url(self, url: str) -> str: ...


_environments: WeakKeyDictionary[Store, Environment] = WeakKeyDictionary()
_current: FileSync | None = None


def _environment(data_dir: str | Path | None) -> Environment:
    if IN_BROWSER:
        from filesync_web.browser.environment import BrowserEnvironment

        return BrowserEnvironment()
    if data_dir is None:
        raise InvalidArgumentError(
            "outside a browser open_store() needs data_dir, the folder for events and files"
        )
    from filesync_web.native.environment import NativeEnvironment

    return NativeEnvironment(Path(data_dir))


async def open_store(
    schema: Schema,
    *,
    store_id: str,
    sync: SyncOptions | None = None,
    data_dir: str | Path | None = None,
) -> Store:
    """Open a store: in the browser the one that all tabs share, on CPython the one in the folder `data_dir`.

    `store_id` names it, here and at the sync backend: 1 to 128 of `A-Z a-z 0-9 . _ -`. Without `sync` it
    stays on this device. Raises `InvalidArgumentError`, `StoreError`, `StorageUnavailableError`.
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
    status = await file_sync.storage_status()
    if not status.available:
        await file_sync.dispose()
        raise StorageUnavailableError(
            "files cannot be kept here: the page needs a secure context (https or localhost), a browser "
            "with OPFS, and no private mode that forbids storage"
        )
    if auto_start:
        file_sync.start()
    return file_sync


async def init_file_sync(
    store: Store,
    *,
    remote: SignerConfig | None,
    auto_start: bool = True,
    **options: Unpack[FileSyncSettings],
) -> FileSync:
    """Make the `FileSync` that the helpers of this module use; an earlier one is disposed of.

    Arguments and errors as for `create_file_sync`.
    """
    global _current
    created = await create_file_sync(store, remote=remote, auto_start=auto_start, **options)
    previous, _current = _current, created
    if previous is not None:
        await previous.dispose()
    return created


def get_file_sync() -> FileSync:
    """The instance that `init_file_sync` made; raises `NotInitializedError` before it."""
    if _current is None:
        raise NotInitializedError(
            "call `await init_file_sync(store, remote=...)` once before any other helper"
        )
    return _current


def start_file_sync() -> None:
    """`FileSync.start`; needed only after `stop_file_sync`, or with `auto_start=False`."""
    get_file_sync().start()


async def stop_file_sync() -> None:
    """`FileSync.stop`."""
    await get_file_sync().stop()


async def dispose_file_sync() -> None:
    """Stop, and forget the instance (at logout, say). Does nothing without one."""
    global _current
    current, _current = _current, None
    if current is not None:
        await current.dispose()


async def save_file(
    source: Source,
    *,
    name: str | None = None,
    mime_type: str | None = None,
    metadata: FileMetadata | None = None,
) -> FileOperationResult:
    """`FileSync.save_file`."""
    return await get_file_sync().save_file(source, name=name, mime_type=mime_type, metadata=metadata)


async def update_file(
    file_id: str,
    source: Source,
    *,
    name: str | None = None,
    mime_type: str | None = None,
    metadata: FileMetadata | None = None,
) -> FileOperationResult:
    """`FileSync.update_file`."""
    return await get_file_sync().update_file(
        file_id, source, name=name, mime_type=mime_type, metadata=metadata
    )


async def delete_file(file_id: str) -> None:
    """`FileSync.delete_file`."""
    await get_file_sync().delete_file(file_id)


async def read_file(id_or_path: str, *, wait: bool = True) -> BlobHandle:
    """`FileSync.read_file`."""
    return await get_file_sync().read_file(id_or_path, wait=wait)


async def get_file_url(id_or_path: str) -> str | None:
    """`FileSync.get_file_url`."""
    return await get_file_sync().get_file_url(id_or_path)


async def resolve_file_url(id_or_path: str) -> str | None:
    """`FileSync.resolve_file_url`."""
    return await get_file_sync().resolve_file_url(id_or_path)


def is_online() -> bool:
    """`FileSync.is_online`."""
    return get_file_sync().is_online()


def trigger_sync() -> None:
    """`FileSync.trigger_sync`."""
    get_file_sync().trigger_sync()


async def prioritize_download(file_id: str) -> None:
    """`FileSync.prioritize_download`."""
    await get_file_sync().prioritize_download(file_id)


async def pause_transfer(file_id: str) -> None:
    """`FileSync.pause_transfer`."""
    await get_file_sync().pause_transfer(file_id)


async def resume_transfer(file_id: str) -> None:
    """`FileSync.resume_transfer`."""
    await get_file_sync().resume_transfer(file_id)


async def cancel_transfer(file_id: str) -> None:
    """`FileSync.cancel_transfer`."""
    await get_file_sync().cancel_transfer(file_id)


async def retry_errors() -> list[str]:
    """`FileSync.retry_errors`."""
    return await get_file_sync().retry_errors()


async def pin_file(file_id: str) -> None:
    """`FileSync.pin_file`."""
    await get_file_sync().pin_file(file_id)


async def unpin_file(file_id: str) -> None:
    """`FileSync.unpin_file`."""
    await get_file_sync().unpin_file(file_id)


async def evict_file(file_id: str) -> None:
    """`FileSync.evict_file`."""
    await get_file_sync().evict_file(file_id)


async def free_space(wanted_bytes: int) -> int:
    """`FileSync.free_space`."""
    return await get_file_sync().free_space(wanted_bytes)


async def storage_status() -> StorageStatus:
    """`FileSync.storage_status`."""
    return await get_file_sync().storage_status()


async def collect_garbage() -> int:
    """`FileSync.collect_garbage`."""
    return await get_file_sync().collect_garbage()


def on_file_sync_event(callback: Callable[[FileSyncEvent], object]) -> Unsubscribe:
    """`FileSync.on_event`."""
    return get_file_sync().on_event(callback)


# --- the service worker


async def register_file_sync_service_worker(
    script_url: str = "/filesync-sw.js",
    *,
    scope: str | None = None,
    signer_base_url: str | None = None,
    headers: HeadersSource | None = None,
    on_update: OnUpdate | None = None,
) -> FileSyncServiceWorker:
    """Register the service worker that serves files under their path, and wait until it controls this page.

    `scope` must cover this page; default: the folder of the script. `signer_base_url` is relative to the
    page; None means the one that the worker was generated with, an empty string no remote at all.
    `on_update` is called with the worker whenever a new version waits. Raises `ServiceWorkerError`.
    """
    worker: FileSyncServiceWorker = await _service_worker().register_file_sync_service_worker(
        script_url, scope=scope, signer_base_url=signer_base_url, headers=headers, on_update=on_update
    )
    return worker


async def prefetch_files(paths: Iterable[str]) -> PrefetchReport:
    """Let the service worker fetch, verify and keep these files; a path is a record's, or the URL path of
    one. Raises `ServiceWorkerError`; what could not be fetched is in the report."""
    report: PrefetchReport = await _service_worker().prefetch_files(paths)
    return report


async def clear_service_worker_cache() -> dict[str, int]:
    """Remove the remote files that the service worker keeps: {files, bytes} removed. Raises
    `ServiceWorkerError`."""
    removed: dict[str, int] = await _service_worker().clear_service_worker_cache()
    return removed


async def unregister_file_sync_service_worker(script_url: str = "/filesync-sw.js") -> bool:
    """Remove the service worker of that script; whether there was one. Raises `ServiceWorkerError`."""
    return bool(await _service_worker().unregister_file_sync_service_worker(script_url))


def _service_worker() -> Any:
    if not IN_BROWSER:
        raise ServiceWorkerError("there is no service worker outside a browser")
    from filesync_web.browser import service_worker

    return service_worker
