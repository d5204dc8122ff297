"""What an app is told about metadata sync, and what it tells the sync client."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import field, replace
from typing import Literal

from filesync_web.aio.resolved import resolved
from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import InvalidArgumentError
from filesync_web.livestore.messages import Json

logger = logging.getLogger(__name__)

Token = str | Callable[[], str | Awaitable[str]]
Payload = Json | Callable[[], Json | Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class BackendReset:
    """The sync backend has come back with less than it had confirmed: emptied, or from an older copy.

    `last_event`: the wire name of the last event that it had confirmed to this client. `pending`: how many
    events it had not confirmed yet; they are pushed in any case.
    """

    last_event: str
    pending: int


Choice = Literal["offer", "drop"]
OnBackendReset = Choice | Callable[[BackendReset], Choice | Awaitable[Choice]]


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Where to sync metadata to.

    `url`: the backend's URL, `https://host/sync`. `payload`: what the backend's auth looks at, for example
    `{"authToken": "..."}`; a function is asked anew at each connect and may be asynchronous. It travels in
    the query of the URL, as LiveStore does it, and is never logged. `auth_token`, a string or such a
    function, is added to it as `authToken`. `transport`: a WebSocket, or "http" for networks that let none
    through; what others change is then seen within 5 seconds. `on_backend_reset`: what becomes of confirmed
    events that a backend has lost. They are offered to it again, unless this is "drop", or a function, plain
    or asynchronous, that answers so.
    """

    url: str
    payload: Payload = field(default=None, repr=False)
    auth_token: Token | None = field(default=None, repr=False)
    transport: Literal["ws", "http"] = "ws"
    on_backend_reset: OnBackendReset = field(default="offer", repr=False)

    def __post_init__(self) -> None:
        if self.transport not in {"ws", "http"}:
            raise InvalidArgumentError(f"transport must be 'ws' or 'http', not {self.transport!r}")
        if not callable(self.on_backend_reset) and self.on_backend_reset not in {"offer", "drop"}:
            raise InvalidArgumentError(
                f"on_backend_reset must be 'offer', 'drop' or a function, not {self.on_backend_reset!r}"
            )

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

    async def offers_again(self, reset: BackendReset) -> bool:
        """Whether the app lets confirmed events be offered again; yes, when its function fails."""
        try:
            choice = await resolved(self.on_backend_reset, reset)
        except Exception:
            logger.exception("on_backend_reset has failed; what the backend has lost is offered again")
            return True
        if choice not in ("offer", "drop"):
            logger.error("on_backend_reset answered %r instead of 'offer' or 'drop'; it is 'offer'", choice)
        return bool(choice != "drop")


@dataclass(frozen=True, slots=True)
class MetadataSyncStatus:
    """Metadata sync as of now.

    `enabled`: the user's switch. `connected`: the leading tab has a connection. `caught_up`: over this
    connection everything has come that the backend had. `remaining`: how many of these events are still to
    come, where the backend tells; 0 once it has caught up. `pending`: events that the backend has not
    confirmed yet. `last_error`: why the last attempt failed, "" after a good one. `backend_resets`: how often
    the backend has come back with less than it had confirmed to this device. `outdated`: a newer version of
    the kit has taken over the store, and this tab has to be reloaded: it neither syncs nor saves any more,
    and `last_error` has the words for it.
    """

    enabled: bool = True
    connected: bool = False
    pending: int = 0
    last_error: str = ""
    backend_resets: int = 0
    caught_up: bool = False
    remaining: int = 0
    outdated: bool = False
