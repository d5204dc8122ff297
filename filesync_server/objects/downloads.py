"""The downloads of the embedded data plane: ranges and conditions (RFC 9110), read piece by piece.

Answers are made for a page of another origin and for caches: `ETag` is the SHA-256, and what is named by its
hash never changes.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from typing import BinaryIO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..shared.threads import Threads
from .embedded.directory import StoredObject
from .embedded.store import EmbeddedStore
from .keys import content_hash_of
from .ranges import ByteRange, UnsatisfiableRangeError, parse_range
from .uploads import CHUNK_BYTES

_FOREVER = "max-age=31536000, immutable"


class Downloads:
    """`GET` and `HEAD` of objects."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store

    async def get(self, request: Request, key: str, *, is_private: bool) -> Response:
        """`is_private` says that the answer is for this caller only, so no cache may give it to others."""
        stored = await self._store.find(key)
        if stored is None:
            raise HTTPException(404, "there is no such object")
        etag = f'"{stored.sha256}"'
        headers = _object_headers(stored, etag)
        headers["Cache-Control"] = _cache_control(key, stored, is_private)
        if _matches(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        headers["Content-Type"] = stored.content_type or "application/octet-stream"
        try:
            wanted = _wanted_range(request, stored.size, etag)
        except UnsatisfiableRangeError:
            headers = {"Content-Range": f"bytes */{stored.size}"}
            raise HTTPException(416, "the range is outside of the object", headers) from None
        if wanted is None:
            status, wanted = 200, ByteRange(0, stored.size)
        else:
            status, headers["Content-Range"] = 206, wanted.content_range(stored.size)
        headers["Content-Length"] = str(wanted.stop - wanted.start)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        try:
            file = await self._store.files.run(self._store.directory.open, stored)
        except FileNotFoundError:
            raise HTTPException(404, "there is no such object") from None
        return StreamingResponse(_read(file, wanted, self._store.files), status_code=status, headers=headers)


def _object_headers(stored: StoredObject, etag: str) -> dict[str, str]:
    return {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        # The bytes are somebody's upload: never let them run as a page or a script of this origin.
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
    }


def _cache_control(key: str, stored: StoredObject, is_private: bool) -> str:
    if content_hash_of(key) == stored.sha256:
        return f"{'private' if is_private else 'public'}, {_FOREVER}"
    return "private, no-cache" if is_private else "no-cache"


def _wanted_range(request: Request, size: int, etag: str) -> ByteRange | None:
    if request.method == "HEAD" or request.headers.get("if-range", etag).strip() != etag:
        return None
    return parse_range(request.headers.get("range"), size)


def _matches(header: str | None, etag: str) -> bool:
    """`If-None-Match`, compared weakly (RFC 9110, 13.1.2)."""
    candidates = {item.strip().removeprefix("W/") for item in (header or "").split(",")}
    return not candidates.isdisjoint({etag, "*"})


async def _read(file: BinaryIO, wanted: ByteRange, threads: Threads) -> AsyncIterator[bytes]:
    position = wanted.start
    try:
        await threads.finish(file.seek, position)
        while position < wanted.stop:
            chunk = await threads.finish(file.read, min(CHUNK_BYTES, wanted.stop - position))
            if not chunk:
                # Ending early breaks the promised length, so the client knows that it got a part only.
                raise OSError(errno.EIO, "the object's file is shorter than its index says")
            position += len(chunk)
            yield chunk
    finally:
        file.close()
