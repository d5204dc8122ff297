"""HTTP in the browser: `fetch` for small requests, `XMLHttpRequest` for uploads.

An upload's body is the OPFS `File` itself: the browser streams it from the disk, and no byte of it passes
through this page's memory. Works on the main thread and in workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy

from filesync_web.aio.futures import new_future
from filesync_web.browser.js_util import JsError, absolute_url, call, js_object, report
from filesync_web.core.failures import shown_url
from filesync_web.errors import FileSyncError, InvalidArgumentError, NetworkError, StallError
from filesync_web.ports import BlobHandle, HttpResponse, Progress


class BrowserHttp:
    """The `Http` port; relative URLs are resolved against the page's.

    `include_credentials`: send cookies to other origins too, which their CORS headers must allow by name.
    """

    def __init__(self, *, include_credentials: bool = False) -> None:
        self._include_credentials = include_credentials

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
        js_controller = js.AbortController.new()
        init = {
            "method": method,
            "headers": dict(headers),
            "credentials": "include" if self._include_credentials else "same-origin",
            "cache": "no-store",
            "signal": js_controller.signal,
        }
        if body is not None:
            init["body"] = body
        what = f"{method} {shown_url(url)}"
        try:
            async with asyncio.timeout(timeout):
                js_response = await call(js.globalThis, "fetch", absolute_url(url), js_object(init))
                js_body = await call(js_response, "arrayBuffer")
        except TimeoutError as error:
            raise NetworkError(f"{what}: no answer within {timeout} seconds") from error
        except JsError as error:
            raise NetworkError(f"{what}: no answer ({error.message})") from error
        finally:
            js_controller.abort()  # of what is complete, nothing
        answer_headers = js.Object.fromEntries(js_response.headers).to_py()
        return HttpResponse(int(js_response.status), answer_headers, js_body.to_bytes())

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
        js_body = blob if (start, end) == (0, size) else blob.slice(start, end)
        what = f"{method} {shown_url(url)}"
        js_xhr, asked = js.XMLHttpRequest.new(), absolute_url(url)
        try:
            js_xhr.open(method, asked)
            js_xhr.responseType = "arraybuffer"
            js_xhr.withCredentials = self._include_credentials
            for name, value in headers.items():
                js_xhr.setRequestHeader(name, value)
        except JsException as error:
            raise InvalidArgumentError(f"{what}: {error.message}") from error
        return await _Upload(js_xhr, asked, what, progress, stall_timeout).send(js_body)


class _Upload:
    """One `XMLHttpRequest`, which alone tells how much of a body is sent, and a watch over it."""

    def __init__(
        self, js_xhr: Any, url: str, what: str, progress: Progress | None, stall_timeout: float
    ) -> None:
        self._js_xhr = js_xhr
        self._url = url
        self._what = what
        self._progress = progress
        self._stall_timeout = stall_timeout
        self._error: asyncio.Future[FileSyncError | None] = new_future()
        self._watch = asyncio.get_running_loop().call_later(stall_timeout, self._stalled)

    async def send(self, js_body: Any) -> HttpResponse:
        js_on_sent, js_on_answer = create_proxy(self._on_sent), create_proxy(self._on_answer)
        listeners = [(self._js_xhr.upload, kind, js_on_sent) for kind in ("progress", "load")]
        listeners += [(self._js_xhr, kind, js_on_answer) for kind in ("progress", "load", "error", "abort")]
        for js_target, kind, js_listener in listeners:
            js_target.addEventListener(kind, js_listener)
        try:
            self._js_xhr.send(js_body)
            error = await self._error
        finally:
            self._watch.cancel()
            for js_target, kind, js_listener in listeners:
                js_target.removeEventListener(kind, js_listener)
            self._js_xhr.abort()  # of what is complete, nothing
            js_on_sent.destroy()
            js_on_answer.destroy()
        if error is not None:
            raise error
        return self._response

    def _on_sent(self, js_event: Any) -> None:
        self._touch()
        if js_event.type == "progress":
            report(self._progress, js_event.loaded, js_event.total)

    def _on_answer(self, js_event: Any) -> None:
        match js_event.type:
            case "progress":
                self._touch()
            case "load":
                self._response = _response(self._js_xhr, self._url)
                self._end(None)
            case "error":
                why = "the connection failed, or the server allows no such request from this page"
                self._end(NetworkError(f"{self._what}: {why}"))
            case _:
                self._end(NetworkError(f"{self._what}: aborted"))

    def _touch(self) -> None:
        self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_later(self._stall_timeout, self._stalled)

    def _stalled(self) -> None:
        self._end(StallError(f"{self._what}: nothing moved for {self._stall_timeout} seconds"))

    def _end(self, error: FileSyncError | None) -> None:
        if not self._error.done():
            self._error.set_result(error)


def _response(js_xhr: Any, asked: str) -> HttpResponse:
    pairs = (line.partition(":") for line in js_xhr.getAllResponseHeaders().split("\r\n"))
    headers = {name.lower(): value.strip() for name, colon, value in pairs if colon}
    is_elsewhere = _place(js_xhr.responseURL) != _place(asked)
    return HttpResponse(int(js_xhr.status), headers, js_xhr.response.to_bytes(), is_elsewhere)


def _place(url: str) -> str:
    """What a URL names, whether or not the browser has made `https:` of its `http:`."""
    return url.partition("#")[0].partition(":")[2]
