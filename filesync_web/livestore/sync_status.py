"""What an app is told about metadata sync, and what it tells the sync client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from filesync_web.aio.resolved import resolved
from filesync_web.errors import InvalidArgumentError
from filesync_web.livestore.messages import Json

Token = str | Callable[[], str | Awaitable[str]]
Payload = Json | Callable[[], Json | Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Where to sync metadata to.

    `url`: the backend's URL, `https://host/sync`. `payload`: what the backend's auth looks at, for example
    `{"authToken": "..."}`; a function is asked anew at each connect and may be asynchronous. It travels in
    the query of the URL, as LiveStore does it, and is never logged. `auth_token`, a string or such a
    function, is added to it as `authToken`. `transport`: a WebSocket, or "http" for networks that let none
    through; what others change is then seen within 5 seconds.
    """

    url: str
    payload: Payload = field(default=None, repr=False)
    auth_token: Token | None = field(default=None, repr=False)
    transport: Literal["ws", "http"] = "ws"

    def __post_init__(self) -> None:
        if self.transport not in {"ws", "http"}:
            raise InvalidArgumentError(f"transport must be 'ws' or 'http', not {self.transport!r}")

    def at(self, url: str) -> SyncOptions:
        """The same at an absolute URL, in the scheme of the transport."""
        scheme, _, rest = url.partition(":")
        is_secure = scheme in {"https", "wss"}
        return replace(self, url=f"{self.transport}{'s' if is_secure else ''}:{rest}")

    async def payload_now(self) -> Json:
        """What the backend's auth looks at, as of this connect; raises whatever the app's functions raise."""
        payload = await resolved(self.payload)
        token = await resolved(self.auth_token)
        if token is None:
            return payload
        return {**(payload if isinstance(payload, dict) else {}), "authToken": token}


@dataclass(frozen=True, slots=True)
class MetadataSyncStatus:
    """Metadata sync as of now.

    `enabled`: the user's switch. `connected`: the leading tab has a connection. `pending`: events that the
    backend has not confirmed yet. `last_error`: why the last attempt failed, "" after a good one.
    """

    enabled: bool = True
    connected: bool = False
    pending: int = 0
    last_error: str = ""
