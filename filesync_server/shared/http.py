"""What every HTTP part shares: its outer shape with JSON errors and CORS, and bodies within limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from filesync_web.core.foreign import ForeignTextError, parse_json

from .disk import is_full
from .mounts import OwnPath
from .pages import NO_PAGES, Pages

MAX_JSON_BYTES = 1024 * 1024
"""The largest JSON body; enough to complete 10,000 parts."""
IDLE_TIMEOUT = 60.0
"""Seconds without a byte after which a body is given up."""

_ALLOWED_METHODS = ("GET", "HEAD", "POST", "PUT")
_ALLOWED_HEADERS = (
    "Authorization",
    "B3",  # and Traceparent: Effect's HTTP client adds them
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Range",
    "Traceparent",
    "X-Amz-Checksum-Sha256",
    "X-Livestore-Store-Id",
    "X-Worker-Auth",
)
# `Date`: clients take from it how long a signed URL is good, since their own clocks may be wrong.
_EXPOSED_HEADERS = ("Accept-Ranges", "Content-Length", "Content-Range", "Date", "ETag", "Retry-After")

log = logging.getLogger(__name__)


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """How every part but the sync backend says what went wrong."""
    return JSONResponse({"error": message}, status_code=status, headers=headers)


ErrorResponse: TypeAlias = Callable[[int, str, dict[str, str]], Response]
"""Makes the answer of a status, a message and headers."""


def create_part(routes: Sequence[BaseRoute], pages: Pages = NO_PAGES) -> ASGIApp:
    """An ASGI app that answers every error as `{"error": ...}`, also to pages of other origins."""
    return _HttpOnly(create_routes(routes, pages))


def create_routes(
    routes: Sequence[BaseRoute], pages: Pages = NO_PAGES, error_response: ErrorResponse = error_response
) -> ASGIApp:
    """The same for a part that has WebSockets too, or errors of another form."""
    app = OwnPath(Starlette(routes=routes, exception_handlers=_error_handlers(error_response)))
    if not pages.origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=pages.origins,
        allow_methods=_ALLOWED_METHODS,
        allow_headers=[*_ALLOWED_HEADERS, *pages.headers],
        allow_credentials="*" not in pages.origins,
        expose_headers=_EXPOSED_HEADERS,
        max_age=3600,
    )


class _HttpOnly:
    """Refuses WebSockets with 404, as any path where there is nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            await socket.send_denial_response(error_response(404, "there is no WebSocket at this path"))
        else:
            await self._app(scope, receive, send)


async def body_chunks(request: Request, idle_timeout: float = IDLE_TIMEOUT) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises HTTPException 408 when it stands still for `idle_timeout` seconds."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_timeout):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            headers = {"Connection": "close"}
            raise HTTPException(408, f"no byte arrived in {idle_timeout:g} seconds", headers) from None
        yield chunk


async def read_body(request: Request, limit: int, idle_timeout: float = IDLE_TIMEOUT) -> bytes:
    """The body of at most `limit` bytes. Raises HTTPException 408 or 413."""
    body = bytearray()
    async for chunk in body_chunks(request, idle_timeout):
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
    return bytes(body)


async def read_json(request: Request, idle_timeout: float = IDLE_TIMEOUT) -> dict[str, Any]:
    """The body as a JSON object. Raises HTTPException 400, 408, 413 or 415.

    It has to say that it is JSON: what a form of another site's page can send does not.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, "the body must be JSON, with the Content-Type application/json")
    try:
        value = parse_json(await read_body(request, MAX_JSON_BYTES, idle_timeout))
    except ForeignTextError:
        raise HTTPException(400, "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return value


def refusal_of(error: Exception) -> tuple[int, str]:
    """The status and the words with which an error is answered; who caused it learns no more of what is wrong
    with the server."""
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    if isinstance(error, OSError) and is_full(error):
        log.error("the disk is full")
        return 507, "the server has no room for this"
    return 500, "internal error"


def _error_handlers(error_response: ErrorResponse) -> dict[Any, Any]:
    async def refused(_request: Request, error: HTTPException) -> Response:
        return error_response(*refusal_of(error), dict(error.headers or {}))

    async def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return error_response(400, "the client went away in the middle of the body", {})

    async def failed(_request: Request, error: OSError) -> Response:
        if not is_full(error):
            raise error
        return error_response(*refusal_of(error), {})

    async def unexpected(_request: Request, error: Exception) -> Response:
        # starlette raises the error again after the answer, so the server logs it with its traceback.
        return error_response(*refusal_of(error), {})

    return {HTTPException: refused, ClientDisconnect: gone, OSError: failed, Exception: unexpected}
