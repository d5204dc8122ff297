"""The sync backend as an ASGI app: admits clients, then hands over WebSockets and answers POSTs.

    sync = create_sync_backend(Hub(SqliteStorage(path)), authenticate=payload_token_auth("secret"))
    Starlette(routes=[Mount("/sync", sync)])

Refusals, at the upgrade or of the POST: 400 bad token, payload or origin, 404 no usable `storeId`, 426 no
upgrade without `transport=http`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from filesync_web.livestore.messages import MAX_FRAME_BYTES, Json
from filesync_web.livestore.wire import decode_query_payload

from ..shared.auth import presented_token, same_secret
from ..shared.http import create_routes, error_response, read_body
from ..shared.json_text import check_depth
from .connection import SyncConnection
from .http_transport import answer
from .hub import Hub
from .storage import STORE_ID

SyncAuth: TypeAlias = Callable[[HTTPConnection, str, Json], bool | Awaitable[bool]]
"""Gets the upgrade request, the store id and the client's payload (None when there is none); may be a
coroutine."""


def create_sync_backend(hub: Hub, *, authenticate: SyncAuth, allowed_origins: Sequence[str] = ()) -> ASGIApp:
    """The sync backend, without a path of its own; whoever made the hub closes it.

    A browser page is admitted from this server's own origin and from `allowed_origins` (`"*"`: from every
    one).
    """
    backend = _Backend(hub, authenticate, allowed_origins)
    routes = [
        WebSocketRoute("/", backend.connect),
        Route("/", backend.respond, methods=["GET", "POST"]),
        WebSocketRoute("/{rest:path}", _no_such_path),
    ]
    return create_routes(routes, allowed_origins)


def payload_token_auth(*tokens: str) -> SyncAuth:
    """Admits who sends one of the tokens as `{"authToken": ...}` in the payload, or as a bearer header."""
    if not tokens or not all(tokens):
        raise ValueError("payload_token_auth needs at least one token, and none of them empty")

    def authenticate(connection: HTTPConnection, _store_id: str, payload: Json) -> bool:
        presented = payload.get("authToken") if isinstance(payload, dict) else None
        if presented is None:
            presented = presented_token(connection)
        return isinstance(presented, str) and any(same_secret(presented, token) for token in tokens)

    return authenticate


class _Backend:
    def __init__(self, hub: Hub, authenticate: SyncAuth, allowed_origins: Sequence[str]) -> None:
        self._hub = hub
        self._authenticate = authenticate
        self._allowed_origins = allowed_origins

    async def connect(self, socket: WebSocket) -> None:
        store_id = socket.query_params.get("storeId", "")
        refusal = await self._refusal(socket, store_id, "ws")
        if refusal:
            await socket.send_denial_response(refusal)
            return
        await socket.accept()
        await SyncConnection(self._hub, store_id, socket).run()

    async def respond(self, request: Request) -> Response:
        if request.query_params.get("transport") != "http":
            headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
            return error_response(426, "this is a WebSocket endpoint, without transport=http", headers)
        if request.method != "POST":
            return error_response(405, "transport=http takes POST", {"Allow": "POST"})
        store_id = request.query_params.get("storeId", "")
        refusal = await self._refusal(request, store_id, "http")
        if refusal:
            return refusal
        body = await read_body(request, MAX_FRAME_BYTES)
        return StreamingResponse(answer(self._hub, store_id, body), media_type="application/json")

    async def _refusal(self, request: HTTPConnection, store_id: str, transport: str) -> Response | None:
        if not STORE_ID.fullmatch(store_id):
            return error_response(404, "storeId is missing or has more than 255 or control characters")
        if request.query_params.get("transport", "ws") != transport:
            return error_response(400, f"transport must be {transport} here")
        if request.headers.get("x-livestore-store-id", store_id) != store_id:
            return error_response(400, "the header x-livestore-store-id names another store than storeId")
        if not self._origin_allowed(request):
            return error_response(400, "pages of this origin are not allowed")
        try:
            payload = _payload_of(request)
        except ValueError:
            return error_response(400, "payload is not JSON")
        admitted = self._authenticate(request, store_id, payload)
        if inspect.isawaitable(admitted):
            admitted = await admitted
        return None if admitted else error_response(400, "the token is not valid")

    def _origin_allowed(self, request: HTTPConnection) -> bool:
        # Browsers do not apply CORS to WebSockets; without this check any page could use a cookie-based auth.
        origin = request.headers.get("origin")
        if origin is None or "*" in self._allowed_origins or origin in self._allowed_origins:
            return True
        return urlsplit(origin).netloc == request.headers.get("host")


def _payload_of(request: HTTPConnection) -> Json:
    """What the client says of itself; None when it says nothing. Raises ValueError."""
    value = request.query_params.get("payload")
    check_depth(unquote(value or ""))
    return decode_query_payload(value)


async def _no_such_path(socket: WebSocket) -> None:
    await socket.send_denial_response(error_response(404, "there is no such path"))
