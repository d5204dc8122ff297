"""Background uploads: written down for the service worker, which the browser wakes (Background Sync).

While an upload waits, the browser is asked to wake the service worker as soon as there is a network, when the
page is hidden at the latest; the service worker then waits until no page leads. IndexedDB holds the list
(`background_uploads.js`), with the signer's URL and headers in it.

Works on a page's main thread, where the page has the kit's service worker and the browser has Background
Sync (Chromium); `start` says whether it does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.browser.js_util import JsError, ignore, in_worker, storage_error, value_of
from filesync_web.browser.worker import ScriptWorker
from filesync_web.ports import BackgroundUpload

SYNC_TAG = "filesync-uploads"
"""Of the browser's Background Sync; `background_uploads.js` has it too."""


class ServiceWorkerUploads:
    """The `BackgroundUploader` port. `worker`: that of the store's files, which keeps the list as well.

    `lock`: the Web Lock of the tab that leads the store.
    """

    def __init__(self, store_id: str, worker: ScriptWorker, *, lock: str, include_credentials: bool) -> None:
        self._store_id = store_id
        self._worker = worker
        self._lock = lock
        self._credentials = "include" if include_credentials else "same-origin"
        self._is_waiting = False
        self._js_sync: Any = None
        self._js_on_leave: Any = None

    async def start(self) -> bool:
        """Wait for the page's service worker; whether it can upload later."""
        self.stop()
        js_container = getattr(js.navigator, "serviceWorker", None)
        if in_worker() or js_container is None:
            return False
        try:
            js_registration = await value_of(js_container.ready)
        except JsError as error:
            raise storage_error(error) from error
        self._js_sync = getattr(js_registration, "sync", None)
        self._js_on_leave = create_proxy(self._on_leave)
        js.addEventListener("pagehide", self._js_on_leave)
        js.document.addEventListener("visibilitychange", self._js_on_leave)
        return self._js_sync is not None

    def stop(self) -> None:
        """Do not ask the browser any more when the page goes."""
        if self._js_on_leave is not None:
            js.removeEventListener("pagehide", self._js_on_leave)
            js.document.removeEventListener("visibilitychange", self._js_on_leave)
            self._js_on_leave.destroy()
            self._js_on_leave = None

    async def file_ids(self) -> set[str]:
        """The files of which anything is written down."""
        return set(json.loads(await self._run("listUploads")))

    async def change(
        self,
        changes: Mapping[str, BackgroundUpload | None],
        signer_url: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        """Write down what is to be uploaded of these files, and how to sign (None: as before)."""
        described = {file_id: upload and _on_wire(upload) for file_id, upload in changes.items()}
        signer = (
            None
            if headers is None
            else {
                "url": signer_url,
                "headers": dict(headers),
                "credentials": self._credentials,
                "lock": self._lock,
            }
        )
        waiting = await self._run("changeUploads", changes=json.dumps(described), signer=json.dumps(signer))
        was_waiting, self._is_waiting = self._is_waiting, waiting > 0
        if not was_waiting:
            self._ask()

    async def was_uploaded(self, file_id: str, remote_key: str) -> bool:
        """Whether the service worker has uploaded that content of the file."""
        return bool(await self._run("wasUploaded", fileId=file_id, key=remote_key))

    async def clear(self) -> None:
        """Forget everything of the store."""
        self._is_waiting = False
        await self._run("clearUploads")

    async def _run(self, operation: str, **args: Any) -> Any:
        return await self._worker.run(operation, storeId=self._store_id, **args)

    def _on_leave(self, js_event: Any) -> None:
        if js_event.type == "pagehide" or js.document.visibilityState == "hidden":
            self._ask()

    def _ask(self) -> None:
        """Ask to wake the service worker. The user may forbid it: then the next page uploads.

        Asking again does nothing but when the browser has given up meanwhile, after a few tries.
        """
        if self._is_waiting and self._js_sync is not None:
            ignore(self._js_sync, "register", SYNC_TAG)


def _on_wire(upload: BackgroundUpload) -> dict[str, str]:
    return {"key": upload.key, "contentType": upload.content_type}
