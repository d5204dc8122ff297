"""What every HTTP part shares: JSON errors, JSON bodies within a limit, CORS, and a part's outer shape."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from .json_text import parse_json

MAX_JSON_BYTES = 1024 * 1024
"""The largest JSON body; enough to complete 10,000 parts."""

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
_EXPOSED_HEADERS = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Retry-After")

log = logging.getLogger(__name__)


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def create_part(routes: Sequence[BaseRoute], allowed_origins: Sequence[str] = ()) -> ASGIApp:
    """An ASGI app that answers every error as `{"error": ...}` and pages of `allowed_origins` (also the
    errors).

    `"*"` allows every origin and then no credentials (cookies); a list of origins allows them.
    """
    return _HttpOnly(create_routes(routes, allowed_origins))


def create_routes(routes: Sequence[BaseRoute], allowed_origins: Sequence[str] = ()) -> ASGIApp:
    """The same for a part that has WebSockets too."""
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_error, ClientDisconnect: _gone, Exception: _unexpected},
    )
    if not allowed_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=allowed_origins,
        allow_methods=_ALLOWED_METHODS,
        allow_headers=_ALLOWED_HEADERS,
        allow_credentials="*" not in allowed_origins,
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


async def read_body(request: Request, limit: int = MAX_JSON_BYTES) -> bytes:
    """The body of at most `limit` bytes. Raises HTTPException 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises HTTPException 400 or 413."""
    try:
        value = parse_json(await read_body(request))
    except ValueError:
        raise HTTPException(400, "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return value


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return error_response(error.status_code, error.detail, dict(error.headers or {}))


async def _gone(_request: Request, _error: Exception) -> Response:
    return error_response(400, "the client went away in the middle of the body")


async def _unexpected(_request: Request, _error: Exception) -> Response:
    # starlette raises the error again after the answer, so the server logs it with its traceback.
    return error_response(500, "internal error")
