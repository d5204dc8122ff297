"""Files of the page in a PyScript worker, which sees the objects of a cross-origin isolated page by proxies.

A proxy cannot be sent on to the worker that moves bytes. So the page is made to post the file itself to this
worker: what travels is a reference to it, and no byte.
"""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import JsException

from filesync_web.browser.posted_files import receive_files
from filesync_web.errors import InvalidArgumentError

TIMEOUT = 10.0
"""Seconds that the page may take: its thread may be busy."""


def is_here(js_blob: Any) -> bool:
    """Whether a `File` or `Blob` is this worker's own, and no proxy of one of the page."""
    try:
        js.structuredClone(js_blob)
    except JsException:
        return False
    return True


async def brought_here(js_blob: Any) -> Any:
    """The `File` or `Blob` of which the page's object is a proxy; raises `InvalidArgumentError` when the page
    cannot send it."""
    js_files = await receive_files(lambda channel: _post_from_page(channel, js_blob), TIMEOUT)
    if not js_files:
        raise _cannot_send(f"it did not arrive within {TIMEOUT:g} seconds")
    return js_files[0]


def _post_from_page(channel: str, js_blob: Any) -> None:
    try:
        js_window = js.document.defaultView
        js_channel = js_window.BroadcastChannel.new(channel)
        try:
            js_channel.postMessage(js_window.Array.of(js_blob))
        finally:
            js_channel.close()
    except (AttributeError, JsException) as error:
        raise _cannot_send(str(error)) from error


def _cannot_send(reason: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        "the File belongs to the page, and this worker cannot get it from there: let the page post the File"
        f" itself to the worker, or give its bytes ({reason})"
    )
