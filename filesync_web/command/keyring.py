"""The system's keyring, where the package `keyring` is installed and has one that works."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

logger = logging.getLogger(__name__)

_SERVICE = "filesync"


def keep_token(url: str, token: str) -> bool:
    """Keep the token of a server; False when there is no keyring that takes it."""
    library = _library()
    if library is None:
        return False
    try:
        library.set_password(_SERVICE, url, token)
    except Exception as error:  # of any of its backends; a message might have the token in it
        logger.info("the system's keyring does not take the token (%s)", type(error).__name__)
        return False
    return True


def find_token(url: str) -> str | None:
    """The token of a server, None when there is none."""
    library = _library()
    if library is None:
        return None
    try:
        token = library.get_password(_SERVICE, url)
    except Exception as error:
        logger.warning("the system's keyring cannot be read (%s)", type(error).__name__)
        return None
    return token if isinstance(token, str) else None


def _library() -> Any:
    """The package, None where it is missing or has no keyring to keep something in."""
    try:
        library = import_module("keyring")
    except ModuleNotFoundError:
        return None
    return library if library.get_keyring().priority > 0 else None
