"""The sync backend as an ASGI app: admits clients, then hands over WebSockets and answers POSTs.

    sync = create_sync_backend(Hub(SqliteStorage(path)), authenticate=token_auth("secret"))
    Starlette(routes=[Mount("/sync", sync)])

Refusals, at the upgrade or of the POST: 400 bad token, payload or origin, 403 a store that the caller may not
read, 404 no usable `storeId`, 426 no upgrade without `transport=http`. Who may read and not write is let in,
and each push is refused.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from filesync_web.livestore.messages import MAX_FRAME_BYTES, WireError
from filesync_web.livestore.wire import decode_query_payload

from ..shared.disk import is_full
from ..shared.http import IDLE_TIMEOUT, create_routes, error_response, read_body
from ..shared.identity import Authenticate, Identity, identify, require, with_sync_payload
from ..shared.mounts import BareMountApp
from ..shared.pages import Pages
from .connection import SyncConnection
from .http_transport import UNUSABLE, answer
from .hub import Hub
from .storage import STORE_ID

log = logging.getLogger(__name__)


def create_sync_backend(
    hub: Hub,
    *,
    authenticate: Authenticate,
    allowed_origins: Sequence[str] = (),
    allowed_headers: Sequence[str] = (),
    idle_timeout: float = IDLE_TIMEOUT,
) -> ASGIApp:
    """The sync backend, without a path of its own; whoever made the hub closes it.

    A browser page is admitted from this server's own origin and from `allowed_origins` (`"*"`: from every
    one), and may send `allowed_headers` beside those of clients. A POST that stands still for `idle_timeout`
    seconds is given up.
    """
    pages = Pages(allowed_origins, allowed_headers)
    backend = _Backend(hub, authenticate, pages, idle_timeout)
    routes = [
        WebSocketRoute("/", backend.connect),
        Route("/", backend.respond, methods=["GET", "POST"]),
        WebSocketRoute("/{rest:path}", _no_such_path),
    ]
    return BareMountApp(create_routes(routes, pages, _plain_text))


class _Backend:
    def __init__(self, hub: Hub, authenticate: Authenticate, pages: Pages, idle_timeout: float) -> None:
        self._hub = hub
        self._authenticate = authenticate
        self._pages = pages
        self._idle_timeout = idle_timeout

    async def connect(self, socket: WebSocket) -> None:
        try:
            store_id, identity = await self._admitted(socket, "ws")
        except HTTPException as refusal:
            await socket.send_denial_response(error_response(refusal.status_code, refusal.detail))
            return
        await socket.accept()
        await SyncConnection(self._hub, store_id, socket, identity).run()

    async def respond(self, request: Request) -> Response:
        if request.query_params.get("transport") != "http":
            headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
            raise HTTPException(426, "this is a WebSocket endpoint, without transport=http", headers)
        if request.method != "POST":
            raise HTTPException(405, "transport=http takes POST", {"Allow": "POST"})
        store_id, identity = await self._admitted(request, "http")
        body = await read_body(request, MAX_FRAME_BYTES, self._idle_timeout)
        pieces = answer(self._hub, store_id, body, may_push=identity.allows(store_id, "write"))
        try:
            first = await anext(pieces)
        except OSError as error:
            if is_full(error):
                raise
            log.warning("the event log of a store cannot be used: %s", error)
            raise HTTPException(503, UNUSABLE) from error
        return StreamingResponse(_joined(first, pieces), media_type="application/json")

    async def _admitted(self, request: HTTPConnection, transport: str) -> tuple[str, Identity]:
        """The store that the client is admitted to, and who it is. Raises HTTPException."""
        store_id = request.query_params.get("storeId", "")
        if not STORE_ID.fullmatch(store_id):
            raise HTTPException(404, "storeId is missing or has more than 255 or control characters")
        if request.query_params.get("transport", "ws") != transport:
            raise HTTPException(400, f"transport must be {transport} here")
        if request.headers.get("x-livestore-store-id", store_id) != store_id:
            raise HTTPException(400, "the header x-livestore-store-id names another store than storeId")
        if not self._pages.admit(request):
            raise HTTPException(400, "pages of this origin are not allowed")
        try:
            payload = decode_query_payload(request.query_params.get("payload"))
        except WireError:
            raise HTTPException(400, "payload is not JSON") from None
        identity = await self._identified(with_sync_payload(request, payload))
        require(identity, store_id, "read")
        return store_id, identity

    async def _identified(self, request: HTTPConnection) -> Identity:
        try:
            return await identify(self._authenticate, request)
        except HTTPException as error:
            if error.status_code != 401:
                raise
            # As sync-cf says it, which has no 401.
            raise HTTPException(400, "the token is not valid") from None


async def _joined(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for piece in rest:
        yield piece


def _plain_text(status: int, message: str, headers: dict[str, str]) -> Response:
    """A refusal that LiveStore's HTTP client survives: JSON that is no array ends its syncing for good, and
    what is no JSON is an error that it types and retries."""
    return PlainTextResponse(message, status, headers)


async def _no_such_path(socket: WebSocket) -> None:
    await socket.send_denial_response(error_response(404, "there is no such path"))
