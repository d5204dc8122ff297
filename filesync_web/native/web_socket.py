"""WebSockets on CPython for metadata sync, by the `websockets` library (extra `native`)."""

from __future__ import annotations

import logging
from typing import Any

from filesync_web.livestore.messages import MAX_FRAME_BYTES
from filesync_web.livestore.ports import SocketClosedError
from filesync_web.livestore.refusals import reason_in, refused

# At DEBUG, `websockets` would log the URL with the token in it.
_logger = logging.getLogger("filesync_web.native.web_socket")
_logger.setLevel(logging.INFO)

_CLOSE_SECONDS = 2.0


class NativeSocket:
    """The `Socket` port; made by `open_native_socket`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        """Send one frame."""
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise SocketClosedError("the connection to the sync backend is closed") from error

    async def receive(self) -> str:
        """The next frame."""
        from websockets.exceptions import ConnectionClosed

        try:
            frame = await self._connection.recv(decode=True)
        except ConnectionClosed as error:
            raise SocketClosedError(f"the connection to the sync backend was closed ({error})") from error
        return str(frame)

    async def close(self) -> None:
        """Close the socket, waiting briefly for the other side."""
        await self._connection.close()


async def open_native_socket(url: str) -> NativeSocket:
    """Open a WebSocket; raises `SocketClosedError`, with the status of a refused upgrade."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

    try:
        connection = await connect(
            url,
            logger=_logger,
            ping_interval=None,  # the protocol has pings of its own
            max_size=16 * MAX_FRAME_BYTES,
            close_timeout=_CLOSE_SECONDS,
        )
    except InvalidStatus as error:
        answer = error.response
        raise refused(answer.status_code, reason_in(bytes(answer.body or b""))) from error
    except InvalidURI:
        raise SocketClosedError(
            "the sync backend's URL is not one of a WebSocket"
        ) from None  # it holds the token
    except (OSError, WebSocketException) as error:
        raise SocketClosedError(f"the sync backend cannot be reached: {error}") from error
    return NativeSocket(connection)
