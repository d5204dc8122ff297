"""Uploads that go on after the last tab is closed: written down for the service worker, by Background Sync.

Works on a page's main thread, where the page has the kit's service worker and the browser has Background
Sync (Chromium); `start` says whether it does. While an upload waits, IndexedDB holds the signer's URL and
headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from filesync_web.browser.js_util import load_script, settled
from filesync_web.ports import BackgroundUpload


class ServiceWorkerUploads:
    """The `BackgroundUploads` port. `lock`: the Web Lock of the tab that leads the store."""

    def __init__(self, store_id: str, *, lock: str, include_credentials: bool) -> None:
        self._lock = lock
        self._credentials = "include" if include_credentials else "same-origin"
        script = load_script("background_uploads_page.js", ("BackgroundUploads",))
        self._js_uploads = script.BackgroundUploads.new(store_id)

    async def start(self) -> bool:
        """Wait for the page's service worker; whether it can upload later."""
        return bool(await settled(self._js_uploads.start()))

    def stop(self) -> None:
        """Do not ask the browser any more when the page goes."""
        self._js_uploads.stop()

    async def file_ids(self) -> set[str]:
        """The files of which anything is written down."""
        return set(json.loads(await settled(self._js_uploads.fileIds())))

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
        await settled(self._js_uploads.change(json.dumps(described), json.dumps(signer)))

    async def was_uploaded(self, file_id: str, remote_key: str) -> bool:
        """Whether the service worker has uploaded that content of the file."""
        return bool(await settled(self._js_uploads.wasUploaded(file_id, remote_key)))

    async def clear(self) -> None:
        """Forget everything of the store."""
        await settled(self._js_uploads.clear())


def _on_wire(upload: BackgroundUpload) -> dict[str, str]:
    return {"key": upload.key, "contentType": upload.content_type}
