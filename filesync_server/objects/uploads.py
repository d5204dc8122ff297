"""The uploads of the embedded data plane: a body becomes a temporary file, is verified, and moves to its
place.

An object appears whole, verified and durable, or not at all; its content type is stored in the same commit.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..shared.http import body_chunks
from .embedded.directory import ObjectExistsError, StoredObject
from .embedded.store import CHECKSUM_HEADER, EmbeddedStore
from .embedded.temporaries import Temporary
from .keys import content_hash_of
from .port import MAX_PARTS, is_content_type

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
"""What one hop to a thread reads or writes."""


class Uploads:
    """`PUT` of whole objects and of parts; one takes at most `max_bytes`, and is given up when it stands
    still for `idle_timeout` seconds."""

    def __init__(self, store: EmbeddedStore, max_bytes: int, idle_timeout: float) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._idle_timeout = idle_timeout

    async def put(self, request: Request, key: str) -> Response:
        create_only = request.headers.get("if-none-match", "").strip() == "*"
        if create_only and await self._store.head(key):
            await drain(request, self._max_bytes, self._idle_timeout)
            raise _exists()
        promised = [content_hash_of(key), _checksum_header(request)]
        content_type = request.headers.get("content-type") or None
        if content_type is not None and not is_content_type(content_type):
            raise HTTPException(400, "Content-Type must be printable ASCII of at most 255 characters")

        def publish(temporary: Temporary) -> StoredObject:
            return self._store.directory.publish(temporary, key, content_type, create_only=create_only)

        try:
            stored = await self._receive(request, self._max_bytes, promised, publish)
        except ObjectExistsError:
            raise _exists() from None
        return Response(status_code=200, headers={"ETag": f'"{stored.sha256}"'})

    async def put_part(self, request: Request, key: str) -> Response:
        upload_id = request.query_params["uploadId"]
        number = _part_number(request)
        room = await self._store.room_for_part(key, upload_id, number)  # 404 before the bytes travel
        limit = self._max_bytes if room is None else min(room, self._max_bytes)

        def keep(temporary: Temporary) -> str:
            return self._store.multipart.put_part(temporary, key, upload_id, number).etag

        etag = await self._receive(request, limit, [_checksum_header(request)], keep)
        return Response(status_code=200, headers={"ETag": f'"{etag}"'})

    async def _receive(
        self, request: Request, limit: int, promised: Sequence[str | None], finish: Callable[[Temporary], T]
    ) -> T:
        """Write the body to a temporary file, verify it, and let `finish` move it to its place.

        `promised` are the hashes that it has to have, None where there is none.
        """
        length = content_length(request)
        too_large = HTTPException(413, f"this upload takes at most {limit} bytes")
        if length is not None and length > limit:
            raise too_large
        threads = self._store.files
        temporary = await threads.run(self._store.directory.temporaries.new)
        try:
            async for chunk in _large_chunks(request, self._idle_timeout):
                if temporary.size + len(chunk) > limit:
                    raise too_large
                await threads.finish(temporary.write, chunk)
            if length not in {None, temporary.size}:
                raise HTTPException(400, f"{temporary.size} bytes arrived, {length} were announced")
            for sha256 in promised:
                if sha256 not in {None, temporary.sha256}:
                    raise HTTPException(400, f"the bytes have the SHA-256 {temporary.sha256}, not {sha256}")
            return await threads.finish(finish, temporary)
        finally:
            await threads.finish(temporary.discard)


async def drain(request: Request, limit: int, idle_timeout: float) -> None:
    """Read and forget what is left of the body, up to `limit` bytes, so that the client sees the answer
    instead of a connection that is reset."""
    try:
        async for chunk in body_chunks(request, idle_timeout):
            limit -= len(chunk)
            if limit < 0:
                return
    except RuntimeError:
        return  # it was read already


async def _large_chunks(request: Request, idle_timeout: float) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a hop to a thread."""
    buffer = bytearray()
    async for chunk in body_chunks(request, idle_timeout):
        buffer += chunk
        if len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _part_number(request: Request) -> int:
    number = request.query_params.get("partNumber", "")
    if not (number.isascii() and number.isdecimal() and len(number) <= 5 and 1 <= int(number) <= MAX_PARTS):
        raise HTTPException(400, f"partNumber must be an integer from 1 to {MAX_PARTS}")
    return int(number)


def content_length(request: Request) -> int | None:
    """What the request says of its body; raises HTTPException 400 when that is no number."""
    value = request.headers.get("content-length")
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 18):
        raise HTTPException(400, "Content-Length is not a number")
    return int(value)


def _checksum_header(request: Request) -> str | None:
    value = request.headers.get(CHECKSUM_HEADER)
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise HTTPException(400, f"{CHECKSUM_HEADER} must be a SHA-256 in base64")
    return digest.hex()


def _exists() -> HTTPException:
    return HTTPException(412, "the object exists already")
