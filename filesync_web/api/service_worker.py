"""The helpers for the service worker, which serves files under their own URLs; no `init_file_sync` needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filesync_web.environment import IN_BROWSER
from filesync_web.errors import InvalidArgumentError, ServiceWorkerError
from filesync_web.ports import HeadersSource
from filesync_web.service_worker import FileSyncServiceWorker, OnUpdate, PrefetchReport


async def register_file_sync_service_worker(
    script_url: str = "/filesync-sw.js",
    *,
    scope: str | None = None,
    signer_base_url: str | None = None,
    headers: HeadersSource | None = None,
    on_update: OnUpdate | None = None,
) -> FileSyncServiceWorker:
    """Register the service worker that serves files under their path, and wait until it controls this page.

        worker = await register_file_sync_service_worker(signer_base_url="/api", headers=auth_headers)
        image.src = "/" + record.path

    Call it from the page, not from a worker of PyScript; `python -m filesync_web service-worker` makes the
    script.

    Args:
        script_url: where the generated script is, relative to the page.
        scope: the folder whose pages are controlled, which must cover this page. Default: the script's.
        signer_base_url: the signer, relative to the page. None is the one that the worker was generated
            with, "" no remote at all.
        headers: what proves to the signer who we are, for example `{"Authorization": "Bearer ..."}`, or a
            function, plain or asynchronous, that is asked for it each time. It stays in the worker's memory.
        on_update: called, plainly or asynchronously, with the worker whenever a new version waits;
            `await worker.activate_update()` lets it in.

    Returns:
        The worker; `status`, `configure`, `check_for_update` and `activate_update` are its methods.

    Raises:
        ServiceWorkerError: there are no service workers here, the script is missing or broken, or the scope
            does not cover the page. The page works without, but for the files' own URLs.
    """
    worker: FileSyncServiceWorker = await _service_worker().register_file_sync_service_worker(
        script_url, scope=scope, signer_base_url=signer_base_url, headers=headers, on_update=on_update
    )
    return worker


async def prefetch_files(paths: Iterable[str]) -> PrefetchReport:
    """Let the service worker fetch, verify and keep files, so that they show offline.

        report = await prefetch_files(record.path for record in album)

    Args:
        paths: the paths of records, with or without a slash in front.

    Returns:
        `PrefetchReport`: `fetched` now, `present` before, and `failed`, a message for each path.

    Raises:
        ServiceWorkerError: this page has no service worker, or it did not answer.
        InvalidArgumentError: `paths` is one text instead of several.
    """
    if isinstance(paths, str):
        raise InvalidArgumentError("prefetch_files takes several paths, in a list for example, not one text")
    report: PrefetchReport = await _service_worker().prefetch_files(paths)
    return report


async def clear_service_worker_cache() -> dict[str, int]:
    """Remove the remote files that the service worker keeps. Own copies stay.

    Returns:
        `{"files": ..., "bytes": ...}`: what was removed.

    Raises:
        ServiceWorkerError: this page has no service worker, or it did not answer.
    """
    removed: dict[str, int] = await _service_worker().clear_service_worker_cache()
    return removed


async def unregister_file_sync_service_worker(script_url: str = "/filesync-sw.js") -> bool:
    """Remove the service worker of that script, and the app shell that it keeps. Files on this device stay.

    Pages that it controls keep it until they are closed or reloaded.

    Args:
        script_url: where the script is, relative to the page, also when an earlier visit registered it.

    Returns:
        Whether there was one.

    Raises:
        ServiceWorkerError: there are no service workers here.
    """
    return bool(await _service_worker().unregister_file_sync_service_worker(script_url))


def _service_worker() -> Any:
    if not IN_BROWSER:
        raise ServiceWorkerError("there is no service worker outside a browser")
    from filesync_web.browser import service_worker

    return service_worker
