"""Files that another page or the page of this worker posts: `File` objects, whose bytes are not copied."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.aio.futures import new_future


async def receive_files(ask: Callable[[str], None], timeout: float) -> list[Any] | None:
    """The `File`s that somebody posts to a `BroadcastChannel` as an array.

    `ask` is called with the channel's name once this side listens. None when nothing came within `timeout`
    seconds: who was asked is of another origin, whose messages do not arrive here.
    """
    name = f"filesync-web:files:{secrets.token_urlsafe(12)}"
    js_channel = js.BroadcastChannel.new(name)
    posted: asyncio.Future[list[Any]] = new_future()

    def on_message(js_event: Any) -> None:
        if not posted.done():
            posted.set_result(list(js_event.data))

    proxy = create_proxy(on_message)
    js_channel.addEventListener("message", proxy)
    try:
        ask(name)
        return await asyncio.wait_for(posted, timeout)
    except TimeoutError:
        return None
    finally:
        js_channel.removeEventListener("message", proxy)
        js_channel.close()
        proxy.destroy()
