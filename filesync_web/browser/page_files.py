"""Files of the page in a PyScript worker, which sees the objects of a cross-origin isolated page by proxies.

A proxy cannot be sent on to the worker that moves bytes. So the page is made to post the file itself to this
worker: what travels is a reference to it, and no byte.
"""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import JsException, create_proxy

from filesync_web.aio.futures import new_future
from filesync_web.errors import InvalidArgumentError


def is_here(js_blob: Any) -> bool:
    """Whether a `File` or `Blob` is this worker's own, and no proxy of one of the page."""
    try:
        js.structuredClone(js_blob)
    except JsException:
        return False
    return True


async def brought_here(js_blob: Any) -> Any:
    """The `File` or `Blob` of which the page's object is a proxy; raises `InvalidArgumentError` when the page
    cannot send it.

    By a BroadcastChannel of a name that nobody else knows: both sides can make one end of it by themselves.
    """
    name = f"filesync-web:file:{js.crypto.randomUUID()}"
    arrived = new_future()

    def take(js_event: Any) -> None:
        if not arrived.done():
            arrived.set_result(js_event.data)

    js_listener = create_proxy(take)
    js_here = js.BroadcastChannel.new(name)
    js_here.addEventListener("message", js_listener)
    try:
        _post_from_page(name, js_blob)
        return await arrived
    finally:
        js_here.removeEventListener("message", js_listener)
        js_here.close()
        js_listener.destroy()


def _post_from_page(name: str, js_blob: Any) -> None:
    try:
        js_channel = js.document.defaultView.BroadcastChannel.new(name)
        try:
            js_channel.postMessage(js_blob)
        finally:
            js_channel.close()
    except (AttributeError, JsException) as error:
        raise InvalidArgumentError(
            "the File belongs to the page, and this worker cannot get it from there: let the page post the"
            f" File itself to the worker, or give its bytes ({error})"
        ) from error
