"""Ready-made auth by JSON Web Token (RFC 7519), with PyJWT: needs the extra `jwt`."""

from __future__ import annotations

from collections.abc import Sequence

import jwt
from starlette.requests import HTTPConnection

from .auth import AllowedKeys, Auth, presented_token


def jwt_auth(
    key: str | bytes,
    *,
    algorithms: Sequence[str],
    audience: str | None = None,
    issuer: str | None = None,
    prefixes_claim: str = "prefixes",
    leeway: float = 10.0,
) -> Auth:
    """Callers present a token signed with `key` (a shared secret, or the public key in PEM).

    The token must expire (`exp`); `aud` and `iss` are required when given here. The claim `prefixes` lists
    the key prefixes that the caller may touch; a token without it may touch nothing, one with an empty list
    everything. `leeway` seconds forgive clocks that differ.
    """
    if not algorithms or "none" in {name.lower() for name in algorithms}:
        raise ValueError("jwt_auth needs the algorithms that you sign with, and 'none' is not one")
    required = ["exp"]
    if audience is not None:
        required.append("aud")
    if issuer is not None:
        required.append("iss")

    def authenticate(connection: HTTPConnection) -> AllowedKeys | None:
        token = presented_token(connection)
        if token is None:
            return None
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(algorithms),
                audience=audience,
                issuer=issuer,
                leeway=leeway,
                options={"require": required},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):  # the last two from parts that are no JSON
            return None
        prefixes = claims.get(prefixes_claim)
        if isinstance(prefixes, list) and all(isinstance(prefix, str) for prefix in prefixes):
            return prefixes
        return None

    return authenticate
