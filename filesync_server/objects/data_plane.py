"""The embedded data plane: `PUT`, `GET` and `HEAD` of objects in a directory, by signed URL or with a token.

Streams both ways with bounded memory. An object appears whole, verified and durable, or not at all; its
content type is stored in the same commit. Answers are made for a page of another origin and for caches:
`ETag` is the SHA-256, and what is named by its hash is immutable.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import BinaryIO, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ..shared.auth import Auth, allowed_keys, presented_token, require_key
from ..shared.http import create_part
from .embedded.directory import ObjectExistsError, StoredObject
from .embedded.store import CHECKSUM_HEADER, EmbeddedStore
from .embedded.temporaries import Temporary
from .embedded.url_signing import ExpiredUrlError, InvalidSignatureError
from .keys import InvalidKeyError, clean_key, content_hash_of
from .port import MAX_PARTS, MAX_PUT_BYTES, ObjectStoreError
from .ranges import ByteRange, UnsatisfiableRangeError, parse_range

T = TypeVar("T")

_CHUNK_BYTES = 256 * 1024
"""What one hop to a thread reads or writes."""
_REFUSED_BODY_BYTES = 32 * 1024**2
"""How much of a refused body is read, so that the client sees the answer instead of a reset connection."""


def create_data_plane(
    store: EmbeddedStore,
    *,
    auth: Auth,
    allowed_origins: Sequence[str] = (),
    max_bytes: int = MAX_PUT_BYTES,
) -> ASGIApp:
    """The data plane as an ASGI app; mount it at `store.files_path`. One `PUT` takes at most `max_bytes`."""
    plane = _DataPlane(store, auth, max_bytes)
    return create_part([Route("/{key:path}", plane.handle, methods=["GET", "HEAD", "PUT"])], allowed_origins)


class _DataPlane:
    def __init__(self, store: EmbeddedStore, auth: Auth, max_bytes: int) -> None:
        self._store = store
        self._auth = auth
        self._max_bytes = max_bytes

    async def handle(self, request: Request) -> Response:
        try:
            key = clean_key(request.path_params["key"])
            await self._authorise(request, key)
            if request.method != "PUT":
                return await self._get(request, key)
            if "uploadId" in request.query_params:
                return await self._put_part(request, key)
            return await self._put(request, key)
        except InvalidKeyError as error:
            refusal = HTTPException(400, str(error))
        except ObjectStoreError as error:
            refusal = HTTPException(error.status, str(error))
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            refusal = HTTPException(507, "there is no room for this object")
        except HTTPException as error:
            refusal = error
        await _drain(request, _REFUSED_BODY_BYTES)
        raise refusal

    async def _authorise(self, request: Request, key: str) -> None:
        query = request.query_params
        if "sig" not in query:
            if presented_token(request) is None and "uploadId" in query:
                raise HTTPException(401, "authentication required", {"WWW-Authenticate": "Bearer"})
            require_key(key, await allowed_keys(self._auth, request))
            return
        method = "GET" if request.method == "HEAD" else request.method
        try:
            self._store.urls.verify(method, key, query, request.headers)
        except InvalidSignatureError:
            raise HTTPException(403, "the signature does not fit this request") from None
        except ExpiredUrlError:
            raise HTTPException(403, "the URL has expired; ask the signer for another") from None

    # --- upload ---------------------------------------------------------------------------------------------

    async def _put(self, request: Request, key: str) -> Response:
        create_only = request.headers.get("if-none-match", "").strip() == "*"
        if create_only and await self._store.head(key):
            await _drain(request, self._max_bytes)
            raise _exists()
        promised = [content_hash_of(key), _checksum_header(request)]
        content_type = request.headers.get("content-type")

        def publish(temporary: Temporary) -> StoredObject:
            return self._store.directory.publish(temporary, key, content_type, create_only=create_only)

        try:
            stored = await self._receive(request, promised, publish)
        except ObjectExistsError:
            raise _exists() from None
        return Response(status_code=200, headers={"ETag": f'"{stored.sha256}"'})

    async def _put_part(self, request: Request, key: str) -> Response:
        upload_id = request.query_params["uploadId"]
        number = request.query_params.get("partNumber", "")
        if not (number.isascii() and number.isdecimal() and 1 <= int(number[:6]) <= MAX_PARTS):
            raise HTTPException(400, f"partNumber must be an integer from 1 to {MAX_PARTS}")
        await asyncio.to_thread(self._store.multipart.parts, key, upload_id)  # 404 before the bytes travel

        def keep(temporary: Temporary) -> str:
            return self._store.multipart.put_part(temporary, key, upload_id, int(number)).etag

        etag = await self._receive(request, [_checksum_header(request)], keep)
        return Response(status_code=200, headers={"ETag": f'"{etag}"'})

    async def _receive(
        self, request: Request, promised: Sequence[str | None], finish: Callable[[Temporary], T]
    ) -> T:
        """Write the body to a temporary file, verify it, and let `finish` move it to its place.

        `promised` are the hashes that it has to have, None where there is none.
        """
        length = _content_length(request)
        if length is not None and length > self._max_bytes:
            raise HTTPException(413, f"one upload takes at most {self._max_bytes} bytes")
        temporary = await asyncio.to_thread(self._store.directory.temporaries.new)
        try:
            async for chunk in _chunks(request):
                if temporary.size + len(chunk) > self._max_bytes:
                    raise HTTPException(413, f"one upload takes at most {self._max_bytes} bytes")
                await _finished(asyncio.to_thread(temporary.write, chunk))
            if length not in {None, temporary.size}:
                raise HTTPException(400, f"{temporary.size} bytes arrived, {length} were announced")
            for sha256 in promised:
                if sha256 not in {None, temporary.sha256}:
                    raise HTTPException(400, f"the bytes have the SHA-256 {temporary.sha256}, not {sha256}")
            return await _finished(asyncio.to_thread(finish, temporary))
        finally:
            await _finished(asyncio.to_thread(temporary.discard))

    # --- download -------------------------------------------------------------------------------------------

    async def _get(self, request: Request, key: str) -> Response:
        stored = await asyncio.to_thread(self._store.directory.find, key)
        if stored is None:
            raise HTTPException(404, "there is no such object")
        etag = f'"{stored.sha256}"'
        headers = _object_headers(stored, etag, immutable=content_hash_of(key) == stored.sha256)
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
            file = await asyncio.to_thread(self._store.directory.open, stored)
        except FileNotFoundError:
            raise HTTPException(404, "there is no such object") from None
        return StreamingResponse(_read(file, wanted), status_code=status, headers=headers)


def _object_headers(stored: StoredObject, etag: str, *, immutable: bool) -> dict[str, str]:
    return {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, max-age=31536000, immutable" if immutable else "no-cache",
        # The bytes are somebody's upload: never let them run as a page or a script of this origin.
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
    }


def _wanted_range(request: Request, size: int, etag: str) -> ByteRange | None:
    if request.method == "HEAD" or request.headers.get("if-range", etag).strip() != etag:
        return None
    return parse_range(request.headers.get("range"), size)


def _matches(header: str | None, etag: str) -> bool:
    """`If-None-Match`, compared weakly (RFC 9110, 13.1.2)."""
    candidates = {item.strip().removeprefix("W/") for item in (header or "").split(",")}
    return not candidates.isdisjoint({etag, "*"})


async def _read(file: BinaryIO, wanted: ByteRange) -> AsyncIterator[bytes]:
    position = wanted.start
    try:
        await asyncio.to_thread(file.seek, position)
        while position < wanted.stop:
            chunk = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, wanted.stop - position))
            if not chunk:
                # Ending early breaks the promised length, so the client knows that it got a part only.
                raise OSError(errno.EIO, "the object's file is shorter than its index says")
            position += len(chunk)
            yield chunk
    finally:
        file.close()


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a hop to a thread."""
    buffer = bytearray()
    async for chunk in request.stream():
        buffer += chunk
        if len(buffer) >= _CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


async def _finished(work: Awaitable[T]) -> T:
    """Await work in a thread to its end even when cancelled: the file must not be used by two threads."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _drain(request: Request, limit: int) -> None:
    """Read and forget what is left of the body, up to `limit` bytes."""
    if request.method != "PUT":
        return
    try:
        async for chunk in request.stream():
            limit -= len(chunk)
            if limit < 0:
                return
    except RuntimeError:
        return  # it was read already


def _content_length(request: Request) -> int | None:
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
