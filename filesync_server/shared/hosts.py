"""Which names this server answers to.

A page of any site can have its own name resolve to 127.0.0.1 (DNS rebinding): to a browser this server is
then that site, and the page reads all that it says. Only the `Host` header tells. Names that cannot be
rebound, those of this machine and addresses, are always right.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket


class HostCheck:
    """Passes on what was meant for one of the `names`; the rest is refused with 421.

    `*.example.org` stands for all names below `example.org`. Who sends no `Host` header is no browser.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or all(map(self._admits, Headers(scope=scope).getlist("host"))):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse("this server does not answer to this host name (see allowed_hosts)", 421)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await refusal(scope, receive, send)

    def _admits(self, host: str) -> bool:
        name = host_name(host)
        if name is None:
            return False
        if name == "localhost" or name.endswith(".localhost") or is_address(name):
            return True
        above = name.partition(".")[2]
        return name in self._names or f"*.{above}" in self._names


def host_name(host: str) -> str | None:
    """The name in `name:port`, in lower case; None when it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    is_whole = parts.netloc == host and "@" not in host
    return parts.hostname.rstrip(".") if is_whole and parts.hostname else None


def is_address(name: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
