"""Object keys: which are legal, and what they promise.

A key is a relative path of non-empty segments (`<store>/<sha256>`). It never becomes a path of the file
system.
"""

from __future__ import annotations

import re

MAX_KEY_BYTES = 1024
"""Bytes of UTF-8; the limit of S3."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\\\\]")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InvalidKeyError(ValueError):
    """The key breaks a rule; the message says which."""


def clean_key(raw: object) -> str:
    """The key in its only spelling: one leading slash is dropped, everything else must be right. Raises
    InvalidKeyError."""
    if not isinstance(raw, str):
        raise InvalidKeyError("key must be a string")
    key = raw.removeprefix("/")
    if not key:
        raise InvalidKeyError("key is empty")
    if _CONTROL.search(key):
        raise InvalidKeyError("key has a control character or a backslash")
    if any(segment in {"", ".", ".."} for segment in key.split("/")):
        raise InvalidKeyError("key has an empty, '.' or '..' segment")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidKeyError("key is not valid Unicode") from None
    if size > MAX_KEY_BYTES:
        raise InvalidKeyError(f"key is longer than {MAX_KEY_BYTES} bytes")
    return key


def is_sha256(text: object) -> bool:
    """Is it a SHA-256 in lower-case hex?"""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def content_hash_of(key: str) -> str | None:
    """The SHA-256 that the key promises: its last segment, when it looks like one."""
    last = key.rpartition("/")[2]
    return last if is_sha256(last) else None
