"""Uploads in parts: several at a time, and after a break only what is missing.

The upload's id is kept in a ledger that survives a reload. Whoever goes on with an upload asks the object
store which parts it has; what the ledger says is only where to ask.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Protocol

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import to_the_end
from filesync_web.core.foreign import is_upload_id
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import MAX_SAFE_INTEGER
from filesync_web.core.records import OpenUpload
from filesync_web.errors import IntegrityError, PermanentTransferError, RemoteMissingError, ServerError
from filesync_web.ports import BlobHandle, Http, Progress
from filesync_web.remote.signed_requests import SignedRequest, check_stored, signed_request, with_fresh_url
from filesync_web.remote.signer_client import REQUEST_TIMEOUT, SignerClient

MAX_CONCURRENT_PARTS = 2
"""Of one upload. What is under way when a tab dies is sent again; and a browser has six connections to a
server of HTTP/1.1, for everything."""
MAX_PARTS = 10_000
COMPLETING_RATE = 16 * 1024**2
"""Bytes a second that a store is given time for to put an object together."""


class UploadLedger(Protocol):
    """Remembers open uploads on this device."""

    def open_upload(self, remote_key: str) -> OpenUpload | None:
        """The open upload of that key."""
        ...

    async def upload_opened(self, upload: OpenUpload) -> None:
        """Remember an upload; durable when it returns."""
        ...

    async def upload_closed(self, remote_key: str) -> None:
        """Forget the upload of that key."""
        ...


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    start: int
    end: int


class MultipartUploads:
    """Uploads through a signer that offers the feature `multipart`. `stall_timeout` in seconds."""

    def __init__(
        self, signer: SignerClient, http: Http, ledger: UploadLedger, *, stall_timeout: float
    ) -> None:
        self._signer = signer
        self._http = http
        self._ledger = ledger
        self._stall_timeout = stall_timeout

    async def upload(
        self, key: str, blob: BlobHandle, size: int, *, mime_type: str, sha256: str, progress: Progress
    ) -> None:
        """Store `size` bytes under `key`, going on with an upload that was begun before."""
        upload, there = await self._resume(key)
        if upload is None:
            if await self._signer.has(key, size, sha256):  # it was completed, and nobody heard of it
                progress(size, size)
                return
            upload, there = await self._create(key, size, mime_type, sha256), {}
        parts = _parts(size, upload.part_size)
        missing = [part for part in parts if there.get(part.number) != part.end - part.start]
        sent = {part.number: part.end - part.start for part in parts if part not in missing}

        def moved(part: _Part, loaded: int, _total: int) -> None:
            sent[part.number] = loaded
            progress(sum(sent.values()), size)

        progress(sum(sent.values()), size)
        try:
            await _in_parallel(
                partial(self._send, upload, part, blob, partial(moved, part)) for part in missing
            )
            await self._complete(upload, parts)
        except RemoteMissingError as error:
            await self._ledger.upload_closed(key)
            raise ServerError(
                f"the object store has forgotten the upload of {key}; it begins anew"
            ) from error

    async def abort(self, key: str) -> None:
        """Give up the open upload of `key`, if there is one, and let the object store free its parts."""
        upload = self._ledger.open_upload(key)
        if upload is not None:
            with suppress(RemoteMissingError, PermanentTransferError):  # it may be forgotten there already
                await self._signer.multipart("abort", {"key": key, "uploadId": upload.upload_id})
            await self._ledger.upload_closed(key)

    async def _resume(self, key: str) -> tuple[OpenUpload | None, dict[int, int]]:
        """The open upload of `key` with the sizes of the parts that are there, if it can go on."""
        upload = self._ledger.open_upload(key)
        if upload is None:
            return None, {}
        try:
            return upload, {number: size for number, (_etag, size) in (await self._list(upload)).items()}
        except (RemoteMissingError, PermanentTransferError):
            await self._ledger.upload_closed(key)
            return None, {}

    async def _create(self, key: str, size: int, mime_type: str, sha256: str) -> OpenUpload:
        body = {"key": key, "contentType": mime_type, "contentLength": size, "sha256": sha256}
        answer = await self._signer.multipart("create", body)
        upload_id, part_size = answer.get("uploadId"), answer.get("partSize")
        largest = MAX_SAFE_INTEGER // MAX_PARTS
        if not (is_upload_id(upload_id) and isinstance(part_size, int) and part_size <= largest):
            raise ServerError(f"the signer's answer to multipart/create for {key} cannot be used")
        if part_size * MAX_PARTS < size:
            raise ServerError(f"{key} does not fit into {MAX_PARTS} of the signer's parts")
        upload = OpenUpload(key, upload_id, part_size)
        await self._ledger.upload_opened(upload)
        return upload

    async def _list(self, upload: OpenUpload) -> dict[int, tuple[str, int]]:
        """The parts that are there, by number: ETag and size in bytes."""
        body = {"key": upload.remote_key, "uploadId": upload.upload_id}
        answer = await self._signer.multipart("list", body)
        try:
            return {
                int(part["partNumber"]): (str(part["etag"]), int(part["size"])) for part in answer["parts"]
            }
        except (LookupError, TypeError, ValueError) as error:
            raise ServerError(
                f"the signer's list of the parts of {upload.remote_key} cannot be used: {error!r}"
            ) from error

    async def _send(self, upload: OpenUpload, part: _Part, blob: BlobHandle, progress: Progress) -> None:
        async def send(request: SignedRequest) -> None:
            answer = await self._http.upload(
                "PUT",
                request.url,
                headers=request.headers,
                blob=blob,
                start=part.start,
                end=part.end,
                progress=progress,
                stall_timeout=self._stall_timeout,
            )
            check_stored(answer, f"part {part.number} of {upload.remote_key}")

        await with_fresh_url(lambda: self._sign(upload, part.number), send)

    async def _sign(self, upload: OpenUpload, number: int) -> SignedRequest:
        body = {"key": upload.remote_key, "uploadId": upload.upload_id, "partNumbers": [number]}
        answer = await self._signer.multipart("sign", body)
        parts = answer.get("parts")
        if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict):
            raise ServerError(f"the signer did not sign part {number} of {upload.remote_key}")
        return signed_request(parts[0], default_method="PUT")

    async def _complete(self, upload: OpenUpload, parts: list[_Part]) -> None:
        """Put the object together from the parts that the object store says it has.

        Parts that do not make the promised content are given up, since nobody can tell which one is wrong.
        """
        listed = await self._list(upload)
        named = []
        for part in parts:
            etag, size = listed.get(part.number, ("", -1))
            if size != part.end - part.start:
                raise ServerError(f"part {part.number} of {upload.remote_key} did not arrive whole")
            named.append({"partNumber": part.number, "etag": etag})
        body = {"key": upload.remote_key, "uploadId": upload.upload_id, "parts": named}
        try:
            timeout = REQUEST_TIMEOUT + parts[-1].end / COMPLETING_RATE
            await self._signer.multipart("complete", body, timeout=timeout)
        except PermanentTransferError as error:
            await self.abort(upload.remote_key)
            raise IntegrityError(
                f"the parts of {upload.remote_key} do not make its content; they are sent anew ({error})"
            ) from error
        await self._ledger.upload_closed(upload.remote_key)


def _parts(size: int, part_size: int) -> list[_Part]:
    count = max(1, math.ceil(size / part_size))
    return [_Part(n + 1, n * part_size, min(size, (n + 1) * part_size)) for n in range(count)]


async def _in_parallel(jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all jobs, a few at a time; the first error aborts the others and is raised."""
    waiting = iter(list(jobs))

    async def work() -> None:
        for job in waiting:
            await job()

    tasks = Tasks("upload in parts")
    workers = [
        tasks.spawn(work(), f"worker {n}", on_end=lambda _ended: None)  # we raise its error
        for n in range(MAX_CONCURRENT_PARTS)
    ]
    try:
        await asyncio.gather(*workers)
    finally:
        await to_the_end(tasks.cancel_and_wait())
