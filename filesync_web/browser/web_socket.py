"""WebSockets of the browser, for metadata sync; works on the main thread and in workers.

A browser does not tell why a connection was refused, so that `SocketClosedError.status` is always None here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy

from filesync_web.livestore.ports import SocketClosedError


class BrowserSocket:
    """The `Socket` port; made by `open_browser_socket`."""

    def __init__(self, js_socket: Any) -> None:
        self._js_socket = js_socket
        self._frames: deque[str] = deque()
        self._news = asyncio.Event()
        self._closed_by = ""
        self._js_listeners = {
            "open": create_proxy(lambda _js_event: self._news.set()),
            "message": create_proxy(self._on_message),
            "close": create_proxy(self._on_close),
        }
        for kind, js_listener in self._js_listeners.items():
            js_socket.addEventListener(kind, js_listener)

    async def opened(self) -> None:
        """Wait until it is open."""
        await self._news.wait()
        if self._closed_by:
            raise SocketClosedError(f"the sync backend cannot be reached: {self._closed_by}")

    async def send(self, text: str) -> None:
        """Send one frame."""
        if self._js_socket.readyState != js.WebSocket.OPEN:
            raise SocketClosedError("the connection to the sync backend is closed")
        self._js_socket.send(text)

    async def receive(self) -> str:
        """The next frame."""
        while not self._frames:
            if self._closed_by:
                raise SocketClosedError("the sync backend, or the network, closed the connection")
            self._news.clear()
            await self._news.wait()
        return self._frames.popleft()

    async def close(self) -> None:
        """Close the socket."""
        self._end("it was closed here")
        self._js_socket.close()

    def _on_message(self, js_event: Any) -> None:
        if isinstance(js_event.data, str):  # the protocol has no other frames
            self._frames.append(js_event.data)
            self._news.set()

    def _on_close(self, js_event: Any) -> None:
        self._end(f"no connection (code {js_event.code})")

    def _end(self, why: str) -> None:
        self._closed_by = self._closed_by or why
        self._news.set()
        for kind, js_listener in self._js_listeners.items():
            self._js_socket.removeEventListener(kind, js_listener)
            js_listener.destroy()
        self._js_listeners.clear()


async def open_browser_socket(url: str) -> BrowserSocket:
    """Open a WebSocket; raises `SocketClosedError`."""
    try:
        socket = BrowserSocket(js.WebSocket.new(url))
    except JsException as error:
        raise SocketClosedError(f"the sync backend cannot be reached: {error.message}") from error
    try:
        await socket.opened()
    except BaseException:
        await socket.close()
        raise
    return socket
