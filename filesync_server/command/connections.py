"""Connections that nothing moves on are given up: one that asks for nothing, half a request, an upload or a
download that stands still. uvicorn waits for each of them for ever.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if sys.platform == "linux":
    import fcntl
    import termios


class WatchedConnection(asyncio.Protocol):
    """uvicorn's HTTP protocol for one connection, which is cut off after `idle_timeout` seconds without a
    request, or in which it is the client's turn and nothing moves.

    A WebSocket is left to uvicorn's pings.
    """

    def __init__(self, idle_timeout: float, **options: Any) -> None:
        self._http: Any = AutoHTTPProtocol(**options)
        self._timeout = idle_timeout
        self._loop = asyncio.get_running_loop()
        self._request_by = self._move_by = self._loop.time() + idle_timeout
        self._unread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # of asyncio or of uvloop
        self._http.connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._moved()
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        keeps_open: bool | None = self._http.eof_received()
        return keeps_open

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._moved()
        self._http.resume_writing()

    def _moved(self) -> None:
        self._move_by = self._loop.time() + self._timeout

    def _look_later(self) -> None:
        self._timer = self._loop.call_later(self._timeout / 4, self._look)

    def _look(self) -> None:
        if self._transport.get_protocol() is not self:
            return
        cycle = self._http.cycle
        has_request = cycle is not None and not cycle.response_complete
        unread = _unread_bytes(self._transport)
        is_read, self._unread = unread != self._unread, unread
        if is_read:
            self._moved()
        if has_request or is_read:
            self._request_by = self._loop.time() + self._timeout
        sends = has_request and cycle.more_body and not self._http.flow.read_paused
        if has_request and not sends and not self._transport.get_write_buffer_size():
            self._moved()  # it is our turn
        if self._loop.time() >= min(self._request_by, self._move_by):
            self._transport.abort()
        else:
            self._look_later()


def _unread_bytes(transport: Any) -> int:
    """How many of the bytes written the client's system has not confirmed yet.

    A system takes megabytes ahead of a slow reader, and then nothing for minutes, so in Linux what it has in
    its own buffer (`SIOCOUTQ`) counts as well. Elsewhere a reader has to empty a part of that buffer in time.
    """
    unread: int = transport.get_write_buffer_size()
    if sys.platform == "linux":
        queued = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        unread += struct.unpack("i", queued)[0]
    return unread
