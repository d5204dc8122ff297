"""What this client accepts of what others have written: JSON within bounds, and records by their scheme.

Python's JSON parser calls itself for each level of nesting. On CPython it stops by a `RecursionError`, at a
depth that depends on the version; in Pyodide some 6,000 levels, 12 kB of text, are a fatal error of the
interpreter that no `except` sees. So the depth is measured before the parser sees the text: everything that
comes from the network, from another tab or from a log goes through here. It takes about as long as parsing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from math import isfinite
from typing import Any, TypeGuard

from filesync_web.core.paths import file_path, is_content_hash, remote_key
from filesync_web.core.records import FileRecord, RemoteDelete
from filesync_web.core.text import is_text
from filesync_web.core.versions import file_and_content

MAX_DEPTH = 256
"""Most levels of arrays and objects in one value."""
MAX_BYTES = 64 << 20
"""Most characters or bytes of one text."""
MAX_ID_BYTES = 1024
"""Most bytes of a file's id; the kit's own have 36. Events of this client's name it more than once."""
MAX_UPLOAD_ID_BYTES = 4096
"""Most bytes of an object store's name for an upload in parts; an event of this client keeps it."""

_NO_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))
_STEPS = [(byte in b"[{") - (byte in b"]}") for byte in range(256)]
_WEB_URL = re.compile(r"(?:https?://[^\s/?#\\]|/)[^\s\x00-\x1f\x7f]*", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SYMBOL = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def is_file_id(value: object) -> TypeGuard[str]:
    """Whether this client can say anything of its own about a file of that id. An id that looks like a
    version's names no file: somebody could make one up that hides a version."""
    return is_text(value) and len(value.encode()) <= MAX_ID_BYTES and not file_and_content(value)[1]


def is_signed_url(value: object) -> TypeGuard[str]:
    """Whether a signer's URL can be fetched, and be shown by an app as it is: with `http:` or `https:`, or a
    path of the page's own origin. One of another scheme could run as the app (`javascript:`), or name what
    is no object store."""
    return is_text(value) and _WEB_URL.fullmatch(value) is not None


def is_upload_id(value: object) -> TypeGuard[str]:
    """Whether this client can keep the name of an upload in parts."""
    return is_text(value) and 0 < len(value.encode()) <= MAX_UPLOAD_ID_BYTES


def is_header(name: str, value: object) -> bool:
    """Whether a signer's header can be sent, by every client, and is one header."""
    text = str(value) if isinstance(value, str | int) else "\n"
    return text.isascii() and text.isprintable() and _HEADER_NAME.fullmatch(name) is not None


def accepted(record: FileRecord, store_id: str) -> FileRecord:
    """A record as far as this client makes use of it.

    Anybody who may write to a store may write any record, so only its content hash is taken from it: where
    that content is, here and remotely, follows from the hash (`core.paths`). A remote key that is another
    one would name somebody else's object: it counts as none, so that whoever has the bytes uploads them under
    the right one. A record whose hash is none names no content (`is_usable` is false): nothing is transferred
    or removed for it, and it can be edited and deleted.
    """
    if not is_content_hash(record.content_hash):
        return replace(record, path="", content_hash="", remote_key="")
    is_own_key = record.remote_key == _own_key(store_id, record.content_hash)
    return replace(
        record,
        path=file_path(store_id, record.content_hash),
        remote_key=record.remote_key if is_own_key else "",
    )


def is_own_delete(delete: RemoteDelete, store_id: str) -> bool:
    """Whether an entry of the outbox names an object of this store. One that an older version has made of a
    record as it was may name somebody else's: it is never done."""
    is_content = is_content_hash(delete.content_hash)
    return is_content and delete.remote_key == _own_key(store_id, delete.content_hash)


def _own_key(store_id: str, content_hash: str) -> str:
    return remote_key(file_path(store_id, content_hash))


class ForeignTextError(ValueError):
    """The text is no JSON (RFC 8259), or larger or nested deeper than it may be."""


def parse_json(
    text: str | bytes,
    *,
    max_depth: int = MAX_DEPTH,
    max_bytes: int | None = MAX_BYTES,
    envelope: int | None = None,
    parse_int: Callable[[str], Any] = int,
) -> Any:
    """The value of a JSON text; bytes are UTF-8. Raises `ForeignTextError`.

    `envelope`: how many levels are a message around values that may be anybody's. Such a value is read as
    null when it is nested deeper than `max_depth`, instead of taking the whole message with it; and so is a
    number that is too large for JavaScript, which would make null of it as well.
    `parse_int` makes what it wants of an integer's digits, or raises `ValueError`.
    """
    if max_bytes is not None and len(text) > max_bytes:
        raise ForeignTextError(f"the text has more than {max_bytes:,} bytes")
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        bounded = _bounded(decoded, max_depth, envelope)
        parse_float: Callable[[str], Any] = _finite
        if envelope is not None:
            parse_int, parse_float = _number_or_null, _number_or_null
        return _decoder(parse_float, parse_int).decode(bounded)
    except (ValueError, RecursionError) as error:
        raise ForeignTextError(f"not usable as JSON: {error}") from error


def parse_members(text: object) -> dict[str, Any] | None:
    """The members of a JSON object that another tab or process has sent; None for whatever else that sent."""
    try:
        value = parse_json(text) if isinstance(text, str | bytes) else None
    except ForeignTextError:
        return None
    return value if isinstance(value, dict) else None


@lru_cache(maxsize=16)
def _decoder(parse_float: Callable[[str], Any], parse_int: Callable[[str], Any]) -> json.JSONDecoder:
    """One that `json.loads` would make anew each time, which takes longer than to read a small text."""
    return json.JSONDecoder(parse_constant=_no_constant, parse_float=parse_float, parse_int=parse_int)


def _bounded(text: str, max_depth: int, envelope: int | None) -> str:
    """The text, without what is nested too deep inside the envelope; raises `ValueError` for the rest."""
    limit = max_depth + (envelope or 0)
    if _depth(text, limit) <= limit:
        return text
    if envelope is not None:
        text = _without_deep_values(text, envelope, max_depth)
        if _depth(text, limit) <= limit:
            return text
    raise ValueError(f"it is nested deeper than {limit} levels")


def _depth(text: str, limit: int) -> int:
    """How deep the text nests, as far as its parser would come; 0 for what cannot be deeper than `limit`."""
    if text.count("[") + text.count("{") <= limit:
        return 0
    data = text.encode("utf-8", "surrogatepass")
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    data = data.translate(None, _NO_BRACKET_NOR_QUOTE)
    brackets = b"".join(data.split(b'"')[::2])  # every other piece is inside a string
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _without_deep_values(text: str, envelope: int, max_depth: int) -> str:
    """The text with null for each value inside the envelope that is nested too deep."""
    kept: list[str] = []
    copied = start = depth = deepest = 0
    for match in _SYMBOL.finditer(text):
        symbol = match[0]
        if symbol in "[{":
            depth += 1
            if depth == envelope + 1:
                start, deepest = match.start(), 0
            deepest = max(deepest, depth - envelope)
        elif symbol in "]}":
            if depth == envelope + 1 and deepest > max_depth:
                kept += [text[copied:start], "null"]
                copied = match.end()
            depth -= 1
    return "".join([*kept, text[copied:]])


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _number_or_null(digits: str) -> int | float | None:
    number = float(digits)
    if not isfinite(number):
        return None
    return int(digits) if digits.lstrip("-").isdigit() else number


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits:.20} is too large a number")
    return number
