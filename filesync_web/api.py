"""The helpers for an app with one store: `init_file_sync` makes the one `FileSync` that they all use, so that
any module of the app can `await save_file(file)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Unpack

from filesync_web.core.display import FileSyncEvent
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.records import FileOperationResult
from filesync_web.environment import IN_BROWSER, create_file_sync
from filesync_web.errors import NotInitializedError, ServiceWorkerError
from filesync_web.file_sync import FileSync
from filesync_web.livestore.store import Store
from filesync_web.options import FileSyncSettings
from filesync_web.ports import BlobHandle, HeadersSource, Source, StorageStatus, Unsubscribe
from filesync_web.remote.signer_client import SignerConfig
from filesync_web.service_worker import FileSyncServiceWorker, OnUpdate, PrefetchReport

_current: FileSync | None = None


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
