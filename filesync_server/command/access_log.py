"""One line for each request, without anything secret: no query string (signatures, tokens) and no headers.

Logger `filesync_server.access`; the fields are also on the record (`extra`), for a JSON formatter.
"""

from __future__ import annotations

import logging
import time
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("filesync_server.access")


class AccessLog:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status, sent = 0, 0

        async def watch(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            if message["type"] == "websocket.accept":
                status = 101
            sent += len(message.get("body", b"")) + len((message.get("text") or "").encode())
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            fields = {
                "client": (scope.get("client") or ("-",))[0],
                "method": scope.get("method", "WEBSOCKET"),
                "path": quote(scope["path"]),
                "status": status,
                "sent_bytes": sent,
                "ms": round((time.monotonic() - started) * 1000, 1),
            }
            log.info(" ".join(f"{name}=%s" for name in fields), *fields.values(), extra=fields)
