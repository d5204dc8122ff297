"""Register the generated service worker and talk to it.

The worker answers requests below `/livestore-filesync-files/` from OPFS and, when this page names a signer,
from the remote. How to sign in there is asked from this page, anew each time that the worker needs it, and
goes by message: never in a URL, never to disk.

Works on a page's main thread, in a secure context (https: or localhost). Workers have no service worker
registry: there, also in a PyScript worker, each call raises `ServiceWorkerError`; register in the page.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Iterable
from typing import Any

from pyodide.ffi import create_proxy

from filesync_web.browser.js_util import js_json, load_script, run_job
from filesync_web.errors import ServiceWorkerError
from filesync_web.ports import HeadersSource
from filesync_web.service_worker import FileSyncServiceWorker, OnUpdate, PrefetchReport

_log = logging.getLogger("filesync_web.browser")
_EXPORTS = ("ServiceWorkerClient", "unregisterServiceWorker")
_current: RegisteredServiceWorker | None = None


class RegisteredServiceWorker:
    """The `FileSyncServiceWorker` of this page."""

    def __init__(
        self,
        signer_base_url: str | None,
        headers: HeadersSource | None,
        on_update: OnUpdate | None,
    ) -> None:
        self._signer_base_url = signer_base_url
        self._headers = headers
        self._on_update = on_update
        self._tasks: set[asyncio.Future[Any]] = set()
        self._js_get_remote = create_proxy(self._remote)
        self._js_on_update = create_proxy(self._tell_update)
        script = load_script("service_worker.js", _EXPORTS)
        self._js_client = script.ServiceWorkerClient.new(self._js_get_remote, self._js_on_update)

    @property
    def scope(self) -> str:
        """The URL below which pages are controlled."""
        return str(self._js_client.scope)

    @property
    def update_waiting(self) -> bool:
        """Whether a new version is installed and waits for its turn."""
        return bool(self._js_client.updateWaiting)

    async def configure(
        self, *, signer_base_url: str | None = None, headers: HeadersSource | None = None
    ) -> None:
        """Replace signer and headers of this page, after another user has signed in, say."""
        self._signer_base_url, self._headers = signer_base_url, headers
        await run_job(self._js_client.configure())

    async def status(self) -> dict[str, Any]:
        """What the worker says: build, prefix, signer, cacheRemote, cached {files, bytes}, precached."""
        return dict(json.loads(js_json(await run_job(self._js_client.send("filesync:status")))))

    async def prefetch(self, paths: Iterable[str]) -> PrefetchReport:
        """Bring remote files onto this device, verified; a path is a record's, or the URL path of one."""
        job = self._js_client.prefetch(json.dumps(list(dict.fromkeys(paths))))
        report = json.loads(await run_job(job))
        return PrefetchReport(tuple(report["fetched"]), tuple(report["present"]), report["failed"])

    async def clear_cache(self) -> dict[str, int]:
        """Remove the remote files that the worker keeps: {files, bytes} removed. Own copies stay."""
        return dict(json.loads(js_json(await run_job(self._js_client.send("filesync:clear-cache")))))

    async def check_for_update(self) -> bool:
        """Ask the server for a new version, and install it; whether one waits now."""
        return bool(await run_job(self._js_client.checkForUpdate()))

    async def activate_update(self) -> None:
        """Let the waiting version take over every page of the scope; reload the page to see its app shell."""
        await run_job(self._js_client.activateUpdate())

    async def _register(self, script_url: str, scope: str | None) -> None:
        await run_job(self._js_client.register(script_url, scope or ""))

    def _dispose(self) -> None:
        self._js_client.dispose()
        self._js_get_remote.destroy()
        self._js_on_update.destroy()

    async def _remote(self) -> str:
        headers: Any = self._headers
        try:
            if callable(headers):
                headers = headers()
            if inspect.isawaitable(headers):
                headers = await headers
        except Exception:
            _log.exception("the function for the service worker's headers failed; it goes on without them")
            headers = None
        return json.dumps({"signer": self._signer_base_url, "headers": dict(headers or {})})

    def _tell_update(self) -> None:
        task = asyncio.ensure_future(self._call_on_update())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_on_update(self) -> None:
        try:
            answer = self._on_update(self) if self._on_update else None
            if inspect.isawaitable(answer):
                await answer
        except Exception:
            _log.exception("the on_update callback failed")


async def register_file_sync_service_worker(
    script_url: str = "/filesync-sw.js",
    *,
    scope: str | None = None,
    signer_base_url: str | None = None,
    headers: HeadersSource | None = None,
    on_update: OnUpdate | None = None,
) -> FileSyncServiceWorker:
    """Register the worker, wait until it controls this page, and tell it where the remote is.

    `scope` must cover this page; default: the folder of the script, which is the widest that a browser
    allows without a `Service-Worker-Allowed` header. `signer_base_url` is relative to the page; None means
    the one that the worker was generated with, an empty string means no remote at all. `on_update` is called,
    plainly or asynchronously, with the returned object whenever a new version waits; `activate_update` lets
    it in.

    Raises `ServiceWorkerError`: no service workers here, the script is missing or could not be installed, or
    the scope does not cover this page.
    """
    global _current  # noqa: PLW0603 - a page has one service worker
    worker = RegisteredServiceWorker(signer_base_url, headers, on_update)
    try:
        await worker._register(script_url, scope)  # noqa: SLF001 - its maker
    except BaseException:
        worker._dispose()  # noqa: SLF001
        raise
    if _current is not None:
        _current._dispose()  # noqa: SLF001
    _current = worker
    return worker


async def prefetch_files(paths: Iterable[str]) -> PrefetchReport:
    """`FileSyncServiceWorker.prefetch` of the registered worker."""
    return await _registered().prefetch(paths)


async def clear_service_worker_cache() -> dict[str, int]:
    """`FileSyncServiceWorker.clear_cache` of the registered worker."""
    return await _registered().clear_cache()


async def unregister_file_sync_service_worker(script_url: str = "/filesync-sw.js") -> bool:
    """Remove the worker of that script and its app shell, also when an earlier visit registered it; whether
    there was one.

    Pages that it controls keep it until they are closed or reloaded. Files on this device stay.
    """
    global _current  # noqa: PLW0603
    script = load_script("service_worker.js", _EXPORTS)
    removed = bool(await run_job(script.unregisterServiceWorker(script_url)))
    if _current is not None:
        _current._dispose()  # noqa: SLF001
        _current = None
    return removed


def _registered() -> RegisteredServiceWorker:
    if _current is None:
        raise ServiceWorkerError(
            "this page has no service worker: call register_file_sync_service_worker() first"
        )
    return _current
