"""Who may come in, by the settings: who has a token that is written down, or a JSON Web Token."""

from __future__ import annotations

from ..shared.identity import ALL_RIGHTS, ALL_STORES, Authenticate, Identity, any_of, token_auth
from ..shared.tokens import read_tokens
from .config import ConfigError, Settings


def authentication(settings: Settings) -> Authenticate:
    """What all parts ask who calls. Raises ConfigError."""
    ways = []
    if settings.token is not None:
        ways.append(token_auth({settings.token: Identity("token", {ALL_STORES: ALL_RIGHTS})}))
    if settings.tokens is not None:
        ways.append(_token_auth(settings.tokens))
    if settings.jwt_key is not None:
        ways.append(_jwt_auth(settings, settings.jwt_key))
    return any_of(*ways)


def _token_auth(text: str) -> Authenticate:
    try:
        return token_auth(read_tokens(text))
    except ValueError as error:
        raise ConfigError(f"the setting tokens cannot be used: {error}") from None


def _jwt_auth(settings: Settings, key: str) -> Authenticate:
    try:
        from ..shared.jwt_auth import jwt_auth
    except ModuleNotFoundError:
        raise ConfigError("the setting jwt_key needs PyJWT: pip install 'filesync-web[server,jwt]'") from None
    try:
        return jwt_auth(
            key,
            algorithms=settings.jwt_algorithms,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            require_exp=settings.jwt_require_exp,
        )
    except ValueError as error:
        raise ConfigError(f"the setting jwt_algorithms cannot be used: {error}") from None
