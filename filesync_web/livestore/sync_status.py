"""What an app is told about metadata sync, and what it tells the sync client."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from filesync_web.livestore.messages import Json

Token = str | Callable[[], str | Awaitable[str]]
Payload = Json | Callable[[], Json | Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Where to sync metadata to.

    `url`: the backend's WebSocket URL, `wss://host/sync`. `payload`: what the backend's auth looks at, for
    example `{"authToken": "..."}`; a function is asked anew at each connect and may be asynchronous. It
    travels in the query of the socket's URL, as LiveStore does it, and is never logged. `auth_token`, a
    string or such a function, is added to it as `authToken`.
    """

    url: str
    payload: Payload = field(default=None, repr=False)
    auth_token: Token | None = field(default=None, repr=False)

    async def payload_now(self) -> Json:
        """What the backend's auth looks at, as of this connect; raises whatever the app's functions raise."""
        payload = await _asked(self.payload)
        token = await _asked(self.auth_token)
        if token is None:
            return payload
        return {**(payload if isinstance(payload, dict) else {}), "authToken": token}


async def _asked(source: Any) -> Any:
    value = source() if callable(source) else source
    return await value if inspect.isawaitable(value) else value


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Metadata sync as of now.

    `enabled`: the user's switch. `connected`: the leading tab has a connection. `pending`: events that the
    backend has not confirmed yet. `last_error`: why the last attempt failed, "" after a good one.
    """

    enabled: bool = True
    connected: bool = False
    pending: int = 0
    last_error: str = ""
