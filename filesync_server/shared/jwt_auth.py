"""Ready-made authentication by JSON Web Token (RFC 7519), with PyJWT: needs the extra `jwt`.

What a token says, beside `exp` and, where they are asked for, `aud` and `iss`:

    {"sub": "ann", "stores": {"ann-1": ["read", "write", "delete"], "team": ["read"]}, "exp": 1800000000}

`sub` is the identity's name. `stores` has the rights to each store; a list of ids, `["ann-1"]`, gives all
rights to these. `"*"` stands for all stores.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import jwt
from starlette.requests import HTTPConnection

from .identity import Authenticate, Identity, presented_token, stores_from

log = logging.getLogger(__name__)


def jwt_auth(
    key: str | bytes,
    *,
    algorithms: Sequence[str],
    audience: str | None = None,
    issuer: str | None = None,
    require_exp: bool = True,
    leeway: float = 10.0,
) -> Authenticate:
    """Callers present a token signed with `key` (a shared secret, or the public key in PEM).

    `aud` and `iss` are required when they are given here. A token has to expire, unless `require_exp` is
    false; `leeway` seconds forgive clocks that differ. Why a token was refused is logged, the token never.
    """
    if not algorithms or "none" in {name.lower() for name in algorithms}:
        raise ValueError("jwt_auth needs the algorithms that you sign with, and 'none' is not one")
    asked = {"sub": True, "stores": True, "exp": require_exp, "aud": audience, "iss": issuer}
    required = [name for name, is_asked in asked.items() if is_asked]

    def decoded(token: str) -> Identity:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            audience=audience,
            issuer=issuer,
            leeway=leeway,
            options={"require": required},
        )
        expires_at = float(claims["exp"]) + leeway if "exp" in claims else None
        return Identity(claims["sub"], stores_from(claims["stores"]), expires_at)

    def authenticate(connection: HTTPConnection) -> Identity | None:
        token = presented_token(connection)
        if token is None:
            return None
        try:
            return decoded(token)
        except jwt.InvalidTokenError as error:
            # Of the library's own words only those are logged that have nothing of the token in them.
            log.info("a token is refused: %s", _REASONS.get(type(error), type(error).__name__))
        except Exception as error:  # whatever else somebody's text does to a parser: it lets nobody in
            log.info("a token is refused: it says what cannot be understood (%s)", type(error).__name__)
        return None

    return authenticate


_REASONS: dict[type[Exception], str] = {
    jwt.DecodeError: "it is no JSON Web Token",
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAlgorithmError: "it is signed with another algorithm",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.InvalidSignatureError: "its signature is not of our key",
    jwt.MissingRequiredClaimError: "it lacks a claim",
}
