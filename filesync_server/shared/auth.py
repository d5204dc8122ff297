"""Who may touch which keys: the auth callback's contract, and ready-made callbacks.

A callback gets the request and answers `None` (401: not authenticated), an empty list (all keys) or a list of
key prefixes (403 outside of them). It may be a coroutine function.
"""

from __future__ import annotations

import hashlib
import hmac
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

AllowedKeys: TypeAlias = Sequence[str]
Auth: TypeAlias = Callable[[HTTPConnection], AllowedKeys | Awaitable[AllowedKeys | None] | None]
"""Says for each request which keys it may use: patterns such as "album/*", or None for none at all (401).

A function, plain or asynchronous. `bearer_auth` makes one.
"""


def presented_token(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer <token>` or `X-Worker-Auth: <token>`."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return connection.headers.get("x-worker-auth") or None


def same_secret(left: str, right: str) -> bool:
    """Equality in a time that tells nothing, not even the length."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (left, right))
    return hmac.compare_digest(*digests)


def bearer_auth(*tokens: str, prefixes: AllowedKeys = ()) -> Auth:
    """Everyone who presents one of the tokens may touch the keys under `prefixes` (none: all keys)."""
    if not tokens or not all(tokens):
        raise ValueError("bearer_auth needs at least one token, and none of them empty")

    def authenticate(connection: HTTPConnection) -> AllowedKeys | None:
        presented = presented_token(connection)
        if presented is None:
            return None
        # Every token is compared: the time must not tell which one was right.
        matches = [same_secret(presented, token) for token in tokens]
        return list(prefixes) if any(matches) else None

    return authenticate


def public_access(_connection: HTTPConnection) -> AllowedKeys | None:
    """Everyone may touch everything. For an API that is protected in front of this server."""
    return []


async def allowed_keys(auth: Auth, connection: HTTPConnection) -> AllowedKeys:
    """Ask the callback. Raises HTTPException 401."""
    answer = auth(connection)
    if inspect.isawaitable(answer):
        answer = await answer
    if answer is None:
        raise HTTPException(401, "authentication required", {"WWW-Authenticate": "Bearer"})
    return answer


def require_key(key: str, allowed: AllowedKeys) -> None:
    """Raises HTTPException 403 when the key is outside."""
    if not within(key, allowed):
        raise HTTPException(403, "this key is outside of what you may touch")


def within(key: str, prefixes: Sequence[str]) -> bool:
    """Is the key inside one of the prefixes? No prefix means all keys.

    Prefixes match whole segments: `a/b` covers `a/b` and `a/b/c` but not `a/bc`. An empty prefix covers
    nothing, so that a name that happens to be empty never opens everything.
    """
    if not prefixes:
        return True
    bare = (prefix.strip("/") for prefix in prefixes)
    return any(prefix and (key == prefix or key.startswith(f"{prefix}/")) for prefix in bare)
