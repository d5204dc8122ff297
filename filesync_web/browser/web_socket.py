"""WebSockets of the browser, for metadata sync; works on the main thread and in workers.

A browser does not tell why a connection was refused, so that `SocketClosedError.status` is always None here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from filesync_web.browser.js_util import is_none, load_script
from filesync_web.livestore.ports import SocketClosedError


class BrowserSocket:
    """The `Socket` port; made by `open_browser_socket`."""

    def __init__(self, js_socket: Any) -> None:
        self._js_socket = js_socket

    async def send(self, text: str) -> None:
        """Send one frame."""
        if not self._js_socket.send(text):
            raise SocketClosedError("the connection to the sync backend is closed")

    async def receive(self) -> str:
        """The next frame."""
        text = await self._js_socket.receive()
        if is_none(text):
            raise SocketClosedError("the sync backend, or the network, closed the connection")
        return str(text)

    async def close(self) -> None:
        """Close the socket."""
        self._js_socket.close()


async def open_browser_socket(url: str) -> BrowserSocket:
    """Open a WebSocket; raises `SocketClosedError`."""
    js_socket = load_script("web_socket.js", ("openSocket",)).openSocket(url)
    try:
        problem = await js_socket.opened
    except asyncio.CancelledError:
        js_socket.close()
        raise
    if problem:
        raise SocketClosedError(f"the sync backend cannot be reached: {problem}")
    return BrowserSocket(js_socket)
