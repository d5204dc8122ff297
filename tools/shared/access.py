"""Who may use the shared demo: who opens its address with the token of this run, and then has a cookie.

The token is in the address's fragment, which browsers send to nobody. The page hands it in by one request, in
a header, and gets a cookie that no script can read. So the token is in no query, where the sync would put it,
and nothing on the device keeps it. Both end with the run.
"""

from __future__ import annotations

import hmac
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from filesync_server.shared.identity import presented_token

PATH = "/share"
"""Where the token is handed in."""
COOKIE = "__Host-share"
"""By its prefix, browsers take it over https only, for this host alone and for every path."""


class SharedAccess:
    """Middleware: requests with the cookie reach the app as with its own token; others as they are."""

    def __init__(self, app: ASGIApp, *, origin: str, token: str, app_token: str) -> None:
        """`token` lets devices in; `app_token` is what the app wants, and is told to nobody."""
        self._app = app
        self._origin = origin
        self._token = token
        self._app_token = app_token
        self._session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == PATH:
            await self._hand_in(Request(scope))(scope, receive, send)
            return
        if scope["type"] != "lifespan" and self._is_let_in(HTTPConnection(scope)):
            scope = {**scope, "headers": list(scope["headers"])}
            MutableHeaders(scope=scope)["authorization"] = f"Bearer {self._app_token}"
        await self._app(scope, receive, send)

    def _hand_in(self, request: Request) -> Response:
        if not self._is_own_page(request) or not _is_same(presented_token(request) or "", self._token):
            return PlainTextResponse("the token is not that of this run", 401)
        answer = Response(status_code=204)
        answer.set_cookie(COOKIE, self._session, secure=True, httponly=True, samesite="strict")
        return answer

    def _is_let_in(self, connection: HTTPConnection) -> bool:
        return self._is_own_page(connection) and _is_same(connection.cookies.get(COOKIE, ""), self._session)

    def _is_own_page(self, connection: HTTPConnection) -> bool:
        """Another port of this machine is the same site for cookies, but not the same origin."""
        headers = connection.headers
        return headers.get("origin", self._origin) == self._origin and headers.get(
            "sec-fetch-site", "same-origin"
        ) in {"same-origin", "none"}


def _is_same(presented: str, expected: str) -> bool:
    """The time it takes tells nothing of where they differ."""
    return hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), expected.encode())
