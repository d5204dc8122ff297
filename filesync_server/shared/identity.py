"""Who calls and what they may do: one idea for signer, data plane and sync, over HTTP and over WebSockets.

An app writes one function, plain or asynchronous, and gives it to every part:

    def authenticate(request: HTTPConnection) -> Identity | None:
        user = users.get(request.cookies.get("session"))
        return user and Identity(user.name, {user.store: ALL_RIGHTS, "team": {"read", "write"}})

Ready made are `token_auth` and `public_access` here, and `jwt_auth.jwt_auth`. A right is one to a store: to
its events, and to the objects whose keys begin with its id. So whoever may not read a store gets neither its
events nor a URL of its objects.
"""

from __future__ import annotations

import hashlib
import hmac
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

Action: TypeAlias = Literal["read", "write", "delete"]
"""`read`: pull events, get and look up objects. `write`: push events, upload. `delete`: remove objects."""

_RIGHTS: tuple[Action, ...] = get_args(Action)
ALL_RIGHTS: frozenset[Action] = frozenset(_RIGHTS)
"""Every right to a store there is."""
ALL_STORES = "*"
"""Stands for every store among an identity's stores. It is no id that a store can be granted by."""

_STORE_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,128}", re.ASCII)
_MAX_NAME = 255
_PAYLOAD = "filesync_server.payload"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who was let in.

    `name`: who it is, the same each time; usage is counted under it. `stores`: the rights to each store, by
    its id or by `ALL_STORES`; an empty mapping is nothing. `expires_at`: unix time at which this ends, and
    with it live sockets and signed URLs; None for no end.

    Raises ValueError for a right that there is not, and for a store id other than 1 to 128 of the characters
    A-Z a-z 0-9 . _ -, since two such ids could share the folder of their objects.
    """

    name: str
    stores: Mapping[str, Collection[Action]]
    expires_at: float | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _MAX_NAME or not self.name.isprintable():
            raise ValueError(f"the name of an identity has 1 to {_MAX_NAME} printable characters")
        for store_id, rights in self.stores.items():
            if store_id != ALL_STORES and not _STORE_ID.fullmatch(store_id):
                raise ValueError(
                    f"store {store_id!r} cannot be granted: its id must be 1 to 128 of the characters"
                    f" A-Z a-z 0-9 . _ -, or {ALL_STORES} for all stores"
                )
            if not all(right in _RIGHTS for right in rights):
                raise ValueError(f"the rights to a store are a list of {', '.join(_RIGHTS)}")

    def allows(self, store_id: str, action: Action) -> bool:
        """Whether it may do this to the store, and to the objects whose keys begin with its id."""
        return any(action in self.stores.get(granted, ()) for granted in (store_id, ALL_STORES))


Authenticate: TypeAlias = Callable[[HTTPConnection], Identity | Awaitable[Identity | None] | None]
"""Says who makes a request, or opens a WebSocket; None is nobody, who is refused."""


async def identify(authenticate: Authenticate, connection: HTTPConnection) -> Identity:
    """Who it is. Raises HTTPException 401 for nobody, and for somebody whose time is over."""
    identity = await _asked(authenticate, connection)
    if identity is None or (identity.expires_at is not None and identity.expires_at <= time.time()):
        raise HTTPException(401, "authentication required", {"WWW-Authenticate": "Bearer"})
    return identity


def require(identity: Identity, store_id: str, action: Action) -> None:
    """Raises HTTPException 403 when the identity may not do this to the store."""
    if not identity.allows(store_id, action):
        raise HTTPException(403, f"you may not {action} in this store")


def stores_from(value: object) -> Mapping[str, Collection[Action]]:
    """The stores of an identity as a token or a file says them: `{"album": ["read"]}`, or `["album"]` for all
    rights to these. Raises ValueError for another form; the ids and rights are for `Identity` to judge."""
    if isinstance(value, list) and all(isinstance(store_id, str) for store_id in value):
        return dict.fromkeys(value, ALL_RIGHTS)
    if isinstance(value, dict) and all(isinstance(rights, list) for rights in value.values()):
        return value
    raise ValueError("stores are a list of ids, or a list of rights for each id")


def store_of(key: str) -> str:
    """The id of the store that an object belongs to: the first segment of its key."""
    return key.partition("/")[0]


def public_access(_connection: HTTPConnection) -> Identity:
    """Everybody may do everything. For parts that something else protects."""
    return _EVERYBODY


_EVERYBODY = Identity("everybody", {ALL_STORES: ALL_RIGHTS})


def token_auth(tokens: str | Mapping[str, Identity]) -> Authenticate:
    """Who presents one of the tokens is who it belongs to; a single text is a token that may do everything.

    Raises ValueError when there are none, or an empty one.
    """
    if isinstance(tokens, str):
        tokens = {tokens: Identity("token", {ALL_STORES: ALL_RIGHTS})}
    if not tokens or not all(tokens):
        raise ValueError("token_auth needs at least one token, and none of them empty")
    known = [(_digest(token), identity) for token, identity in tokens.items()]

    def authenticate(connection: HTTPConnection) -> Identity | None:
        presented = presented_token(connection)
        if presented is None:
            return None
        digest = _digest(presented)
        # Every token is compared, by its digest: the time must tell neither which one was right nor how far.
        found = [identity for other, identity in known if hmac.compare_digest(digest, other)]
        return found[0] if found else None

    return authenticate


def any_of(*ways: Authenticate) -> Authenticate:
    """Who calls is who the first of these functions that knows somebody says."""

    async def authenticate(connection: HTTPConnection) -> Identity | None:
        for way in ways:
            identity = await _asked(way, connection)
            if identity is not None:
                return identity
        return None

    return authenticate


def presented_token(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer <token>` or `X-Worker-Auth: <token>`; for the sync first of all
    `authToken` of the client's payload."""
    payload = sync_payload(connection)
    if isinstance(payload, dict) and payload.get("authToken") is not None:
        token = payload["authToken"]
        return token if isinstance(token, str) and token else None
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return connection.headers.get("x-worker-auth") or None


def sync_payload(connection: HTTPConnection) -> Any:
    """The JSON that a client of the sync sends along for authentication; None when there is none, and in the
    other parts."""
    return connection.scope.get(_PAYLOAD)


def with_sync_payload(connection: HTTPConnection, payload: Any) -> HTTPConnection:
    """The same connection as `authenticate` gets it from the sync backend."""
    return HTTPConnection({**connection.scope, _PAYLOAD: payload})


async def _asked(authenticate: Authenticate, connection: HTTPConnection) -> Identity | None:
    answer = authenticate(connection)
    if inspect.isawaitable(answer):
        answer = await answer
    if answer is not None and not isinstance(answer, Identity):
        raise TypeError(f"authenticate answers an Identity or None, and not {type(answer).__name__}")
    return answer


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
