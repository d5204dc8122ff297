"""Tokens that are written down: in a file, or in the environment, as TOML.

    [ann]
    token = "a-long-and-private-text"
    stores = { ann = ["read", "write", "delete"], team = ["read"] }

    [operations]
    token = "another-text"
    stores = ["*"]
    expires_at = 2027-01-01T00:00:00Z

Each table is named like the identity. `stores` is that of a JSON Web Token; `expires_at` may be left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .identity import Identity, stores_from

MIN_LENGTH = 16
"""Characters of a token, so that nobody finds it by trying."""

_MEMBERS = frozenset({"token", "stores", "expires_at"})


def read_tokens(text: str) -> dict[str, Identity]:
    """The tokens in TOML, for `token_auth`. Raises ValueError; what it says has no token in it."""
    try:
        return tokens_of(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        raise ValueError("the tokens are not valid TOML") from None  # its words could have a token in them


def tokens_of(tables: Mapping[str, Any]) -> dict[str, Identity]:
    """The same, of TOML that is read already."""
    found: dict[str, Identity] = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or not _MEMBERS - {"expires_at"} <= table.keys() <= _MEMBERS:
            raise ValueError(f"{name!r} of the tokens needs token and stores, and may have expires_at")
        token = table["token"]
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise ValueError(f"the token of {name!r} must be printable ASCII")
        if len(token) < MIN_LENGTH or token.strip() != token:
            raise ValueError(f"the token of {name!r} needs {MIN_LENGTH} characters, no space at its ends")
        if token in found:
            raise ValueError(f"the token of {name!r} is that of {found[token].name!r} too")
        try:
            found[token] = Identity(name, stores_from(table["stores"]), _moment(table.get("expires_at")))
        except ValueError as error:
            raise ValueError(f"{name!r} of the tokens: {error}") from None
    return found


def _moment(value: object) -> float | None:
    """Unix time of a time with its zone."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("expires_at is a time with its zone, 2027-01-01T00:00:00Z")
    return value.timestamp()
