"""The object store: upload, download and delete the bytes of one target.

`Remote` is what the file sync relies on. `ObjectStore` is the one behind a signer; a signed URL that has
expired is signed anew, once, and every other failure is the caller's to judge. `LocalOnly` stands where there
is no object store.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, ClassVar, Protocol

from filesync_web.aio.gate import Gate
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.sizes import LARGE
from filesync_web.core.storage_status import RemoteUsage
from filesync_web.errors import PermanentTransferError, RemoteMissingError, ServerError
from filesync_web.ports import BlobHandle, Platform, Progress
from filesync_web.remote.multipart import MultipartUploads, UploadLedger
from filesync_web.remote.signed_requests import SignedRequest, check_stored, with_fresh_url
from filesync_web.remote.signer_client import SignerClient

MULTIPART_ABOVE = 16 * 1024**2
"""Content of more bytes goes up in parts where the signer can; one PUT takes 5 GiB at most."""

ALREADY_STORED = 412
"""Something is there already: a conditional PUT of content-addressed bytes has nothing left to do, unless
they are wrong."""

CONNECTIONS = 4
"""So many small transfers at a time: of the six connections that a browser has to a server of HTTP/1.1, the
others are for the signer and the app. What is large is limited by who begins it, and does not wait here."""

URL_MARGIN = 60.0
"""A signed URL is not handed out when it expires within so many seconds."""

USAGE_TIMEOUT = 5.0
"""Seconds; who asks for the storage's status is shown it soon, if need be without the server's part."""


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """What is transferred: `key` in the object store, SHA-256 in hex, MIME type, size in bytes if known. A
    higher `priority` goes first."""

    key: str
    content_hash: str
    mime_type: str
    size: int | None
    priority: int = 0


class Remote(Protocol):
    """An object store, or the lack of one.

    `exists` is False in local-only mode: then nothing is ever transferred, and no own copy may go.
    """

    exists: ClassVar[bool]

    async def is_healthy(self, *, timeout: float) -> bool:
        """Whether it can be reached; `timeout` in seconds. Never raises but on cancellation."""
        ...

    async def upload(self, target: RemoteObject, blob: BlobHandle, progress: Progress) -> None:
        """Store the bytes under the key; returns when the object store has confirmed them."""
        ...

    async def download(self, target: RemoteObject, progress: Progress) -> None:
        """Fetch the object into the blob store, where it is verified."""
        ...

    async def has(self, key: str, size: int, sha256: str) -> bool:
        """Whether the object is there with those bytes, as far as can be known."""
        ...

    async def delete(self, key: str) -> None:
        """Delete the object; it need not exist."""
        ...

    async def url(self, key: str) -> str | None:
        """A URL that shows the object now; None where there is none."""
        ...

    async def usage(self, store_id: str) -> RemoteUsage | None:
        """What the server counts of the store and of the caller; None when it does not count, or cannot be
        asked now."""
        ...

    def describe(self) -> dict[str, Any]:
        """What is known of it, in JSON values, for a report; without tokens."""
        ...

    def tokens(self) -> set[str]:
        """The texts by which we have proved who we are: for what is to leave them out."""
        ...


class LocalOnly:
    """The `Remote` that never is: it has nothing, and nothing can be sent there."""

    exists: ClassVar[bool] = False

    async def is_healthy(self, *, timeout: float) -> bool:
        """It cannot be reached."""
        del timeout
        return False

    async def upload(self, target: RemoteObject, blob: BlobHandle, progress: Progress) -> None:
        """Always raises `PermanentTransferError`."""
        del blob, progress
        raise _local_only(target.key)

    async def download(self, target: RemoteObject, progress: Progress) -> None:
        """Always raises `PermanentTransferError`."""
        del progress
        raise _local_only(target.key)

    async def has(self, key: str, size: int, sha256: str) -> bool:
        """It has nothing."""
        del key, size, sha256
        return False

    async def delete(self, key: str) -> None:
        """There is nothing to delete."""

    async def url(self, key: str) -> str | None:
        """There is none."""
        del key
        return None

    async def usage(self, store_id: str) -> RemoteUsage | None:
        """There is none."""
        del store_id
        return None

    def describe(self) -> dict[str, Any]:
        """There is nothing to tell."""
        return {}

    def tokens(self) -> set[str]:
        """There are none."""
        return set()


def _local_only(key: str) -> PermanentTransferError:
    return PermanentTransferError(f"{key} stays on this device: in local-only mode nothing is transferred")


class ObjectStore:
    """The `Remote` behind a signer.

    `ledger` remembers uploads in parts; `stall_timeout`: seconds without a byte after which a transfer is
    given up; `connections`: so many transfers may be under way at a time, beside large ones.
    """

    exists: ClassVar[bool] = True

    def __init__(
        self,
        signer: SignerClient,
        platform: Platform,
        ledger: UploadLedger,
        *,
        stall_timeout: float,
        connections: int = CONNECTIONS,
    ) -> None:
        self._multipart = MultipartUploads(signer, platform.http, ledger, stall_timeout=stall_timeout)
        self._signer = signer
        self._http = platform.http
        self._blobs = platform.blobs
        self._clock = platform.clock
        self._stall_timeout = stall_timeout
        self._connections = Gate(connections)
        self._urls: dict[str, tuple[str, float]] = {}
        """By key: a URL, and until when it is good, by the monotonic clock."""

    async def is_healthy(self, *, timeout: float) -> bool:
        """Whether signer and object store answer."""
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

        if await self._put(target, blob, size, progress):
            return
        if not await self.has(target.key, size, target.content_hash):
            # Somebody has put other bytes there before: no client could ever use them.
            await self._signer.delete(target.key)
            if not await self._put(target, blob, size, progress):
                raise ServerError(f"{target.key}: other bytes are in its place; it is tried again")

    async def _put(self, target: RemoteObject, blob: BlobHandle, size: int, progress: Progress) -> bool:
        """Send the bytes in one request; False when the object store has an object in that place already."""

        async def sign() -> SignedRequest:
            return await self._signer.sign_upload(
                target.key, content_type=target.mime_type, content_length=size, sha256=target.content_hash
            )

        async def send(request: SignedRequest) -> bool:
            async with self._connection(target):
                answer = await self._http.upload(
                    request.method,
                    request.url,
                    headers={"content-type": target.mime_type, **request.headers},
                    blob=blob,
                    progress=progress,
                    stall_timeout=self._stall_timeout,
                )
            if answer.status == ALREADY_STORED:
                return False
            check_stored(answer, f"the upload of {target.key}")
            if answer.is_elsewhere and not await self._signer.has(target.key, size, target.content_hash):
                raise ServerError(f"{target.key}: its upload was sent on, and is not known to have arrived")
            return True

        return await with_fresh_url(sign, send)

    def _connection(self, target: RemoteObject) -> AbstractAsyncContextManager[object]:
        is_large = target.size is None or target.size > LARGE
        return nullcontext() if is_large else self._connections.inside(target.priority)

    async def download(self, target: RemoteObject, progress: Progress) -> None:
        """Fetch the object into the blob store, where it is verified.

        Raises `RemoteMissingError` only when the signer, if it can tell, says so as well: for all clients the
        object is then lost, and whoever has the bytes uploads them again.
        """

        async def fetch(request: SignedRequest) -> None:
            async with self._connection(target):
                await self._blobs.download(
                    request.url,
                    request.headers,
                    content_hash=target.content_hash,
                    size=target.size,
                    mime_type=target.mime_type,
                    progress=progress,
                    stall_timeout=self._stall_timeout,
                )

        try:
            await with_fresh_url(lambda: self._signer.sign_download(target.key), fetch)
        except RemoteMissingError as error:
            if await self._signer.has(target.key):
                text = f"{target.key} is in the object store, which does not hand it out ({error})"
                raise ServerError(text, status=error.status) from error
            raise

    async def has(self, key: str, size: int, sha256: str) -> bool:
        """Whether the object is there with those bytes; what the signer cannot tell is trusted."""
        return await self._signer.has(key, size, sha256) is not False

    async def delete(self, key: str) -> None:
        """Delete the object; it need not exist. An upload of it that was begun is given up."""
        await self._multipart.abort(key)
        await self._signer.delete(key)

    async def url(self, key: str) -> str:
        """A signed URL of the object that stays good for a minute at least."""
        url, good_until = self._urls.get(key, ("", 0.0))
        if not url or good_until < self._clock.monotonic() + URL_MARGIN:
            asked = self._clock.monotonic()
            request = await self._signer.sign_download(key)
            url, _ = self._urls[key] = request.url, asked + request.lifetime
        return url

    async def usage(self, store_id: str) -> RemoteUsage | None:
        """What the signer says, where it counts; None when it cannot be asked."""
        return await self._signer.usage(store_id, timeout=USAGE_TIMEOUT)

    def describe(self) -> dict[str, Any]:
        """The signer, as the last answers have shown it."""
        return self._signer.describe()

    def tokens(self) -> set[str]:
        """What the signer was last told of us."""
        return self._signer.tokens()
