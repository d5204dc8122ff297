"""HTTP in the browser: `fetch` for small requests, `XMLHttpRequest` for uploads.

An upload's body is the OPFS `File` itself: the browser streams it from the disk, and no byte of it passes
through this page's memory. Works on the main thread and in workers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyodide.ffi import to_js

from filesync_web.browser.js_util import load_script, progress_proxy, run_job
from filesync_web.errors import InvalidArgumentError
from filesync_web.ports import BlobHandle, HttpResponse, Progress


class BrowserHttp:
    """The `Http` port; relative URLs are resolved against the page's.

    `include_credentials`: send cookies to other origins too, which their CORS headers must allow by name.
    """

    def __init__(self, *, include_credentials: bool = False) -> None:
        self._include_credentials = include_credentials
        self._js = load_script("http.js", ("request", "upload"))

    async def close(self) -> None:
        """The browser keeps its connections by itself."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float,
    ) -> HttpResponse:
        """Send a small request; raises `NetworkError` without a complete answer in `timeout` seconds."""
        credentials = "include" if self._include_credentials else "same-origin"
        js_body = None if body is None else to_js(body)
        js_job = self._js.request(method, url, json.dumps(dict(headers)), js_body, credentials, timeout)
        return _response(await run_job(js_job))

    async def upload(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        blob: BlobHandle,
        start: int = 0,
        end: int | None = None,
        progress: Progress | None = None,
        stall_timeout: float,
    ) -> HttpResponse:
        """Send bytes [start, end) of a `File` or `Blob`, streamed by the browser."""
        size = int(blob.size)
        end = size if end is None else end
        if not 0 <= start <= end <= size:
            raise InvalidArgumentError(f"bytes {start} to {end} are outside the blob of {size} bytes")
        js_progress = progress_proxy(progress)
        js_job = self._js.upload(
            method,
            url,
            json.dumps(dict(headers)),
            blob,
            start,
            end,
            self._include_credentials,
            stall_timeout,
            js_progress,
        )
        return _response(await run_job(js_job, js_progress))


def _response(js_value: Any) -> HttpResponse:
    return HttpResponse(int(js_value.status), json.loads(js_value.headers), js_value.body.to_bytes())
