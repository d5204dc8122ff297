"""The object store behind the signer: upload, download and delete the bytes of one target.

A signed URL that has expired is signed anew, once; every other failure is the caller's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from filesync_web.core.http import error_for_status
from filesync_web.errors import AuthError, IntegrityError, PermanentTransferError
from filesync_web.multipart import MultipartUploads, UploadLedger
from filesync_web.ports import BlobHandle, BlobStore, Clock, Http, HttpResponse, Progress
from filesync_web.signer_client import SignedRequest, SignerClient

R = TypeVar("R")

MULTIPART_ABOVE = 16 * 1024**2
"""Content of more bytes goes up in parts where the signer can; one PUT takes 5 GiB at most."""

ALREADY_STORED = 412
"""The object is there already: a conditional PUT of content-addressed bytes has nothing left to do."""

EXPIRED_STATUSES = frozenset({400, 401, 403})
"""How object stores answer an expired signature."""

CHANGED_BYTES = frozenset({"BadDigest", "XAmzContentChecksumMismatch"})
WRONG_KEYS = frozenset({"SignatureDoesNotMatch", "InvalidAccessKeyId"})
"""Error codes of S3 (API reference, "Error responses"), in the XML of a refusal."""

URL_MARGIN = 60.0
"""A signed URL is not handed out when it expires within so many seconds."""


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """What is transferred: `key` in the object store, SHA-256 in hex, MIME type, size in bytes if known."""

    key: str
    content_hash: str
    mime_type: str
    size: int | None


class Remote:
    """One object store. `stall_timeout`: seconds without a byte after which a transfer is given up."""

    def __init__(
        self,
        signer: SignerClient,
        http: Http,
        blobs: BlobStore,
        clock: Clock,
        ledger: UploadLedger,
        *,
        stall_timeout: float,
    ) -> None:
        self._multipart = MultipartUploads(signer, http, ledger, stall_timeout=stall_timeout)
        self._signer = signer
        self._http = http
        self._blobs = blobs
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._urls: dict[str, SignedRequest] = {}

    async def is_healthy(self, *, timeout: float) -> bool:
        """Whether the signer answers; `timeout` in seconds."""
        return await self._signer.is_healthy(timeout=timeout)

    async def upload(self, target: RemoteObject, blob: BlobHandle, progress: Progress) -> None:
        """Store the bytes under the key; returns when the object store has confirmed them."""
        size = target.size or 0
        if size > MULTIPART_ABOVE and "multipart" in self._signer.features:
            await self._multipart.upload(
                target.key,
                blob,
                size,
                mime_type=target.mime_type,
                sha256=target.content_hash,
                progress=progress,
            )
            return

        async def sign() -> SignedRequest:
            return await self._signer.sign_upload(
                target.key, content_type=target.mime_type, content_length=size, sha256=target.content_hash
            )

        async def send(request: SignedRequest) -> None:
            headers = {"content-type": target.mime_type, **request.headers}
            answer = await self._http.upload(
                request.method,
                request.url,
                headers=headers,
                blob=blob,
                progress=progress,
                stall_timeout=self._stall_timeout,
            )
            _check(answer, f"the upload of {target.key}")

        await _with_fresh_url(sign, send)

    async def download(self, target: RemoteObject, progress: Progress) -> None:
        """Fetch the object into the blob store, where it is verified."""

        async def fetch(request: SignedRequest) -> None:
            await self._blobs.download(
                request.url,
                request.headers,
                content_hash=target.content_hash,
                size=target.size,
                mime_type=target.mime_type,
                progress=progress,
                stall_timeout=self._stall_timeout,
            )

        await _with_fresh_url(lambda: self._signer.sign_download(target.key), fetch)

    async def has(self, key: str, size: int) -> bool:
        """Whether the object is there with that size; a signer that cannot tell is trusted to have it."""
        return await self._signer.has(key, size) is not False

    async def delete(self, key: str) -> None:
        """Delete the object; it need not exist. An upload of it that was begun is given up."""
        await self._multipart.abort(key)
        await self._signer.delete(key)

    async def url(self, key: str) -> str:
        """A signed URL of the object that stays good for a minute at least."""
        request = self._urls.get(key)
        if request is None or request.expires_at < self._clock.time() + URL_MARGIN:
            request = self._urls[key] = await self._signer.sign_download(key)
        return request.url


async def _with_fresh_url(
    sign: Callable[[], Awaitable[SignedRequest]], use: Callable[[SignedRequest], Awaitable[R]]
) -> R:
    """Use a signed request; when the store refuses it as it refuses an expired one, sign and try once
    more."""
    try:
        return await use(await sign())
    except (AuthError, PermanentTransferError) as error:
        if error.status not in EXPIRED_STATUSES:
            raise
        return await use(await sign())


def _check(answer: HttpResponse, what: str) -> None:
    if answer.ok or answer.status == ALREADY_STORED:
        return
    found = re.search(rb"<Code>(\w+)</Code>", answer.body)
    code = found[1].decode() if found else ""
    if code in CHANGED_BYTES:
        text = f"{what}: the bytes changed on the way, and the object store refused them ({code})"
        raise IntegrityError(text, status=answer.status)
    if code in WRONG_KEYS:
        what = f"{what}: the object store does not accept the signer's keys ({code})"
    raise error_for_status(answer.status, answer.headers, what)
