"""Text that every part of the system can carry: UTF-8, SQLite and JavaScript know no lone surrogates.

Python's strings may hold them: a file name that is no UTF-8 arrives with some, and so does JSON that spells
them out (`\\ud800`).
"""

from __future__ import annotations

from typing import TypeGuard


def is_text(value: object) -> TypeGuard[str]:
    """Whether it is a string, without lone surrogates."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean_text(value: str) -> str:
    """The text with a question mark for each lone surrogate."""
    return value.encode("utf-8", "replace").decode()
