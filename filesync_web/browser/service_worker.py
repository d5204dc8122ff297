"""Register the generated service worker and talk to it.

The worker answers requests below `/livestore-filesync-files/` from OPFS and, when this page names a signer,
from the remote. How to sign in there is asked from this page, anew each time that the worker needs it, and
goes by message: never in a URL, never to disk. Where the worker has no storage (some browsers on WebKitGTK),
this page looks for the files on this device, too.

Works on a page's main thread, in a secure context (https: or localhost). A worker, also a PyScript one,
cannot register: there each call raises `ServiceWorkerError`; register in the page.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Iterable
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.aio.resolved import resolved
from filesync_web.aio.tasks import Tasks
from filesync_web.browser.js_util import JsError, absolute_url, call, is_none, js_json, js_object
from filesync_web.browser.service_worker_messages import (
    activated,
    answer_of,
    ask,
    installed,
    listening,
    service_workers,
    version_of,
)
from filesync_web.core.paths import FILES_ROOT
from filesync_web.errors import ServiceWorkerError
from filesync_web.ports import HeadersSource
from filesync_web.service_worker import FileSyncServiceWorker, OnUpdate, PrefetchReport

logger = logging.getLogger(__name__)

CLAIM_TIMEOUT = 5.0
"""Seconds that the browser may take to let the worker control this page."""

MAX_CONCURRENT_PREFETCHES = 2

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
        self._tasks = Tasks("the page's service worker")
        self._js_registration: Any = None
        self._js_announced: Any = None
        self._js_on_message = create_proxy(self._on_message)
        self._js_on_found = create_proxy(self._on_found)

    @property
    def scope(self) -> str:
        """The URL below which pages are controlled."""
        return str(self._js_registration.scope)

    @property
    def update_waiting(self) -> bool:
        """Whether a new version is installed and waits for its turn."""
        return not is_none(self._js_registration.waiting)

    async def configure(
        self, *, signer_base_url: str | None = None, headers: HeadersSource | None = None
    ) -> None:
        """Replace signer and headers of this page, after another user has signed in, say."""
        self._signer_base_url, self._headers = signer_base_url, headers
        await self._configure()

    async def status(self) -> dict[str, Any]:
        """What the worker says: build, prefix, signer, cacheRemote, cached {files, bytes}, precached."""
        return dict(json.loads(js_json(await ask(self._js_active, "filesync:status"))))

    async def prefetch(self, paths: Iterable[str]) -> PrefetchReport:
        """Bring remote files onto this device, verified; a path is a record's, or the URL path of one.

        One message for each file, since a browser bounds the time that a service worker may take for one.
        """
        waiting = list(dict.fromkeys(paths))
        report: dict[str, Any] = {"fetched": [], "present": [], "failed": {}}

        async def work() -> None:
            while waiting:
                message = {"paths": [waiting.pop(0)]}
                answer = await ask(self._js_active, "filesync:prefetch", message, timeout=None)
                one = json.loads(js_json(answer))
                report["fetched"] += one["fetched"]
                report["present"] += one["present"]
                report["failed"] |= one["failed"]

        workers = [asyncio.ensure_future(work()) for _ in range(MAX_CONCURRENT_PREFETCHES)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return PrefetchReport(tuple(report["fetched"]), tuple(report["present"]), report["failed"])

    async def clear_cache(self) -> dict[str, int]:
        """Remove the remote files that the worker keeps: {files, bytes} removed. Own copies stay."""
        return dict(json.loads(js_json(await ask(self._js_active, "filesync:clear-cache"))))

    async def check_for_update(self) -> bool:
        """Ask the server for a new version, and install it; whether one waits now."""
        js_registration = await answer_of(self._js_registration, "update")
        if not is_none(js_registration.installing):
            await installed(js_registration.installing)
        return self.update_waiting

    async def activate_update(self) -> None:
        """Let the waiting version take over every page of the scope; reload the page to see its app shell."""
        js_waiting = self._js_registration.waiting
        if is_none(js_waiting):
            raise ServiceWorkerError("no new version is waiting")
        await ask(js_waiting, "filesync:skip-waiting")
        await activated(js_waiting, js_waiting.scriptURL)
        await self._configure()

    async def register(self, script_url: str, scope: str | None) -> None:
        """Register the script, and wait until its worker controls this page and knows its remote."""
        js_container = service_workers()
        options = {"updateViaCache": "none"} | ({"scope": scope} if scope else {})
        try:
            js_registration = await answer_of(js_container, "register", script_url, js_object(options))
        except ServiceWorkerError as error:
            raise ServiceWorkerError(f"{error}{await _refusal(script_url)}") from error
        if not js.location.href.startswith(js_registration.scope):
            raise ServiceWorkerError(
                f"the scope {js_registration.scope} does not cover this page, {js.location.href}"
            )
        self._js_registration = js_registration
        await activated(version_of(js_registration), script_url)
        js_container.addEventListener("message", self._js_on_message)
        js_container.startMessages()
        js_registration.addEventListener("updatefound", self._js_on_found)
        self._on_found()
        await self._configure()
        await self._take_control(js_container)
        self._announce_update()

    def dispose(self) -> None:
        """Answer the worker no more."""
        self._tasks.cancel()
        if self._js_registration is not None:
            service_workers().removeEventListener("message", self._js_on_message)
            self._js_registration.removeEventListener("updatefound", self._js_on_found)
        self._js_on_message.destroy()
        self._js_on_found.destroy()

    @property
    def _js_active(self) -> Any:
        return self._js_registration.active

    async def _configure(self) -> None:
        await ask(self._js_active, "filesync:configure", await self._remote())

    async def _take_control(self, js_container: Any) -> None:
        """Let the worker control this page: the first one of a new worker has no controller yet, nor has one
        that was reloaded past it."""
        js_controller = js_container.controller
        if not is_none(js_controller) and js_controller.scriptURL == self._js_active.scriptURL:
            return
        changed = asyncio.Event()
        async with listening(js_container, ("controllerchange",), lambda _js_event: changed.set()):
            await ask(self._js_active, "filesync:claim")
            try:
                await asyncio.wait_for(changed.wait(), CLAIM_TIMEOUT)
            except TimeoutError as error:
                raise ServiceWorkerError(
                    "the service worker does not take control of this page; reload it"
                ) from error

    async def _remote(self) -> dict[str, Any]:
        """Where this page's remote is, and how to sign in there."""
        try:
            headers = await resolved(self._headers)
        except Exception:
            logger.exception("the function for the service worker's headers failed; it goes on without them")
            headers = None
        signer = self._signer_base_url
        return {"signer": absolute_url(signer) if signer else signer, "headers": dict(headers or {})}

    def _on_message(self, js_event: Any) -> None:
        """Answer a question of the worker."""
        js_asked = js_event.data
        kind = getattr(js_asked, "type", None)
        if kind == "filesync:remote":
            self._tasks.spawn(self._answer(js_event.ports[0], self._remote()), "tell it the remote")
        elif kind == "filesync:find":
            answer = self._answer(js_event.ports[0], _find_stored(js_asked.key))
            self._tasks.spawn(answer, "find a file for it")

    async def _answer(self, js_port: Any, answer: Awaitable[dict[str, Any]]) -> None:
        js_port.postMessage(js_object(await answer))

    def _on_found(self, _js_event: Any = None) -> None:
        js_installing = self._js_registration.installing
        if not is_none(js_installing) and not is_none(self._js_active):
            self._tasks.spawn(self._announce_when_installed(js_installing), "wait for a new version")

    async def _announce_when_installed(self, js_installing: Any) -> None:
        await installed(js_installing)
        self._announce_update()

    def _announce_update(self) -> None:
        """Call back once for each new version, when it waits."""
        js_waiting = self._js_registration.waiting
        if is_none(js_waiting) or js_waiting == self._js_announced:
            return
        self._js_announced = js_waiting
        self._tasks.spawn(self._call_on_update(), "tell of a new version")

    async def _call_on_update(self) -> None:
        try:
            await resolved(self._on_update, self)
        except Exception:
            logger.exception("the on_update callback failed")


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
        await worker.register(script_url, scope)
    except BaseException:
        worker.dispose()
        raise
    if _current is not None:
        _current.dispose()
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
    wanted = absolute_url(script_url)
    removed = False
    for js_registration in await answer_of(service_workers(), "getRegistrations"):
        if getattr(version_of(js_registration), "scriptURL", None) != wanted:
            continue
        removed = bool(await answer_of(js_registration, "unregister")) or removed
        shell = f"filesync-shell:{js_registration.scope}"  # the name is the worker's: see its openShell
        await answer_of(js.caches, "delete", shell)
    if _current is not None:
        _current.dispose()
        _current = None
    return removed


async def _find_stored(key: str) -> dict[str, Any]:
    """The own copy of `<store id>/<sha256>`, for a worker that has no storage: the `File`, or none."""
    *folders, content_hash = FILES_ROOT, *key.split("/")
    try:
        js_folder = await call(js.navigator.storage, "getDirectory")
        for name in folders:
            js_folder = await call(js_folder, "getDirectoryHandle", name)
        js_handle = await call(js_folder, "getFileHandle", content_hash)
        return {"file": await call(js_handle, "getFile")}
    except (JsError, AttributeError):  # it is not there, or this page has no storage
        return {"file": None}


async def _refusal(script_url: str) -> str:
    """What the server says of a script that could not be registered; not every browser tells it."""
    try:
        js_answer = await answer_of(js, "fetch", script_url, js_object({"cache": "no-store"}))
    except ServiceWorkerError:
        return "; the server does not answer"
    return "" if js_answer.ok else f"; the server answers {js_answer.status}"


def _registered() -> RegisteredServiceWorker:
    if _current is None:
        raise ServiceWorkerError(
            "this page has no service worker: call register_file_sync_service_worker() first"
        )
    return _current
